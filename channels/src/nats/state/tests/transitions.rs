//! Single transitions: what is said to the server, and when.

use std::time::Duration;

use super::super::{Ending, Figures, ToDo};
use super::process::{Fate, Process};
use super::server::{Server, is_wanted};
use crate::Settled;
use crate::nats::entry::{Body, Entry, EntryState};
use crate::nats::state::Consumer;
use crate::nats::steps::Step;
use crate::reading::HandedOut;

/// The subscription that most of this is about.
const NUMBER: u64 = 1;
const NAME: &str = "a";

/// A process that has been handed everything that it wants of `events`.
fn with_leases(events: u64) -> (Server, Process, Vec<HandedOut>) {
    let mut server = Server::new();
    let mut process = Process::start(&server);
    for _ in 0..events {
        process.append(&mut server);
    }
    process.hear();
    let leases = lease_all(&mut server, &mut process);
    (server, process, leases)
}

fn lease_all(server: &mut Server, process: &mut Process) -> Vec<HandedOut> {
    let mut leases = process.next(NUMBER, 64, server.now);
    process.work(server, || false);
    for index in (0..process.pulls.len()).rev() {
        process.bring(server, index, 64);
    }
    process.work(server, || false);
    leases.extend(process.next(NUMBER, 64, server.now));
    leases
}

fn said(process: &mut Process) -> Vec<ToDo> {
    process.state.take_to_do()
}

#[test]
fn what_is_held_is_in_progress_every_four_seconds() {
    let (mut server, mut process, leases) = with_leases(5);
    said(&mut process);
    for (seconds, expected) in [(3, 0), (1, leases.len()), (3, 0), (1, leases.len())] {
        server.wait(Duration::from_secs(seconds));
        process.state.tick(server.now);
        let said = said(&mut process);
        let progress = said.iter().filter(|it| matches!(it, ToDo::InProgress(_)));
        assert_eq!(progress.count(), expected);
    }
}

#[test]
fn an_event_that_was_settled_and_comes_again_is_acknowledged_and_not_sent_again() {
    let (mut server, mut process, leases) = with_leases(5);
    for lease in &leases {
        let settled = Ending::Settled(Settled::Delivered);
        process.end(lease.id, settled, server.now);
    }
    process.work(&mut server, || true);
    assert!(!server.consumers[&NUMBER].unacknowledged.is_empty());
    server.wait(Duration::from_secs(11));
    assert!(lease_all(&mut server, &mut process).is_empty());
    assert!(server.consumers[&NUMBER].unacknowledged.is_empty());
}

#[test]
fn an_event_that_comes_again_while_it_is_leased_is_acknowledged_at_the_newest_place() {
    let (mut server, mut process, leases) = with_leases(5);
    server.wait(Duration::from_secs(11));
    assert!(lease_all(&mut server, &mut process).is_empty());
    said(&mut process);
    let settled = Ending::Settled(Settled::Delivered);
    process.end(leases[0].id, settled, server.now);
    let said = said(&mut process);
    let [ToDo::Acknowledge(reply), ..] = said.as_slice() else {
        panic!("{said:?}");
    };
    assert!(reply.0.ends_with(".2"), "{reply:?}");
}

#[test]
fn a_pause_gives_back_what_was_not_leased_after_a_while() {
    let (mut server, mut process, leases) = with_leases(10);
    let until = server.now + Duration::from_secs(20);
    let deferred = Ending::Deferred { until, sends: 2 };
    process.end(leases[0].id, deferred, server.now);
    process.end(leases[1].id, Ending::Dropped, server.now);
    said(&mut process);
    server.paused.insert(NUMBER, true);
    let record = server.record(NUMBER, NAME);
    process.state.recorded(&record, server.now);
    assert!(process.next(NUMBER, 64, server.now).is_empty());
    for (seconds, expected) in [(29, 0), (1, 1), (1, 0)] {
        server.wait(Duration::from_secs(seconds));
        process.state.tick(server.now);
        let said = said(&mut process);
        let back = said.iter().filter(|it| matches!(it, ToDo::HandBack { .. }));
        // Nobody else knows how often the deferred one was sent.
        assert_eq!(back.count(), expected, "after {seconds} s more");
    }
    process.state.audit();
}

#[test]
fn too_many_deferred_events_hold_up_fresh_ones_wherever_they_wait() {
    let (mut server, mut process, _) = with_leases(0);
    let mut waiting = 0;
    let mut appended = 0;
    while waiting < 40 {
        process.append(&mut server);
        appended += 1;
        process.hear();
        for lease in lease_all(&mut server, &mut process) {
            let seconds = if waiting % 2 == 0 { 20 } else { 600 };
            let until = server.now + Duration::from_secs(seconds);
            let deferred = Ending::Deferred { until, sends: 1 };
            process.end(lease.id, deferred, server.now);
            waiting += 1;
        }
        process.work(&mut server, || false);
        while let Some(step) = process.steps.pop() {
            process.step(&mut server, step, Fate::Heard);
        }
    }
    for _ in 0..5 {
        process.append(&mut server);
        appended += 1;
    }
    assert!(lease_all(&mut server, &mut process).is_empty(), "stalled");
    let status = process.state.status_of(NAME, server.now).expect("known");
    assert!(status.stalled);
    assert_eq!(status.deferred, 40);
    server.wait(Duration::from_secs(21));
    let again = lease_all(&mut server, &mut process);
    assert_eq!(again.iter().filter(|it| it.sends == 1).count(), 20);
    assert!(again.len() > 20, "and there is room for fresh ones");
    assert!(appended > 40);
}

#[test]
fn what_could_not_be_moved_waits_here_and_its_holder_is_told() {
    let (mut server, mut process, leases) = with_leases(5);
    let until = server.now + Duration::from_secs(60);
    let (answer, mut answered) = tokio::sync::oneshot::channel();
    let deferred = Ending::Deferred { until, sends: 3 };
    process
        .state
        .end(leases[0].id, deferred, Some(answer), server.now);
    process.work(&mut server, || false);
    let step = process.steps.pop().expect("it is to be moved");
    assert!(answered.try_recv().is_err(), "nothing is stored yet");
    process.step(&mut server, step, Fate::Lost);
    assert!(answered.try_recv().expect("it is over").is_err());
    server.wait(Duration::from_secs(61));
    let again = lease_all(&mut server, &mut process);
    let again = again.iter().find(|it| it.id.offset == leases[0].id.offset);
    assert_eq!(again.map(|it| it.sends), Some(3));
}

#[test]
fn an_event_that_another_process_kept_ends_here() {
    let (mut server, mut process, leases) = with_leases(5);
    // The server takes it for dead, and another is handed everything.
    server.wait(Duration::from_secs(11));
    let mut other = Process::start(&server);
    let theirs = lease_all(&mut server, &mut other);
    assert_eq!(theirs.len(), leases.len());
    let until = server.now + Duration::from_secs(600);
    let deferred = Ending::Deferred { until, sends: 1 };
    other.end(theirs[0].id, deferred, server.now);
    other.work(&mut server, || false);
    let step = other.steps.pop().expect("it is to be moved");
    other.step(&mut server, step, Fate::Heard);
    process.watch(&server);
    assert!(!process.state.is_in_force(leases[0].id));
    assert!(process.state.is_in_force(leases[1].id));
    let settled = Ending::Settled(Settled::Delivered);
    process.end(leases[0].id, settled, server.now);
    process.state.audit();
    let status = process.state.status_of(NAME, server.now).expect("known");
    assert_eq!(status.books.delivered, 0, "it is the other's by now");
}

#[test]
fn a_dead_letter_keeps_when_it_was_parked_and_why_on_its_way_to_the_sink() {
    let (mut server, mut process, leases) = with_leases(5);
    let first = leases[0].id.offset;
    let retry_at = Some(server.now + Duration::from_secs(5));
    let parked = Ending::Parked {
        reason: super::random::reason(),
        sends: 4,
        retry_at,
    };
    process.end(leases[0].id, parked, server.now);
    let parked_at = server.now;
    for _ in 0..2 {
        process.work(&mut server, || false);
        let step = process.steps.pop().expect("it is to be kept");
        process.step(&mut server, step, Fate::Heard);
        process.work(&mut server, || false);
        server.wait(Duration::from_secs(60));
        process.watch(&server);
        let again = lease_all(&mut server, &mut process);
        let again = again.into_iter().find(|it| it.id.offset == first);
        let again = again.expect("its sink is tried");
        let purpose = crate::LeasePurpose::DeadLetter(super::random::reason());
        assert_eq!((again.purpose, again.sends), (purpose, 4));
        let until = server.now + Duration::from_secs(40);
        let deferred = Ending::Deferred { until, sends: 4 };
        process.end(again.id, deferred, server.now);
    }
    let entries = server.entries(NUMBER);
    let EntryState::Parked { at, reason, .. } = &entries[&first].state else {
        panic!("{entries:?}");
    };
    assert_eq!((*at, reason.data.len()), (parked_at, 4));
}

#[test]
fn what_nobody_has_been_handed_is_pending_until_the_server_says_otherwise() {
    let mut server = Server::new();
    let mut process = Process::start(&server);
    for _ in 0..10 {
        process.append(&mut server);
    }
    process.hear();
    let wanted = (1..=10).filter(|at| is_wanted(NUMBER, *at)).count() as u64;
    let books = |process: &Process| {
        let status = process.state.status_of(NAME, crate::Timestamp(0));
        status.expect("known").books
    };
    let mine = books(&process);
    assert_eq!((mine.pending, mine.filtered), (wanted, 10 - wanted));
    // Another process was not told what the matcher says of these.
    let mut other = Process::start(&server);
    other.state.highest = 10;
    assert_eq!(books(&other).pending, 10);
    let figures = Figures {
        pending: 4,
        last: 10,
        ..Figures::default()
    };
    other.state.figures(NUMBER, 0, figures);
    let theirs = books(&other);
    assert_eq!((theirs.pending, theirs.filtered), (4, 6));
    let figures = Figures {
        delivered: 9,
        pending: 0,
        unacknowledged: 3,
        last: 10,
    };
    other.state.figures(NUMBER, 0, figures);
    assert_eq!(books(&other).pending, 3, "others hold them");
}

#[test]
fn who_goes_to_another_place_lets_go_of_what_waits() {
    let (mut server, mut process, leases) = with_leases(10);
    process.end(leases[0].id, Ending::Dropped, server.now);
    let mut record = server.record(NUMBER, NAME);
    record.epoch = 1;
    let left = process.state.recorded(&record, server.now);
    let left = left.expect("it went to another place");
    assert_eq!(left.let_go, [leases[0].id.offset]);
    assert!(!process.state.is_in_force(leases[0].id));
    assert!(process.state.is_in_force(leases[1].id));
    // What its old consumer still brings is nobody's.
    server.wait(Duration::from_secs(11));
    assert!(lease_all(&mut server, &mut process).is_empty());
    process.state.audit();
    let deleted = process.state.deleted(NAME, server.now).expect("known");
    assert!(deleted.books.balance());
    assert_eq!((deleted.books.pending, deleted.books.parked), (0, 0));
    assert!(deleted.books.cancelled > 0);
    assert!(!process.state.is_in_force(leases[1].id));
}

#[test]
fn a_replay_that_goes_back_to_wait_takes_its_event_along() {
    let (mut server, mut process, leases) = with_leases(5);
    let position = leases[0].id.offset;
    process.end(
        leases[0].id,
        Ending::Settled(Settled::Delivered),
        server.now,
    );
    process.work(&mut server, || false);
    let entry = Entry {
        sends: 0,
        accepted_at: server.now,
        age_since: server.now,
        body: Body::Events,
        state: EntryState::Moved {
            due: server.now,
            replayed: true,
        },
    };
    assert!(server.apply(NUMBER, position, &Step::Give { entry, from: None }));
    process.watch(&server);
    let again = lease_all(&mut server, &mut process);
    let again = again.into_iter().find(|it| it.id.offset == position);
    let again = again.expect("it is handed out once more");
    let parked = Ending::Parked {
        reason: super::random::reason(),
        sends: 4,
        retry_at: None,
    };
    process.end(again.id, parked, server.now);
    process.work(&mut server, || false);
    let step = process.steps.pop().expect("it is to be kept");
    let Step::Again { event, entry, .. } = &step.step else {
        panic!("{step:?}");
    };
    assert_eq!((event.is_some(), entry.body), (true, Body::Kept));
    process.step(&mut server, step, Fate::Heard);
}

#[test]
fn nothing_that_is_due_is_pulled_before_there_is_an_entry() {
    let (mut server, mut process, leases) = with_leases(5);
    let is_due_pulled = |process: &mut Process, server: &Server| {
        process.next(NUMBER, 64, server.now);
        let to_do = process.state.take_to_do();
        to_do.iter().any(|it| match it {
            ToDo::Pull { consumer, .. } => *consumer == Consumer::Due,
            _ => false,
        })
    };
    assert!(!is_due_pulled(&mut process, &server));
    process.state.take_woken();
    // Another process keeps something apart.
    let entry = Entry {
        sends: 1,
        accepted_at: server.now,
        age_since: server.now,
        body: Body::Kept,
        state: EntryState::Moved {
            due: server.now + Duration::from_secs(60),
            replayed: false,
        },
    };
    let keep = Step::Keep { event: None, entry };
    assert!(server.apply(NUMBER, leases[0].id.offset + 100, &keep));
    process.watch(&server);
    assert!(
        !process.state.take_woken().is_empty(),
        "whoever waits asks again"
    );
    assert!(is_due_pulled(&mut process, &server));
}
