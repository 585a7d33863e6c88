//! How well a stream keeps what it has: what servers say of themselves, asked of real ones.

use sluicegate_channels::DurabilityClass;
use sluicegate_channels::nats::monitoring;
use sluicegate_channels::nats::options::StreamOptions;
use sluicegate_conformance::nats::Settings;

use crate::link::until_up;
use crate::streams::{opened, start};

#[tokio::test]
async fn the_class_is_what_the_server_says_of_itself() {
    let (mut server, link) = start(Settings::new()).await;
    let asked = StreamOptions::default();
    let address = format!("http://{}", server.monitoring());
    let always = Settings::new().jetstream("sync_interval: always");
    for (settings, class) in [
        (Settings::new(), DurabilityClass::Process),
        (always, DurabilityClass::Disk),
        (Settings::new(), DurabilityClass::Process),
    ] {
        server.restart_with(settings).await;
        until_up(&link).await;
        let streams = opened(&link, &asked).await.expect("there");
        let judged = async |addresses: &[String]| {
            let facts = monitoring::facts(&streams.events, server.name(), addresses).await;
            facts.judge()
        };
        let verdict = judged(std::slice::from_ref(&address)).await;
        assert_eq!(verdict.class, class, "{verdict:?}");

        // Nobody there, or nobody asked: not proved.
        for addresses in [&["http://127.0.0.1:1".to_owned()][..], &[]] {
            let verdict = judged(addresses).await;
            assert_eq!(verdict.class, DurabilityClass::Process);
            assert!(verdict.missing[0].contains("monitoring"), "{verdict:?}");
        }
    }
}
