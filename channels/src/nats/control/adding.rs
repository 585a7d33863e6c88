//! How a process adds what ended with it to what stands.
//!
//! Each message names the last additions. So a process that has not heard what became of one finds out
//! later, before it adds the same again.

use std::collections::VecDeque;

use tokio::time::Instant;

use super::known::Said;
use super::tally::Tally;
use super::{CHANGE_WAIT, Control, TRIES, outgoing};
use crate::nats::asking::AskError;
use crate::nats::publishing::MESSAGE_ID;

const ADDITIONS: &str = "Sluicegate-Additions";
/// So many additions are named.
const ADDITIONS_MAX: usize = 16;

/// An addition of which nobody knows whether it was stored.
#[derive(Clone, Debug)]
pub(super) struct Unresolved {
    addition: String,
    added: Tally,
}

/// What stands, and who added to it.
#[derive(Debug, Default)]
struct Sum {
    /// The sequence of its message; 0 without one.
    sequence: u64,
    stands: Tally,
    /// The latest first.
    additions: VecDeque<String>,
}

impl Control {
    /// Adds `ended` to what stands of the subscription of that number. After an error all of it is to
    /// be given again, alone or with more.
    ///
    /// # Errors
    ///
    /// When it was not added, or nobody knows.
    pub async fn tally(&self, number: u64, ended: Tally) -> Result<(), AskError> {
        let deadline = Instant::now() + CHANGE_WAIT;
        let mut ended = ended;
        for _ in 0..TRIES {
            let mut sum = self.sum(number, deadline).await?;
            let unresolved = self.unresolved.lock().remove(&number);
            if let Some(unresolved) = unresolved
                && sum.additions.contains(&unresolved.addition)
            {
                ended -= unresolved.added;
            }
            if ended == Tally::default() {
                self.announce_added(number, &sum);
                return Ok(());
            }
            sum.stands += ended;
            let addition = self.link.fresh_id();
            sum.additions.push_front(addition.clone());
            match self.put_sum(number, &mut sum).await {
                Ok(true) => {
                    self.announce_added(number, &sum);
                    return Ok(());
                }
                Ok(false) => {}
                Err(error) => {
                    let added = ended;
                    let unresolved = Unresolved { addition, added };
                    self.unresolved.lock().insert(number, unresolved);
                    return Err(error);
                }
            }
        }
        Err(AskError::Busy(self.names.tally(number)))
    }

    /// Counts `count` events up to `to` as expired, unless somebody has counted up to there. Gives
    /// whether they were counted now.
    ///
    /// # Errors
    ///
    /// When they were not counted, or nobody knows; then they can be given again.
    pub async fn expire(&self, number: u64, to: u64, count: u64) -> Result<bool, AskError> {
        let deadline = Instant::now() + CHANGE_WAIT;
        for _ in 0..TRIES {
            let mut sum = self.sum(number, deadline).await?;
            if sum.stands.expired_to >= to {
                return Ok(false);
            }
            sum.stands.expired += count;
            sum.stands.expired_to = to;
            if self.put_sum(number, &mut sum).await? {
                let Sum {
                    sequence, stands, ..
                } = sum;
                let said = Said::Tally { number, stands };
                self.announce(&self.names.tally(number), sequence, said);
                return Ok(true);
            }
        }
        Err(AskError::Busy(self.names.tally(number)))
    }

    /// What stands, as the server has it now.
    ///
    /// # Errors
    ///
    /// When it cannot be read.
    pub async fn stands(&self, number: u64) -> Result<Tally, AskError> {
        let deadline = Instant::now() + CHANGE_WAIT;
        Ok(self.sum(number, deadline).await?.stands)
    }

    async fn sum(&self, number: u64, deadline: Instant) -> Result<Sum, AskError> {
        let subject = self.names.tally(number);
        let Some(message) = self.newest(&subject, deadline).await? else {
            return Ok(Sum::default());
        };
        let unreadable = |error| AskError::unreadable(&subject, error);
        Ok(Sum {
            sequence: message.sequence,
            stands: Tally::read(&message.headers).map_err(unreadable)?,
            additions: additions(&message.headers),
        })
    }

    /// False where another was first.
    async fn put_sum(&self, number: u64, sum: &mut Sum) -> Result<bool, AskError> {
        let (mut headers, payload) = sum.stands.write();
        sum.additions.truncate(ADDITIONS_MAX);
        let named: Vec<&str> = sum.additions.iter().map(String::as_str).collect();
        headers.insert(ADDITIONS, named.join(" "));
        headers.insert(MESSAGE_ID, self.link.fresh_id());
        let message = outgoing(self.names.tally(number), (headers, payload));
        let sequence = self.put(message, sum.sequence).await?;
        sum.sequence = sequence.unwrap_or(sum.sequence);
        Ok(sequence.is_some())
    }

    fn announce_added(&self, number: u64, sum: &Sum) {
        let subject = self.names.tally(number);
        let stands = (number, sum.stands);
        let mut known = self.known.lock();
        known.tell_added(&*self.audience, &subject, sum.sequence, stands);
    }

    /// Whether the latest addition is one of this process, which hears of it by its answer.
    pub(super) fn is_ours(&self, headers: &async_nats::HeaderMap) -> bool {
        let latest = additions(headers).pop_front();
        latest.is_some_and(|latest| self.link.is_ours(&latest))
    }
}

fn additions(headers: &async_nats::HeaderMap) -> VecDeque<String> {
    let text = headers.get(ADDITIONS);
    let text = text.map(async_nats::HeaderValue::as_str);
    let words = text.unwrap_or_default().split_ascii_whitespace();
    words.map(str::to_owned).collect()
}
