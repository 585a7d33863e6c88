use super::*;
use std::time::UNIX_EPOCH;

fn event(id: &str) -> Event {
    Event::builder(id, "/me", "t").build().unwrap()
}

fn list() -> WatchList {
    WatchList::new(Clock::anchored_at(UNIX_EPOCH))
}

fn name(name: &str) -> ObjectName {
    ObjectName {
        namespace: "default".to_owned(),
        name: name.to_owned(),
    }
}

#[tokio::test]
async fn an_event_that_nobody_asked_about_is_not_remembered() {
    let list = list();
    assert!(!list.is_watched(&event("1")));
    list.note(
        &event("1"),
        &name("hello"),
        Some(WatchedState::Delivered),
        None,
    );
    let token = list.begin("1".to_owned(), "/me".to_owned());
    assert!(list.is_watched(&event("1")));
    assert!(!list.is_watched(&event("2")));
    assert_eq!(list.report(&token), Some(WatchReport::default()));
    assert_eq!(list.report("unknown"), None);
}

#[tokio::test]
async fn a_worker_that_is_faster_than_the_door_is_not_overruled() {
    let list = list();
    let token = list.begin("1".to_owned(), "/me".to_owned());
    list.note(
        &event("1"),
        &name("hello"),
        Some(WatchedState::Delivered),
        None,
    );
    assert!(
        !list.report(&token).unwrap().settled,
        "not settled before it is seen"
    );
    let judged = Judged {
        triggers_total: 3,
        wanted: vec![(name("hello"), None)],
        ..Judged::default()
    };
    list.accepted(&event("1"), &name("orders"), judged);
    let report = list.report(&token).unwrap();
    assert!(report.seen && report.settled);
    assert_eq!((report.triggers_total, report.triggers.len()), (3, 1));
}

#[tokio::test(start_paused = true)]
async fn watches_are_bounded_in_number_and_in_time() {
    let list = list();
    let first = list.begin("0".to_owned(), "/me".to_owned());
    for id in 1..=WATCHES_MAX {
        list.begin(id.to_string(), "/me".to_owned());
    }
    assert_eq!(list.report(&first), None, "the oldest made room");
    assert!(list.is_watched(&event("1")), "asking makes no room");
    tokio::time::advance(WATCH_LIFE + Duration::from_secs(1)).await;
    let last = list.begin("last".to_owned(), "/me".to_owned());
    assert!(!list.is_watched(&event("1")), "forgotten after its life");
    assert!(list.report(&last).is_some());
}

#[tokio::test(start_paused = true)]
async fn watches_that_nobody_asks_about_again_stop_listening() {
    let list = list();
    assert!(!list.is_listening());
    list.begin("1".to_owned(), "/me".to_owned());
    tokio::time::advance(WATCH_LIFE).await;
    assert!(list.is_listening());
    tokio::time::advance(Duration::from_millis(1)).await;
    assert!(!list.is_listening());
    assert!(list.entries.lock().by_event.is_empty());
    list.begin("2".to_owned(), "/me".to_owned());
    assert!(list.is_listening());
}

#[tokio::test]
async fn attempts_are_bounded_over_all_triggers_and_the_busiest_gives_way() {
    let list = list();
    let token = list.begin("1".to_owned(), "/me".to_owned());
    let attempt = |n| WatchAttempt {
        n,
        at: crate::api::Time(Timestamp(0)),
        code: None,
        reason: None,
        detail: None,
        url: String::new(),
        duration_ms: 0,
        next_in_ms: None,
    };
    let note =
        |trigger: &str, n| list.note(&event("1"), &name(trigger), None, Some((attempt(n), None)));
    note("quiet", 1);
    for n in 1..=300 {
        note("busy", n);
    }
    let report = list.report(&token).unwrap();
    let numbers = report
        .triggers
        .iter()
        .map(|it| it.attempts.iter().map(|it| it.n));
    let [busy, quiet] = numbers
        .map(Vec::from_iter)
        .collect::<Vec<_>>()
        .try_into()
        .unwrap();
    assert_eq!(busy.len() + quiet.len(), ATTEMPTS_MAX);
    assert_eq!(
        (busy.last(), quiet.as_slice()),
        (Some(&300), [1].as_slice())
    );
}

#[tokio::test]
async fn what_a_deleted_trigger_had_not_ended_is_settled_and_what_it_had_stays() {
    let list = list();
    let tokens = ["1", "2"].map(|id| list.begin(id.to_owned(), "/me".to_owned()));
    for id in ["1", "2"] {
        let wanted = ["gone", "kept"].map(|it| (name(it), None));
        let judged = Judged {
            triggers_total: 2,
            wanted: wanted.to_vec(),
            ..Judged::default()
        };
        list.accepted(&event(id), &name("orders"), judged);
    }
    list.note(
        &event("2"),
        &name("gone"),
        Some(WatchedState::Delivered),
        None,
    );
    list.trigger_ended(&name("gone"));
    let states = tokens.map(|token| {
        let report = list.report(&token).unwrap();
        assert!(!report.settled, "the other goes on");
        report
            .triggers
            .iter()
            .map(|it| it.state)
            .collect::<Vec<_>>()
    });
    let (discarded, matched) = (WatchedState::Discarded, WatchedState::Matched);
    assert_eq!(states[0], [discarded, matched]);
    assert_eq!(states[1], [WatchedState::Delivered, matched]);
}

#[tokio::test]
async fn asking_forgets_nobody_and_one_more_watch_the_oldest() {
    let list = list();
    let tokens: Vec<_> = (0..WATCHES_MAX)
        .map(|id| list.begin(id.to_string(), "/me".to_owned()))
        .collect();
    for token in &tokens {
        assert!(list.report(token).is_some());
    }
    list.begin("one more".to_owned(), "/me".to_owned());
    let known = tokens.iter().filter(|it| list.report(it).is_some()).count();
    assert_eq!(known, WATCHES_MAX - 1);
    // The same event again makes no room but its own.
    list.begin("one more".to_owned(), "/me".to_owned());
    let known = tokens.iter().filter(|it| list.report(it).is_some()).count();
    assert_eq!(known, WATCHES_MAX - 1);
}
