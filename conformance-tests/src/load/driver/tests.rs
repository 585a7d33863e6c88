use super::*;
use crate::load::Sink;
use crate::subscriber::{Answer, Script, Subscriber};

fn load(to: SocketAddr, rate: Rate, extent: Extent) -> Load {
    Load {
        to,
        host: "localhost".to_owned(),
        path: "/".to_owned(),
        rate,
        extent,
        connections: 4,
        payload_bytes: 16,
        event_type: "load".to_owned(),
    }
}

async fn sink() -> Sink {
    Sink::listen(SocketAddr::from(([127, 0, 0, 1], 0)))
        .await
        .unwrap()
}

#[tokio::test]
async fn each_event_is_sent_once_and_is_a_valid_event() {
    let subscriber = Subscriber::start().await.unwrap();
    let report = run(
        load(subscriber.address(), Rate::Max, Extent::Events(50)),
        |_| {},
    )
    .await;
    assert_eq!((report.sent, report.accepted), (50, 50));
    assert_eq!(report.answers, BTreeMap::from([("202".to_owned(), 50)]));
    let mut numbers: Vec<_> = subscriber
        .received("/")
        .iter()
        .map(|received| number_in_id(received.event().get("id")).unwrap())
        .collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (0..50).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_rate_is_kept_and_delivery_is_measured_from_the_schedule() {
    let sink = sink().await;
    let extent = Extent::Lasting(Duration::from_millis(500));
    let load = load(sink.address(), Rate::PerSecond(200.0), extent);
    let report = run(load, |start| sink.measure(Rate::PerSecond(200.0), start)).await;
    assert_eq!(report.accepted, 100);
    assert!(report.seconds >= 0.49, "{report:?}");
    assert_eq!(sink.requests(), 100);
    assert_eq!(sink.latency().count(), 100);
}

#[tokio::test]
async fn a_stall_of_the_server_counts_for_every_send_that_was_due_in_it() {
    let subscriber = Subscriber::start().await.unwrap();
    let stall = Answer::status(202).after(Duration::from_millis(400));
    subscriber.script(
        "/",
        Script::first([stall.clone(), stall.clone(), stall.clone(), stall]),
    );
    let extent = Extent::Lasting(Duration::from_millis(400));
    let report = run(
        load(subscriber.address(), Rate::PerSecond(100.0), extent),
        |_| {},
    )
    .await;
    // Four connections stall on the first four sends; the other 36 had to wait for them. A closed
    // loop would have measured four slow answers and called the median fast.
    assert_eq!(report.accepted, 40);
    assert!(report.latency.p50_us > 100_000.0, "{report:?}");
}

#[tokio::test]
async fn refusals_and_failures_are_counted_by_kind() {
    let subscriber = Subscriber::start().await.unwrap();
    let answers = [Answer::status(503), Answer::close(), Answer::status(503)];
    subscriber.script("/", Script::first(answers));
    let mut load = load(subscriber.address(), Rate::Max, Extent::Events(5));
    load.connections = 1;
    let report = run(load, |_| {}).await;
    assert_eq!(report.accepted, 2);
    assert_eq!(report.answers.get("503"), Some(&2));
    assert_eq!(report.answers.values().sum::<u64>(), 5);
}
