//! A broker's streams on a real server: made, taken over, and left as they are where they are not as
//! asked for.

use std::time::Duration;

use async_nats::jetstream::stream::{Config, DiscardPolicy};
use sluicegate_channels::nats::link::{Link, LinkError};
use sluicegate_channels::nats::names::Names;
use sluicegate_channels::nats::options::StreamOptions;
use sluicegate_channels::nats::streams::{Streams, StreamsError, configs};
use sluicegate_conformance::nats::{Cluster, NatsServer, Settings};
use tokio::time::{Instant, sleep};

use crate::link::{connected, options};

const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) async fn start(settings: Settings) -> (NatsServer, Link) {
    let server = Box::pin(NatsServer::start(settings)).await;
    let link = connected(&options(&server)).await;
    (server, link)
}

pub(crate) fn names() -> Names {
    Names::new("sluicegate", "default", "orders", None)
}

pub(crate) async fn opened(link: &Link, asked: &StreamOptions) -> Result<Streams, StreamsError> {
    let deadline = Instant::now() + PATIENCE;
    Box::pin(Streams::open(link, &names(), asked, deadline)).await
}

fn asked() -> StreamOptions {
    StreamOptions {
        bytes_max: Some(10 << 20),
        events_max: Some(1_000),
        age_max: Some(Duration::from_secs(3_600)),
        ..StreamOptions::default()
    }
}

async fn config(link: &Link, name: &str) -> Config {
    let stream = Box::pin(link.jetstream().get_stream(name)).await;
    stream.expect("it is there").cached_info().config.clone()
}

#[tokio::test]
async fn streams_are_made_once_and_taken_over_afterwards() {
    let (server, link) = start(Settings::new()).await;
    for options in [
        asked(),
        StreamOptions {
            // The server must hear of a shorter window of duplicates then.
            age_max: Some(Duration::from_secs(5)),
            ..StreamOptions::default()
        },
        StreamOptions {
            is_in_files: false,
            ..StreamOptions::default()
        },
    ] {
        let made = opened(&link, &options).await.expect("made");
        assert_eq!(made.events.config.discard, DiscardPolicy::New);
        let again = connected(&crate::link::options(&server)).await;
        let found = opened(&again, &options).await.expect("taken over");
        assert_eq!(found.events.created, made.events.created);
        assert_eq!(found.kept.created, made.kept.created);
        assert_eq!(found.control.created, made.control.created);
        for config in configs(&names(), &options) {
            let context = link.jetstream();
            Box::pin(context.delete_stream(config.name))
                .await
                .expect("gone");
        }
    }
}

#[tokio::test]
async fn a_stream_that_is_not_as_asked_for_is_told_of_and_left_alone() {
    let (_server, link) = start(Settings::new()).await;
    let [events, _, _] = configs(&names(), &asked());
    let other = Config {
        discard: DiscardPolicy::Old,
        max_bytes: 5 << 20,
        allow_atomic_publish: false,
        description: Some("made by hand".to_owned()),
        ..events
    };
    let context = link.jetstream();
    Box::pin(context.create_stream(&other)).await.expect("made");
    let before = config(&link, &other.name).await;

    let refused = opened(&link, &asked()).await.expect_err("it is another");
    assert_eq!(
        refused.to_string(),
        "stream sluicegate_default_orders is not as asked for: allow_atomic is null and should be \
         true, discard is \"old\" and should be \"new\", max_bytes is 5242880 and should be 10485760"
    );
    assert_eq!(config(&link, &other.name).await, before);
}

#[tokio::test]
async fn a_stream_that_is_gone_with_what_it_held_is_not_made_again() {
    let (_server, link) = start(Settings::new()).await;
    let asked = StreamOptions::default();
    let [events, kept, control] = configs(&names(), &asked);
    opened(&link, &asked).await.expect("made");
    let context = link.jetstream();
    let delete = async |name: &str| {
        Box::pin(context.delete_stream(name)).await.expect("gone");
    };

    // Nobody has subscribed yet: nothing is lost.
    delete(&events.name).await;
    opened(&link, &asked).await.expect("made again");

    let publish = context.publish(names().subscription("billing"), "record".into());
    publish.await.expect("sent").await.expect("stored");
    for gone in [&events.name, &kept.name] {
        opened(&link, &asked).await.expect("all there");
        delete(gone).await;
        let refused = opened(&link, &asked).await.expect_err("it is gone");
        assert!(
            matches!(&refused, StreamsError::Gone { stream, .. } if stream == gone),
            "{refused}"
        );
        // Restored by hand, or given up with the others.
        let config = if gone == &events.name { &events } else { &kept };
        Box::pin(context.create_stream(config))
            .await
            .expect("restored");
    }
    delete(&events.name).await;
    delete(&control.name).await;
    opened(&link, &asked).await.expect("begun anew");
}

#[tokio::test]
async fn what_a_server_cannot_make_is_refused_in_its_words() {
    let (mut server, link) = start(Settings::new()).await;
    let three = StreamOptions {
        replicas: 3,
        ..StreamOptions::default()
    };
    let refused = opened(&link, &three)
        .await
        .expect_err("there is one server");
    assert!(matches!(refused, StreamsError::Refused { .. }), "{refused}");
    assert!(refused.to_string().contains("replicas"), "{refused}");

    server.kill();
    let refused = opened(&link, &StreamOptions::default()).await;
    assert!(
        matches!(
            refused,
            Err(StreamsError::Unreachable(
                LinkError::Down(_) | LinkError::Lost
            ))
        ),
        "{refused:?}"
    );
}

#[tokio::test]
async fn three_servers_hold_a_stream_together() {
    let cluster = Box::pin(Cluster::start(Settings::new())).await;
    let options = sluicegate_channels::nats::options::NatsOptions::new(cluster.urls());
    let link = connected(&options).await;
    let three = StreamOptions {
        replicas: 3,
        ..StreamOptions::default()
    };
    let deadline = Instant::now() + PATIENCE;
    // A cluster that has just begun may have no leader yet.
    let made = loop {
        match opened(&link, &three).await {
            Ok(made) => break made,
            Err(error) => assert!(Instant::now() < deadline, "{error}"),
        }
        sleep(Duration::from_millis(100)).await;
    };
    let holding = made.events.cluster.expect("a cluster");
    assert_eq!(holding.replicas.len(), 2, "beside the leader");
    opened(&link, &three).await.expect("taken over");
}
