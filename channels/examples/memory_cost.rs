//! What one event costs in the memory channel: appended, handed out and settled once, through one
//! of 1, 10 and 1,000 subscriptions. Run it with `--release`.

use std::io::Write as _;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use sluicegate_channels::{
    Admission, Channel, Claim, Clock, Exhausted, Matcher, MemoryChannel, MemoryOptions, NextLimit,
    Settled, Start, SubscriptionKey, SubscriptionSpec,
};
use sluicegate_event::Event;
use tokio::time::Instant;

const EVENTS: u32 = 200_000;

/// Every event is for the first subscription; how that is found out is not measured.
struct First;

impl Matcher for First {
    fn matches(&self, _event: &Event, answer: &mut dyn FnMut(SubscriptionKey, Claim)) {
        answer(SubscriptionKey(0), Claim::Wanted);
    }
}

type Failure = Box<dyn std::error::Error>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failure> {
    let mut out = std::io::stdout();
    for subscriptions in [1, 10, 1_000] {
        for at_a_time in [1, 64] {
            let cost = cost(subscriptions, at_a_time).await?;
            let each = cost.as_nanos() / u128::from(EVENTS);
            writeln!(
                out,
                "{subscriptions:>5} subscriptions, {at_a_time:>2} at a time: {each:>5} ns per event"
            )?;
        }
    }
    Ok(())
}

/// The time for all events, each append of one event; the events are made beforehand.
async fn cost(subscriptions: u64, at_a_time: usize) -> Result<Duration, Failure> {
    let clock = Clock::anchored_at(UNIX_EPOCH);
    let channel = MemoryChannel::open(MemoryOptions::default(), Arc::new(First), clock);
    let mut ends = Vec::new();
    for key in 0..subscriptions {
        let spec = SubscriptionSpec {
            name: format!("default/t{key}/1").into(),
            key: SubscriptionKey(key),
            start: Start::Latest,
            exhausted: Exhausted::Discard,
            deferred_max: 1_000.try_into()?,
            interest: sluicegate_channels::Interest::Everything,
        };
        ends.push(channel.subscribe(spec).await?);
    }
    let event = Event::builder("1", "/shop", "order.created")
        .data("application/json", vec![b'1'; 1_024])
        .build()?;
    let mut events = vec![event; EVENTS as usize].into_iter();
    let limit = NextLimit {
        items_max: at_a_time.try_into()?,
        bytes_max: usize::MAX,
        dead_letters_max: usize::MAX,
    };
    let began = Instant::now();
    let mut settled = 0;
    while settled < EVENTS {
        for event in events.by_ref().take(at_a_time) {
            channel.append(vec![event], Admission::Ingress).await?;
        }
        for lease in ends[0].next(limit).await {
            lease.settle(Settled::Delivered);
            settled += 1;
        }
    }
    Ok(began.elapsed())
}
