//! What is pulled, and what is said of it.

use std::time::Duration;

use sluicegate_channels::nats::names::consumer;
use sluicegate_channels::nats::pulling::{Ended, Pull, Say};
use sluicegate_channels::{Interest, Start};
use tokio::time::{Instant, sleep};

use super::{PATIENCE, bench, text};
use crate::link::until_up;
use crate::streams::names;

#[tokio::test]
async fn what_is_said_of_a_message_decides_whether_it_comes_again() {
    let (_server, process) = bench().await;
    let which = process.enrol(Start::Latest, &Interest::Everything).await;
    process
        .append(&["done", "again", "later", "worked-on"])
        .await;
    let (taken, ended) = process.pull(which, 4).await;
    assert_eq!(ended, Ended::Done);
    let first: Vec<_> = taken
        .iter()
        .map(|it| (it.times, it.count, it.pending))
        .collect();
    assert_eq!(first, [(1, 1, 3), (1, 2, 2), (1, 3, 1), (1, 4, 0)]);
    let wait = Duration::from_millis(1_500);
    let said = [
        Say::Done,
        Say::Again(Duration::ZERO),
        Say::Again(wait),
        Say::InProgress,
    ];
    let began = Instant::now();
    process
        .link
        .say(taken.iter().map(|it| it.reply.clone()).zip(said))
        .await;
    let (again, _) = process.pull(which, 1).await;
    assert_eq!((text(&again[0]).as_str(), again[0].times), ("again", 2));
    process
        .link
        .say([(again[0].reply.clone(), Say::Done)])
        .await;
    let (later, _) = process.pull(which, 1).await;
    assert_eq!(text(&later[0]), "later");
    assert!(began.elapsed() >= wait);
    process
        .link
        .say([(later[0].reply.clone(), Say::Done)])
        .await;

    // Who is heard of now and then keeps it, for longer than the server waits to hear.
    let kept = taken[3].reply.clone();
    for _ in 0..3 {
        sleep(Duration::from_secs(4)).await;
        process.link.say([(kept.clone(), Say::InProgress)]).await;
    }
    let figures = process.survey().await.consumers[0].figures;
    assert_eq!((figures.unacknowledged, figures.pending), (1, 0));
    let info = process.consumers.info(which.0, which.1).await;
    let info = info.expect("it answers").expect("there");
    assert_eq!(info.num_redelivered, 0, "{info:?}");
    process.link.say([(kept, Say::Done)]).await;
    process.link.flush(Instant::now() + PATIENCE).await;
    let figures = process.survey().await.consumers[0].figures;
    assert_eq!(figures.unacknowledged, 0);
}

#[tokio::test]
async fn a_pull_waits_for_what_comes_and_brings_no_more_bytes_than_it_may() {
    let (_server, process) = bench().await;
    let which = process.enrol(Start::Latest, &Interest::Everything).await;
    let coming = async {
        sleep(Duration::from_millis(300)).await;
        process.append(&["x"]).await;
    };
    let ((taken, ended), ()) = tokio::join!(process.pull(which, 1), coming);
    assert_eq!((taken.len(), ended), (1, Ended::Done));

    let large = "y".repeat(3_000);
    process.append(&["x", &large]).await;
    let name = consumer(which.0, which.1);
    let names = names();
    let pull = Pull {
        stream: names.events_stream(),
        consumer: &name,
        items: 10,
        bytes: Some(2_000),
    };
    let (taken, ended) = process.pull_as(&pull).await;
    assert_eq!((taken.len(), ended), (1, Ended::Done));
    let (taken, ended) = process.pull_as(&pull).await;
    assert_eq!((taken.len(), ended), (0, Ended::TooLarge));
    let pull = Pull {
        items: 1,
        bytes: None,
        ..pull
    };
    let (taken, ended) = process.pull_as(&pull).await;
    assert_eq!((taken.len(), ended), (1, Ended::Done));
}

#[tokio::test]
async fn a_pull_ends_when_its_server_or_its_consumer_does() {
    let (mut server, process) = bench().await;
    let which = process.enrol(Start::Latest, &Interest::Everything).await;
    process.append(&["x"; 3]).await;
    let ending = async {
        sleep(Duration::from_millis(300)).await;
        server.kill();
    };
    let ((taken, ended), ()) = tokio::join!(process.pull(which, 10), ending);
    assert_eq!((taken.len(), ended), (3, Ended::Interrupted));
    let began = Instant::now();
    let (taken, ended) = process.pull(which, 10).await;
    assert_eq!((taken.len(), ended), (0, Ended::Interrupted));
    assert!(began.elapsed() >= Duration::from_millis(200), "not at once");

    server.restart().await;
    until_up(&process.link).await;
    // Nobody has acknowledged them.
    let (taken, ended) = process.pull(which, 3).await;
    assert_eq!((taken.len(), ended), (3, Ended::Done));
    let ending = async {
        sleep(Duration::from_millis(300)).await;
        process
            .consumers
            .delete(which.0, which.1)
            .await
            .expect("gone");
    };
    let ((_, ended), ()) = tokio::join!(process.pull(which, 10), ending);
    assert_eq!(ended, Ended::Gone);
}
