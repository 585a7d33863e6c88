//! Many events, one after another, with one line at the end. The first refusal ends it.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::compose::Events;
use super::request::Outgoing;
use super::target::Target;
use super::{SendArgs, request};
use crate::cli::arguments::spoken;
use crate::cli::called::Called;
use crate::cli::client::Client;
use crate::cli::console::Console;
use crate::cli::exit::Failure;
use crate::cli::table::count;

/// Sends all of them, no faster than asked, and sums up, also after a refusal.
pub(super) async fn send(
    events: Events,
    args: &SendArgs,
    target: &Target,
    console: &mut Console,
) -> Result<(), Failure> {
    let client = Client::new(&target.url)?;
    let began = Instant::now();
    let mut sent = Vec::new();
    let mut duplicates = 0;
    let mut ended = Ok(());
    for (index, event) in (0_u32..).zip(events) {
        if let Some(rate) = args.rate {
            // Counted from the beginning, so that a slow answer does not lower the rate for good.
            sleep_until(began + Duration::from_secs_f64(f64::from(index) / rate)).await;
        }
        let done = match event {
            Ok(event) => {
                Outgoing::new(&event, target, args.structured)
                    .send(&client, &Called::now(&args.server.server))
                    .await
            }
            Err(failure) => Err(failure),
        };
        match done {
            Ok(one) => {
                tally(&mut sent, one.status);
                duplicates += one.duplicates;
            }
            Err(failure) => {
                ended = Err(failure);
                break;
            }
        }
    }
    console.print(summary(&sent, began.elapsed(), target))?;
    if duplicates > 0 {
        console.print(format_args!(
            "duplicates: {}, stored before and not again",
            count(duplicates)
        ))?;
    }
    ended
}

/// How many were answered with which status, in order of first appearance. There are few statuses.
type Tally = Vec<(http::StatusCode, u64)>;

fn tally(sent: &mut Tally, status: http::StatusCode) {
    match sent.iter_mut().find(|(seen, _)| *seen == status) {
        Some((_, times)) => *times += 1,
        None => sent.push((status, 1)),
    }
}

fn summary(sent: &Tally, took: Duration, target: &Target) -> String {
    let total: u64 = sent.iter().map(|(_, times)| times).sum();
    let counts: Vec<String> = sent
        .iter()
        .map(|(status, times)| format!("{} × {}", count(*times), request::status_words(*status)))
        .collect();
    let millis = u64::try_from(took.as_millis()).unwrap_or(u64::MAX).max(1);
    let per_second = total.saturating_mul(1_000) / millis;
    let noun = if total == 1 { "event" } else { "events" };
    let detail = if counts.is_empty() {
        String::new()
    } else {
        format!("   {}", counts.join(", "))
    };
    format!(
        "sent {} {noun} in {} ({}/s){detail}   → {}",
        count(total),
        spoken(took),
        count(per_second),
        target.shown
    )
}

#[cfg(test)]
mod tests {
    use http::StatusCode;

    use super::*;

    #[test]
    fn the_summary_counts_by_status() {
        let mut sent = Tally::new();
        for status in [StatusCode::ACCEPTED, StatusCode::OK, StatusCode::ACCEPTED] {
            tally(&mut sent, status);
        }
        let target = Target {
            url: "http://localhost/".parse().unwrap(),
            shown: "default/default".to_owned(),
            admin: None,
        };
        assert_eq!(
            summary(&sent, Duration::from_millis(1500), &target),
            "sent 3 events in 1.5 s (2/s)   2 × 202 accepted, 1 × 200 ok   → default/default"
        );
        assert_eq!(
            summary(&Tally::new(), Duration::ZERO, &target),
            "sent 0 events in 0 ms (0/s)   → default/default"
        );
    }
}
