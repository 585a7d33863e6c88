//! The judge is fed wrong histories: each kind of wrong must be reported, and nothing else.

use super::super::record::Books;
use super::*;

fn key(id: &str) -> Key {
    Key {
        source: "/s".to_owned(),
        id: id.to_owned(),
    }
}

fn intent(id: &str, expected: &[&str]) -> Record {
    Record::Intent {
        key: key(id),
        broker: "b".to_owned(),
        digest: format!("digest {id}"),
        expected: expected.iter().map(|&trigger| trigger.to_owned()).collect(),
        optional: Vec::new(),
    }
}

fn answer(id: &str, status: u16) -> Record {
    Record::Answer {
        key: key(id),
        status,
    }
}

fn delivery(id: &str, trigger: &str, status: u16) -> Record {
    let digest = format!("digest {id}");
    Record::Delivery {
        trigger: trigger.to_owned(),
        key: key(id),
        digest,
        status: Some(status),
    }
}

fn dead_letter(id: &str, trigger: &str, status: u16) -> Record {
    let digest = format!("digest {id}");
    Record::DeadLetter {
        trigger: trigger.to_owned(),
        key: key(id),
        digest,
        status: Some(status),
    }
}

fn parked(id: &str, trigger: &str) -> Record {
    Record::Parked {
        trigger: trigger.to_owned(),
        key: key(id),
        digest: format!("digest {id}"),
    }
}

/// Two events through two triggers as it should be: `t` takes both, `u` wants the second alone.
fn good() -> Vec<Record> {
    vec![
        intent("1", &["t"]),
        answer("1", 202),
        intent("2", &["t", "u"]),
        answer("2", 202),
        delivery("1", "t", 500),
        delivery("1", "t", 200),
        delivery("2", "t", 200),
        delivery("2", "u", 204),
    ]
}

fn judge(records: impl IntoIterator<Item = Record>) -> Judgement {
    judge_with(records, &[])
}

fn judge_with(records: impl IntoIterator<Item = Record>, figures: &[Figures]) -> Judgement {
    let mut history = History::new();
    records
        .into_iter()
        .for_each(|record| history.record(record));
    history.judge(figures)
}

fn counts(judgement: &Judgement) -> [u64; 6] {
    let j = judgement;
    [
        &j.lost,
        &j.duplicated,
        &j.altered,
        &j.invented,
        &j.misfiltered,
        &j.imbalances,
    ]
    .map(|findings| findings.count)
}

#[test]
fn a_right_history_has_no_findings() {
    let judgement = judge(good());
    assert!(judgement.is_clean(), "{judgement:#?}");
    assert_eq!(
        (judgement.sent, judgement.accepted, judgement.delivered),
        (2, 2, 3)
    );
    assert_eq!(judgement.attempts, 4);
}

#[test]
fn each_kind_of_wrong_is_reported_as_that_kind_alone() {
    let altered = Record::Delivery {
        trigger: "t".to_owned(),
        key: key("3"),
        digest: "another".to_owned(),
        status: Some(200),
    };
    let garbage = Record::Garbage {
        trigger: "t".to_owned(),
        why: "no id".to_owned(),
    };
    let cases: Vec<(&str, Vec<Record>, [u64; 6])> = vec![
        (
            "lost",
            vec![intent("3", &["t"]), answer("3", 202)],
            [1, 0, 0, 0, 0, 0],
        ),
        (
            "lost after failures",
            vec![
                intent("3", &["t"]),
                answer("3", 202),
                delivery("3", "t", 500),
            ],
            [1, 0, 0, 0, 0, 0],
        ),
        (
            "lost by its dead-letter sink",
            vec![
                intent("3", &["t"]),
                answer("3", 202),
                dead_letter("3", "t", 503),
            ],
            [1, 0, 0, 0, 0, 0],
        ),
        (
            "duplicated",
            vec![delivery("1", "t", 200)],
            [0, 1, 0, 0, 0, 0],
        ),
        (
            "altered",
            vec![intent("3", &["t"]), answer("3", 202), altered],
            [0, 0, 1, 0, 0, 0],
        ),
        (
            "never sent",
            vec![delivery("3", "t", 200)],
            [0, 0, 0, 1, 0, 0],
        ),
        ("no event", vec![garbage], [0, 0, 0, 1, 0, 0]),
        (
            "refused and delivered",
            vec![
                intent("3", &["t"]),
                answer("3", 400),
                delivery("3", "t", 200),
            ],
            [0, 0, 0, 1, 0, 0],
        ),
        (
            "mis-filtered",
            vec![delivery("1", "u", 200)],
            [0, 0, 0, 0, 1, 0],
        ),
    ];
    for (name, records, expected) in cases {
        let judgement = judge(good().into_iter().chain(records));
        assert_eq!(counts(&judgement), expected, "{name}: {judgement:#?}");
    }
}

#[test]
fn dead_letters_and_parked_events_are_not_lost() {
    let sent = |id| [intent(id, &["t"]), answer(id, 202), delivery(id, "t", 500)];
    let records = sent("3").into_iter().chain(sent("4"));
    let ends = [dead_letter("3", "t", 202), parked("4", "t")];
    let judgement = judge(records.chain(ends));
    assert!(judgement.is_clean(), "{judgement:#?}");
    assert_eq!(judgement.dead_lettered, 1);
}

#[test]
fn a_send_without_an_answer_may_arrive_or_not() {
    for records in [
        vec![intent("3", &["t"])],
        vec![intent("3", &["t"]), delivery("3", "t", 200)],
    ] {
        assert!(judge(records).is_clean());
    }
}

/// 4xx and 507 say that nothing was stored; any other failure leaves it open.
#[test]
fn a_send_that_failed_may_have_been_stored_unless_its_answer_says_no() {
    for (status, invented) in [(503, 0), (500, 0), (507, 1), (429, 1)] {
        let sent = [intent("3", &["t"]), answer("3", status)];
        assert!(judge(sent.clone()).is_clean(), "{status} and nowhere");
        let judgement = judge(sent.into_iter().chain([delivery("3", "t", 200)]));
        assert_eq!(
            counts(&judgement),
            [0, 0, 0, invented, 0, 0],
            "{status}: {judgement:#?}"
        );
    }
}

#[test]
fn what_a_trigger_took_again_is_counted_for_it_alone() {
    let again = [
        delivery("1", "t", 200),
        delivery("1", "t", 200),
        dead_letter("1", "t", 200),
        delivery("2", "u", 500),
    ];
    let judgement = judge(good().into_iter().chain(again));
    assert_eq!(judgement.extra.get("t"), Some(&2), "{judgement:#?}");
    assert_eq!(judgement.extra.get("u"), None, "{judgement:#?}");
}

#[test]
fn figures_are_held_against_the_history_and_against_themselves() {
    // Accepted, filtered, delivered, dead-lettered, discarded, pending; findings.
    let cases: [([u64; 6], u64); 6] = [
        ([2, 1, 1, 0, 0, 0], 0),
        ([3, 2, 1, 0, 0, 0], 2),
        ([2, 1, 0, 0, 0, 1], 2),
        ([2, 1, 0, 1, 0, 0], 2),
        ([2, 1, 2, 0, 0, 0], 2),
        ([2, 1, 1, 0, 1, 0], 2),
    ];
    for (terms, expected) in cases {
        let [
            accepted,
            filtered,
            delivered,
            dead_lettered,
            discarded,
            pending,
        ] = terms;
        let books = Books {
            accepted,
            filtered,
            delivered,
            dead_lettered,
            discarded,
            pending,
            ..Books::default()
        };
        let figures = Figures {
            trigger: "u".to_owned(),
            broker: "b".to_owned(),
            books,
            leaving: Vec::new(),
        };
        let judgement = judge_with(good(), &[figures]);
        assert_eq!(
            counts(&judgement),
            [0, 0, 0, 0, 0, expected],
            "{books:?}: {judgement:#?}"
        );
    }
}

/// Four events for `t`: one taken, one shown as parked, two of which nothing is seen.
fn unseen() -> Vec<Record> {
    let sent = ["1", "2", "3", "4"].map(|id| [intent(id, &["t"]), answer(id, 202)]);
    let mut records = sent.into_iter().flatten().collect::<Vec<_>>();
    records.extend([delivery("1", "t", 200), parked("2", "t")]);
    records
}

#[test]
fn what_is_left_is_no_loss_in_the_terms_that_are_named_and_no_further() {
    use Term::{Discarded, Parked, Pending};
    // Terms named; parked, discarded, pending; left and lost.
    let cases: [(&[Term], [u64; 3], [u64; 2]); 7] = [
        (&[], [1, 1, 1], [0, 2]),
        (&[Pending], [1, 1, 1], [1, 1]),
        (&[Pending, Discarded], [1, 1, 1], [2, 0]),
        (&[Pending], [1, 0, 2], [2, 0]),
        // The one that is shown is not left a second time.
        (&[Parked], [1, 0, 2], [0, 2]),
        (&[Parked], [2, 0, 1], [1, 1]),
        (&[Parked, Pending], [2, 0, 1], [2, 0]),
    ];
    for (leaving, [parked, discarded, pending], expected) in cases {
        let figures = Figures {
            trigger: "t".to_owned(),
            broker: "b".to_owned(),
            books: Books {
                accepted: 4,
                delivered: 1,
                parked,
                discarded,
                pending,
                ..Books::default()
            },
            leaving: leaving.to_vec(),
        };
        let judgement = judge_with(unseen(), &[figures]);
        let found = [judgement.left, judgement.lost.count];
        assert_eq!(found, expected, "{leaving:?}: {judgement:#?}");
        assert_eq!(judgement.imbalances.count, 0, "{judgement:#?}");
    }
}

#[test]
fn what_is_left_still_balances() {
    let books = Books {
        accepted: 4,
        delivered: 1,
        pending: 2,
        ..Books::default()
    };
    let figures = Figures {
        trigger: "t".to_owned(),
        broker: "b".to_owned(),
        books,
        leaving: vec![Term::Pending],
    };
    let judgement = judge_with(unseen(), &[figures]);
    // One is missing: the rest is too small, and so is the sum.
    assert_eq!(judgement.imbalances.count, 2, "{judgement:#?}");
}

#[test]
fn a_trigger_that_comes_and_goes_may_get_an_event_once() {
    let passing = |deliveries: usize| {
        let mut records = vec![intent("1", &["t"])];
        if let Record::Intent { optional, .. } = &mut records[0] {
            optional.push("u".to_owned());
        }
        records.extend([answer("1", 202), delivery("1", "t", 200)]);
        records.extend(vec![delivery("1", "u", 200); deliveries]);
        counts(&judge(records))
    };
    assert_eq!(passing(0), [0; 6]);
    assert_eq!(passing(1), [0; 6]);
    assert_eq!(passing(2), [0, 1, 0, 0, 0, 0]);
}

#[test]
#[should_panic(expected = "only 2 events of 3 accepted")]
fn a_run_below_its_floor_is_a_failure() {
    judge(good()).assert_clean(3);
}
