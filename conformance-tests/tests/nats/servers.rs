//! That the servers which tests start can be done to what tests must do.

use std::time::Duration;

use async_nats::jetstream::{self, stream};
use sluicegate_conformance::client::Request;
use sluicegate_conformance::nats::{Cluster, NatsServer, Settings};
use tokio::time::{Instant, sleep, timeout};

/// A client that tries until the server is back.
pub(crate) async fn connect(urls: &[String]) -> async_nats::Client {
    let servers: Vec<async_nats::ServerAddr> = urls
        .iter()
        .map(|url| url.parse().expect("the helper gives URLs"))
        .collect();
    let options = async_nats::ConnectOptions::new().retry_on_initial_connect();
    Box::pin(options.connect(servers))
        .await
        .expect("a client that retries is made at once")
}

fn config(name: &str, replicas: usize) -> stream::Config {
    stream::Config {
        name: name.to_owned(),
        subjects: vec![format!("{name}.>")],
        num_replicas: replicas,
        ..stream::Config::default()
    }
}

/// Publishes until it is acknowledged: a server that has just come back, or a cluster that has just
/// lost its leader, may refuse the first tries.
async fn publish(context: &jetstream::Context, subject: &str) -> u64 {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let sent = context.publish(subject.to_owned(), "data".into()).await;
        let error = match sent {
            Ok(ack) => match ack.await {
                Ok(ack) => return ack.sequence,
                Err(error) => error,
            },
            Err(error) => error,
        };
        assert!(Instant::now() < deadline, "{error}");
        sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn a_server_that_is_killed_comes_back_with_what_it_acknowledged() {
    let mut server = NatsServer::start(Settings::new()).await;
    let context = jetstream::new(connect(&[server.url()]).await);
    context
        .create_stream(config("kept", 1))
        .await
        .expect("made");
    let first = publish(&context, "kept.a").await;
    assert_eq!(first, 1);

    server.kill();
    assert!(!server.is_running());
    server.restart().await;
    assert_eq!(publish(&context, "kept.b").await, 2);

    server.stop().await;
    server.restart().await;
    assert_eq!(publish(&context, "kept.c").await, 3);
}

#[tokio::test]
async fn a_frozen_server_answers_nothing_until_it_goes_on() {
    let server = NatsServer::start(Settings::new()).await;
    let client = connect(&[server.url()]).await;
    client.flush().await.expect("it answers");
    server.freeze();
    let context = jetstream::new(client);
    let silent = timeout(Duration::from_millis(300), context.query_account()).await;
    assert!(silent.is_err());
    server.thaw();
    context.query_account().await.expect("it answers again");
}

#[tokio::test]
async fn settings_can_be_flipped_between_starts() {
    let mut server = NatsServer::start(Settings::new().top("max_payload: 64KB")).await;
    let sync = async |server: &NatsServer| {
        let answer = Request::get("/varz").send(server.monitoring()).await;
        let answer = answer.expect("it answers");
        let varz: serde_json::Value = serde_json::from_slice(&answer.body).expect("JSON");
        assert_eq!(varz["max_payload"], 64 << 10);
        varz["jetstream"]["config"]["sync_always"].as_bool()
    };
    assert_eq!(sync(&server).await, None);
    let always = Settings::new()
        .top("max_payload: 64KB")
        .jetstream("sync_interval: always");
    server.restart_with(always).await;
    assert_eq!(sync(&server).await, Some(true));
}

#[tokio::test]
async fn a_cluster_of_three_goes_on_without_its_leader() {
    let mut cluster = Cluster::start(Settings::new()).await;
    let context = jetstream::new(connect(&cluster.urls()).await);
    let mut stream = context
        .create_stream(config("three", 3))
        .await
        .expect("made");
    assert_eq!(publish(&context, "three.a").await, 1);
    let info = stream.info().await.expect("it answers");
    let leader = info.cluster.as_ref().and_then(|it| it.leader.clone());
    let leader = leader.expect("it has one");
    cluster.server(&leader).expect("ours").kill();
    assert!(publish(&context, "three.b").await >= 2);
    cluster.server(&leader).expect("ours").restart().await;
}
