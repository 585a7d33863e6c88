//! What operators do to what is parked. Each is a step that expects the entry as it was when it was
//! asked for, so of several processes one does it; a try at the sink that is under way ends without
//! effect.

use super::State;
use super::stepping::Then;
use super::todo::{Answer, say};
use crate::nats::entry::{Entry, EntryState};
use crate::nats::index::Standing;
use crate::nats::steps::Step;
use crate::reading::SubscriptionId;
use crate::{Exhausted, KINDS_FOR_SINK, Timestamp};

impl State {
    /// Begins to make a dead letter pending again, with no sends; answers false when there is none.
    pub(in crate::nats) fn begin_redrive(
        &mut self,
        name: &str,
        position: u64,
        now: Timestamp,
        answer: Answer,
    ) {
        let Some((_, number, letter)) = self.parked(name, position) else {
            return say(Some(answer), Ok(false));
        };
        let entry = Entry {
            sends: 0,
            age_since: now,
            state: EntryState::Moved {
                due: now,
                replayed: false,
            },
            ..(*letter.entry).clone()
        };
        let step = letter.give(entry);
        self.step((number, position), step, Then::Nothing, Some(answer));
    }

    /// Begins to end a dead letter, counted for that reason; answers false when there is none.
    pub(in crate::nats) fn begin_discard(
        &mut self,
        name: &str,
        position: u64,
        by: &'static str,
        answer: Answer,
    ) {
        let Some((id, number, letter)) = self.parked(name, position) else {
            return say(Some(answer), Ok(false));
        };
        let step = Step::End {
            place: letter.place,
            sequence: letter.sequence,
        };
        let then = Then::Discard { id, by };
        self.step((number, position), step, then, Some(answer));
    }

    /// Whether the subscription has a sink now. Gives what lies parked, and is for a sink, to the
    /// caller, who reads the reason of each whole and then has it due ([`Self::send_to_sink`]).
    pub(in crate::nats) fn set_exhausted(&mut self, name: &str, exhausted: Exhausted) -> Vec<u64> {
        let Some(place) = self.by_name.get(name).copied() else {
            return Vec::new();
        };
        let Some(subscribed) = self.subscriptions.get_mut(place) else {
            return Vec::new();
        };
        subscribed.exhausted = exhausted;
        let asked_for = subscribed.number;
        match exhausted {
            Exhausted::Discard => Vec::new(),
            Exhausted::HandOver => {
                let lies = |number, entry: &Entry| number == asked_for && entry.lies_for_sink();
                let lying = self.index.list(None, usize::MAX, lies);
                lying
                    .into_iter()
                    .map(|((position, _), _)| position)
                    .collect()
            }
        }
    }

    /// Puts a dead letter that lies on its way to its sink. `whole` is the entry with its reason's
    /// data, and its message's sequence; answers false if another stands by now.
    pub(in crate::nats) fn send_to_sink(
        &mut self,
        name: &str,
        position: u64,
        (mut whole, sequence): (Entry, u64),
        now: Timestamp,
        answer: Answer,
    ) {
        let Some((_, number, letter)) = self.parked(name, position) else {
            return say(Some(answer), Ok(false));
        };
        if letter.sequence != sequence || !letter.entry.lies_for_sink() {
            return say(Some(answer), Ok(false));
        }
        if let EntryState::Parked { retry_at, .. } = &mut whole.state {
            *retry_at = Some(now);
        }
        let step = letter.give(whole);
        self.step((number, position), step, Then::Nothing, Some(answer));
    }

    /// The dead letter of that subscription and position.
    fn parked(&self, name: &str, position: u64) -> Option<(SubscriptionId, u64, Standing)> {
        let place = *self.by_name.get(name)?;
        let subscribed = self.subscriptions.get(place)?;
        let number = subscribed.number;
        let standing = self.index.get(number, position)?;
        let id = subscribed.id(place);
        standing.entry.is_parked().then_some((id, number, standing))
    }
}

impl Standing {
    fn give(&self, entry: Entry) -> Step {
        Step::Give {
            entry,
            from: Some((self.place, self.sequence)),
        }
    }
}

impl Entry {
    /// Whether it is parked with no way to a sink, and of a kind that a sink may have.
    fn lies_for_sink(&self) -> bool {
        match &self.state {
            EntryState::Parked {
                reason,
                retry_at: None,
                ..
            } => KINDS_FOR_SINK.contains(&reason.kind),
            EntryState::Parked { .. } | EntryState::Moved { .. } => false,
        }
    }
}
