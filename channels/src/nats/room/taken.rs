//! What a limit of the server or somebody by hand took before it was handed out.
//!
//! A server says nothing of it: the consumer goes on behind. So two surveys are compared. What it had to
//! hand out before, or got since, and neither has any more nor handed out, is gone. Of a consumer that
//! is handed certain subjects nobody knows how many of the new events were among them, so those are left
//! out; and what was purged because nobody waits for it is none of it, since nothing was pending there.

use crate::nats::names::ConsumerName;
use crate::nats::survey::{Survey, Surveyed};

/// Events of a subscription that are gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Taken {
    /// The subscription's.
    pub number: u64,
    /// How many.
    pub count: u64,
    /// Up to which sequence.
    pub to: u64,
}

/// What was taken from each subscription between two surveys.
pub fn between(before: &Survey, now: &Survey) -> Vec<Taken> {
    let to = now.events.first.saturating_sub(1);
    let each = now.consumers.iter().filter_map(|consumer| {
        let Some(ConsumerName::Events { number, .. }) = consumer.of else {
            return None;
        };
        let before = before.consumers.iter();
        let before = before
            .clone()
            .find(|before| before.name == consumer.name && before.made_at == consumer.made_at)?;
        let count = count(before, consumer, to);
        (count > 0).then_some(Taken { number, count, to })
    });
    each.collect()
}

fn count(before: &Surveyed, now: &Surveyed, to: u64) -> u64 {
    let passed_over = to.saturating_sub(before.figures.delivered);
    let new = match now.subjects.as_slice() {
        [] => now.figures.last.saturating_sub(before.figures.last),
        _ => 0,
    };
    let handed_out = now.times.saturating_sub(before.times);
    let had = before.figures.pending + new;
    had.saturating_sub(now.figures.pending + handed_out)
        .min(passed_over)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Timestamp;
    use crate::nats::survey::{Figures, Sizes};

    /// A survey of one consumer: what it delivered, what is pending, and the stream's first and last.
    fn survey(delivered: u64, pending: u64, first: u64, last: u64, subjects: &[&str]) -> Survey {
        let consumer = Surveyed {
            name: "t7-0".to_owned(),
            of: Some(ConsumerName::Events {
                number: 7,
                epoch: 0,
            }),
            made_at: Timestamp(1),
            figures: Figures {
                delivered,
                pending,
                unacknowledged: 0,
                last,
            },
            acknowledged: delivered,
            times: delivered,
            subjects: subjects.iter().map(|it| (*it).to_owned()).collect(),
        };
        Survey {
            events: Sizes {
                first,
                last,
                messages: last + 1 - first,
                ..Sizes::default()
            },
            consumers: vec![consumer],
            is_whole: true,
            ..Survey::default()
        }
    }

    #[test]
    fn what_was_neither_handed_out_nor_is_there_was_taken() {
        let before = survey(10, 90, 1, 100, &[]);
        let some = ["s.x"];
        for (what, before, now, expected) in [
            ("nothing happened", &before, survey(10, 90, 1, 100, &[]), 0),
            ("it was handed out", &before, survey(60, 40, 1, 100, &[]), 0),
            ("more came", &before, survey(10, 110, 1, 120, &[]), 0),
            ("purged behind it", &before, survey(10, 90, 11, 100, &[]), 0),
            ("some are gone", &before, survey(10, 50, 51, 100, &[]), 40),
            ("as more came", &before, survey(10, 70, 51, 120, &[]), 40),
            ("all are gone", &before, survey(10, 0, 101, 100, &[]), 90),
            (
                "nobody knows what it is handed",
                &survey(10, 5, 1, 100, &some),
                survey(10, 8, 51, 200, &some),
                0,
            ),
            (
                "purged where it is handed nothing",
                &survey(10, 5, 1, 100, &some),
                survey(10, 5, 51, 100, &some),
                0,
            ),
            (
                "taken of what it is handed",
                &survey(10, 5, 1, 100, &some),
                survey(10, 2, 51, 100, &some),
                3,
            ),
        ] {
            let taken = between(before, &now);
            let count: u64 = taken.iter().map(|taken| taken.count).sum();
            assert_eq!(count, expected, "{what}");
            assert!(taken.iter().all(|it| it.to == now.events.first - 1));
        }
    }
}
