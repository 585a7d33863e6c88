use std::time::Duration;

use sluicegate_channels::{Start, Subscription};
use tokio::time::sleep;

use super::super::pace::{Stopper, halting};
use super::super::tests::{Store, settle};
use super::*;
use crate::api::{EventFilter, OperationProgress, When};

mod limit;

/// A store in which `held` keeps everything retained, since nobody reads it.
struct Scene {
    store: Store,
    _held: Box<dyn Subscription>,
}

impl Scene {
    async fn new() -> Self {
        let store = Store::new();
        let held = store.subscribe("all", 100).await;
        Scene { store, _held: held }
    }

    /// A subscription that has had `count` events and is through with them.
    async fn through_with(&self, name: &str, key: u64, count: u64) -> Box<dyn Subscription> {
        let mut end = self.store.subscribe(name, key).await;
        self.store.append(name, 0..count).await;
        let mut settled = 0;
        while settled < count {
            settled += settle(&mut *end, 500).await.len() as u64;
        }
        end
    }

    fn replay(&self, to: &[(&str, u64)], filter: &EventFilter, conduct: Conduct) -> Replay {
        let receivers = to.iter().map(|(name, key)| Receiver {
            trigger: named(name),
            key: SubscriptionKey(*key),
            subscription: (*name).into(),
            standing: Standing::From(None),
            held: Vec::new(),
        });
        Replay {
            broker: named("orders"),
            channel: Arc::clone(&self.store.channel) as Arc<dyn Channel>,
            matcher: Arc::clone(&self.store.matcher),
            choice: EventChoice::read(filter, self.store.clock.now()).unwrap(),
            conduct,
            receivers: receivers.collect(),
            is_to_all: false,
            history: None,
        }
    }
}

fn named(name: &str) -> ObjectName {
    ObjectName {
        namespace: "shop".to_owned(),
        name: name.to_owned(),
    }
}

async fn run(replay: Replay) -> OperationProgress {
    let (_stopper, halt): (Stopper, _) = halting();
    let progress = Progress::default();
    replay.run("op1", &progress, halt).await.unwrap();
    progress.read()
}

fn ids(range: std::ops::Range<u64>) -> Vec<String> {
    range.map(|id| id.to_string()).collect()
}

/// Looked at, done, skipped.
fn counts(progress: &OperationProgress) -> [u64; 3] {
    [progress.looked_at, progress.done, progress.skipped]
}

#[tokio::test(start_paused = true)]
async fn a_trigger_gets_again_what_is_meant_and_its_filter_takes() {
    let scene = Scene::new().await;
    let mut t = scene.through_with("t", 1, 300).await;
    let _u = scene.through_with("u", 2, 300).await;
    let filter = EventFilter {
        expression: Some("amount >= 250".to_owned()),
        ..EventFilter::default()
    };
    let progress = run(scene.replay(&[("t", 1)], &filter, Conduct::default())).await;
    assert_eq!(counts(&progress), [600, 50, 550], "{progress:?}");
    assert_eq!(settle(&mut *t, 500).await, ids(250..300), "in order");
    let books = scene.store.books("t");
    assert_eq!(
        (books.replayed, books.delivered, books.pending),
        (50, 350, 0)
    );
    assert_eq!(scene.store.books("u").replayed, 0);
}

#[tokio::test(start_paused = true)]
async fn times_and_positions_bound_what_is_meant() {
    let scene = Scene::new().await;
    let mut t = scene.store.subscribe("t", 1).await;
    for batch in 0..4 {
        scene.store.append("t", batch * 10..batch * 10 + 10).await;
        settle(&mut *t, 10).await;
        sleep(Duration::from_secs(100)).await;
    }
    let ago = |seconds| Some(When::Ago(Duration::from_secs(seconds)));
    let at = |position: u64| Some(position.to_string());
    let times = |since, until| EventFilter {
        since,
        until,
        ..EventFilter::default()
    };
    let positions = |first_position, last_position| EventFilter {
        first_position,
        last_position,
        ..EventFilter::default()
    };
    for (filter, expected) in [
        (times(ago(250), None), ids(20..40)),
        (times(None, ago(250)), ids(0..20)),
        (times(ago(350), ago(150)), ids(10..30)),
        (times(ago(400), ago(300)), ids(0..10)),
        (positions(at(37), None), ids(37..40)),
        (positions(None, at(2)), ids(0..3)),
        (positions(at(5), at(7)), ids(5..8)),
        (positions(at(7), at(7)), ids(7..8)),
        (positions(at(1_000), None), vec![]),
    ] {
        let done = run(scene.replay(&[("t", 1)], &filter, Conduct::default()))
            .await
            .done;
        assert_eq!(done, expected.len() as u64, "{filter:?}");
        assert_eq!(settle(&mut *t, 500).await, expected, "{filter:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_pending_or_parked_is_passed_over() {
    let scene = Scene::new().await;
    let mut t = scene.store.subscribe("t", 1).await;
    scene.store.append("t", 0..30).await;
    settle(&mut *t, 10).await;
    super::super::tests::park(&mut *t, 10, "exhausted").await;
    let everything = EventFilter::default();
    let progress = run(scene.replay(&[("t", 1)], &everything, Conduct::default())).await;
    assert_eq!(
        (progress.done, progress.unfinished),
        (10, 20),
        "{progress:?}"
    );
    let books = scene.store.books("t");
    assert_eq!((books.pending, books.parked, books.replayed), (20, 10, 10));
}

#[tokio::test(start_paused = true)]
async fn a_trigger_that_takes_no_more_holds_up_no_other_and_has_the_rest_later() {
    const EVENTS: u64 = 2_500;
    let scene = Scene::new().await;
    let mut slow = scene.through_with("t", 1, EVENTS).await;
    // The other wants the same events.
    let mut quick = scene.store.subscribe("u", 2).await;
    let same = sluicegate_filter::Filter::compile(&[]).unwrap();
    scene.store.matcher.insert(SubscriptionKey(2), same);
    let everything = EventFilter::default();
    let replay = scene.replay(&[("t", 1), ("u", 2)], &everything, Conduct::default());
    let (_stopper, halt): (Stopper, _) = halting();
    let progress = Progress::default();
    let seen = progress.clone();
    let running = tokio::spawn(async move { replay.run("op1", &seen, halt).await });

    let mut quickly = Vec::new();
    while quickly.len() < 2_500 {
        quickly.extend(settle(&mut *quick, 500).await);
        sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(quickly, ids(0..EVENTS), "each once and in order");
    let held_up = progress.read();
    assert_eq!(held_up.held_up_by, ["shop/t"], "{held_up:?}");
    assert!(held_up.reached.is_some(), "{held_up:?}");
    sleep(Duration::from_secs(3_600)).await;
    assert!(!running.is_finished());
    let waiting = scene.store.books("t").pending;
    assert!((1..=1_100).contains(&waiting), "{waiting} wait");

    let mut slowly = Vec::new();
    while slowly.len() < 2_500 {
        slowly.extend(settle(&mut *slow, 100).await);
        sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(slowly, ids(0..EVENTS), "each once and in order");
    running.await.unwrap().unwrap();
    let done = progress.read();
    assert_eq!(
        counts(&done),
        [EVENTS, 2 * EVENTS, 0],
        "each is looked at once"
    );
    assert!(done.held_up_by.is_empty(), "{done:?}");
}

#[tokio::test(start_paused = true)]
async fn a_limit_a_rate_and_a_dry_run_are_kept_to() {
    let scene = Scene::new().await;
    let mut t = scene.through_with("t", 1, 100).await;
    let conduct = |per_second, limit, dry_run| Conduct {
        per_second,
        limit,
        dry_run,
    };
    for (conduct, done, given) in [
        (conduct(None, None, true), 100, 0),
        (conduct(Some(1.0), Some(7), true), 7, 0),
        (conduct(None, Some(7), false), 7, 7),
        (conduct(Some(10.0), None, false), 100, 100),
    ] {
        let began = Instant::now();
        let told = format!("{conduct:?}");
        let paced = !conduct.dry_run && conduct.per_second.is_some();
        let progress = run(scene.replay(&[("t", 1)], &EventFilter::default(), conduct)).await;
        assert_eq!(progress.done, done, "{told}");
        assert_eq!(settle(&mut *t, 500).await.len(), given, "{told}");
        let took = began.elapsed().as_secs();
        assert_eq!(took, if paced { 9 } else { 0 }, "{told}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_accepted_after_the_beginning_is_not_meant() {
    let scene = Scene::new().await;
    let mut t = scene.through_with("t", 1, 10).await;
    let replay = scene.replay(&[("t", 1)], &EventFilter::default(), Conduct::default());
    sleep(Duration::from_secs(1)).await;
    scene.store.append("t", 10..20).await;
    settle(&mut *t, 10).await;
    assert_eq!(run(replay).await.done, 10);
}

#[tokio::test(start_paused = true)]
async fn a_trigger_that_is_deleted_meanwhile_ends_its_part_alone() {
    let scene = Scene::new().await;
    let _t = scene.through_with("t", 1, 10).await;
    let _u = scene.through_with("u", 2, 10).await;
    let replay = scene.replay(
        &[("t", 1), ("u", 2)],
        &EventFilter::default(),
        Conduct::default(),
    );
    scene.store.channel.delete("t").await;
    assert_eq!(run(replay).await.done, 10);
    assert_eq!(scene.store.books("u").replayed, 10);
}

#[tokio::test(start_paused = true)]
async fn a_halt_leaves_the_rest_as_it_was_and_says_where_to_go_on() {
    let scene = Scene::new().await;
    let _t = scene.through_with("t", 1, 3_000).await;
    let replay = scene.replay(&[("t", 1)], &EventFilter::default(), Conduct::default());
    let (stopper, halt) = halting();
    let progress = Progress::default();
    let running = replay.run("op1", &progress, halt);
    let halting = async {
        sleep(Duration::from_secs(1)).await;
        stopper.stop();
    };
    let (ended, ()) = tokio::join!(running, halting);
    assert_eq!(ended, Err(Ended::Halted));
    let progress = progress.read();
    let replayed = scene.store.books("t").replayed;
    assert_eq!(progress.done, replayed);
    assert_eq!(
        progress.reached,
        Some(replayed.to_string()),
        "positions are ids here"
    );
}

#[test]
fn damage_that_a_later_walk_meets_again_is_counted_once() {
    let at = |offset| Position {
        partition: 0,
        offset,
    };
    for (lost_to, from, counts) in [
        (LostTo::Nothing, Start::Earliest, true),
        (LostTo::Nothing, Start::At(at(7)), true),
        (LostTo::Position(at(7)), Start::Earliest, false),
        (LostTo::Position(at(7)), Start::At(at(6)), false),
        (LostTo::Position(at(7)), Start::At(at(7)), true),
        (LostTo::TheEnd, Start::At(at(7)), false),
    ] {
        assert_eq!(lost_to.is_before(from), counts, "{lost_to:?} {from:?}");
    }
}
