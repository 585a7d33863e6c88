//! Dead letters that lie for longer than they may (G6).

use std::sync::Arc;
use std::sync::atomic::Ordering;

use sluicegate_resources::{DeadLetters, WhenExpired};
use tokio::task::JoinHandle;

use super::*;
use crate::registry::lying;
use crate::registry::{Condition, KeptPlace, KeptTrigger};

mod reluctant;

const DAY_MS: u64 = 24 * 3_600 * 1_000;

fn old_after_30_days(when_expired: WhenExpired) -> OperatorOptions {
    OperatorOptions {
        dead_letters: DeadLetters {
            age_max: Some(Duration::from_millis(30 * DAY_MS)),
            when_expired: Some(when_expired),
        },
        ..options()
    }
}

/// One event is parked for each of `a` and `b`; another for `b` ten days later.
async fn lying(when_expired: WhenExpired) -> (Bench, JoinHandle<()>) {
    let mut bench = Bench::with(old_after_30_days(when_expired), Identities::in_memory());
    for name in ["a", "b"] {
        bench.subscribers.react(name, Reaction::Answer(400));
    }
    let watching = tokio::spawn(lying::watch(Arc::downgrade(&bench.registry)));
    let (orders, a, b) = (broker("orders"), trigger("a"), trigger("b"));
    bench.apply(&[&orders, &a, &b]).await;
    bench.send("orders", "1").await.unwrap();
    pass(10 * DAY_MS).await;
    bench.subscribers.react("a", Reaction::Answer(200));
    bench.send("orders", "2").await.unwrap();
    pass(1_000).await;
    (bench, watching)
}

impl Bench {
    /// Why the door of `orders` takes nothing.
    fn refused(&self) -> Option<String> {
        let table = self.registry.table();
        let broker = &table.brokers[&name("orders")];
        let why = broker.entry.unattended.why()?;
        let condition = broker.condition();
        assert_eq!(condition.reason(), Some("DeadLettersTooOld"));
        assert!(condition.message().unwrap().contains(&why.detail));
        Some(why.detail.clone())
    }

    /// All that the history says of an event.
    fn story(&self, broker: &str, id: &str) -> String {
        let table = self.registry.table();
        let history = table.brokers[&name(broker)].history.as_ref().unwrap();
        format!("{:?}", history.find(id).records().collect::<Vec<_>>())
    }

    fn too_old(&self, trigger: &str) -> u64 {
        use crate::metrics::figures::FiguresSource as _;
        let figures = self.registry.figures().triggers.into_iter();
        let mut found = figures.filter(|it| &*it.trigger == trigger);
        found.next().unwrap().too_old_letters
    }
}

#[tokio::test(start_paused = true)]
async fn letters_that_are_too_old_keep_new_events_out_until_someone_acts() {
    let (bench, watching) = lying(WhenExpired::Refuse).await;
    pass(20 * DAY_MS - 60_000).await;
    assert_eq!(bench.refused(), None);
    assert_eq!((bench.too_old("a"), bench.too_old("b")), (0, 0));
    pass(120_000).await;
    assert_eq!(
        bench.refused().as_deref(),
        Some(
            "dead letters have lain for longer than P30D: 1 of trigger shop/a, 1 of trigger shop/b"
        )
    );
    assert_eq!((bench.too_old("a"), bench.too_old("b")), (1, 1));

    let table = bench.registry.table();
    let channel = Arc::clone(&table.brokers[&name("orders")].channel);
    for letter in channel.dead_letters(None, None, 2).await {
        assert_eq!(letter.event.id(), "1");
        assert_eq!(channel.redrive(&letter.key).await, Ok(true));
    }
    pass(3_000).await;
    assert_eq!(bench.refused(), None, "seconds after someone has acted");
    assert_eq!(bench.books("b").parked, 2, "and lies anew");
    pass(19 * DAY_MS / 2).await;
    assert_eq!(bench.refused(), None);
    pass(DAY_MS).await;
    let why = bench.refused().unwrap();
    assert!(why.ends_with("P30D: 1 of trigger shop/b"), "{why}");
    assert_eq!(bench.books("b").parked, 2, "nothing is discarded");
    watching.abort();
}

#[tokio::test(start_paused = true)]
async fn a_broker_takes_events_again_as_soon_as_a_discard_of_what_is_too_old_has_ended() {
    use crate::operations::choice::LetterChoice;
    use crate::operations::letters::{End, Letters};
    use crate::operations::{Operations, Work};
    let (bench, watching) = lying(WhenExpired::Refuse).await;
    pass(20 * DAY_MS + 60_000).await;
    assert!(bench.refused().is_some());
    let (table, now) = (bench.registry.table(), bench.registry.clock().now());
    let all = crate::api::LetterFilter::default();
    let choice = LetterChoice::read(&all, now).unwrap();
    let (conduct, look_soon) = (Default::default(), bench.registry.look_soon());
    let letters = Letters::new(End::Discard, choice, conduct, &table, now, look_soon);
    let operations = Operations::new(bench.registry.clock());
    operations.begin(Work::Letters(letters)).unwrap();
    pass(200).await;
    assert_eq!(bench.books("b").discarded, 2);
    assert_eq!(bench.refused(), None, "before another look is due");
    watching.abort();
}

#[tokio::test(start_paused = true)]
async fn letters_that_are_too_old_are_discarded_where_that_is_asked_for_and_told() {
    let (bench, watching) = lying(WhenExpired::Discard).await;
    pass(20 * DAY_MS - 60_000).await;
    assert_eq!((bench.books("a").parked, bench.books("b").parked), (1, 2));
    pass(120_000).await;
    assert_eq!((bench.books("a").parked, bench.books("b").parked), (0, 1));
    assert_eq!(bench.status("b").discarded_by, [("age", 1)]);
    assert_eq!(bench.refused(), None);
    let story = bench.story("orders", "1");
    assert!(story.contains("longer than P30D"), "{story}");
    watching.abort();
}

#[tokio::test(start_paused = true)]
async fn nothing_is_discarded_in_the_first_day_whatever_the_clock_says() {
    // Letters of before the start, as a clock that has jumped by years shows them (G19).
    let (bench, watching) = lying(WhenExpired::Discard).await;
    watching.abort();
    pass(3_650 * DAY_MS).await;
    let watching = tokio::spawn(lying::watch(Arc::downgrade(&bench.registry)));
    pass(DAY_MS - 60_000).await;
    assert_eq!(bench.books("b").parked, 2);
    assert_eq!(bench.refused(), None, "nor is anything refused meanwhile");
    pass(120_000).await;
    assert_eq!(bench.books("b").parked, 0);
    assert_eq!(bench.refused(), None);
    watching.abort();
}

#[tokio::test(start_paused = true)]
async fn a_broker_s_own_configuration_counts_from_when_it_is_written() {
    let own = "{config: {apiVersion: sluicegate.dev/v1alpha1, kind: BrokerConfig, name: own}}";
    let (orders, a) = (broker_with("orders", own), trigger("a"));
    let config = |age_max: &str| {
        let spec = format!("{{channel: {{memory: {{}}}}, deadLetters: {{maxAge: {age_max}}}}}");
        broker_config("own", &spec)
    };
    let mut bench = Bench::with(
        old_after_30_days(WhenExpired::Refuse),
        Identities::in_memory(),
    );
    bench.subscribers.react("a", Reaction::Answer(400));
    let watching = tokio::spawn(lying::watch(Arc::downgrade(&bench.registry)));
    bench.apply(&[&orders, &a, &config("PT1H")]).await;
    bench.send("orders", "1").await.unwrap();
    pass(DAY_MS).await;
    assert!(bench.refused().unwrap().contains("PT1H"));
    for (age_max, is_refused) in [("PT0S", false), ("PT2H", true), ("P2D", false)] {
        bench.apply(&[&orders, &a, &config(age_max)]).await;
        pass(20_000).await;
        assert_eq!(bench.refused().is_some(), is_refused, "{age_max}");
    }
    watching.abort();
}

#[tokio::test(start_paused = true)]
async fn no_letter_is_discarded_that_cannot_be_read_and_each_that_can_is_told() {
    let mut bench = Bench::with(
        old_after_30_days(WhenExpired::Discard),
        Identities::in_memory(),
    );
    bench.subscribers.react("a", Reaction::Answer(400));
    bench.apply(&[&broker("orders"), &trigger("a")]).await;
    for id in 0..5 {
        bench.send("orders", &id.to_string()).await.unwrap();
    }
    let reluctant = bench.reluctant("orders");
    reluctant.page_max.store(0, Ordering::Relaxed);
    let watching = tokio::spawn(lying::watch(Arc::downgrade(&bench.registry)));
    pass(31 * DAY_MS).await;
    assert_eq!(bench.books("a").parked, 5);
    reluctant.page_max.store(2, Ordering::Relaxed);
    pass(60_000).await;
    assert_eq!(bench.books("a").parked, 0);
    for id in 0..5 {
        let story = bench.story("orders", &id.to_string());
        assert!(story.contains("longer than P30D"), "{id}: {story}");
    }
    watching.abort();
}

#[tokio::test(start_paused = true)]
async fn a_store_that_does_not_answer_holds_up_no_other_broker() {
    let mut bench = Bench::with(
        old_after_30_days(WhenExpired::Discard),
        Identities::in_memory(),
    );
    let of_zoo = trigger("b").replace("broker: orders", "broker: zoo");
    for name in ["a", "b"] {
        bench.subscribers.react(name, Reaction::Answer(400));
    }
    let (orders, zoo, a) = (broker("orders"), broker("zoo"), trigger("a"));
    bench.apply(&[&orders, &zoo, &a, &of_zoo]).await;
    for broker in ["orders", "zoo"] {
        bench.send(broker, "1").await.unwrap();
    }
    let stuck = bench.reluctant("orders");
    stuck.is_stuck.store(true, Ordering::Relaxed);
    let watching = tokio::spawn(lying::watch(Arc::downgrade(&bench.registry)));
    pass(31 * DAY_MS).await;
    assert_eq!((bench.books("a").parked, bench.books("b").parked), (1, 0));
    bench.send("zoo", "2").await.unwrap();
    pass(31 * DAY_MS).await;
    assert_eq!((bench.books("a").parked, bench.books("b").parked), (1, 0));
    assert_eq!(bench.too_old("a"), 1);
    watching.abort();
}

/// A store that does not answer is waited for while somebody changes the configuration.
#[tokio::test(start_paused = true)]
async fn a_discarding_that_stands_does_not_go_on_by_what_is_asked_for_no_more() {
    for is_changed in [false, true] {
        let mut bench = Bench::with(
            old_after_30_days(WhenExpired::Discard),
            Identities::in_memory(),
        );
        bench.subscribers.react("a", Reaction::Answer(400));
        bench.apply(&[&broker("orders"), &trigger("a")]).await;
        for id in 0..5 {
            bench.send("orders", &id.to_string()).await.unwrap();
        }
        let stuck = bench.reluctant("orders");
        stuck.page_max.store(2, Ordering::Relaxed);
        stuck.is_stuck.store(true, Ordering::Relaxed);
        let watching = tokio::spawn(lying::watch(Arc::downgrade(&bench.registry)));
        pass(31 * DAY_MS).await;
        if is_changed {
            let letters = old_after_30_days(WhenExpired::Refuse).dead_letters;
            bench.reconfigure("orders", letters);
        }
        stuck.is_stuck.store(false, Ordering::Relaxed);
        pass(60_000).await;
        // The first two had been given to the store.
        let left = if is_changed { 3 } else { 0 };
        assert_eq!(bench.books("a").parked, left, "changed: {is_changed}");
        watching.abort();
    }
}

#[tokio::test(start_paused = true)]
async fn letters_of_a_trigger_without_a_valid_manifest_get_too_old_as_well() {
    for when_expired in [WhenExpired::Refuse, WhenExpired::Discard] {
        let mut bench = Bench::with(old_after_30_days(when_expired), Identities::in_memory());
        bench.subscribers.react("a", Reaction::Answer(400));
        bench.apply(&[&broker("orders"), &trigger("a")]).await;
        bench.send("orders", "1").await.unwrap();
        pass(1_000).await;
        let view = bench.trigger("a");
        let service = view.service.as_ref().unwrap();
        let kept = KeptTrigger {
            place: Some(KeptPlace {
                broker: name("orders"),
                uid: service.uid.clone(),
                subscription: Arc::clone(&service.subscription),
            }),
            file: None,
            condition: Condition::manifest_missing(false),
        };
        let mut table = bench.copied();
        table.triggers.clear();
        table.kept.insert(name("a"), kept);
        bench.registry.swap(table);

        let watching = tokio::spawn(lying::watch(Arc::downgrade(&bench.registry)));
        pass(31 * DAY_MS).await;
        match when_expired {
            WhenExpired::Refuse => {
                assert_eq!(bench.too_old("a"), 1);
                let why = bench.refused().unwrap();
                assert!(why.ends_with("P30D: 1 of trigger shop/a"), "{why}");
            }
            WhenExpired::Discard => {
                assert_eq!(bench.too_old("a"), 0);
                assert_eq!(bench.refused(), None);
                let story = bench.story("orders", "1");
                assert!(story.contains("longer than P30D"), "{story}");
            }
        }
        watching.abort();
    }
}
