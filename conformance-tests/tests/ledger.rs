//! The ledger as a process: what it is told survives in its log, and wrong histories are found.

use std::process::{Command, Stdio};
use std::time::Duration;

use sluicegate_conformance::client::Request;
use sluicegate_conformance::event::{Event, Mode};
use sluicegate_conformance::ledger::{Judgement, Key, Ledger, Record, judge_log};
use sluicegate_conformance::subscriber::{Script, Subscriber};

fn event(id: &str) -> Event {
    Event::new(id, "/ledger", "t").with_data("text/plain", format!("data of {id}"))
}

/// Sends an event on, as a broker would.
async fn pass_on(subscriber: &Subscriber, path: &str, event: &Event) {
    let request = Request::event(path, event, Mode::Structured);
    request
        .send(subscriber.address())
        .await
        .expect("the subscriber answers");
}

async fn judge(ledger: &Ledger) -> Judgement {
    ledger.judge(Vec::new()).await.expect("the ledger answers")
}

#[tokio::test]
async fn a_faultless_run_is_judged_clean_and_so_is_its_log_afterwards() {
    let ledger = Ledger::start().unwrap();
    let subscriber = Subscriber::start().await.unwrap();
    subscriber.record_deliveries("/t", &ledger, "t");
    subscriber.script("/t", Script::fail_first(1, 503));
    for id in ["1", "2", "3"] {
        ledger.intent("b", &event(id), &["t"]);
        ledger.answer(&event(id), 202);
        pass_on(&subscriber, "/t", &event(id)).await;
    }
    assert_eq!(
        judge(&ledger).await.lost.count,
        1,
        "the first was answered with 503"
    );
    pass_on(&subscriber, "/t", &event("1")).await;
    let judgement = judge(&ledger).await;
    judgement.assert_clean(3);
    assert_eq!(judge_log(ledger.log()).unwrap(), judgement);
}

#[tokio::test]
async fn each_planted_defect_is_found_in_what_really_arrives() {
    let ledger = Ledger::start().unwrap();
    let subscriber = Subscriber::start().await.unwrap();
    for trigger in ["t", "u"] {
        subscriber.record_deliveries(&format!("/{trigger}"), &ledger, trigger);
    }
    for id in ["lost", "twice", "altered", "misfiltered"] {
        ledger.intent("b", &event(id), &["t"]);
        ledger.answer(&event(id), 202);
    }
    pass_on(&subscriber, "/t", &event("twice")).await;
    pass_on(&subscriber, "/t", &event("twice")).await;
    pass_on(
        &subscriber,
        "/t",
        &event("altered").with("subject", "planted"),
    )
    .await;
    pass_on(&subscriber, "/t", &event("misfiltered")).await;
    pass_on(&subscriber, "/u", &event("misfiltered")).await;
    pass_on(&subscriber, "/t", &event("invented")).await;
    let found = judge(&ledger).await;
    let counts = [
        found.lost,
        found.duplicated,
        found.altered,
        found.invented,
        found.misfiltered,
    ]
    .map(|findings| findings.count);
    assert_eq!(counts, [1, 1, 1, 1, 1]);
}

#[tokio::test]
async fn a_dead_letter_is_compared_without_the_attributes_that_say_why() {
    let ledger = Ledger::start().unwrap();
    let subscriber = Subscriber::start().await.unwrap();
    subscriber.record_dead_letters("/dead", &ledger, "t");
    ledger.intent("b", &event("1"), &["t"]);
    ledger.answer(&event("1"), 202);
    let dead = event("1")
        .with("knativeerrorcode", "500")
        .with("knativeerrordest", "http://x/");
    pass_on(&subscriber, "/dead", &dead).await;
    judge(&ledger).await.assert_clean(1);
}

#[tokio::test]
async fn the_program_judges_a_log_and_says_so_by_its_exit_code() {
    let ledger = Ledger::start().unwrap();
    let program = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ledger"));
        command
            .arg("judge")
            .arg(ledger.log())
            .stdout(Stdio::null())
            .status()
            .unwrap()
    };
    judge(&ledger).await;
    assert_eq!(program().code(), Some(0));
    let (key, digest) = (Key::of(&event("1")), String::new());
    ledger.record(Record::Delivery {
        trigger: "t".to_owned(),
        key,
        digest,
        status: None,
    });
    judge(&ledger).await;
    assert_eq!(program().code(), Some(1));
}

#[tokio::test]
async fn ten_thousand_records_arrive_in_their_order() {
    let ledger = Ledger::start().unwrap();
    for id in 0..5_000 {
        let event = event(&id.to_string());
        ledger.intent("b", &event, &[]);
        ledger.answer(&event, 202);
    }
    let judged = tokio::time::timeout(Duration::from_secs(10), judge(&ledger))
        .await
        .unwrap();
    judged.assert_clean(5_000);
}
