//! What has to be looked at all the time, by every process, since any of them may be the only one: how
//! the streams and consumers stand, what a limit took, whether room is to be made, and what somebody
//! left behind. Whoever looks does so once a second.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::asking::AskError;
use super::consumers::Consumers;
use super::control::Control;
use super::link::Link;
use super::names::{Names, consumer};
use super::room::{Room, purging, taken};
use super::survey::Survey;
use crate::Timestamp;

/// How long one look may take.
const LOOK_WAIT: Duration = Duration::from_secs(10);
/// How often what was left behind is looked for.
const TIDY_EVERY: Duration = Duration::from_secs(60);

/// See the [module](self).
#[derive(Debug)]
pub struct Overseer {
    link: Link,
    names: Arc<Names>,
    control: Arc<Control>,
    consumers: Consumers,
    room: Arc<Room>,
    last: Option<Survey>,
    tidied_at: Timestamp,
}

/// What a process knows that decides what may go.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// The number and epoch of each subscription; none while not all of them are known.
    pub recorded: Option<Vec<(u64, u64)>>,
    /// The first event that an entry needs which has no copy of it.
    pub needed_from: Option<u64>,
}

impl Overseer {
    /// One that has not looked yet.
    pub fn new(link: Link, names: Arc<Names>, control: Arc<Control>, room: Arc<Room>) -> Self {
        Overseer {
            consumers: Consumers::new(link.clone(), Arc::clone(&names)),
            link,
            names,
            control,
            room,
            last: None,
            tidied_at: Timestamp::default(),
        }
    }

    /// Looks once, and does what follows from it.
    ///
    /// # Errors
    ///
    /// When it could not be looked at everything, or something was not done that the next look does.
    pub async fn look(&mut self, known: &Known, now: Timestamp) -> Result<Survey, AskError> {
        let deadline = Instant::now() + LOOK_WAIT;
        let mark = self.room.mark();
        let survey = Survey::take(&self.link, &self.names, deadline).await?;
        self.room.surveyed(mark, &survey);
        if let Some(before) = &self.last {
            // Until it is counted, it is compared with what stood before.
            self.count_taken(before, &survey).await?;
        }
        self.last = Some(survey.clone());
        self.make_room(&survey, known, deadline).await?;
        if now.since(self.tidied_at) >= TIDY_EVERY {
            self.tidied_at = now;
            self.tidy(&survey, known, now).await?;
        }
        Ok(survey)
    }

    async fn count_taken(&self, before: &Survey, now: &Survey) -> Result<(), AskError> {
        for taken in taken::between(before, now) {
            let taken::Taken { number, count, to } = taken;
            if self.control.expire(number, to, count).await? {
                let consumer = consumer(number, 0);
                tracing::warn!(
                    consumer,
                    count,
                    to,
                    "NATS has deleted events before they were handed out"
                );
            }
        }
        Ok(())
    }

    async fn make_room(
        &self,
        survey: &Survey,
        known: &Known,
        deadline: Instant,
    ) -> Result<(), AskError> {
        let Some(wanted) = self.room.wants_purged(survey) else {
            return Ok(());
        };
        let floor = purging::floor(&self.link, &self.names, survey, deadline).await?;
        let needed = known
            .needed_from
            .map_or(u64::MAX, |first| first.saturating_sub(1));
        let up_to = floor.unwrap_or_default().min(wanted).min(needed);
        if up_to >= survey.events.first {
            let purged = purging::purge(&self.link, &self.names, up_to, deadline).await?;
            tracing::debug!(
                purged,
                up_to,
                "events that nobody waits for are purged from NATS"
            );
        }
        Ok(())
    }

    async fn tidy(&self, survey: &Survey, known: &Known, now: Timestamp) -> Result<(), AskError> {
        let Some(recorded) = &known.recorded else {
            return Ok(());
        };
        for (number, epoch) in survey.orphans(recorded, now) {
            tracing::info!(
                consumer = consumer(number, epoch),
                "a consumer that nobody has recorded is deleted"
            );
            self.consumers.delete(number, epoch).await?;
        }
        Ok(())
    }
}
