use super::super::record::{Command, Commanded, Deleted, GapCause, Judged, Letter, Mark};
use super::*;

fn at(offset: u64) -> Position {
    Position {
        partition: 0,
        offset,
    }
}

fn accepted(offset: u64, ms: u64) -> What<'static> {
    What::Accepted(Accepted {
        position: at(offset),
        at: Timestamp(ms),
        took_us: 41,
        id: "1",
        source: "/shop",
        ty: "order.paid",
        content_type: "",
        data_bytes: 0,
        is_reply: false,
        judged: Some(Judged {
            wanted: 2,
            undecided: 1,
        }),
    })
}

fn attempt(n: u32, reason: Reason, next_in_ms: Option<u64>) -> What<'static> {
    What::Attempt(Attempt {
        position: at(0),
        trigger: "billing",
        at: Timestamp(2_000),
        took_us: 500_000,
        n,
        is_to_sink: false,
        status: None,
        reason: reason.label(),
        detail: "",
        next_in_ms,
    })
}

fn sink_attempt(reason: Reason) -> What<'static> {
    match attempt(1, reason, None) {
        What::Attempt(it) => What::Attempt(Attempt {
            is_to_sink: true,
            ..it
        }),
        other => other,
    }
}

fn ended(end: End) -> What<'static> {
    What::Ended(Ended {
        position: at(0),
        trigger: "billing",
        at: Timestamp(3_000),
        end,
        reason: "exhausted",
        detail: "answered 503 (send 2)",
    })
}

fn told(records: &[(&str, What<'_>)]) -> Vec<Told> {
    let mut bytes = Vec::new();
    for (source, what) in records {
        what.encode(Mark::of("1", source), &mut bytes);
    }
    let mut found = Found::default();
    found.take(&bytes, Mark::of("1", "").id);
    tell(&found, "1", "shop").0
}

#[test]
fn each_end_of_the_way_has_its_state() {
    let parked = End::Parked {
        retry_at: Some(Timestamp(9_000)),
    };
    let (ok, http) = (Reason::Ok, Reason::Http);
    for (records, state, next_ms) in [
        (vec![attempt(1, ok, None)], StoryState::Delivered, None),
        (
            vec![attempt(1, http, Some(500))],
            StoryState::Retrying,
            Some(2_500),
        ),
        (vec![attempt(1, http, None)], StoryState::GivenUp, None),
        (
            vec![
                attempt(1, http, None),
                sink_attempt(ok),
                ended(End::DeadLettered),
            ],
            StoryState::DeadLettered,
            None,
        ),
        (
            vec![attempt(1, http, None), sink_attempt(http), ended(parked)],
            StoryState::Parked,
            Some(9_000),
        ),
        (vec![ended(End::Discarded)], StoryState::Discarded, None),
        // Redriven.
        (
            vec![ended(End::Discarded), attempt(1, ok, None)],
            StoryState::Delivered,
            None,
        ),
    ] {
        let records: Vec<_> = records.into_iter().map(|it| ("/shop", it)).collect();
        let all = told(&records);
        let trigger = &all[0].triggers["billing"];
        assert_eq!(trigger.state, Some(state), "{records:?}");
        let next = trigger.next_at.map(|next| next.0.0);
        assert_eq!(next, next_ms, "{records:?}");
        let has_reason = matches!(
            state,
            StoryState::DeadLettered | StoryState::Parked | StoryState::Discarded
        );
        assert_eq!(trigger.reason.is_some(), has_reason, "{records:?}");
    }
}

#[test]
fn an_event_is_told_as_it_was_stored_and_tried() {
    let all = told(&[
        ("/shop", accepted(0, 1_000)),
        ("/shop", attempt(1, Reason::Refused, Some(1))),
    ]);
    let story = &all[0].story;
    assert_eq!(story.source.as_deref(), Some("/shop"));
    assert_eq!(story.accepted_at, Some(Time(Timestamp(1_000))));
    assert_eq!((story.matched, story.failed), (Some(2), Some(1)));
    assert_eq!(story.data_content_type, None);
    let first = &all[0].triggers["billing"].attempts[0];
    assert_eq!(first.at, Time(Timestamp(1_500)), "when it began");
    assert_eq!(first.reason.as_deref(), Some("connection refused"));
}

#[test]
fn events_of_one_id_are_told_apart() {
    // By position, by source, and by being accepted again at the same position.
    let all = told(&[
        ("/shop", accepted(0, 1_000)),
        ("/shop", accepted(1, 1_000)),
        ("/other", attempt(1, Reason::Ok, None)),
        ("/shop", accepted(0, 5_000)),
        ("/shop", attempt(1, Reason::Ok, None)),
    ]);
    let triggers: Vec<_> = all.iter().map(|it| it.triggers.len()).collect();
    assert_eq!(triggers, [0, 0, 1, 1]);
    let latest: Vec<_> = all.iter().map(|it| it.is_latest).collect();
    assert_eq!(latest, [false, true, false, true]);
    assert!(all[2].is_of("/other") && !all[2].is_of("/shop"));
    assert!(all[0].is_of("/shop"));
}

#[test]
fn an_id_of_the_same_hash_is_not_told() {
    let What::Accepted(mut it) = accepted(0, 1_000) else {
        panic!()
    };
    it.id = "2";
    assert!(told(&[("/shop", What::Accepted(it))]).is_empty());
}

#[test]
fn much_is_told_in_bounds() {
    let many: Vec<_> = (0..2_000)
        .map(|n| ("/shop", attempt(n, Reason::Http, Some(1))))
        .collect();
    let trigger = &told(&many)[0].triggers["billing"];
    assert_eq!(trigger.attempts.len(), ATTEMPTS_MAX);
    assert_eq!(trigger.attempts_left_out, 1_000);
    assert_eq!(trigger.attempts.last().map(|it| it.n), Some(1_999));
    let many: Vec<_> = (0..200).map(|n| ("/shop", accepted(n, 1))).collect();
    assert_eq!(told(&many).len(), EVENTS_MAX);
}

#[test]
fn a_gap_is_told_with_its_cause() {
    let gap = |records, cause| {
        StoryGap::from(Gap {
            from: Timestamp(1),
            to: Timestamp(2),
            records,
            cause,
        })
    };
    let left_out = gap(7, GapCause::LeftOut);
    assert_eq!((left_out.records, &*left_out.cause), (Some(7), "leftOut"));
    assert_eq!(gap(0, GapCause::Crash).records, None);
}

fn commanded(command: Command, ms: u64, operation: &'static str) -> What<'static> {
    What::Commanded(Commanded {
        position: at(0),
        trigger: "billing",
        at: Timestamp(ms),
        command,
        operation,
        letter: None,
    })
}

#[test]
fn what_was_commanded_is_told_with_who_did_it_and_what_it_ended() {
    let parked = ended(End::Parked { retry_at: None });
    let (redrive, discard, replay) = (Command::Redrive, Command::Discard, Command::Replay);
    let late = |what: What<'static>| match what {
        What::Attempt(it) => What::Attempt(Attempt {
            at: Timestamp(6_000),
            ..it
        }),
        other => other,
    };
    for (records, state, was_parked) in [
        (
            vec![parked, commanded(redrive, 5_000, "op")],
            StoryState::Waiting,
            true,
        ),
        (
            vec![parked, commanded(discard, 5_000, "op")],
            StoryState::Discarded,
            true,
        ),
        (
            vec![attempt(1, Reason::Ok, None), commanded(replay, 5_000, "op")],
            StoryState::Waiting,
            false,
        ),
        // What it caused was recorded before it, by an earlier version.
        (
            vec![
                parked,
                late(attempt(1, Reason::Ok, None)),
                commanded(redrive, 5_000, "op"),
            ],
            StoryState::Delivered,
            false,
        ),
    ] {
        let records: Vec<_> = records.iter().map(|it| ("/shop", *it)).collect();
        let all = told(&records);
        let billing = &all[0].triggers["billing"];
        assert_eq!(billing.state, Some(state), "{records:?}");
        let command = &billing.commands[0];
        assert_eq!(command.operation.as_deref(), Some("op"));
        assert_eq!(command.parked_at.is_some(), was_parked, "{records:?}");
        let reason = was_parked.then_some("exhausted");
        assert_eq!(command.reason.as_deref(), reason);
    }
    let by_name = told(&[("/shop", commanded(discard, 1, ""))]);
    assert_eq!(by_name[0].triggers["billing"].commands[0].operation, None);
}

/// Both are there whatever was recorded before the command, or is not in the history any more.
#[test]
fn a_command_says_since_when_the_letter_lay_and_why() {
    let parked = ended(End::Parked { retry_at: None });
    let redriven = match commanded(Command::Redrive, 5_000, "op") {
        What::Commanded(it) => What::Commanded(Commanded {
            letter: Some(Letter {
                parked_at: Timestamp(4_000),
                reason: "exhausted",
            }),
            ..it
        }),
        other => other,
    };
    let taken = match attempt(1, Reason::Ok, None) {
        What::Attempt(it) => What::Attempt(Attempt {
            at: Timestamp(6_000),
            ..it
        }),
        other => other,
    };
    for records in [
        vec![parked, redriven],
        vec![parked, taken, redriven],
        vec![taken, redriven],
        vec![redriven, taken],
    ] {
        let records: Vec<_> = records.iter().map(|it| ("/shop", *it)).collect();
        let all = told(&records);
        let command = &all[0].triggers["billing"].commands[0];
        assert_eq!(command.parked_at, Some(Time(Timestamp(4_000))));
        assert_eq!(command.reason.as_deref(), Some("exhausted"));
    }
}

#[test]
fn a_deleted_trigger_has_cancelled_what_it_was_not_through_with() {
    let deleted = |trigger, ms, cancelled| {
        What::Deleted(Deleted {
            trigger,
            at: Timestamp(ms),
            cancelled,
        })
    };
    let retrying = attempt(1, Reason::Http, Some(500));
    for (what, deletion, state, is_told) in [
        (
            retrying,
            deleted("billing", 4_000, 1),
            StoryState::Cancelled,
            true,
        ),
        (
            attempt(1, Reason::Ok, None),
            deleted("billing", 4_000, 1),
            StoryState::Delivered,
            true,
        ),
        // An earlier one of that name.
        (
            retrying,
            deleted("billing", 1_500, 1),
            StoryState::Retrying,
            false,
        ),
        (
            retrying,
            deleted("audit", 4_000, 7),
            StoryState::Retrying,
            false,
        ),
    ] {
        let mut bytes = Vec::new();
        let mark = Mark::of("1", "/shop");
        accepted(0, 1_000).encode(mark, &mut bytes);
        what.encode(mark, &mut bytes);
        deletion.encode(Mark::NONE, &mut bytes);
        deleted("later", 4_000, 0).encode(Mark::NONE, &mut bytes);
        deleted("before", 500, 3).encode(Mark::NONE, &mut bytes);
        let mut found = Found::default();
        found.take(&bytes, mark.id);
        let all = tell(&found, "1", "shop").0;
        let billing = &all[0].triggers["billing"];
        assert_eq!(billing.state, Some(state), "{deletion:?}");
        assert_eq!(billing.deleted_at.is_some(), is_told, "{deletion:?}");
        // Two triggers matched, and only one is known by its attempts.
        let others: Vec<_> = all[0].story.deletions.iter().collect();
        match deletion {
            What::Deleted(Deleted {
                trigger: "audit", ..
            }) => assert_eq!((&*others[0].trigger, others[0].cancelled), ("audit", 7)),
            _ => assert!(others.is_empty(), "{others:?}"),
        }
    }
}
