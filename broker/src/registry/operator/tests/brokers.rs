//! Brokers: default, with and without their configuration, edited and deleted.

use super::*;
use crate::ingress::{Directory as _, Found};

const SMALL: &str = "{channel: {memory: {maxEvents: 10, whenFull: refuse}}}";
const OWN_CONFIG: &str =
    "{config: {apiVersion: sluicegate.dev/v1alpha1, kind: BrokerConfig, name: small}}";

/// How many events the broker takes until it refuses one.
async fn fill(bench: &Bench, broker: &str) -> usize {
    for count in 0..1_000 {
        match bench.send(broker, &count.to_string()).await {
            Ok(()) => {}
            Err(AppendError::Full { .. }) => return count,
            Err(error) => panic!("{error}"),
        }
    }
    1_000
}

#[tokio::test(start_paused = true)]
async fn deleting_a_broker_ends_it_and_its_triggers_and_no_others() {
    let mut bench = Bench::new();
    bench.subscribers.react("a", Reaction::Hang);
    let (orders, others) = (broker("orders"), broker("others"));
    let b = trigger("b").replace("broker: orders", "broker: others");
    bench.apply(&[&orders, &others, &trigger("a"), &b]).await;
    bench.send("orders", "1").await.unwrap();
    pass(5).await;
    let channel = Arc::clone(&bench.registry.table().brokers[&name("orders")].channel);

    bench.apply(&[&others, &trigger("a"), &b]).await;
    assert_eq!(bench.reason("a"), Some("BrokerDoesNotExist"));
    assert_eq!(bench.trigger("a").condition.code(), Some("W006"));
    assert_eq!(bench.figures("a").unwrap().cancelled, 1);
    let event = Event::builder("2", "/test", "t").build().unwrap();
    let late = channel.append(vec![event], Admission::Ingress).await;
    assert_eq!(
        late,
        Err(AppendError::Closed),
        "a request that had the old table"
    );
    bench.send("others", "3").await.unwrap();
    pass(5).await;
    bench.assert_sent("http://b/", &["3"]);

    bench.apply(&[&orders, &others, &trigger("a"), &b]).await;
    assert_eq!(bench.reason("a"), None);
    assert_eq!(bench.books("a"), Books::default());
}

#[tokio::test(start_paused = true)]
async fn a_broker_whose_configuration_is_missing_is_served_once_it_is_there() {
    let mut bench = Bench::new();
    let orders = broker_with("orders", OWN_CONFIG);
    bench
        .apply(&[&orders, &trigger("a"), &broker("others")])
        .await;
    let table = bench.registry.table();
    assert_eq!(
        table.unserved[&name("orders")].reason(),
        Some("ConfigNotFound")
    );
    assert_eq!(table.unserved[&name("orders")].code(), Some("W032"));
    assert_eq!(bench.reason("a"), Some("BrokerNotReady"));
    let found = bench.registry.find("shop", "orders");
    assert!(
        matches!(&found, Some(Found::Unserved { why, .. }) if why.contains("shop/small")),
        "{found:?}"
    );
    assert!(
        bench.registry.find_default().is_none(),
        "there are two, and neither is the usual one"
    );
    assert!(
        table.brokers.contains_key(&name("others")),
        "another is not touched"
    );

    let small = broker_config("small", SMALL);
    bench.apply(&[&orders, &trigger("a"), &small]).await;
    assert!(bench.registry.table().unserved.is_empty());
    assert_eq!(bench.reason("a"), None);
    let status = bench.registry.table().brokers[&name("orders")]
        .channel
        .describe();
    assert_eq!(
        (status.events_max, status.class),
        (Some(10), DurabilityClass::Memory)
    );
}

#[tokio::test(start_paused = true)]
async fn a_broker_whose_configuration_goes_goes_on_by_the_last_one_and_can_be_edited() {
    let mut bench = Bench::new();
    let small = broker_config("small", SMALL);
    let orders = broker_with("orders", OWN_CONFIG);
    bench.apply(&[&orders, &trigger("a"), &small]).await;
    let slower = OWN_CONFIG.replacen('{', "{delivery: {timeout: PT7S}, ", 1);
    let edited = broker_with("orders", &slower);
    bench.apply(&[&edited, &trigger("a")]).await;
    assert_eq!(bench.reason("a"), None);
    assert_eq!(bench.trigger("a").delivery.timeout, Duration::from_secs(7));
    let status = bench.registry.table().brokers[&name("orders")]
        .channel
        .describe();
    assert_eq!(status.events_max, Some(10));
}

#[tokio::test(start_paused = true)]
async fn bounds_are_edited_while_the_broker_runs_and_nothing_is_lost() {
    let mut bench = Bench::new();
    bench.subscribers.react("a", Reaction::Hang);
    let orders = broker_with("orders", OWN_CONFIG);
    let small = broker_config("small", SMALL);
    bench.apply(&[&orders, &trigger("a"), &small]).await;
    assert_eq!(fill(&bench, "orders").await, 8, "80 % of 10");
    let larger = broker_config("small", &SMALL.replace("10", "100"));
    bench.apply(&[&orders, &trigger("a"), &larger]).await;
    assert_eq!(
        fill(&bench, "orders").await,
        72,
        "80 of 100, of which 8 are used"
    );
    // Narrower than what it holds: nothing is lost, and nothing more is taken.
    bench.apply(&[&orders, &trigger("a"), &small]).await;
    assert_eq!(fill(&bench, "orders").await, 0);
    assert_eq!(bench.books("a").pending, 80);
}

#[tokio::test(start_paused = true)]
async fn the_hop_limit_of_a_broker_is_edited_for_the_door_and_for_the_workers() {
    let mut bench = Bench::new();
    let orders = broker_with("orders", OWN_CONFIG);
    let hops = |bench: &Bench| {
        let door = bench.registry.table().brokers[&name("orders")]
            .entry
            .hops_max;
        let service = bench.trigger("a").service.clone().unwrap();
        (door, service.plan.hops_max)
    };
    bench
        .apply(&[&orders, &trigger("a"), &broker_config("small", SMALL)])
        .await;
    assert_eq!(hops(&bench), (32, 32));
    let fewer = SMALL.replacen('{', "{limits: {maxHops: 5}, ", 1);
    bench
        .apply(&[&orders, &trigger("a"), &broker_config("small", &fewer)])
        .await;
    assert_eq!(hops(&bench), (5, 5));
}

#[tokio::test(start_paused = true)]
async fn what_the_broker_says_about_delivery_holds_for_triggers_that_say_nothing() {
    let mut bench = Bench::new();
    bench.subscribers.react("a", Reaction::Answer(400));
    let orders = |sink: &str| {
        let spec = format!("{{delivery: {{deadLetterSink: {{uri: http://{sink}/}}}}}}");
        broker_with("orders", &spec)
    };
    bench.apply(&[&orders("one"), &trigger("a")]).await;
    bench.send("orders", "1").await.unwrap();
    pass(5).await;
    bench.apply(&[&orders("two"), &trigger("a")]).await;
    bench.send("orders", "2").await.unwrap();
    pass(5).await;
    bench.assert_sent("http://one/", &["1"]);
    bench.assert_sent("http://two/", &["2"]);
    assert_eq!(bench.books("a").dead_lettered, 2);
}

#[tokio::test(start_paused = true)]
async fn the_default_broker_is_the_only_one_or_default_default() {
    let mut options = options();
    options.has_default_broker = true;
    let mut bench = Bench::with(options, Identities::in_memory());
    let default_of = |bench: &Bench| {
        let default = bench.registry.table().default_broker.clone();
        default.map(|name| name.to_string())
    };
    bench.apply(&[]).await;
    assert_eq!(default_of(&bench).as_deref(), Some("default/default"));
    bench.apply(&[&broker("orders")]).await;
    assert_eq!(default_of(&bench).as_deref(), Some("default/default"));

    let mut bench = Bench::new();
    bench.apply(&[]).await;
    assert_eq!(default_of(&bench), None);
    bench.apply(&[&broker("orders")]).await;
    assert_eq!(default_of(&bench).as_deref(), Some("shop/orders"));
    bench.apply(&[&broker("orders"), &broker("others")]).await;
    assert_eq!(default_of(&bench), None);
}

#[tokio::test(start_paused = true)]
async fn a_broker_that_is_gone_leaves_no_series_at_the_door() {
    let mut bench = Bench::new();
    bench.apply(&[&broker("orders"), &broker("others")]).await;
    assert!(bench.metrics.render().contains("broker=\"orders\""));
    bench.apply(&[&broker("others")]).await;
    let text = bench.metrics.render();
    let left = text
        .lines()
        .find(|line| line.contains("namespace=\"shop\",broker=\"orders\""));
    assert_eq!(left, None);
}
