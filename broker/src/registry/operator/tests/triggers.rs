//! Triggers: edited in place, paused, deleted, and in any order with their broker.

use super::*;
use crate::readiness::{Phase, Readiness};

const PAUSED: &str = "sluicegate.dev/paused: \"true\"";
const OF_T: &str = "{attributes: {type: t}}";

fn paused(name: &str) -> String {
    trigger_with(name, OF_T, &format!("uri: http://{name}/"), PAUSED, "{}")
}

#[tokio::test(start_paused = true)]
async fn an_edited_trigger_keeps_its_identity_and_what_waits_for_it() {
    let mut bench = Bench::new();
    bench.subscribers.react("a", Reaction::Answer(503));
    let orders = broker("orders");
    bench.apply(&[&orders, &trigger("a")]).await;
    let uid = bench.uid("a");
    bench.send("orders", "1").await.unwrap();
    pass(5).await;
    assert_eq!(bench.books("a").pending, 1);

    let elsewhere = trigger_with("a", OF_T, "uri: http://b/", "", "{timeout: PT1S}");
    bench.apply(&[&orders, &elsewhere]).await;
    assert_eq!(bench.uid("a"), uid);
    pass(60_000).await;
    bench.assert_sent("http://b/", &["1"]);
    assert_eq!(bench.books("a").delivered, 1);
    let delivery = &bench.trigger("a").delivery;
    assert_eq!(delivery.timeout, Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn an_edited_filter_judges_what_comes_from_then_on() {
    let mut bench = Bench::new();
    let orders = broker("orders");
    bench.apply(&[&orders, &trigger("a"), &trigger("b")]).await;
    bench.send_of_type("orders", "1", "t").await.unwrap();
    bench.send_of_type("orders", "2", "u").await.unwrap();
    pass(5).await;
    let edited = trigger_with("a", "{attributes: {type: u}}", "uri: http://a/", "", "{}");
    bench.apply(&[&orders, &edited, &trigger("b")]).await;
    bench.send_of_type("orders", "3", "t").await.unwrap();
    bench.send_of_type("orders", "4", "u").await.unwrap();
    pass(5).await;
    bench.assert_sent("http://a/", &["1", "4"]);
    bench.assert_sent("http://b/", &["1", "3"]);
    let books = bench.books("a");
    assert_eq!((books.accepted, books.filtered, books.delivered), (4, 2, 2));
}

#[tokio::test(start_paused = true)]
async fn a_paused_trigger_collects_and_goes_on_when_resumed() {
    let mut bench = Bench::new();
    let orders = broker("orders");
    // Paused when it is begun, and paused by an edit.
    bench.apply(&[&orders, &paused("a"), &trigger("b")]).await;
    bench.apply(&[&orders, &paused("a"), &paused("b")]).await;
    bench.send("orders", "1").await.unwrap();
    pass(1_000).await;
    for name in ["a", "b"] {
        bench.assert_sent(&format!("http://{name}/"), &[]);
        assert_eq!(bench.status(name).waiting, 1);
        assert!(!bench.status(name).paused, "that is for commands");
    }
    bench.apply(&[&orders, &trigger("a"), &trigger("b")]).await;
    pass(5).await;
    bench.assert_sent("http://a/", &["1"]);
    bench.assert_sent("http://b/", &["1"]);
}

#[tokio::test(start_paused = true)]
async fn a_trigger_goes_on_once_neither_its_manifest_nor_a_command_pauses_it() {
    let mut bench = Bench::new();
    let orders = broker("orders");
    for (id, lifted_first) in [("1", "the command"), ("2", "the manifest")] {
        bench.apply(&[&orders, &paused("a")]).await;
        bench.pause("a", true).await;
        bench.send("orders", id).await.unwrap();
        match lifted_first {
            "the command" => bench.pause("a", false).await,
            _ => bench.apply(&[&orders, &trigger("a")]).await,
        }
        pass(60_000).await;
        assert_eq!(bench.books("a").pending, 1, "{lifted_first} alone");
        bench.apply(&[&orders, &trigger("a")]).await;
        bench.pause("a", false).await;
        pass(5).await;
        assert_eq!(bench.books("a").pending, 0, "{lifted_first} first");
    }
    bench.assert_sent("http://a/", &["1", "2"]);
}

#[tokio::test(start_paused = true)]
async fn a_trigger_that_is_to_begin_at_a_time_to_come_gets_what_is_accepted_from_then_on() {
    let mut bench = Bench::new();
    let orders = broker("orders");
    let at = "sluicegate.dev/start: '1970-01-12T14:00:00Z'";
    let later = trigger_with("a", OF_T, "uri: http://a/", at, "{}");
    bench.apply(&[&orders, &later, &trigger("b")]).await;
    assert_eq!(bench.reason("a"), Some("StartsLater"));
    let told = bench.trigger("a").condition.message().unwrap().to_owned();
    assert!(told.contains("1970-01-12T14:00:00"), "{told}");
    bench.send("orders", "1").await.unwrap();
    assert!(!bench.operator.has_unfinished());

    pass(800_000).await;
    assert!(bench.operator.has_unfinished(), "its time has come");
    bench.apply(&[&orders, &later, &trigger("b")]).await;
    assert_eq!(bench.reason("a"), None);
    bench.send("orders", "2").await.unwrap();
    pass(5).await;
    bench.assert_sent("http://a/", &["2"]);
    bench.assert_sent("http://b/", &["1", "2"]);
}

#[tokio::test(start_paused = true)]
async fn no_edit_of_a_manifest_ends_what_a_command_paused() {
    let mut bench = Bench::new();
    let orders = broker("orders");
    bench.apply(&[&orders, &trigger("a")]).await;
    bench.pause("a", true).await;
    let elsewhere = trigger_with("a", OF_T, "uri: http://b/", "", "{timeout: PT1S}");
    bench.apply(&[&orders, &elsewhere]).await;
    bench.send("orders", "1").await.unwrap();
    pass(60_000).await;
    assert!(bench.status("a").paused);
    assert_eq!((bench.books("a").pending, bench.subscribers.sent()), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_deleted_trigger_stops_at_once_and_its_end_is_remembered() {
    let mut bench = Bench::new();
    bench.subscribers.react("a", Reaction::Hang);
    let orders = broker("orders");
    bench.apply(&[&orders, &trigger("a"), &trigger("b")]).await;
    let uid = bench.uid("a");
    for id in ["1", "2", "3"] {
        bench.send("orders", id).await.unwrap();
    }
    pass(5).await;
    let before = bench.subscribers.sent_to("http://a/").len();
    let begun = Instant::now();
    bench.apply(&[&orders, &trigger("b")]).await;
    assert!(
        begun.elapsed() < Duration::from_secs(1),
        "G16: within a second"
    );
    assert!(!bench.registry.table().triggers.contains_key(&name("a")));
    bench.send("orders", "4").await.unwrap();
    pass(60_000).await;
    assert_eq!(bench.subscribers.sent_to("http://a/").len(), before);
    bench.assert_sent("http://b/", &["1", "2", "3", "4"]);
    let books = bench.figures("a").unwrap();
    assert_eq!((books.accepted, books.cancelled), (3, 3));

    // Made again it is another trigger, that begins with what comes next; the metrics add up both.
    bench.subscribers.react("a", Reaction::Answer(200));
    bench.apply(&[&orders, &trigger("a"), &trigger("b")]).await;
    assert_ne!(bench.uid("a"), uid);
    bench.send("orders", "5").await.unwrap();
    pass(5).await;
    assert_eq!(bench.books("a").accepted, 1);
    let books = bench.figures("a").unwrap();
    assert_eq!(
        (books.accepted, books.cancelled, books.delivered),
        (4, 3, 1)
    );
}

#[tokio::test(start_paused = true)]
async fn a_thousand_triggers_that_are_deleted_together_stop_together() {
    let mut bench = Bench::new();
    let orders = broker("orders");
    let names: Vec<_> = (0..1_000).map(|number| format!("t{number}")).collect();
    let triggers: Vec<_> = names.iter().map(|name| trigger(name)).collect();
    for name in &names {
        bench.subscribers.react(name, Reaction::Hang);
    }
    let mut all = vec![&*orders];
    all.extend(triggers.iter().map(String::as_str));
    bench.apply(&all).await;
    bench.send("orders", "1").await.unwrap();
    pass(5).await;
    let begun = Instant::now();
    bench.apply(&[&orders]).await;
    assert!(begun.elapsed() < Duration::from_secs(1));
    assert!(
        names
            .iter()
            .all(|name| bench.figures(name).unwrap().cancelled == 1)
    );
    assert_eq!(
        bench.registry.table().brokers[&name("orders")]
            .channel
            .describe()
            .events,
        0
    );
}

#[tokio::test(start_paused = true)]
async fn series_of_deleted_triggers_are_bounded_by_those_that_are_remembered() {
    let mut bench = Bench::new();
    let orders = broker("orders");
    for round in 0..3 {
        let names = (0..500).map(|number| format!("r{round}-{number}"));
        let triggers: Vec<_> = names.map(|name| trigger(&name)).collect();
        let mut all = vec![&*orders];
        all.extend(triggers.iter().map(String::as_str));
        bench.apply(&all).await;
        bench.send("orders", &round.to_string()).await.unwrap();
        pass(5).await;
    }
    bench.apply(&[&orders]).await;
    let text = bench.metrics.render();
    let attempts = "sluicegate_delivery_attempts_total{";
    let series = text
        .lines()
        .filter(|line| line.starts_with(attempts))
        .count();
    assert_eq!(series, 1_000);
    assert!(!text.contains("\"r0-"), "the first round is forgotten");
}

#[tokio::test(start_paused = true)]
async fn what_was_discarded_stays_counted_when_its_trigger_is_deleted_and_made_again() {
    let mut bench = Bench::new();
    bench.subscribers.react("a", Reaction::Answer(400));
    let orders = broker("orders");
    for round in 1..=2 {
        bench.apply(&[&orders, &trigger("a")]).await;
        bench.send("orders", "1").await.unwrap();
        pass(5).await;
        let table = bench.registry.table();
        let channel = &table.brokers[&name("orders")].channel;
        let letter = channel.dead_letters(None, None, 1).await.remove(0);
        assert!(channel.discard(&letter.key).await.unwrap());
        let labels = "namespace=\"shop\",trigger=\"a\",reason=\"operator\"";
        let counted = format!("sluicegate_discarded_events_total{{{labels}}} {round}\n");
        let running = bench.metrics.render();
        assert!(running.contains(&counted), "{running}");
        bench.apply(&[&orders]).await;
        let deleted = bench.metrics.render();
        assert!(deleted.contains(&counted), "{deleted}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_trigger_may_come_before_its_broker() {
    let mut bench = Bench::new();
    bench.apply(&[&trigger("a")]).await;
    assert_eq!(bench.reason("a"), Some("BrokerDoesNotExist"));
    assert!(bench.trigger("a").service.is_none());
    let orders = broker("orders");
    bench.apply(&[&trigger("a"), &orders]).await;
    assert_eq!(bench.reason("a"), None);
    bench.send("orders", "1").await.unwrap();
    pass(5).await;
    bench.assert_sent("http://a/", &["1"]);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_resolved_waits_and_is_delivered_once_it_can() {
    let mut bench = Bench::new();
    let orders = broker("orders");
    let reference = "ref: {apiVersion: v1, kind: Service, name: billing}";
    let unresolved = trigger_with("a", OF_T, reference, "", "{}");
    bench.apply(&[&orders, &unresolved]).await;
    assert_eq!(bench.reason("a"), Some("SubscriberNotResolved"));
    assert_eq!(bench.trigger("a").condition.code(), Some("W007"));
    bench.send("orders", "1").await.unwrap();
    pass(60_000).await;
    assert_eq!(
        bench.status("a").waiting,
        1,
        "it waits, and burns no attempts"
    );
    bench.apply(&[&orders, &trigger("a")]).await;
    assert_eq!(bench.reason("a"), None);
    pass(5).await;
    bench.assert_sent("http://a/", &["1"]);
}

#[tokio::test(start_paused = true)]
async fn a_dead_letter_sink_that_cannot_be_resolved_parks_and_says_so() {
    let mut bench = Bench::new();
    bench.subscribers.react("a", Reaction::Answer(400));
    let orders = broker("orders");
    let sink = "{deadLetterSink: {ref: {apiVersion: v1, kind: Service, name: morgue}}}";
    let unresolved = trigger_with("a", OF_T, "uri: http://a/", "", sink);
    bench.apply(&[&orders, &unresolved]).await;
    assert_eq!(bench.reason("a"), Some("DeadLetterSinkNotResolved"));
    bench.send("orders", "1").await.unwrap();
    pass(5).await;
    assert_eq!(bench.books("a").parked, 1);
}

#[tokio::test(start_paused = true)]
async fn references_lead_through_the_map_and_to_our_own_brokers_by_the_door() {
    let entry = ("v1/Service/shop/billing", "http://mapped/events");
    let mut options = options();
    options.resolve = ResolveMap::new(vec![(entry.0.to_owned(), entry.1.to_owned())]).unwrap();
    let mut bench = Bench::with(options, Identities::in_memory());
    let service = "ref: {apiVersion: v1, kind: Service, name: billing}";
    let own = "ref: {apiVersion: eventing.knative.dev/v1, kind: Broker, name: audit}";
    bench
        .apply(&[
            &broker("orders"),
            &trigger_with("a", OF_T, service, "", "{}"),
            &trigger_with("b", OF_T, own, "", "{}"),
        ])
        .await;
    bench.send("orders", "1").await.unwrap();
    pass(5).await;
    bench.assert_sent("http://mapped/events", &["1"]);
    bench.assert_sent("http://door:8080/shop/audit", &["1"]);
}

#[tokio::test(start_paused = true)]
async fn a_trigger_without_an_identity_is_not_ready_and_is_once_it_has_one() {
    let dir = TempDir::new();
    let blocker = dir.path().join("identities.json.new");
    std::fs::create_dir(&blocker).unwrap();
    let identities = Identities::open(dir.path()).unwrap();
    let mut bench = Bench::with(options(), identities);
    let orders = broker("orders");
    let readiness = Readiness::default();
    readiness.enter(Phase::Serving);
    bench.apply(&[&orders]).await;
    assert!(readiness.is_ready(&bench.registry));
    bench.apply(&[&orders, &trigger("a")]).await;
    assert_eq!(bench.reason("a"), Some("NotSubscribed"));
    assert!(bench.operator.has_unfinished());
    assert!(!readiness.is_ready(&bench.registry));
    std::fs::remove_dir(&blocker).unwrap();
    bench.apply(&[&orders, &trigger("a")]).await;
    assert_eq!(bench.reason("a"), None);
    assert!(!bench.operator.has_unfinished());
    assert!(readiness.is_ready(&bench.registry));
    bench.send("orders", "1").await.unwrap();
    pass(5).await;
    bench.assert_sent("http://a/", &["1"]);
}

#[tokio::test(start_paused = true)]
async fn what_is_accepted_once_a_trigger_is_shown_as_ready_reaches_it() {
    let mut bench = Bench::new();
    let orders = broker("orders");
    let mut manifests = vec![orders];
    for round in 0..50 {
        manifests.push(trigger(&format!("t{round}")));
        let all: Vec<_> = manifests.iter().map(String::as_str).collect();
        bench.apply(&all).await;
        bench.send("orders", &round.to_string()).await.unwrap();
    }
    pass(5).await;
    for round in 0..50 {
        let sent = bench.subscribers.sent_to(&format!("http://t{round}/"));
        assert_eq!(sent.len(), 50 - round, "from the event that followed it on");
    }
}

#[tokio::test(start_paused = true)]
async fn an_apply_that_says_nothing_new_disturbs_no_worker() {
    let mut bench = Bench::new();
    let (orders, a) = (broker("orders"), trigger("a"));
    bench.apply(&[&orders, &a]).await;
    let before = bench.trigger("a").service.clone().unwrap();
    bench.apply(&[&orders, &a, &trigger("b")]).await;
    let after = bench.trigger("a").service.clone().unwrap();
    assert!(Arc::ptr_eq(&before.plan, &after.plan));
}

/// Identities are one write and filters one swap per broker, so that many new triggers cost
/// as many times what one costs, and not the square of it.
#[tokio::test(start_paused = true)]
async fn two_thousand_triggers_are_begun_with_one_write_and_end_with_one() {
    let dir = TempDir::new();
    let identities = Identities::open(dir.path()).unwrap();
    let mut bench = Bench::with(options(), identities);
    let orders = broker("orders");
    let triggers: Vec<_> = (0..2_000).map(|it| trigger(&format!("t{it}"))).collect();
    let mut all = vec![&*orders];
    all.extend(triggers.iter().map(String::as_str));
    let written = || std::fs::metadata(dir.path().join("identities.json")).map(|it| it.len());
    bench.apply(&all).await;
    assert_eq!(bench.registry.table().triggers.len(), 2_000);
    assert!(written().unwrap() > 60_000);
    bench.send("orders", "1").await.unwrap();
    pass(100).await;
    assert_eq!(bench.subscribers.sent.lock().len(), 2_000);
    bench.apply(&[&orders]).await;
    assert!(written().unwrap() < 10);
}

#[tokio::test(start_paused = true)]
async fn dead_letters_that_lie_for_long_are_seen_in_the_metrics() {
    use crate::metrics::figures::FiguresSource as _;
    let mut bench = Bench::new();
    bench.subscribers.react("a", Reaction::Answer(400));
    bench.apply(&[&broker("orders"), &trigger("a")]).await;
    let watching = super::super::super::lying::watch(Arc::downgrade(&bench.registry));
    let watching = tokio::spawn(watching);
    bench.send("orders", "1").await.unwrap();
    let lying = || bench.registry.figures().triggers[0].lying_seconds;
    pass(400_000).await;
    assert!((399.0..401.0).contains(&lying()), "{}", lying());

    let view = bench.trigger("a");
    let channel = &bench.registry.table().brokers[&view.broker()].channel;
    let letter = channel.dead_letters(None, None, 1).await.remove(0);
    assert_eq!(channel.discard(&letter.key).await, Ok(true));
    assert!(lying().abs() < f64::EPSILON, "at once");
    watching.abort();
}
