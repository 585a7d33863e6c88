//! What a full store takes, and from whom.
//!
//! Dead subscribers must not stop the others, and plain overload must push back rather than
//! discard. So the oldest event of the subscription that holds most is taken, as long as another
//! holds less than half as much, until the batch fits. Where none does, the batch is refused and
//! nothing is taken.
//!
//! An event taken goes to its subscription's dead-letter sink, when there is one and the share for
//! such events has room; else it is discarded. For ingress either makes room. For replies, which
//! may use the whole store, handing over makes none, and it goes on until something is discarded.
//!
//! To take all or nothing, the taking is planned on the side and then done. Cost: a store that is
//! not full pays one comparison; a full one looks at every subscription once per append, and then
//! the logarithm of their number for each event taken.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::sync::Arc;

use super::super::WhenFull;
use super::super::queues::{Takeable, Ticket, Why};
use super::super::slots::Holder;
use super::{State, wake};
use crate::load::{Load, Unit};
use crate::{Admission, AppendError, Exhausted, Timestamp};

/// Kind and label of what a full store takes.
pub(super) const SHED: &str = "shed";

/// The sentence for people.
pub(super) const SHED_DETAIL: &str =
    "the memory channel was full and this trigger held the most of it";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    HandOver,
    Discard,
}

#[derive(Debug)]
struct Taking {
    /// The subscription's place.
    from: usize,
    ticket: Ticket,
    fate: Fate,
}

impl State {
    /// Makes room for `need`, or refuses and changes nothing. Answers from whom events were
    /// discarded, with how many of theirs so far.
    pub(super) fn make_room(
        &mut self,
        need: Load,
        admission: Admission,
        now: Timestamp,
    ) -> Result<Vec<(Arc<str>, u64)>, AppendError> {
        if self.fits(need, admission) {
            return Ok(Vec::new());
        }
        let full = AppendError::Full {
            retry_after: self.retry_after,
        };
        match self.when_full {
            WhenFull::Refuse => Err(full),
            WhenFull::Shed => {
                let plan = Plan::new(self, need, admission).make().ok_or(full)?;
                Ok(self.take_all(plan, now))
            }
        }
    }

    fn fits(&self, need: Load, admission: Admission) -> bool {
        // A batch that takes no storage fits a store that is past its bound as well.
        need.events == 0
            || self
                .bounds
                .exceeded(self.slots.used(), self.slots.relieved(), need, admission)
                .is_none()
    }

    fn take_all(&mut self, takings: Vec<Taking>, now: Timestamp) -> Vec<(Arc<str>, u64)> {
        let mut discarded: Vec<(Arc<str>, u64)> = Vec::new();
        for Taking { from, ticket, fate } in takings {
            let Some(subscribed) = self.subscriptions.get_mut(from) else {
                continue;
            };
            subscribed.queues.take(ticket.offset);
            match fate {
                Fate::HandOver => {
                    subscribed.queues.put_again(ticket, true, Why::Taken, now);
                    self.handed_over += Load::of(ticket.size_bytes);
                    self.slots.hand_over(ticket.place);
                }
                Fate::Discard => {
                    let count = subscribed.tally.discard(SHED);
                    self.slots.let_go(ticket.place, Holder::Ordinary);
                    match discarded
                        .iter_mut()
                        .find(|(name, _)| *name == subscribed.name)
                    {
                        Some((_, so_far)) => *so_far = count,
                        None => discarded.push((Arc::clone(&subscribed.name), count)),
                    }
                }
            }
            wake(&mut self.woken, subscribed);
        }
        discarded
    }
}

/// The store as it would be after the takings planned so far.
#[derive(Debug)]
struct Plan<'a> {
    state: &'a State,
    need: Load,
    admission: Admission,
    used: Load,
    relieved: Load,
    handed_over: Load,
    /// Holders left of each slot touched: ordinary and handed over.
    holders: HashMap<usize, (u32, u32)>,
    /// How each subscription stands, by its place.
    standing: HashMap<usize, Standing<'a>>,
    takings: Vec<Taking>,
}

#[derive(Debug)]
struct Standing<'a> {
    held: Load,
    takeable: Takeable<'a>,
    exhausted: Exhausted,
}

/// The subscriptions by how much they hold, in one unit.
#[derive(Debug)]
struct Ranking {
    most: BinaryHeap<(u64, Reverse<usize>)>,
    /// What the one that holds least holds.
    least: u64,
}

impl<'a> Plan<'a> {
    fn new(state: &'a State, need: Load, admission: Admission) -> Self {
        let standing = state.subscriptions.iter().map(|(place, subscribed)| {
            let standing = Standing {
                held: subscribed.queues.held(),
                takeable: subscribed.queues.takeable(),
                exhausted: subscribed.exhausted,
            };
            (place, standing)
        });
        Plan {
            state,
            need,
            admission,
            used: state.slots.used(),
            relieved: state.slots.relieved(),
            handed_over: state.handed_over,
            holders: HashMap::new(),
            standing: standing.collect(),
            takings: Vec::new(),
        }
    }

    /// The takings that make the batch fit; none when no taking is allowed before it does.
    fn make(mut self) -> Option<Vec<Taking>> {
        while let Some(unit) = self.exceeded() {
            let mut ranking = self.rank(unit);
            while self.exceeded() == Some(unit) {
                let (most, Reverse(from)) = ranking.most.pop()?;
                if ranking.least.saturating_mul(2) >= most {
                    return None;
                }
                let ticket = self.take_oldest(from)?;
                let left = most - Load::of(ticket.size_bytes).in_unit(unit);
                ranking.most.push((left, Reverse(from)));
                ranking.least = ranking.least.min(left);
            }
        }
        Some(self.takings)
    }

    fn exceeded(&self) -> Option<Unit> {
        let bounds = &self.state.bounds;
        bounds.exceeded(self.used, self.relieved, self.need, self.admission)
    }

    fn rank(&self, unit: Unit) -> Ranking {
        let held = |standing: &Standing<'_>| standing.held.in_unit(unit);
        Ranking {
            most: self
                .standing
                .iter()
                .map(|(place, standing)| (held(standing), Reverse(*place)))
                .collect(),
            least: self.standing.values().map(held).min().unwrap_or(0),
        }
    }

    fn take_oldest(&mut self, from: usize) -> Option<Ticket> {
        let standing = self.standing.get_mut(&from)?;
        let ticket = standing.takeable.next()?;
        let load = Load::of(ticket.size_bytes);
        standing.held -= load;
        let room_in_share = (self.handed_over + load)
            .over(self.state.bounds.handed_over)
            .is_none();
        let fate = match standing.exhausted {
            Exhausted::HandOver if room_in_share => Fate::HandOver,
            Exhausted::HandOver | Exhausted::Discard => Fate::Discard,
        };
        self.account(ticket, fate);
        self.takings.push(Taking { from, ticket, fate });
        Some(ticket)
    }

    fn account(&mut self, ticket: Ticket, fate: Fate) {
        let load = Load::of(ticket.size_bytes);
        let slot = self.state.slots.get(ticket.place);
        let left = self
            .holders
            .entry(ticket.place)
            .or_insert((slot.ordinary, slot.handed_over));
        left.0 -= 1;
        if fate == Fate::HandOver {
            left.1 += 1;
            self.handed_over += load;
        }
        match *left {
            (0, 0) => self.used -= load,
            (0, _) => self.relieved += load,
            _ => {}
        }
    }
}
