//! How subscriptions begin, go elsewhere and end: a consumer and a record for each, in an order that
//! leaves nothing behind that hands out events for nobody, and no record without a consumer.
//!
//! | | first | then | at last |
//! |---|---|---|---|
//! | begins | a number of its own, its consumer | its record, if there is none by now | |
//! | goes elsewhere | the consumer of the next epoch | its record, of that epoch | the old consumer goes |
//! | ends | its record says so | its consumers, what is kept apart, its tally | |
//!
//! What a process leaves behind that dies in between is found by [`orphans`](super::survey).

use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

use super::asking::AskError;
use super::consumers::{Consumers, Made};
use super::control::record::Record;
use super::control::{Control, Removed};
use super::survey::Figures;
use crate::Start;
use crate::contract::Interest;

/// How often what others do meanwhile is looked at again.
const TRIES: u64 = 16;
/// Before that.
const PAUSE: Duration = Duration::from_millis(100);

/// See the [module](self).
#[derive(Clone, Debug)]
pub struct Enrolling {
    control: Arc<Control>,
    consumers: Consumers,
}

/// A subscription that has gone elsewhere.
#[derive(Debug)]
pub struct Moved {
    /// Its record since.
    pub record: Record,
    /// The sequence that it begins with there.
    pub first: u64,
    /// How many events it has before it there, of the subjects that it is handed.
    pub ahead: u64,
    /// How its old consumer stood at last, where there was one.
    pub left: Option<Figures>,
}

impl Enrolling {
    /// By these.
    pub fn new(control: Arc<Control>, consumers: Consumers) -> Self {
        Enrolling { control, consumers }
    }

    /// The record of the subscription of that name, which begins at `start` if it is new. Its consumer
    /// is there and hands out what it may want; the audience has heard of it.
    ///
    /// # Errors
    ///
    /// When it may not be there.
    pub async fn enrol(
        &self,
        name: &str,
        start: Start,
        interest: &Interest,
    ) -> Result<Record, AskError> {
        let subjects = self.consumers.subjects(interest);
        for _ in 0..TRIES {
            // A change that changes nothing has the audience told.
            if let Some(record) = self.control.change(name, |_| {}).await? {
                self.mend(&record, &subjects).await?;
                return Ok(record);
            }
            if let Some(record) = self.begin(name, start, &subjects).await? {
                return Ok(record);
            }
        }
        Err(AskError::Busy(name.to_owned()))
    }

    /// Has the subscription of that name be handed what it may want from now on. False where there is
    /// none.
    ///
    /// # Errors
    ///
    /// When it may be handed what it was before.
    pub async fn want(&self, name: &str, interest: &Interest) -> Result<bool, AskError> {
        let Some(record) = self.control.record(name).await? else {
            return Ok(false);
        };
        self.mend(&record, &self.consumers.subjects(interest))
            .await?;
        Ok(true)
    }

    /// Has the subscription of that name go to `start`; none where there is none. What it wants stays as
    /// it is.
    ///
    /// # Errors
    ///
    /// When nobody knows whether it went.
    pub async fn go_to(&self, name: &str, start: Start) -> Result<Option<Moved>, AskError> {
        for passed_over in 0..TRIES {
            let Some(found) = self.control.record(name).await? else {
                return Ok(None);
            };
            let subjects = self.subjects_of(&found).await?;
            let first = self.consumers.first(start).await?;
            let next = (found.number, found.epoch + 1 + passed_over);
            let Some(made) = self.consumers.make(next, name, &subjects, first).await? else {
                // Another process is about to move it, or has died over it.
                sleep(PAUSE).await;
                continue;
            };
            let change = |record: &mut Record| {
                if (record.number, record.epoch) == (found.number, found.epoch) {
                    record.epoch = next.1;
                }
            };
            match self.control.change(name, change).await? {
                Some(record) if (record.number, record.epoch) == next => {
                    return self.leave(&found, record, first, made).await.map(Some);
                }
                Some(_) => {}
                None => self.consumers.delete(next.0, next.1).await?,
            }
        }
        Err(AskError::Busy(name.to_owned()))
    }

    /// Ends the subscription of that name with all that there is of it; none where there is none.
    ///
    /// # Errors
    ///
    /// When nobody knows whether it ended. What is left of one that has is found later.
    pub async fn end(&self, name: &str) -> Result<Option<Removed>, AskError> {
        let Some(removed) = self.control.remove(name).await? else {
            return Ok(None);
        };
        let Record { number, epoch, .. } = removed.record;
        if let Err(error) = self.consumers.clear(number, epoch).await {
            tracing::warn!(subscription = name, %error, "something of a subscription is left in NATS");
        }
        Ok(Some(removed))
    }

    /// None where another was first.
    async fn begin(
        &self,
        name: &str,
        start: Start,
        subjects: &[String],
    ) -> Result<Option<Record>, AskError> {
        let number = self.control.next_number().await?;
        let first = self.consumers.first(start).await?;
        let record = Record {
            name: name.into(),
            number,
            epoch: 0,
            began: first - 1,
            is_paused: false,
        };
        let made = self.consumers.make((number, 0), name, subjects, first);
        if made.await?.is_none() {
            return Ok(None);
        }
        if self.control.introduce(&record).await? {
            return Ok(Some(record));
        }
        self.consumers.delete(number, 0).await?;
        Ok(None)
    }

    /// Has the consumer hand out these subjects, and makes it anew where somebody has deleted it: then
    /// nobody knows what it had handed out, and all is handed out again.
    async fn mend(&self, record: &Record, subjects: &[String]) -> Result<(), AskError> {
        let which = (record.number, record.epoch);
        if self.consumers.hand_out(which, subjects).await? {
            return Ok(());
        }
        tracing::error!(
            subscription = &*record.name,
            consumer = super::names::consumer(which.0, which.1),
            "the consumer of a subscription is gone: it is made anew, and events are handed out again"
        );
        let first = record.began + 1;
        let made = self
            .consumers
            .make(which, &record.name, subjects, first)
            .await?;
        match made {
            Some(_) => Ok(()),
            None => Err(AskError::Busy(record.name.to_string())),
        }
    }

    async fn subjects_of(&self, record: &Record) -> Result<Vec<String>, AskError> {
        let info = self.consumers.info(record.number, record.epoch).await?;
        let Some(info) = info else {
            return Ok(Vec::new());
        };
        Ok(super::survey::subjects(&info.config))
    }

    async fn leave(
        &self,
        old: &Record,
        record: Record,
        first: u64,
        made: Made,
    ) -> Result<Moved, AskError> {
        let info = self.consumers.info(old.number, old.epoch).await?;
        let left = info.map(|info| Figures::of(&info, first - 1));
        self.consumers.delete(old.number, old.epoch).await?;
        Ok(Moved {
            record,
            first,
            ahead: made.pending,
            left,
        })
    }
}
