//! What nobody waits for any more, and that it is purged.
//!
//! A consumer's floor is the sequence up to which it needs nothing: what it has acknowledged, where it
//! waits to hear of something. Where it does not, its own floor stands still at the last event that its
//! subjects match, so there it is what lies before the next one. Consumers of others count like ours.

use serde_json::json;
use tokio::time::Instant;

use crate::nats::asking::{AskError, Which};
use crate::nats::link::Link;
use crate::nats::names::Names;
use crate::nats::survey::{Survey, Surveyed};

/// What is known of a consumer's floor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Floor {
    /// It is there.
    At(u64),
    /// It is there or behind, depending on where the next event of its subjects is.
    FromOn(u64),
}

impl Floor {
    fn of(consumer: &Surveyed) -> Self {
        let figures = consumer.figures;
        if figures.unacknowledged > 0 {
            Floor::At(consumer.acknowledged)
        } else if figures.pending == 0 {
            Floor::At(figures.last)
        } else if consumer.subjects.is_empty() {
            Floor::At(figures.delivered)
        } else {
            Floor::FromOn(figures.delivered)
        }
    }

    fn lowest(self) -> u64 {
        match self {
            Floor::At(sequence) | Floor::FromOn(sequence) => sequence,
        }
    }
}

/// The sequence up to which no consumer needs anything; none where that is not known.
///
/// # Errors
///
/// When the server does not say where the next event of a consumer is.
pub async fn floor(
    link: &Link,
    names: &Names,
    survey: &Survey,
    deadline: Instant,
) -> Result<Option<u64>, AskError> {
    if !survey.is_whole {
        return Ok(None);
    }
    let consumers = survey.consumers.iter();
    let mut floors: Vec<_> = consumers.map(|it| (Floor::of(it), it)).collect();
    loop {
        let lowest = floors.iter_mut().min_by_key(|(floor, _)| floor.lowest());
        let Some((floor, consumer)) = lowest else {
            return Ok(Some(survey.events.last));
        };
        match *floor {
            Floor::At(sequence) => return Ok(Some(sequence)),
            // Only where it matters, since it takes a question for each subject.
            Floor::FromOn(sequence) => {
                let next = next(link, names, &consumer.subjects, sequence + 1, deadline).await?;
                let before = next.map_or(survey.events.last, |next| next - 1);
                *floor = Floor::At(before.min(survey.events.last));
            }
        }
    }
}

/// The first event of these subjects from that sequence on.
async fn next(
    link: &Link,
    names: &Names,
    subjects: &[String],
    from: u64,
    deadline: Instant,
) -> Result<Option<u64>, AskError> {
    let mut first = None;
    for subject in subjects {
        let which = Which::From(from, subject);
        let found = link.stored(names.events_stream(), which, deadline).await?;
        let found = found.map(|message| message.sequence);
        first = first.into_iter().chain(found).min();
    }
    Ok(first)
}

/// Purges the events up to that sequence, and gives how many there were.
///
/// # Errors
///
/// When nobody knows whether they were.
pub async fn purge(
    link: &Link,
    names: &Names,
    up_to: u64,
    deadline: Instant,
) -> Result<u64, AskError> {
    let call = format!("STREAM.PURGE.{}", names.events_stream());
    let body = json!({ "seq": up_to + 1 });
    let purged = link.ask(&call, &body, deadline).await?;
    Ok(purged["purged"].as_u64().unwrap_or_default())
}
