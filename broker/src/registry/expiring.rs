//! What happens to dead letters that have lain for longer than they may (G6).
//!
//! By default the broker refuses new events until someone has dealt with them: the door says so, and
//! whose they are. Where the configuration says so they are discarded instead, each told in the log,
//! in the history and to watches.
//!
//! When a letter was parked is told by wall clocks, across restarts, and a wrong one must not cost an
//! event. So nothing is discarded until the server has run for a day, or for as long as letters may
//! lie where that is shorter; a clock that is wrong is noticed by then, and until then the door
//! refuses in any case.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use sluicegate_channels::{BY_AGE, Channel, DeadLetterKey, ParkReason, Position, Timestamp};
use sluicegate_dispatcher::{Ending, Observer as _};
use sluicegate_event::Event;
use sluicegate_resources::yaml::show_duration;
use sluicegate_resources::{DeadLetters, ObjectName, WhenExpired};
use tokio::task::yield_now;

use super::{RunningBroker, TriggerService};
use crate::ingress::held_up::Why;
use crate::problem::Problem;

/// Nothing is discarded before the server has run for so long.
const GRACE: Duration = Duration::from_secs(24 * 3_600);

/// Letters that are looked at while the channel is held up for it.
const LOOKED_AT: usize = 4_096;

/// Letters that are discarded together, which are read for it.
const DISCARDED_AT_ONCE: usize = 100;

/// Letters of one trigger that are discarded between two looks.
const DISCARDED_MAX: usize = 2_000;

/// Of how many triggers the door tells.
const TOLD_MAX: usize = 3;

/// How the dead letters of one trigger stand.
#[derive(Clone, Debug, Default)]
pub(super) struct Ages {
    /// When the oldest of them was parked.
    pub(super) oldest: Option<Timestamp>,
    /// How many are older than they may get.
    pub(super) expired: u64,
    /// The first of these.
    first: Vec<Position>,
}

/// Looks at all letters of a subscription, those that were parked before `before` apart.
pub(super) async fn ages(channel: &dyn Channel, name: &str, before: Option<Timestamp>) -> Ages {
    let mut ages = Ages::default();
    let mut after = None;
    loop {
        let page = channel.parked(name, after, LOOKED_AT);
        for it in &page {
            ages.oldest = Some(ages.oldest.map_or(it.parked_at, |at| at.min(it.parked_at)));
            if before.is_some_and(|before| it.parked_at <= before) {
                ages.expired += 1;
                if ages.first.len() < DISCARDED_MAX {
                    ages.first.push(it.position);
                }
            }
        }
        after = page.last().map(|it| it.position);
        if page.len() < LOOKED_AT {
            return ages;
        }
        yield_now().await;
    }
}

/// Letters of one trigger that are too old.
#[derive(Debug)]
pub(super) struct Expired {
    pub(super) trigger: ObjectName,
    pub(super) service: TriggerService,
    pub(super) ages: Ages,
}

impl RunningBroker {
    /// From when on a letter that was parked is not too old; none where none ever is.
    pub(super) fn letters_expire_before(&self, now: Timestamp) -> Option<Timestamp> {
        let age_max = age_max(self.dead_letters)?;
        let age_max_ms = u64::try_from(age_max.as_millis()).unwrap_or(u64::MAX);
        now.0.checked_sub(age_max_ms).map(Timestamp)
    }

    /// Does what the configuration says with letters that are too old, `up_for` after the start.
    pub(super) async fn deal_with(&self, expired: &[Expired], up_for: Duration) {
        let age_max = age_max(self.dead_letters).unwrap_or_default();
        let is_discarding = match self.dead_letters.when_expired.unwrap_or_default() {
            WhenExpired::Refuse => false,
            WhenExpired::Discard => up_for >= age_max.min(GRACE),
        };
        let why = (!is_discarding && !expired.is_empty()).then(|| why(expired, age_max));
        self.hold_up(why);
        if is_discarding {
            for it in expired {
                it.discard_all(&*self.channel, age_max).await;
            }
        }
    }

    fn hold_up(&self, why: Option<Why>) {
        let told = why.clone();
        if !self.entry.held_up.set(why) {
            return;
        }
        match told {
            Some(Why { detail, hint }) => tracing::error!(
                code = Problem::Unattended.code(),
                broker = %self.name,
                help = hint,
                "new events are refused: {detail}"
            ),
            None => tracing::info!(
                code = Problem::Unattended.code(),
                broker = %self.name,
                "new events are taken again: no dead letter is too old any more"
            ),
        }
    }
}

fn age_max(letters: DeadLetters) -> Option<Duration> {
    letters.age_max.filter(|it| !it.is_zero())
}

fn why(expired: &[Expired], age_max: Duration) -> Why {
    let told = expired.iter().take(TOLD_MAX);
    let told = told.map(|it| format!("{} of trigger {}", it.ages.expired, it.trigger));
    let mut told: Vec<String> = told.collect();
    if expired.len() > TOLD_MAX {
        told.push(format!("and of {} more", expired.len() - TOLD_MAX));
    }
    let detail = format!(
        "dead letters have lain for longer than {}: {}",
        show_duration(age_max),
        told.join(", ")
    );
    let first = expired.first().map(|it| it.trigger.to_string());
    let first = first.unwrap_or_default();
    Why {
        detail,
        hint: format!(
            "`sluicegate dead ls {first}` shows them, `sluicegate dead redrive --trigger {first}` \
             sends them again and `sluicegate dead discard --trigger {first}` ends them; \
             `deadLetters` of the BrokerConfig says how long they may lie"
        ),
    }
}

impl Expired {
    /// Discards the first of them; the others come with the next look.
    async fn discard_all(&self, channel: &dyn Channel, age_max: Duration) {
        let age_max = show_duration(age_max);
        let reason = ParkReason {
            kind: BY_AGE,
            detail: format!("it lay in the dead-letter store for longer than {age_max}").into(),
            dest: None,
            code: None,
            data: bytes::Bytes::new(),
        };
        let mut discarded = 0;
        for positions in self.ages.first.chunks(DISCARDED_AT_ONCE) {
            discarded += self.discard(channel, positions, &reason).await;
        }
        if discarded > 0 {
            tracing::warn!(
                code = Problem::Unattended.code(),
                trigger = %self.trigger,
                discarded,
                left = self.ages.expired.saturating_sub(discarded),
                "dead letters were discarded: they lay for longer than {age_max}"
            );
        }
    }

    /// Discards some and says how many. Each is told as the end of its event, so what cannot be told
    /// of now, since others stand in between, is left for the next look; but an event that cannot be
    /// read ends untold.
    async fn discard(
        &self,
        channel: &dyn Channel,
        positions: &[Position],
        reason: &ParkReason,
    ) -> u64 {
        let events = self.events(channel, positions).await;
        let positions = positions.iter();
        let positions = positions.take_while(|at| events.until.is_none_or(|until| **at <= until));
        let keys: Vec<DeadLetterKey> = positions.map(|at| self.key(*at)).collect();
        let ended = join_all(keys.iter().map(|key| channel.expire(key))).await;
        let mut discarded = 0;
        for (key, ended) in keys.iter().zip(ended) {
            match ended {
                Ok(true) => discarded += 1,
                Ok(false) => continue,
                Err(error) => {
                    tracing::warn!(trigger = %self.trigger, %error, "a dead letter stays");
                    continue;
                }
            }
            if let Some(event) = events.by_position.get(&key.position) {
                let ending = Ending::Discarded(reason);
                let observer = &self.service.observer;
                observer.lease_ended(event, key.position, &ending);
            }
        }
        discarded
    }

    /// The events at these positions, from the first on.
    async fn events(&self, channel: &dyn Channel, positions: &[Position]) -> Events {
        let before = positions.first().and_then(|first| {
            let offset = first.offset.checked_sub(1)?;
            Some(self.key(Position { offset, ..*first }))
        });
        let name = Some(&*self.service.subscription);
        let letters = channel.dead_letters(name, before, DISCARDED_AT_ONCE).await;
        let is_last_page = letters.len() < DISCARDED_AT_ONCE;
        let last = letters.last().map(|it| it.key.position);
        let letters = letters.into_iter();
        Events {
            by_position: letters.map(|it| (it.key.position, it.event)).collect(),
            until: last.filter(|_| !is_last_page),
        }
    }

    fn key(&self, position: Position) -> DeadLetterKey {
        DeadLetterKey {
            subscription: Arc::clone(&self.service.subscription),
            position,
        }
    }
}

/// Events of dead letters, as far as they can be read.
struct Events {
    by_position: HashMap<Position, Arc<Event>>,
    /// Up to where they were looked for; none where they all were.
    until: Option<Position>,
}
