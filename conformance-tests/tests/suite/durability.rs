//! What 202 promises, told wherever one looks; and a server that is to promise more than memory can
//! keep.

use sluicegate_conformance::event::{Event, Mode};
use sluicegate_conformance::harness::{Server, Setup};

use crate::scene::{PATIENCE, await_verbose, metrics};

/// A default channel on whatever disk the tests run on, with little of its room.
const ON_DISK: &str = "defaultChannel: {disk: {segmentBytes: 1Mi, reserveBytes: 0, minFreeBytes: 0, \
                       minFreePercent: 0}}\n";

fn broker(name: &str, spec: &str) -> String {
    format!(
        "apiVersion: eventing.knative.dev/v1\nkind: Broker\n\
         metadata: {{name: {name}, namespace: kept}}\nspec: {spec}\n"
    )
}

const IN_MEMORY: &str =
    "{config: {apiVersion: sluicegate.dev/v1alpha1, kind: BrokerConfig, name: quick}}";
const QUICK: &str = "apiVersion: sluicegate.dev/v1alpha1\nkind: BrokerConfig\n\
                     metadata: {name: quick, namespace: kept}\nspec: {channel: {memory: {}}}\n";

/// A broker on disk, and one in memory.
fn both() -> String {
    let (safe, quick) = (broker("safe", "{}"), broker("quick", IN_MEMORY));
    format!("{safe}---\n{quick}---\n{QUICK}")
}

/// G1: in broker status, metrics, the log of the start and, where asked for, the answer.
#[tokio::test]
async fn the_class_of_durability_is_told_wherever_one_looks() {
    for is_asked_for in [true, false] {
        let settings = format!("{ON_DISK}ingress: {{durabilityHeader: {is_asked_for}}}\n");
        let setup = Setup::new().settings(&settings);
        let server = Server::start(setup.manifest("both.yaml", both())).await;
        let brokers = server.admin().get("/api/v1/brokers").await.expect("a list");
        let brokers: serde_json::Value = serde_json::from_slice(&brokers.body).expect("JSON");
        for (at, (name, class)) in [("quick", "memory"), ("safe", "disk")]
            .into_iter()
            .enumerate()
        {
            let event = Event::new("1", "/kept", "kept.one");
            let path = format!("/kept/{name}");
            let answer = server.send(&path, &event, Mode::Binary).await;
            assert_eq!(answer.status(), Some(202), "{answer:?}");
            let said = answer.headers.get("sluicegate-durability");
            assert_eq!(said.as_deref(), is_asked_for.then_some(class), "{answer:?}");
            assert_eq!(brokers["items"][at]["durability"], class, "{brokers}");
            let labels = [("broker", name), ("channel", class), ("durability", class)];
            let values = metrics(&server).await;
            assert_eq!(values.values("sluicegate_store_info", &labels), [1]);
            let log = server.log();
            let is_of_it = |line: &&str| {
                line.contains("the broker is open") && line.contains(&format!("kept/{name}"))
            };
            let line = log.lines().find(is_of_it).unwrap_or_default();
            let is_told = line.contains("durability") && line.contains(class);
            assert!(is_told, "{name} is not told: {log}");
        }
    }
}

/// G1: a server for production keeps nothing in memory alone.
#[tokio::test]
async fn a_server_for_production_does_not_start_with_a_broker_in_memory() {
    let production = format!("profile: production\n{ON_DISK}");
    for (settings, manifests, named) in [
        (
            "profile: production\ndefaultChannel: memory\n",
            broker("safe", "{}"),
            "defaultChannel",
        ),
        (&*production, both(), "kept/quick"),
    ] {
        let setup = Setup::new()
            .settings(settings)
            .manifest("both.yaml", manifests);
        let server = Server::spawn(setup).expect("the binary is there");
        let status = server.exit(PATIENCE).await;
        assert_eq!(status.code(), Some(78), "{}", server.log());
        let log = server.log();
        assert!(log.contains(named) && log.contains("production"), "{log}");
    }

    let setup = Setup::new().settings(&production);
    let server = Server::start(setup.manifest("safe.yaml", broker("safe", "{}"))).await;
    let event = Event::new("1", "/kept", "kept.one");
    server.accept("/kept/safe", &event).await;
    server.write_manifest(
        "quick.yaml",
        &format!("{}---\n{QUICK}", broker("quick", IN_MEMORY)),
    );
    await_verbose(&server, |text| {
        text.contains("[-]broker kept/quick The channel is memory")
    })
    .await;
    let answer = server.send("/kept/quick", &event, Mode::Binary).await;
    assert_eq!(answer.status(), Some(503), "{answer:?}");
    server
        .accept("/kept/safe", &Event::new("2", "/kept", "kept.one"))
        .await;
}
