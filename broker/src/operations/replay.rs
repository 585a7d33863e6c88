//! Replay: retained events handed out once more.
//!
//! Each trigger gets the events that somebody means and that its filter takes, as its filter is when
//! they are looked at. The channel passes over what is pending or parked with the trigger, since that
//! is still to be delivered anyway; and it lets about a thousand replayed events wait at a time. A
//! trigger that takes no more for now drops out of the walk through the store, keeps the positions that
//! it was to get of its page, and is taken in again by the next walk once it has had them; so it
//! holds up no other, and while nobody takes anything nothing is read.
//!
//! What it promises: at most one page of events in memory, and one page of positions for each trigger; each event is handed to a trigger at most
//! once; only what was accepted before the beginning is meant, so there is an end. What it leaves
//! out: what is *missing* somewhere. No store keeps what was settled for each trigger and each event,
//! so nobody could say.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::Arc;

use sluicegate_channels::{
    Channel, Claim, Position, Replayed, Retained, SeekError, Start, SubscriptionKey, Timestamp,
};
use sluicegate_dispatcher::TriggerMatcher;
use sluicegate_resources::ObjectName;
use tokio::time::Instant;

use super::choice::{EventChoice, Meant};
use super::pace::{Halt, Pace, Patience};
use super::{Ended, Progress};
use crate::api::{Conduct, OperationProgress};
use crate::history::{Command, Commanded, History, Mark};
use crate::registry::{RunningBroker, TriggerView};

/// Events that are read at a time.
const PAGE_MAX: usize = 200;
const PAGE_MIN: usize = 8;
/// Events of a page times triggers: bounds the positions that are noted for a page.
const NOTED_MAX: usize = 200_000;
/// How many triggers that take no more are named.
const HELD_UP_MAX: usize = 10;

/// Which events are handed out again, and to whom.
#[derive(Debug)]
pub struct Replay {
    broker: ObjectName,
    channel: Arc<dyn Channel>,
    matcher: Arc<TriggerMatcher>,
    choice: EventChoice,
    pub(super) conduct: Conduct,
    receivers: Vec<Receiver>,
    is_to_all: bool,
    history: Option<Arc<History>>,
}

/// An event that a trigger is to get, and what stands for it in the history.
type Chosen = (Position, Mark);

/// A trigger that gets events.
#[derive(Debug)]
struct Receiver {
    trigger: ObjectName,
    key: SubscriptionKey,
    subscription: Arc<str>,
    standing: Standing,
    /// What it is to get of the page at which it took no more, in order.
    held: Vec<Chosen>,
}

/// How far a receiver is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    /// It takes part in the walk from this position on; from the beginning when there is none.
    From(Option<Position>),
    /// It takes no more for now. Once it has had what is held for it, it goes on from there in the next
    /// walk; with none it has then had everything.
    Behind(Option<Position>),
    /// It has had everything, or is deleted.
    Finished,
}

impl fmt::Display for Replay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "events of {}{}, to ", self.broker, self.choice)?;
        match (self.is_to_all, &*self.receivers) {
            (true, all) => write!(f, "all {} triggers", all.len()),
            (false, [only]) => write!(f, "{}", only.trigger),
            (false, several) => {
                let names = several.iter().map(|it| it.trigger.to_string());
                f.write_str(&names.collect::<Vec<_>>().join(", "))
            }
        }
    }
}

impl Replay {
    /// To those of `triggers` that are served.
    pub fn new<'a>(
        broker: &RunningBroker,
        triggers: impl Iterator<Item = &'a TriggerView>,
        is_to_all: bool,
        choice: EventChoice,
        conduct: Conduct,
    ) -> Self {
        let receiver = |view: &TriggerView| {
            let service = view.service.as_ref()?;
            Some(Receiver {
                trigger: view.trigger.metadata.name.clone(),
                key: service.key,
                subscription: Arc::clone(&service.subscription),
                standing: Standing::From(None),
                held: Vec::new(),
            })
        };
        Replay {
            broker: broker.name.clone(),
            channel: Arc::clone(&broker.channel),
            matcher: Arc::clone(&broker.matcher),
            receivers: triggers.filter_map(receiver).collect(),
            is_to_all,
            choice,
            conduct,
            history: broker.history.clone(),
        }
    }

    pub(super) async fn run(
        self,
        id: &str,
        progress: &Progress,
        mut halt: Halt,
    ) -> Result<(), Ended> {
        let is_dry = self.conduct.dry_run;
        let places = self.receivers.iter().map(|it| it.key).zip(0..).collect();
        let mut walks = Walks {
            pace: Pace::new(self.conduct.per_second.filter(|_| !is_dry)),
            left_to_do: self.conduct.limit.unwrap_or(u64::MAX),
            receivers: self.receivers,
            channel: self.channel,
            matcher: self.matcher,
            choice: self.choice,
            seen_to: None,
            lost_to: LostTo::Nothing,
            is_dry,
            places,
            history: self.history,
            id,
            progress,
        };
        let mut patience = Patience::new();
        loop {
            walks.walk(&mut halt).await?;
            walks.finish();
            while walks.left_to_do > 0 && !walks.has_takers() {
                if !walks.has_held() {
                    return Ok(());
                }
                let given = walks.given();
                walks.hand_out_held(&mut halt).await?;
                if !walks.has_takers() && walks.has_held() {
                    let wait = patience.next(walks.given() == given);
                    halt.sleep_until(Instant::now() + wait).await?;
                }
            }
            if walks.left_to_do == 0 {
                return Ok(());
            }
        }
    }
}

struct Walks<'a> {
    channel: Arc<dyn Channel>,
    matcher: Arc<TriggerMatcher>,
    choice: EventChoice,
    receivers: Vec<Receiver>,
    places: HashMap<SubscriptionKey, usize>,
    pace: Pace,
    left_to_do: u64,
    is_dry: bool,
    /// The last event that was counted: a later walk may see events again.
    seen_to: Option<Position>,
    lost_to: LostTo,
    history: Option<Arc<History>>,
    id: &'a str,
    progress: &'a Progress,
}

/// How far what damage has taken is counted: a later walk meets it again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LostTo {
    Nothing,
    Position(Position),
    TheEnd,
}

impl LostTo {
    /// Whether a page that begins there is past it. A walk begins where a page of one before ended.
    fn is_before(self, from: Start) -> bool {
        match (self, from) {
            (LostTo::Nothing, _) => true,
            (LostTo::Position(to), Start::At(from)) => from >= to,
            (LostTo::Position(_), Start::Latest | Start::Earliest | Start::Time(_))
            | (LostTo::TheEnd, _) => false,
        }
    }
}

impl Walks<'_> {
    fn given(&self) -> u64 {
        self.progress.note(|it| it.done)
    }

    /// Goes through the store once, for those who take part.
    async fn walk(&mut self, halt: &mut Halt) -> Result<(), Ended> {
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
    fn start(&self) -> Start {
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

    fn has_takers(&self) -> bool {
        let is_taking = |it: &Receiver| matches!(it.standing, Standing::From(_));
        self.receivers.iter().any(is_taking)
    }

    /// Which receivers are to get which of these events.
    fn choose(&mut self, events: &[Retained]) -> Vec<(usize, Vec<Chosen>)> {
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
    fn note_takers(&self, retained: &Retained, wanted: &mut HashMap<usize, Vec<Chosen>>) -> bool {
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

    /// Gives a receiver these events. If it takes no more before their end the rest is held, and it goes
    /// on from `next` after that.
    async fn hand_out(
        &mut self,
        place: usize,
        chosen: Vec<Chosen>,
        next: Option<Position>,
        halt: &mut Halt,
    ) -> Result<(), Ended> {
        let mut left = &*chosen;
        while !left.is_empty() && self.left_to_do > 0 {
            let limit = usize::try_from(self.left_to_do).unwrap_or(usize::MAX);
            let allowed = self.pace.ready(halt).await?.min(limit).min(left.len());
            let (now, _) = left.split_at(allowed);
            let replayed = match self.replay(place, now).await? {
                Some(replayed) => replayed,
                None => return Ok(()),
            };
            self.note(&replayed);
            left = left.split_at(replayed.dealt_with.min(allowed)).1;
            if replayed.dealt_with < allowed {
                break;
            }
        }
        if !left.is_empty() {
            self.hold(place, left.to_vec(), next);
        }
        Ok(())
    }

    /// It takes no more for now, or is to get no more.
    fn hold(&mut self, place: usize, left: Vec<Chosen>, next: Option<Position>) {
        self.stand(place, Standing::Behind(next));
        if let Some(receiver) = self.receivers.get_mut(place) {
            receiver.held = left;
        }
    }

    /// Gives everybody who is behind what is held for it; who has had all of that goes on.
    async fn hand_out_held(&mut self, halt: &mut Halt) -> Result<(), Ended> {
        for place in 0..self.receivers.len() {
            let Some(receiver) = self.receivers.get_mut(place) else {
                continue;
            };
            let Standing::Behind(next) = receiver.standing else {
                continue;
            };
            let held = std::mem::take(&mut receiver.held);
            let goes_on = next.map_or(Standing::Finished, |next| Standing::From(Some(next)));
            receiver.standing = goes_on;
            self.hand_out(place, held, next, halt).await?;
        }
        let nexts = self.receivers.iter().filter_map(|it| match it.standing {
            Standing::From(from) => from,
            Standing::Behind(_) | Standing::Finished => None,
        });
        self.tell_standing(nexts.min());
        Ok(())
    }

    /// None when there is no such trigger any more.
    async fn replay(&mut self, place: usize, now: &[Chosen]) -> Result<Option<Replayed>, Ended> {
        if self.is_dry {
            return Ok(Some(Replayed {
                dealt_with: now.len(),
                given: now.len() as u64,
                ..Replayed::default()
            }));
        }
        let Some(receiver) = self.receivers.get(place) else {
            return Ok(None);
        };
        let positions: Vec<Position> = now.iter().map(|(position, _)| *position).collect();
        let at = self.history.as_ref().map(|it| it.now());
        match self
            .channel
            .replay(&receiver.subscription, &positions)
            .await
        {
            Ok(replayed) => {
                if let Some(at) = at {
                    self.record(&receiver.trigger.name, at, now, &replayed);
                }
                Ok(Some(replayed))
            }
            Err(SeekError::Unknown(_)) => {
                self.stand(place, Standing::Finished);
                Ok(None)
            }
            Err(error) => Err(Ended::Failed(format!("{}: {error}", receiver.trigger))),
        }
    }

    /// Tells the history which events the trigger gets once more.
    fn record(&self, trigger: &str, at: Timestamp, chosen: &[Chosen], replayed: &Replayed) {
        let Some(history) = &self.history else { return };
        let passed_over: HashSet<&Position> = replayed.passed_over.iter().collect();
        let dealt_with = chosen.iter().take(replayed.dealt_with);
        let given = dealt_with.filter(|(position, _)| !passed_over.contains(position));
        for (position, mark) in given {
            let commanded = Commanded {
                position: *position,
                trigger,
                at,
                command: Command::Replay,
                operation: self.id,
                letter: None,
            };
            history.commanded(*mark, commanded);
        }
    }

    fn note(&mut self, replayed: &Replayed) {
        self.pace
            .spent(usize::try_from(replayed.given).unwrap_or(usize::MAX));
        self.left_to_do = self.left_to_do.saturating_sub(replayed.given);
        self.progress.note(|progress| {
            progress.done += replayed.given;
            progress.unfinished += replayed.unfinished;
            progress.gone += replayed.gone;
        });
    }

    fn stand(&mut self, place: usize, standing: Standing) {
        if let Some(receiver) = self.receivers.get_mut(place) {
            receiver.standing = standing;
        }
    }

    /// Tells up to where everything is dealt with, and who takes no more for now. `next` is where the
    /// walk goes on.
    fn tell_standing(&self, next: Option<Position>) {
        let behind: Vec<(&ObjectName, Position)> = self
            .receivers
            .iter()
            .filter_map(|it| Some((&it.trigger, it.held.first()?.0)))
            .collect();
        let reached = behind.iter().map(|(_, at)| *at).chain(next).min();
        let is_over = self.left_to_do == 0;
        let named = behind.iter().filter(|_| !is_over).take(HELD_UP_MAX);
        self.progress.note(|progress| {
            progress.reached = reached.map(|it| it.to_string());
            progress.held_up_by = named.map(|(trigger, _)| trigger.to_string()).collect();
        });
    }

    /// After a walk: who took part to its end is finished.
    fn finish(&mut self) {
        for receiver in &mut self.receivers {
            receiver.standing = match receiver.standing {
                Standing::Behind(next) => Standing::Behind(next),
                Standing::From(_) | Standing::Finished => Standing::Finished,
            };
        }
    }

    fn has_held(&self) -> bool {
        let is_behind = |it: &Receiver| matches!(it.standing, Standing::Behind(_));
        self.receivers.iter().any(is_behind)
    }
}

#[cfg(test)]
mod tests;
