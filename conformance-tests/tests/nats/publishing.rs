//! What is stored, what is refused and with which error, and what is known again.

use std::sync::Arc;
use std::time::Duration;

use async_nats::HeaderMap;
use async_nats::jetstream::stream::Config;
use bytes::Bytes;
use futures_util::future::join_all;
use sluicegate_channels::AppendError;
use sluicegate_channels::nats::link::Link;
use sluicegate_channels::nats::options::{NatsOptions, StreamOptions};
use sluicegate_channels::nats::publishing::{MESSAGE_ID, PublishError};
use sluicegate_channels::nats::steps::Outgoing;
use sluicegate_conformance::nats::{NatsServer, Settings};
use tokio::time::{Instant, sleep};

use crate::link::{connected, open, options, until_up};
use crate::streams::{names, opened, start};

fn message(token: &str, payload: impl Into<Bytes>) -> Outgoing {
    Outgoing {
        subject: format!("{}.{token}", names().events()),
        headers: HeaderMap::new(),
        payload: payload.into(),
    }
}

fn messages(count: usize) -> Vec<Outgoing> {
    (0..count)
        .map(|it| message(&it.to_string(), "data"))
        .collect()
}

async fn stored(link: &Link) -> u64 {
    let name = names().events_stream().to_owned();
    let stream = Box::pin(link.jetstream().get_stream(name)).await;
    stream.expect("it is there").cached_info().state.messages
}

/// A server whose streams are there, and a link to it.
async fn bench(streams: &StreamOptions) -> (NatsServer, Link) {
    let (server, link) = start(Settings::new().top("max_payload: 64KB")).await;
    opened(&link, streams).await.expect("made");
    (server, link)
}

#[tokio::test]
async fn one_and_several_are_stored_side_by_side() {
    let (_server, link) = bench(&StreamOptions::default()).await;
    assert_eq!(link.publish(messages(1)).await, Ok(vec![1]));
    assert_eq!(link.publish(messages(3)).await, Ok(vec![2, 3, 4]));
    assert_eq!(link.publish(Vec::new()).await, Ok(Vec::new()));
    let most: Vec<u64> = (5..=1_004).collect();
    assert_eq!(link.publish(messages(1_000)).await, Ok(most));
    let refused = link.publish(messages(1_001)).await;
    let too_many = AppendError::TooMany {
        events: 1_001,
        events_max: 1_000,
    };
    assert_eq!(refused, Err(too_many.into()));
    assert_eq!(stored(&link).await, 1_004);
}

#[tokio::test]
async fn what_is_sent_again_under_its_id_is_stored_once_and_found() {
    let (_server, link) = bench(&StreamOptions::default()).await;
    for (count, positions) in [(1, vec![1]), (3, vec![2, 3, 4])] {
        let mut batch = messages(count);
        for message in &mut batch {
            message.headers.insert(MESSAGE_ID, link.fresh_id());
        }
        assert_eq!(link.publish(batch.clone()).await, Ok(positions.clone()));
        assert_eq!(link.publish(batch).await, Ok(positions), "known again");
    }
    assert_eq!(stored(&link).await, 4);
}

#[tokio::test]
async fn of_two_that_expect_the_same_one_is_told_so() {
    let (_server, link) = bench(&StreamOptions::default()).await;
    let first = || message("a", "first").expecting(0);
    assert_eq!(link.publish(vec![first()]).await, Ok(vec![1]));
    let late = link.publish(vec![first()]).await;
    assert_eq!(late, Err(PublishError::NotAsExpected));
    let late = link.publish(vec![message("b", "with it"), first()]).await;
    assert_eq!(late, Err(PublishError::NotAsExpected));
    assert_eq!(stored(&link).await, 1);
    let next = message("a", "next").expecting(1);
    assert_eq!(link.publish(vec![next]).await, Ok(vec![2]));
}

#[tokio::test]
async fn what_was_stored_by_a_first_try_without_an_answer_is_not_taken_for_another_s() {
    let (server, link) = bench(&StreamOptions::default()).await;
    let expecting = |token: &str| message(token, "data").expecting(0);
    for (batch, positions) in [
        (vec![expecting("a")], vec![1]),
        (vec![message("b", "data"), expecting("c")], vec![2, 3]),
    ] {
        server.freeze();
        // The second try goes out after two seconds.
        let thaw = async {
            sleep(Duration::from_millis(2_500)).await;
            server.thaw();
        };
        let (done, ()) = tokio::join!(Box::pin(link.publish(batch)), thaw);
        assert_eq!(done, Ok(positions));
        until_up(&link).await;
    }
    assert_eq!(stored(&link).await, 3);
}

#[tokio::test]
async fn too_large_is_refused_before_it_is_sent() {
    let (_server, link) = bench(&StreamOptions::default()).await;
    for batch in [
        vec![message("a", vec![b'x'; 65 << 10])],
        vec![message("a", "fits"), message("b", vec![b'x'; 65 << 10])],
    ] {
        let refused = link.publish(batch).await;
        assert!(
            matches!(
                refused,
                Err(PublishError::Append(AppendError::TooLarge {
                    size_bytes: 66_560..,
                    max_bytes: 65_536,
                }))
            ),
            "{refused:?}"
        );
    }
    assert!(link.health().is_up, "the connection stands");
    assert_eq!(link.publish(messages(1)).await, Ok(vec![1]));
}

#[tokio::test]
async fn a_full_stream_stores_nothing_of_a_batch() {
    let (_server, link) = bench(&StreamOptions {
        events_max: Some(3),
        ..StreamOptions::default()
    })
    .await;
    let is_full = |refused: &Result<Vec<u64>, PublishError>| {
        matches!(refused, Err(PublishError::Append(AppendError::Full { .. })))
    };
    assert_eq!(link.publish(messages(2)).await, Ok(vec![1, 2]));
    let refused = link.publish(messages(2)).await;
    assert!(is_full(&refused), "{refused:?}");
    assert_eq!(link.publish(messages(1)).await, Ok(vec![3]));
    let refused = link.publish(messages(1)).await;
    assert!(is_full(&refused), "{refused:?}");
    assert_eq!(stored(&link).await, 3);
}

#[tokio::test]
async fn a_stream_without_batches_takes_one_at_a_time() {
    let (_server, link) = start(Settings::new()).await;
    let config = Config {
        name: names().events_stream().to_owned(),
        subjects: vec![format!("{}.>", names().events())],
        max_message_size: 1_000,
        ..Config::default()
    };
    Box::pin(link.jetstream().create_stream(config))
        .await
        .expect("made");
    assert_eq!(link.publish(messages(1)).await, Ok(vec![1]));
    let refused = link.publish(messages(2)).await;
    assert!(
        matches!(
            refused,
            Err(PublishError::Append(AppendError::NotAtomic {
                events: 2,
                ..
            }))
        ),
        "{refused:?}"
    );
    let refused = link.publish(vec![message("a", vec![b'x'; 2_000])]).await;
    assert!(
        matches!(
            refused,
            Err(PublishError::Append(AppendError::TooLarge { .. }))
        ),
        "{refused:?}"
    );
}

#[tokio::test]
async fn more_batches_at_once_than_a_stream_has_room_for_all_come_through() {
    let (_server, link) = bench(&StreamOptions::default()).await;
    let batches = (0..120).map(|_| Box::pin(link.publish(messages(5))));
    let done = join_all(batches).await;
    let mut positions: Vec<u64> = done
        .into_iter()
        .flat_map(|it| it.expect("stored"))
        .collect();
    positions.sort_unstable();
    let all: Vec<u64> = (1..=600).collect();
    assert_eq!(positions, all);
}

#[tokio::test]
async fn without_a_stream_or_a_server_nobody_is_kept_waiting() {
    let (mut server, link) = start(Settings::new()).await;
    let is_unreachable = |refused: &Result<Vec<u64>, PublishError>| {
        matches!(
            refused,
            Err(PublishError::Append(AppendError::Unreachable { .. }))
        )
    };
    for count in [1, 2] {
        let began = Instant::now();
        let refused = link.publish(messages(count)).await;
        assert!(is_unreachable(&refused), "{refused:?}");
        assert!(began.elapsed() < Duration::from_secs(1), "no stream");
    }
    server.kill();
    let began = Instant::now();
    let refused = link.publish(messages(1)).await;
    assert!(is_unreachable(&refused), "{refused:?}");
    assert!(began.elapsed() < Duration::from_secs(5), "no server");
}

#[tokio::test]
async fn a_frozen_server_keeps_no_append_past_its_deadline() {
    let (server, link) = bench(&StreamOptions::default()).await;
    let wait = NatsOptions::new(Vec::new()).append_wait;
    server.freeze();
    let began = Instant::now();
    let (one, several) = tokio::join!(link.publish(messages(1)), link.publish(messages(2)));
    for refused in [one, several] {
        assert!(
            matches!(
                refused,
                Err(PublishError::Append(AppendError::Unreachable { .. }))
            ),
            "{refused:?}"
        );
    }
    assert!(began.elapsed() < wait + Duration::from_secs(1));
    server.thaw();
    until_up(&link).await;
    assert!(link.publish(messages(1)).await.is_ok());
    // What was sent twice is there once, or not at all.
    assert!([1, 2, 3, 4].contains(&stored(&link).await));
}

#[tokio::test]
async fn a_server_that_is_killed_under_load_loses_nothing_that_it_acknowledged() {
    let (mut server, link) = bench(&StreamOptions::default()).await;
    let link = Arc::new(link);
    let publishers = (0..8).map(|number| {
        let link = Arc::clone(&link);
        tokio::spawn(async move {
            let mut acknowledged = Vec::new();
            let end = Instant::now() + Duration::from_secs(6);
            while Instant::now() < end {
                match Box::pin(link.publish(messages(1 + number % 3))).await {
                    Ok(positions) => acknowledged.extend(positions),
                    Err(_) => sleep(Duration::from_millis(20)).await,
                }
            }
            acknowledged
        })
    });
    let publishers: Vec<_> = publishers.collect();
    for _ in 0..2 {
        sleep(Duration::from_millis(1_500)).await;
        server.restart().await;
    }
    let mut acknowledged = Vec::new();
    for publisher in publishers {
        acknowledged.extend(publisher.await.expect("it ends"));
    }
    let count = acknowledged.len();
    acknowledged.sort_unstable();
    acknowledged.dedup();
    assert_eq!(acknowledged.len(), count, "no position is given twice");
    assert!(count > 100, "only {count}");
    let again = connected(&options(&server)).await;
    assert!(stored(&again).await >= u64::try_from(count).expect("few"));
    drop(open(&options(&server)).await);
}
