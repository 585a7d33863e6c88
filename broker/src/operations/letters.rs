//! Redriving and discarding the dead letters that a filter chooses.
//!
//! Trigger by trigger, oldest first, page by page. A letter that is redriven and fails again is
//! parked again at its old position, behind where this stands; and one that was parked since the
//! beginning is left alone wherever it stands. So each is taken at most once, and there is an end.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use futures_util::future::join_all;
use sluicegate_channels::{Channel, DeadLetter, DeadLetterKey, StoreError, Timestamp};
use sluicegate_resources::ObjectName;

use super::choice::{LetterChoice, Meant};
use super::pace::{Halt, Pace};
use super::{Ended, Progress};
use crate::api::{Conduct, OperationKind};
use crate::history::{Command, Commanded, History, Letter, Mark};
use crate::registry::Table;
use crate::registry::letters::letters_after;
use crate::registry::lying::LookSoon;

/// Letters that are read at a time, each with its event.
const PAGE: usize = 64;

/// What becomes of a letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It is pending again, with all its attempts.
    Redrive,
    /// It ends as discarded.
    Discard,
}

impl End {
    /// Does it to one letter; false when there is none.
    ///
    /// # Errors
    ///
    /// When the store cannot store it; the letter is then as it was.
    pub async fn put(self, channel: &dyn Channel, key: &DeadLetterKey) -> Result<bool, StoreError> {
        match self {
            End::Redrive => channel.redrive(key).await,
            End::Discard => channel.discard(key).await,
        }
    }

    /// As the history of an event calls it.
    pub fn command(self) -> Command {
        match self {
            End::Redrive => Command::Redrive,
            End::Discard => Command::Discard,
        }
    }
}

/// The store of one trigger's letters.
#[derive(Clone, Debug)]
struct Lying {
    trigger: ObjectName,
    channel: Arc<dyn Channel>,
    subscription: Arc<str>,
    parked: u64,
    history: Option<Arc<History>>,
}

/// A letter that is meant, without its event.
#[derive(Debug)]
struct Chosen {
    key: DeadLetterKey,
    /// What stands for its event in the history.
    mark: Mark,
    parked_at: Timestamp,
    reason: &'static str,
}

impl From<DeadLetter> for Chosen {
    fn from(letter: DeadLetter) -> Self {
        Chosen {
            mark: Mark::of_event(&letter.event),
            key: letter.key,
            parked_at: letter.parked_at,
            reason: letter.reason.kind,
        }
    }
}

/// Which letters, and what becomes of them.
#[derive(Debug)]
pub struct Letters {
    end: End,
    choice: LetterChoice,
    pub(super) conduct: Conduct,
    /// Letters that were parked later are not meant.
    parked_until: Timestamp,
    lying: Vec<Lying>,
    /// Who is asked to look at what is left once it has ended.
    look_soon: LookSoon,
}

impl fmt::Display for Letters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.choice.fmt(f)
    }
}

impl Letters {
    /// Of the triggers that are there now.
    pub fn new(
        end: End,
        choice: LetterChoice,
        conduct: Conduct,
        table: &Table,
        now: Timestamp,
        look_soon: LookSoon,
    ) -> Self {
        let covered = table.stores().filter(|it| choice.covers(it));
        let lying = covered.map(|it| Lying {
            trigger: it.trigger.clone(),
            channel: Arc::clone(it.channel),
            subscription: Arc::clone(it.subscription),
            parked: 0,
            history: it.history.cloned(),
        });
        let mut lying: Vec<Lying> = lying.collect();
        count_parked(&mut lying, table);
        Letters {
            end,
            lying,
            choice,
            conduct,
            parked_until: now,
            look_soon,
        }
    }

    pub(super) fn kind(&self) -> OperationKind {
        match self.end {
            End::Redrive => OperationKind::Redrive,
            End::Discard => OperationKind::Discard,
        }
    }

    pub(super) async fn run(self, id: &str, progress: &Progress, halt: Halt) -> Result<(), Ended> {
        let ended = self.end_those(id, progress, halt).await;
        self.look_soon.ask();
        ended
    }

    async fn end_those(&self, id: &str, progress: &Progress, mut halt: Halt) -> Result<(), Ended> {
        let mut run = Run {
            unseen: self.lying.iter().map(|it| it.parked).sum(),
            pace: Pace::new(self.conduct.per_second.filter(|_| !self.conduct.dry_run)),
            left_to_do: self.conduct.limit.unwrap_or(u64::MAX),
            letters: self,
            id,
            progress,
        };
        run.tell_left();
        for lying in &self.lying {
            if !run.all_of(lying, &mut halt).await? {
                return Ok(());
            }
        }
        progress.note(|it| it.left = Some(0));
        Ok(())
    }
}

/// Each broker's channel is asked once.
fn count_parked(lying: &mut [Lying], table: &Table) {
    let mut parked: HashMap<Arc<str>, u64> = HashMap::new();
    for broker in table.brokers.values() {
        let subscriptions = broker.channel.describe().subscriptions.into_iter();
        parked.extend(subscriptions.map(|it| (it.name, it.books.parked)));
    }
    for it in lying {
        it.parked = parked.get(&it.subscription).copied().unwrap_or_default();
    }
}

struct Run<'a> {
    letters: &'a Letters,
    id: &'a str,
    progress: &'a Progress,
    pace: Pace,
    /// How many are left to be looked at, and how many may be done.
    unseen: u64,
    left_to_do: u64,
}

impl Run<'_> {
    /// Goes through the letters of one trigger; false when as many are done as may be.
    async fn all_of(&mut self, lying: &Lying, halt: &mut Halt) -> Result<bool, Ended> {
        let mut after = None;
        loop {
            halt.check()?;
            let (channel, name) = (&*lying.channel, &*lying.subscription);
            let page = letters_after(channel, name, after.as_ref(), PAGE).await;
            let Some(last) = page.last() else {
                return Ok(true);
            };
            after = Some(last.key.clone());
            // No event is kept while the pace is waited for.
            let chosen = self.choose(page);
            if !self.end_all(lying, &chosen, halt).await? {
                return Ok(false);
            }
            tokio::task::yield_now().await;
        }
    }

    /// Tells how many are left; no more than may be done.
    fn tell_left(&self) {
        let left = self.unseen.min(self.left_to_do);
        self.progress.note(|it| it.left = Some(left));
    }

    fn choose(&mut self, page: Vec<DeadLetter>) -> Vec<Chosen> {
        let letters = self.letters;
        let of_then = page
            .into_iter()
            .filter(|letter| letter.parked_at <= letters.parked_until);
        let mut chosen = Vec::new();
        self.progress.note(|progress| {
            for letter in of_then {
                progress.looked_at += 1;
                self.unseen = self.unseen.saturating_sub(1);
                match letters.choice.judge(&letter) {
                    Meant::Yes => chosen.push(letter.into()),
                    Meant::No => progress.skipped += 1,
                    Meant::Undecided => {
                        progress.skipped += 1;
                        progress.undecided += 1;
                    }
                }
            }
        });
        self.tell_left();
        chosen
    }

    async fn end_all(
        &mut self,
        lying: &Lying,
        chosen: &[Chosen],
        halt: &mut Halt,
    ) -> Result<bool, Ended> {
        let mut chosen = chosen;
        while !chosen.is_empty() {
            let limit = usize::try_from(self.left_to_do).unwrap_or(usize::MAX);
            if limit == 0 {
                return Ok(false);
            }
            let allowed = self.pace.ready(halt).await?.min(limit);
            let (now, later) = chosen.split_at(allowed.min(chosen.len()));
            self.end_some(lying, now).await?;
            chosen = later;
        }
        Ok(self.left_to_do > 0)
    }

    /// All at once, so that a store which syncs does so once for all.
    async fn end_some(&mut self, lying: &Lying, chosen: &[Chosen]) -> Result<(), Ended> {
        let ended = match self.letters.conduct.dry_run {
            true => vec![Ok(true); chosen.len()],
            false => self.put_some(lying, chosen).await,
        };
        self.pace.spent(chosen.len());
        let mut failed = None;
        self.progress.note(|progress| {
            for ended in ended {
                match ended {
                    Ok(true) => {
                        progress.done += 1;
                        self.left_to_do = self.left_to_do.saturating_sub(1);
                    }
                    Ok(false) => progress.gone += 1,
                    Err(error) => failed = Some(error),
                }
            }
        });
        self.tell_left();
        match failed {
            Some(error) => Err(Ended::Failed(format!("{}: {error}", lying.trigger))),
            None => Ok(()),
        }
    }

    async fn put_some(&self, lying: &Lying, chosen: &[Chosen]) -> Vec<Result<bool, StoreError>> {
        let end = self.letters.end;
        let at = lying.history.as_ref().map(|it| it.now());
        let putting = chosen.iter().map(|it| end.put(&*lying.channel, &it.key));
        let ended = join_all(putting).await;
        let (Some(history), Some(at)) = (&lying.history, at) else {
            return ended;
        };
        for (chosen, ended) in chosen.iter().zip(&ended) {
            if *ended == Ok(true) {
                let commanded = Commanded {
                    position: chosen.key.position,
                    trigger: &lying.trigger.name,
                    at,
                    command: end.command(),
                    operation: self.id,
                    letter: Some(Letter {
                        parked_at: chosen.parked_at,
                        reason: chosen.reason,
                    }),
                };
                history.commanded(chosen.mark, commanded);
            }
        }
        ended
    }
}

#[cfg(test)]
pub(super) mod tests;
