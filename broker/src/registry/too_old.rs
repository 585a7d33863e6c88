//! What happens to dead letters that have lain for longer than they may (G6).
//!
//! By default the broker refuses new events until someone has dealt with them: the door says so, and
//! whose they are. Where the configuration says so they are discarded instead, each told in the log,
//! in the history and to watches.
//!
//! When a letter was parked is told by wall clocks, across restarts, and a wrong one must not cost an
//! event. So nothing is discarded until the server has run for a day, or for as long as letters may
//! lie where that is shorter; a clock that is wrong is noticed by then. Until then they lie on, and
//! new events are taken all the same. Nor is a letter discarded whose event was not read, so that
//! each that goes is told.

use std::sync::{Arc, Weak};
use std::time::Duration;

use futures_util::future::join_all;
use sluicegate_channels::{
    BY_AGE, Channel, DeadLetter, DeadLetterKey, ParkReason, Position, Timestamp,
};
use sluicegate_dispatcher::{Ending, Observer as _};
use sluicegate_resources::yaml::show_duration;
use sluicegate_resources::{DeadLetters, ObjectName, WhenExpired};
use tokio::task::yield_now;

use super::letters::letters_after;
use super::{Registry, RunningBroker, TriggerObserver};
use crate::history::History;
use crate::ingress::unattended::Why;
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
    pub(super) too_old: u64,
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
                ages.too_old += 1;
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
pub(super) struct TooOld {
    pub(super) trigger: ObjectName,
    pub(super) channel: Arc<dyn Channel>,
    pub(super) subscription: Arc<str>,
    pub(super) hearer: Hearer,
    /// Those that were parked by then.
    pub(super) before: Timestamp,
    pub(super) ages: Ages,
}

/// The configuration that a discarding goes by. A store may be waited for so long that somebody has
/// asked for something else since.
#[derive(Debug)]
pub(super) struct AskedFor {
    pub(super) registry: Weak<Registry>,
    pub(super) broker: ObjectName,
    pub(super) dead_letters: DeadLetters,
}

impl AskedFor {
    /// Whether the broker is there, and is still to do the same.
    fn is_still(&self) -> bool {
        let registry = self.registry.upgrade();
        registry.is_some_and(|registry| {
            let table = registry.table();
            let broker = table.brokers.get(&self.broker);
            broker.is_some_and(|it| it.dead_letters == self.dead_letters)
        })
    }
}

/// Who is told of a letter that is discarded.
#[derive(Debug)]
pub(super) enum Hearer {
    /// Whoever hears of all that becomes of the trigger's events.
    Observer(Arc<TriggerObserver>),
    /// The history, if there is one: the trigger is not in force.
    History(Option<Arc<History>>),
}

impl RunningBroker {
    /// From when on a letter that was parked is not too old; none where none ever is.
    pub(super) fn letters_too_old_before(&self, now: Timestamp) -> Option<Timestamp> {
        let age_max = age_max(self.dead_letters)?;
        let age_max_ms = u64::try_from(age_max.as_millis()).unwrap_or(u64::MAX);
        now.0.checked_sub(age_max_ms).map(Timestamp)
    }

    /// Refuses new events, or takes them again, as the configuration says of letters that are too
    /// old. Says whether they are to be discarded, `up_for` after the start.
    pub(super) fn deal_with(&self, too_old: &[TooOld], up_for: Duration) -> bool {
        let age_max = age_max(self.dead_letters).unwrap_or_default();
        let (is_refusing, is_discarding) = match self.dead_letters.when_expired.unwrap_or_default()
        {
            WhenExpired::Refuse => (!too_old.is_empty(), false),
            WhenExpired::Discard => (false, up_for >= age_max.min(GRACE)),
        };
        self.set_unattended(is_refusing.then(|| why(too_old, age_max)));
        is_discarding
    }

    fn set_unattended(&self, why: Option<Why>) {
        let told = why.clone();
        if !self.entry.unattended.set(why) {
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

/// How long letters may lie; none where that is for ever.
pub(super) fn age_max(letters: DeadLetters) -> Option<Duration> {
    letters.age_max.filter(|it| !it.is_zero())
}

fn why(too_old: &[TooOld], age_max: Duration) -> Why {
    let told = too_old.iter().take(TOLD_MAX);
    let told = told.map(|it| format!("{} of trigger {}", it.ages.too_old, it.trigger));
    let mut told: Vec<String> = told.collect();
    if too_old.len() > TOLD_MAX {
        told.push(format!("and of {} more", too_old.len() - TOLD_MAX));
    }
    let detail = format!(
        "dead letters have lain for longer than {}: {}",
        show_duration(age_max),
        told.join(", ")
    );
    let first = too_old.first().map(|it| it.trigger.to_string());
    let first = first.unwrap_or_default();
    Why {
        detail,
        hint: format!(
            "`sluicegate dead ls {first}` shows them, `sluicegate dead redrive --trigger {first}` \
             sends them again and `sluicegate dead discard --trigger {first} --yes` ends them; \
             `deadLetters` of the BrokerConfig says how long they may lie"
        ),
    }
}

impl TooOld {
    /// Discards the first of them; the others come with the next look, and so does what cannot be
    /// read now.
    pub(super) async fn discard_all(&self, asked: &AskedFor) {
        let age_max = show_duration(age_max(asked.dead_letters).unwrap_or_default());
        let reason = ParkReason {
            kind: BY_AGE,
            detail: format!("it lay in the dead-letter store for longer than {age_max}").into(),
            dest: None,
            code: None,
            data: bytes::Bytes::new(),
        };
        let mut discarded = 0;
        let mut left = &*self.ages.first;
        while let Some(first) = left.first() {
            let letters = self.read_from(*first).await;
            let last = letters.last().map(|it| it.key.position);
            // None came, or none of those that are left.
            let Some(last) = last.filter(|last| last >= first) else {
                break;
            };
            if !asked.is_still() {
                break;
            }
            discarded += self.discard(letters, &reason).await;
            left = &left[left.partition_point(|at| *at <= last)..];
        }
        if discarded > 0 {
            tracing::warn!(
                code = Problem::Unattended.code(),
                trigger = %self.trigger,
                discarded,
                left = self.ages.too_old.saturating_sub(discarded),
                "dead letters were discarded: they lay for longer than {age_max}"
            );
        }
    }

    /// Letters from this place on.
    async fn read_from(&self, first: Position) -> Vec<DeadLetter> {
        let before = first.offset.checked_sub(1).map(|offset| DeadLetterKey {
            subscription: Arc::clone(&self.subscription),
            position: Position { offset, ..first },
        });
        let limit = DISCARDED_AT_ONCE;
        letters_after(&*self.channel, &self.subscription, before.as_ref(), limit).await
    }

    /// Discards those of these that are too old, and says how many. All at once, so that a store
    /// which syncs does so once for all.
    async fn discard(&self, mut letters: Vec<DeadLetter>, reason: &ParkReason) -> u64 {
        letters.retain(|it| it.parked_at <= self.before);
        let discarding = letters.iter();
        let discarding = discarding.map(|it| self.channel.discard_by_age(&it.key));
        let ended = join_all(discarding).await;
        let mut discarded = 0;
        for (letter, ended) in letters.iter().zip(ended) {
            match ended {
                Ok(true) => {
                    discarded += 1;
                    let ending = Ending::Discarded(reason);
                    self.hearer.hear(&self.trigger, letter, &ending);
                }
                Ok(false) => {}
                Err(error) => {
                    tracing::warn!(trigger = %self.trigger, %error, "a dead letter stays");
                }
            }
        }
        discarded
    }
}

impl Hearer {
    fn hear(&self, trigger: &ObjectName, letter: &DeadLetter, ending: &Ending<'_>) {
        let (event, position) = (&letter.event, letter.key.position);
        match self {
            Hearer::Observer(observer) => observer.lease_ended(event, position, ending),
            Hearer::History(Some(history)) => {
                history.ended(&trigger.name, event, position, ending);
            }
            Hearer::History(None) => {}
        }
    }
}
