//! The walk through the store: page by page, for those who take part.

use std::collections::HashMap;
use std::sync::Arc;

use sluicegate_channels::{Channel, Claim, Position, Retained, Start, SubscriptionKey};
use sluicegate_dispatcher::TriggerMatcher;

use super::super::choice::{EventChoice, Meant};
use super::super::pace::{Halt, Pace};
use super::super::{Ended, Progress};
use super::{Chosen, Receiver, Standing};
use crate::api::OperationProgress;
use crate::history::{History, Mark};

/// Events that are read at a time.
const PAGE_MAX: usize = 200;
const PAGE_MIN: usize = 8;
/// Events of a page times triggers: bounds the positions that are noted for a page.
const NOTED_MAX: usize = 200_000;

pub(super) struct Walks<'a> {
    pub(super) channel: Arc<dyn Channel>,
    pub(super) matcher: Arc<TriggerMatcher>,
    pub(super) choice: EventChoice,
    pub(super) receivers: Vec<Receiver>,
    pub(super) places: HashMap<SubscriptionKey, usize>,
    pub(super) pace: Pace,
    pub(super) left_to_do: u64,
    pub(super) is_dry: bool,
    /// The last event that was counted: a later walk may see events again.
    pub(super) seen_to: Option<Position>,
    pub(super) lost_to: LostTo,
    pub(super) history: Option<Arc<History>>,
    pub(super) id: &'a str,
    pub(super) progress: &'a Progress,
}

/// How far what damage has taken is counted: a later walk meets it again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LostTo {
    Nothing,
    Position(Position),
    TheEnd,
}

impl LostTo {
    /// Whether a page that begins there is past it. A walk begins where a page of one before ended.
    pub(super) fn is_before(self, from: Start) -> bool {
        match (self, from) {
            (LostTo::Nothing, _) => true,
            (LostTo::Position(to), Start::At(from)) => from >= to,
            (LostTo::Position(_), Start::Latest | Start::Earliest | Start::Time(_))
            | (LostTo::TheEnd, _) => false,
        }
    }
}

impl Walks<'_> {
    /// Goes through the store once, for those who take part.
    pub(super) async fn walk(&mut self, halt: &mut Halt) -> Result<(), Ended> {
        let mut from = self.start();
        let page_max = NOTED_MAX / self.receivers.len().max(1);
        let limit = page_max.clamp(PAGE_MIN, PAGE_MAX);
        loop {
            halt.check()?;
            let page = self.channel.retained(from, limit).await;
            let page = page.map_err(|error| Ended::Failed(error.to_string()))?;
            if self.lost_to.is_before(from) {
                self.progress.note(|it| it.gone += page.lost);
                self.lost_to = page.next.map_or(LostTo::TheEnd, LostTo::Position);
            }
            let is_past = |it: &Retained| self.choice.is_past(it.position);
            let is_late = |it: &Retained| self.choice.is_too_late(it);
            let is_last = page.events.iter().any(is_past)
                || (!page.events.is_empty() && page.events.iter().all(is_late));
            let wanted = self.choose(&page.events);
            drop(page.events);
            let next = page.next.filter(|_| !is_last);
            for (place, chosen) in wanted {
                self.hand_out(place, chosen, next, halt).await?;
            }
            self.tell_standing(next);
            match next {
                Some(next) if self.left_to_do > 0 && self.has_takers() => from = Start::At(next),
                Some(_) | None => return Ok(()),
            }
            tokio::task::yield_now().await;
        }
    }

    /// Where the one that is furthest back stands.
    pub(super) fn start(&self) -> Start {
        let froms = self.receivers.iter().filter_map(|it| match it.standing {
            Standing::From(from) => Some(from),
            Standing::Behind(_) | Standing::Finished => None,
        });
        match (froms.min().flatten(), self.choice.begins()) {
            (Some(from), _) | (None, (_, Some(from))) => Start::At(from),
            (None, (Some(since), None)) => Start::Time(since),
            (None, (None, None)) => Start::Earliest,
        }
    }

    pub(super) fn has_takers(&self) -> bool {
        let is_taking = |it: &Receiver| matches!(it.standing, Standing::From(_));
        self.receivers.iter().any(is_taking)
    }

    /// Which receivers are to get which of these events.
    pub(super) fn choose(&mut self, events: &[Retained]) -> Vec<(usize, Vec<Chosen>)> {
        let mut wanted: HashMap<usize, Vec<Chosen>> = HashMap::new();
        let mut counts = OperationProgress::default();
        for retained in events {
            if self.choice.is_past(retained.position) {
                break;
            }
            let is_new = self.seen_to.is_none_or(|seen| retained.position > seen);
            let meant = self.choice.judge(retained);
            let is_taken = meant == Meant::Yes && self.note_takers(retained, &mut wanted);
            if is_new {
                self.seen_to = Some(retained.position);
                counts.looked_at += 1;
                counts.skipped += u64::from(!is_taken);
                counts.undecided += u64::from(meant == Meant::Undecided);
            }
        }
        self.progress.note(|progress| {
            progress.looked_at += counts.looked_at;
            progress.skipped += counts.skipped;
            progress.undecided += counts.undecided;
        });
        let mut wanted: Vec<_> = wanted.into_iter().collect();
        wanted.sort_unstable_by_key(|(place, _)| *place);
        wanted
    }

    /// Whether the filter of any receiver takes it, also of one that is not taking part now.
    pub(super) fn note_takers(
        &self,
        retained: &Retained,
        wanted: &mut HashMap<usize, Vec<Chosen>>,
    ) -> bool {
        let chosen = (retained.position, Mark::of_event(&retained.event));
        let mut is_taken = false;
        self.matcher.ask(&retained.event, &mut |key, claim| {
            let place = match claim {
                Claim::Wanted => self.places.get(&key),
                Claim::Undecided => None,
            };
            let Some(place) = place else { return };
            is_taken = true;
            if let Some(Standing::From(from)) = self.receivers.get(*place).map(|it| it.standing)
                && from.is_none_or(|from| retained.position >= from)
            {
                wanted.entry(*place).or_default().push(chosen);
            }
        });
        is_taken
    }

    /// After a walk: who took part to its end is finished.
    pub(super) fn finish(&mut self) {
        for receiver in &mut self.receivers {
            receiver.standing = match receiver.standing {
                Standing::Behind(next) => Standing::Behind(next),
                Standing::From(_) | Standing::Finished => Standing::Finished,
            };
        }
    }
}
