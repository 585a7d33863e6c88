//! Servers that are not there, go, stand still, come back, or are too old.

use std::time::Duration;

use sluicegate_channels::nats::link::LinkError;
use sluicegate_channels::nats::options::NatsOptions;
use sluicegate_conformance::harness::free_address;
use sluicegate_conformance::nats::{Cluster, NatsServer, Settings};
use tokio::time::{Instant, sleep};

use super::{PATIENCE, ask, connected, open, options, trouble, until_up};

async fn start() -> NatsServer {
    Box::pin(NatsServer::start(Settings::new())).await
}

#[tokio::test]
async fn without_a_server_it_is_down_and_says_so_at_once_after_a_while() {
    let nobody = free_address().expect("loopback has a free port");
    let link = open(&NatsOptions::new(vec![format!("nats://{nobody}")])).await;
    let refused = ask(&link, PATIENCE).await;
    assert!(matches!(refused, Err(LinkError::Down(_))), "{refused:?}");
    let asked = Instant::now();
    let refused = ask(&link, PATIENCE).await.expect_err("nobody is there");
    assert!(asked.elapsed() < Duration::from_millis(500), "{refused}");
    trouble(&link, &format!("{nobody}")).await;
    assert_eq!(link.health().server, None);
}

#[tokio::test]
async fn a_server_that_is_gone_and_back_is_asked_again() {
    let mut server = start().await;
    let link = connected(&options(&server)).await;
    for _ in 0..2 {
        server.kill();
        let refused = ask(&link, Duration::from_secs(3)).await;
        assert!(
            matches!(refused, Err(LinkError::Down(_) | LinkError::Lost)),
            "{refused:?}"
        );
        server.restart().await;
        let began = Instant::now();
        until_up(&link).await;
        ask(&link, PATIENCE).await.expect("it answers");
        assert!(
            began.elapsed() < Duration::from_secs(8),
            "{:?}",
            began.elapsed()
        );
    }
    let health = link.health();
    assert!(health.is_up);
    assert_eq!(health.trouble, None);
    assert_eq!(health.server.expect("known").name, "single");
}

#[tokio::test]
async fn a_frozen_server_keeps_nobody_past_the_deadline_and_is_then_taken_for_gone() {
    let server = start().await;
    let link = connected(&options(&server)).await;
    server.freeze();
    let wait = Duration::from_millis(700);
    let asked = Instant::now();
    assert_eq!(ask(&link, wait).await, Err(LinkError::NoAnswer));
    assert!(asked.elapsed() >= wait);
    assert!(asked.elapsed() < wait + Duration::from_secs(1));
    let deadline = Instant::now() + PATIENCE;
    while link.health().is_up {
        assert!(Instant::now() < deadline, "still taken for up");
        sleep(Duration::from_millis(50)).await;
    }
    server.thaw();
    until_up(&link).await;
    ask(&link, PATIENCE).await.expect("it answers");
}

#[tokio::test]
async fn other_servers_are_found_by_the_one_that_is_listed() {
    let mut cluster = Box::pin(Cluster::start(Settings::new())).await;
    let listed = cluster.servers[0].url();
    for discovers_servers in [true, false] {
        let options = NatsOptions {
            discovers_servers,
            ..NatsOptions::new(vec![listed.clone()])
        };
        let link = connected(&options).await;
        cluster.servers[0].kill();
        if discovers_servers {
            let deadline = Instant::now() + PATIENCE;
            while link.health().server.is_none_or(|it| it.name == "one") {
                assert!(Instant::now() < deadline, "{:?}", link.health());
                sleep(Duration::from_millis(20)).await;
            }
            until_up(&link).await;
        } else {
            trouble_when_down(&link).await;
        }
        cluster.servers[0].restart().await;
    }
}

async fn trouble_when_down(link: &sluicegate_channels::nats::link::Link) {
    let deadline = Instant::now() + PATIENCE;
    while link.health().is_up {
        assert!(Instant::now() < deadline, "still taken for up");
        sleep(Duration::from_millis(20)).await;
    }
    trouble(link, "127.0.0.1").await;
}

#[tokio::test]
async fn a_server_before_2_12_is_refused_and_a_newer_one_in_its_place_is_not() {
    let mut server = Box::pin(NatsServer::start_version("2.11.8", Settings::new())).await;
    let link = open(&options(&server)).await;
    let said = trouble(&link, "too old").await;
    assert!(said.contains("2.11.8") && said.contains("2.12"), "{said}");
    let refused = ask(&link, PATIENCE).await;
    assert!(matches!(refused, Err(LinkError::TooOld(_))), "{refused:?}");

    server.upgrade();
    server.restart().await;
    until_up(&link).await;
    ask(&link, PATIENCE).await.expect("it answers");
}
