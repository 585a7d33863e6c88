//! The conservation law under load, with the ledger as judge.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;
use sluicegate_conformance::event::{Event, Mode};
use sluicegate_conformance::harness::seed;
use sluicegate_conformance::ledger::Ledger;
use sluicegate_conformance::subscriber::{Answer, Received, Script};
use tokio::time::{Instant, sleep_until};

use crate::scene::{Load, Scene};

const EVENTS: u64 = 3_000;
const PER_SECOND: u64 = 600;
const SENDERS: u64 = 8;

/// One event of the run, from the seed: any size up to 8 KiB, either mode, wanted or not.
fn event(number: u64) -> (Event, Mode) {
    let mut random = fastrand::Rng::with_seed(seed() ^ number);
    let ty = if random.bool() { "wanted" } else { "other" };
    let data: Vec<u8> = (0..random.usize(0..8 << 10))
        .map(|_| random.u8(..))
        .collect();
    let event = Event::new(&format!("books-{number}"), "/books?a=b", ty)
        .with("subject", &format!("Größe {number}%"))
        .with("time", "2024-02-29T12:00:00.000000001+01:00")
        .with_data("application/octet-stream", data);
    (
        event,
        if random.bool() {
            Mode::Binary
        } else {
            Mode::Structured
        },
    )
}

/// G0, G3, CP-43 to CP-49, RK-24 (guard): hundreds of events a second through
/// a quick trigger, a slow one, one that fails before it takes each event, and one with a filter:
/// nothing is lost, duplicated, altered, invented or mis-filtered, and the broker's books are those
/// of the ledger, term by term.
#[tokio::test]
async fn nothing_is_lost_and_the_books_are_those_of_the_ledger() {
    let scene = Scene::new("books")
        .await
        .broker(json!({"retry": 20, "backoffPolicy": "linear", "backoffDelay": "PT0.05S"}))
        .trigger("quick", json!({}))
        .trigger("slow", json!({}))
        .trigger("failing", json!({}))
        .trigger(
            "filtered",
            json!({"filters": [{"exact": {"type": "wanted"}}]}),
        )
        .start()
        .await;
    let slow = Answer::status(200).after(Duration::from_millis(20));
    scene.subscriber.script("/slow", slow);
    scene.subscriber.script("/failing", every_third_fails());

    let load = Load::on(&scene).wanting("filtered", "wanted");
    let start = Instant::now();
    join_all((0..SENDERS).map(|sender| send(&load, sender, start))).await;
    let judgement = load.judge(EVENTS).await;
    assert!(
        judgement.attempts > judgement.delivered,
        "nothing was ever retried: {judgement:?}"
    );
    println!(
        "{} events, {} deliveries",
        judgement.accepted, judgement.delivered
    );
}

/// Every third request fails, by status or by a broken connection; so no event fails for ever.
fn every_third_fails() -> Script {
    Script::decided_by(
        |_: &Received, earlier: &[Received]| match earlier.len() % 6 {
            2 => Answer::status(503),
            5 => Answer::close(),
            _ => Answer::status(204),
        },
    )
}

/// Sends this sender's share, each event at its time.
async fn send(load: &Load, sender: u64, start: Instant) {
    let mut connection = load.connect().await;
    for number in (sender..EVENTS).step_by(usize::try_from(SENDERS).expect("it is 8")) {
        sleep_until(start + Duration::from_micros(1_000_000 * number / PER_SECOND)).await;
        let (event, mode) = event(number);
        let answer = connection.send(&event, mode).await;
        assert_eq!(answer.status(), Some(202), "{answer:?}");
    }
}

/// The same judge finds what a broken broker would do. Here the breakage is ours:
/// one event is told to the ledger and never sent, one is expected where the filter says no, and
/// one arrives unannounced.
#[tokio::test]
async fn the_judge_sees_planted_defects_in_a_real_run() {
    let ledger = Ledger::start().expect("the ledger is built with the tests");
    let scene = Scene::new("planted")
        .await
        .broker(json!({}))
        .trigger("all", json!({}))
        .trigger("none", json!({"filters": [{"exact": {"type": "none"}}]}))
        .start()
        .await;
    scene.subscriber.record_deliveries("/all", &ledger, "all");
    let honest = scene.event("honest");
    ledger.intent("broker", &honest, &["all", "none"]);
    scene.accept(&honest).await;
    ledger.answer(&honest, 202);
    let withheld = scene.event("withheld");
    ledger.intent("broker", &withheld, &["all"]);
    ledger.answer(&withheld, 202);
    scene.accept(&scene.event("unannounced")).await;
    let figures = scene.quiet(2).await;
    assert_eq!(figures.len(), 2);
    let figures = scene
        .server
        .admin()
        .quiet_figures(&scene.namespace, Duration::from_secs(5))
        .await;
    let judgement = ledger.judge(figures).await.expect("the ledger answers");
    assert_eq!(judgement.lost.count, 2, "{judgement:#?}");
    assert_eq!(judgement.invented.count, 1, "{judgement:#?}");
    assert!(judgement.imbalances.count > 0, "{judgement:#?}");
}
