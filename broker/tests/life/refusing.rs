//! What a broker can never hold is refused as too large, not as something to try again.

use serde_json::json;

use crate::http::ask;
use crate::program::{Folder, Server, trigger};

const SMALL: &str = "apiVersion: sluicegate.dev/v1alpha1\nkind: BrokerConfig\n\
    metadata: {namespace: shop, name: small}\nspec: {channel: {memory: {maxEvents: 10}}}\n---\n\
    apiVersion: eventing.knative.dev/v1\nkind: Broker\n\
    metadata: {namespace: shop, name: orders}\n\
    spec: {config: {apiVersion: sluicegate.dev/v1alpha1, kind: BrokerConfig, name: small}}\n---\n";

#[tokio::test]
async fn a_batch_of_more_events_than_the_store_may_hold_is_413() {
    let folder = Folder::new("");
    folder.write_manifest(
        "a.yaml",
        &(SMALL.to_owned() + &trigger("a", "http://127.0.0.1:9/")),
    );
    let server = Server::start(&folder).await;
    let batch = async |events: usize| {
        let event = |id| json!({"specversion": "1.0", "id": id, "source": "/test", "type": "t"});
        let body = json!(
            (0..events)
                .map(|id| event(id.to_string()))
                .collect::<Vec<_>>()
        );
        let kind = [("content-type", "application/cloudevents-batch+json")];
        ask(server.door, "POST", "/shop/orders", &kind, body.to_string()).await
    };
    let answer = batch(11).await;
    answer.problem(413);
    assert_eq!(answer.header("retry-after"), None);
    assert_eq!(batch(8).await.status, 202);
}
