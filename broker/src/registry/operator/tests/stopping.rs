//! The end of the server: what can be delivered is, and no wait outlasts its grace (G14).

use super::*;

const GRACE: Duration = Duration::from_secs(20);
const OF_T: &str = "{attributes: {type: t}}";

/// Drains within [`GRACE`] and says how long that took.
async fn drain(bench: &Bench) -> Duration {
    let begun = Instant::now();
    bench.operator.drain(begun + GRACE).await;
    begun.elapsed()
}

fn lost(events: u64) -> Left {
    Left {
        lost: events,
        kept: 0,
    }
}

#[tokio::test(start_paused = true)]
async fn a_drain_ends_once_everything_is_delivered() {
    let mut bench = Bench::new();
    let slow = Reaction::After(Duration::from_secs(3), 200);
    bench.subscribers.react("a", slow);
    bench.apply(&[&broker("orders"), &trigger("a")]).await;
    assert!(
        drain(&bench).await < Duration::from_secs(1),
        "nothing is left"
    );
    for id in ["1", "2"] {
        bench.send("orders", id).await.unwrap();
    }
    let took = drain(&bench).await;
    assert!((3..4).contains(&took.as_secs()), "{took:?}");
    assert_eq!(bench.books("a").delivered, 2);
    assert_eq!(
        bench.operator.stop(Duration::from_secs(1)).await,
        Left::default()
    );
}

#[tokio::test(start_paused = true)]
async fn a_drain_waits_for_retries_that_are_due_in_time() {
    let mut bench = Bench::new();
    bench.subscribers.react("a", Reaction::Answer(503));
    let soon = trigger_with(
        "a",
        OF_T,
        "uri: http://a/",
        "",
        "{retry: 9, backoffDelay: PT5S}",
    );
    bench.apply(&[&broker("orders"), &soon]).await;
    bench.send("orders", "1").await.unwrap();
    pass(5).await;
    bench.subscribers.react("a", Reaction::Answer(200));
    let took = drain(&bench).await;
    assert!(took < Duration::from_secs(7), "{took:?}");
    assert_eq!(bench.books("a").delivered, 1);
}

#[tokio::test(start_paused = true)]
async fn what_could_not_be_delivered_in_time_holds_up_no_drain() {
    let mut bench = Bench::new();
    bench.subscribers.react("later", Reaction::Answer(503));
    let paused = "sluicegate.dev/paused: \"true\"";
    let reference = "ref: {apiVersion: v1, kind: Service, name: billing}";
    let late = "{retry: 9, backoffDelay: PT5M}";
    bench
        .apply(&[
            &broker("orders"),
            &trigger_with("later", OF_T, "uri: http://later/", "", late),
            &trigger_with("paused", OF_T, "uri: http://paused/", paused, "{}"),
            &trigger_with("unresolved", OF_T, reference, "", "{}"),
        ])
        .await;
    bench.send("orders", "1").await.unwrap();
    pass(5).await;
    assert!(drain(&bench).await < Duration::from_secs(1));
    assert_eq!(
        bench.operator.stop(Duration::from_secs(1)).await,
        lost(3),
        "lost, and counted"
    );
}

#[tokio::test(start_paused = true)]
async fn a_paused_trigger_may_end_what_it_is_sending() {
    let mut bench = Bench::new();
    bench
        .subscribers
        .react("a", Reaction::After(Duration::from_secs(3), 200));
    bench.apply(&[&broker("orders"), &trigger("a")]).await;
    bench.send("orders", "1").await.unwrap();
    pass(5).await;
    let paused = "sluicegate.dev/paused: \"true\"";
    let paused = trigger_with("a", OF_T, "uri: http://a/", paused, "{}");
    bench.apply(&[&broker("orders"), &paused]).await;
    drain(&bench).await;
    assert_eq!(bench.books("a").delivered, 1);
}

#[tokio::test(start_paused = true)]
async fn subscribers_that_hang_cost_one_grace_however_many_they_are() {
    let mut bench = Bench::new();
    let names: Vec<_> = (0..50).map(|number| format!("t{number}")).collect();
    let triggers: Vec<_> = names.iter().map(|name| trigger(name)).collect();
    for name in &names {
        bench.subscribers.react(name, Reaction::Hang);
    }
    let orders = broker("orders");
    let mut all = vec![&*orders];
    all.extend(triggers.iter().map(String::as_str));
    bench.apply(&all).await;
    bench.send("orders", "1").await.unwrap();
    pass(5).await;
    let took = drain(&bench).await;
    assert!((20..21).contains(&took.as_secs()), "{took:?}");
    let begun = Instant::now();
    assert_eq!(bench.operator.stop(Duration::from_secs(1)).await, lost(50));
    let took = begun.elapsed();
    assert!(took < Duration::from_millis(1_600), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn a_stop_lets_attempts_end_refuses_events_and_begins_nothing() {
    let mut bench = Bench::new();
    bench
        .subscribers
        .react("a", Reaction::After(Duration::from_millis(500), 200));
    bench.apply(&[&broker("orders"), &trigger("a")]).await;
    bench.send("orders", "1").await.unwrap();
    pass(5).await;
    let left = timeout(GRACE, bench.operator.stop(Duration::from_secs(1))).await;
    assert_eq!(left, Ok(Left::default()));
    assert_eq!(bench.books("a").delivered, 1);
    assert_eq!(bench.send("orders", "2").await, Err(AppendError::Closed));
    pass(60_000).await;
    bench.assert_sent("http://a/", &["1"]);
}
