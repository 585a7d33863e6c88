//! Brokers on disk: what a restart, a deletion and a folder that cannot be opened do to them.

use std::path::Path;

use sluicegate_resources::DiskConfig;

use super::*;
use crate::manifests::Review;

/// How long anything may take that is not instant.
const PATIENCE: Duration = Duration::from_secs(20);

/// Small enough that a test costs little.
fn on_disk(data: &Path) -> OperatorOptions {
    let small = 1 << 20;
    let disk = DiskConfig {
        reserve_bytes: 0,
        free_bytes_min: 0,
        free_percent_min: 0,
        segment_bytes: small.try_into().unwrap(),
        ..DiskConfig::default()
    };
    OperatorOptions {
        default_channel: ChannelConfig::Disk(disk),
        data: Some(data.to_owned()),
        ..options()
    }
}

/// A server that starts on `data`.
fn started(data: &Path) -> Bench {
    Bench::with(on_disk(data), Identities::open(data).unwrap())
}

impl Bench {
    /// Looks at the manifests, valid or not, and applies what is in force of them.
    async fn look(&mut self, manifests: &[&str]) -> Review {
        let folder = folder(manifests);
        let review = self.catalog.review(&folder, self.registry.clock().now());
        self.operator.apply(&self.catalog.objects()).await;
        review
    }

    async fn stop(mut self) -> Left {
        self.operator.stop(Duration::from_secs(1)).await
    }

    async fn until(&self, what: &str, is_so: impl Fn(&Bench) -> bool) {
        let begun = Instant::now();
        while !is_so(self) {
            assert!(begun.elapsed() < PATIENCE, "waited in vain until {what}");
            pass(5).await;
        }
    }

    fn has_uid(&self, trigger: &str) -> bool {
        self.operator.parts.identities.get(&name(trigger)).is_some()
    }

    /// The names of the broker's subscriptions.
    fn subscriptions(&self, broker: &str) -> Vec<String> {
        let status = self.registry.table().brokers[&name(broker)]
            .channel
            .describe();
        let names = status.subscriptions.iter();
        names.map(|it| it.name.to_string()).collect()
    }
}

impl Bench {
    /// Why a trigger is not in force, and the books of what is kept for it.
    fn kept(&self, trigger: &str) -> (Option<&'static str>, Books) {
        let standing = self.registry.standing();
        let kept = &standing.table.kept[&name(trigger)];
        let books = standing.kept_subscription(kept).unwrap().books;
        assert!(books.balance(), "{books:?}");
        (kept.condition.reason(), books)
    }
}

/// Lets so much time pass that what is missing counts as deleted.
async fn missed() {
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(1)).await;
    tokio::time::resume();
}

/// A server with two triggers, of which `a` has an event that was not delivered, stopped.
async fn with_backlog(data: &Path) {
    let mut bench = started(data);
    bench.subscribers.react("a", Reaction::Answer(503));
    bench
        .apply(&[&broker("orders"), &trigger("a"), &trigger("b")])
        .await;
    bench.send("orders", "1").await.unwrap();
    bench
        .until("b has its event", |it| it.books("b").delivered == 1)
        .await;
    bench
        .until("a was tried", |it| {
            !it.subscribers.sent_to("http://a/").is_empty()
        })
        .await;
    let left = bench.stop().await;
    assert_eq!(left, Left { lost: 0, kept: 1 });
}

#[tokio::test]
async fn a_trigger_goes_on_after_a_restart_where_it_was() {
    let data = TempDir::new();
    with_backlog(data.path()).await;
    let mut bench = started(data.path());
    bench
        .apply(&[&broker("orders"), &trigger("a"), &trigger("b")])
        .await;
    bench.send("orders", "2").await.unwrap();
    bench
        .until("both have all", |it| {
            it.books("a").delivered == 2 && it.books("b").delivered == 2
        })
        .await;
    bench.assert_sent("http://b/", &["2"]);
    assert!(!bench.operator.has_unfinished());
    bench.stop().await;
}

#[tokio::test]
async fn a_trigger_that_was_deleted_during_the_stop_ends_with_its_backlog() {
    let data = TempDir::new();
    with_backlog(data.path()).await;
    let mut bench = started(data.path());
    let left = [&*broker("orders"), &trigger("b")];
    bench.look(&left).await;
    // An editor may be about to save it.
    assert_eq!(bench.subscriptions("orders").len(), 2);
    assert!(bench.operator.has_unfinished());
    missed().await;
    bench.look(&left).await;
    assert_eq!(bench.subscriptions("orders").len(), 1);
    assert!(!bench.has_uid("a") && bench.has_uid("b"));
    assert!(!bench.operator.has_unfinished());
    bench.stop().await;
}

/// G16: what is wrong with a manifest costs its trigger nothing.
#[tokio::test]
async fn a_trigger_whose_manifest_is_invalid_at_a_restart_keeps_its_backlog() {
    let invalid = trigger("a").replace("filter:", "fitler:");
    let unreadable = trigger("a").replace("kind: Trigger", "kind: [");
    for (wrong, reason_wanted) in [
        (invalid, "ManifestInvalid"),
        (unreadable, "ManifestMissing"),
    ] {
        let data = TempDir::new();
        with_backlog(data.path()).await;
        let mut bench = started(data.path());
        let orders = broker("orders");
        let review = bench.look(&[&orders, &wrong, &trigger("b")]).await;
        assert!(review.has_errors(), "{wrong}");
        missed().await;
        bench.look(&[&orders, &wrong, &trigger("b")]).await;
        bench.send("orders", "2").await.unwrap();
        bench
            .until("a's backlog is shown", |it| it.kept("a").1.pending == 2)
            .await;
        let (reason, books) = bench.kept("a");
        assert_eq!(reason, Some(reason_wanted), "{wrong}");
        assert_eq!(bench.figures("a"), Some(books));
        bench.look(&[&orders, &trigger("a"), &trigger("b")]).await;
        assert!(bench.registry.table().kept.is_empty());
        bench
            .until("a has all", |it| it.books("a").delivered == 2)
            .await;
        bench.stop().await;
    }
}

#[tokio::test]
async fn a_folder_of_manifests_that_is_not_there_yet_costs_nobody_anything() {
    let data = TempDir::new();
    with_backlog(data.path()).await;
    let mut bench = started(data.path());
    for _ in 0..2 {
        let now = bench.registry.clock().now();
        bench.catalog.review(&Folder::default(), now);
        bench.operator.apply(&bench.catalog.objects()).await;
        missed().await;
    }
    assert!(bench.has_uid("a"));
    bench
        .apply(&[&broker("orders"), &trigger("a"), &trigger("b")])
        .await;
    bench
        .until("a has its event", |it| it.books("a").delivered == 1)
        .await;
    bench.stop().await;
}

#[tokio::test]
async fn a_lost_or_older_file_of_uids_costs_no_backlog() {
    for older in [None, Some("{\"shop/c\": \"01\"}")] {
        let data = TempDir::new();
        with_backlog(data.path()).await;
        let uids = data.path().join("identities.json");
        match older {
            None => std::fs::remove_file(&uids).unwrap(),
            Some(older) => std::fs::write(&uids, older).unwrap(),
        }
        let mut bench = started(data.path());
        bench
            .apply(&[&broker("orders"), &trigger("a"), &trigger("b")])
            .await;
        bench
            .until("a has its event", |it| it.books("a").delivered == 1)
            .await;
        assert_eq!(bench.subscriptions("orders").len(), 2, "{older:?}");
        bench.stop().await;
    }
}

#[tokio::test]
async fn a_trigger_that_is_deleted_while_its_broker_is_gone_is_another_later() {
    let data = TempDir::new();
    with_backlog(data.path()).await;
    let mut bench = started(data.path());
    bench.look(&[&trigger("b")]).await;
    missed().await;
    bench.look(&[&trigger("b")]).await;
    assert!(!bench.has_uid("a") && bench.has_uid("b"));
    bench.stop().await;
    let mut bench = started(data.path());
    bench
        .apply(&[&broker("orders"), &trigger("a"), &trigger("b")])
        .await;
    bench.send("orders", "2").await.unwrap();
    bench
        .until("both have it", |it| {
            it.books("a").delivered == 1 && it.books("b").delivered == 2
        })
        .await;
    bench.assert_sent("http://a/", &["2"]);
    bench.stop().await;
}

#[tokio::test]
async fn a_broker_that_is_deleted_leaves_its_folder_and_its_triggers_their_places() {
    let data = TempDir::new();
    let mut bench = started(data.path());
    bench.subscribers.react("a", Reaction::Answer(503));
    let orders = broker("orders");
    bench.apply(&[&orders, &trigger("a"), &trigger("b")]).await;
    bench.send("orders", "1").await.unwrap();
    bench
        .until("b has its event", |it| it.books("b").delivered == 1)
        .await;
    let uid = bench.uid("a");

    bench.apply(&[&trigger("a")]).await;
    assert_eq!(bench.reason("a"), Some("BrokerDoesNotExist"));
    assert!(data.path().join("brokers/shop/orders").is_dir());

    bench.subscribers.react("a", Reaction::Answer(200));
    bench.apply(&[&orders, &trigger("a"), &trigger("b")]).await;
    assert_eq!(bench.uid("a"), uid);
    bench
        .until("a has its event", |it| it.books("a").delivered == 1)
        .await;
    // The manifest of `b` was gone, too, so this is another.
    assert_eq!(bench.books("b"), Books::default());
    bench.stop().await;
}

#[tokio::test]
async fn a_channel_that_cannot_be_opened_stops_no_other_and_is_tried_again() {
    let data = TempDir::new();
    let in_the_way = data.path().join("brokers/shop/orders");
    std::fs::create_dir_all(in_the_way.parent().unwrap()).unwrap();
    std::fs::write(&in_the_way, "").unwrap();
    let mut bench = started(data.path());
    bench.apply(&[&broker("orders")]).await;
    assert!(bench.registry.table().serves_none_for_its_files());
    let manifests = [&*broker("orders"), &broker("others"), &trigger("a")];
    bench.apply(&manifests).await;
    assert!(!bench.registry.table().serves_none_for_its_files());
    let condition = bench.registry.table().unserved[&name("orders")].clone();
    assert_eq!(condition.reason(), Some("ChannelNotOpened"));
    assert!(condition.message().unwrap().contains("brokers/shop/orders"));
    assert_eq!(bench.reason("a"), Some("BrokerNotReady"));
    bench.send("others", "1").await.unwrap();

    std::fs::remove_file(&in_the_way).unwrap();
    bench.apply(&manifests).await;
    assert!(!bench.operator.has_unfinished(), "it waits");
    assert!(!bench.registry.table().unserved.is_empty());
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(10)).await;
    tokio::time::resume();
    assert!(bench.operator.has_unfinished());
    bench.apply(&manifests).await;
    assert_eq!(bench.reason("a"), None);
    bench.send("orders", "2").await.unwrap();
    bench.stop().await;
}

#[tokio::test]
async fn a_channel_on_disk_needs_a_data_folder() {
    let options = OperatorOptions {
        data: None,
        ..on_disk(Path::new("/"))
    };
    let mut bench = Bench::with(options, Identities::in_memory());
    bench.apply(&[&broker("orders")]).await;
    let condition = bench.registry.table().unserved[&name("orders")].clone();
    assert_eq!(condition.reason(), Some("NoDataFolder"));
    assert!(condition.message().unwrap().contains("--data"));
}

/// What went with the process may be sent again, and is no duplicate then.
#[tokio::test]
async fn what_finds_duplicates_is_kept_only_where_events_are() {
    let data = TempDir::new();
    let options = OperatorOptions {
        deduplicate: Some(Default::default()),
        ..on_disk(data.path())
    };
    let mut bench = Bench::with(options, Identities::open(data.path()).unwrap());
    let reference = "{config: {apiVersion: sluicegate.dev/v1alpha1, kind: BrokerConfig, name: c}}";
    let memory = broker_config("c", "{channel: {memory: {}}}");
    let quick = broker_with("quick", reference);
    bench.apply(&[&broker("orders"), &quick, &memory]).await;
    let is_kept = |broker| {
        let running = Arc::clone(&bench.registry.table().brokers[&name(broker)]);
        running.entry.deduplication.as_ref().unwrap().is_kept()
    };
    assert!(is_kept("orders") && !is_kept("quick"));
    assert!(!data.path().join("brokers/shop/quick/seen").exists());
    bench.stop().await;
}

#[tokio::test]
async fn a_broker_that_runs_keeps_its_kind_of_channel() {
    let data = TempDir::new();
    let mut bench = started(data.path());
    let reference = "{config: {apiVersion: sluicegate.dev/v1alpha1, kind: BrokerConfig, name: c}}";
    let orders = broker_with("orders", reference);
    let disk = "{channel: {disk: {reserveBytes: 0, minFreeBytes: 0, minFreePercent: 0}}}";
    bench.apply(&[&orders, &broker_config("c", disk)]).await;
    // It is deleted, so that another of its name is no change of it.
    bench.apply(&[&orders]).await;
    let memory = broker_config("c", "{channel: {memory: {}}, limits: {maxHops: 3}}");
    bench.apply(&[&orders, &memory]).await;
    let running = Arc::clone(&bench.registry.table().brokers[&name("orders")]);
    assert_eq!(running.channel.describe().class, DurabilityClass::Disk);
    assert_eq!(running.entry.hops_max, 32, "all of the last configuration");
    bench.stop().await;
}

/// G14: what is on disk need not be delivered before the end.
#[tokio::test]
async fn a_drain_waits_for_attempts_and_not_for_what_is_on_disk() {
    let data = TempDir::new();
    let mut bench = started(data.path());
    let slow = Reaction::After(Duration::from_millis(300), 200);
    bench.subscribers.react("a", slow);
    let one = "sluicegate.dev/max-in-flight: \"1\"";
    let a = trigger_with("a", "{attributes: {type: t}}", "uri: http://a/", one, "{}");
    bench.apply(&[&broker("orders"), &a]).await;
    for id in ["1", "2", "3", "4"] {
        bench.send("orders", id).await.unwrap();
    }
    bench
        .until("an attempt runs", |it| {
            !it.subscribers.sent_to("http://a/").is_empty()
        })
        .await;
    bench.operator.drain(Instant::now() + PATIENCE).await;
    bench.assert_sent("http://a/", &["1"]);
    assert_eq!(bench.books("a").delivered, 1);
    assert_eq!(bench.stop().await, Left { lost: 0, kept: 3 });
}
