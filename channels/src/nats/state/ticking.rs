//! What time alone does. The shell ticks once a second.

use std::time::Duration;

use super::State;
use super::held::Held;
use super::subscribed::Subscribed;
use super::todo::ToDo;
use crate::Timestamp;
use crate::nats::control::tally::Tally;

/// How often a server is told that something is still being dealt with: it hands out again what it
/// has not heard of for 10 s.
const PROGRESS_EVERY: Duration = Duration::from_secs(4);
/// What was not leased goes back to the server after a pause of this length.
const PAUSED_FOR: Duration = Duration::from_secs(30);
/// So many ends are added to what stands without waiting for the next tick.
const ENDS_MAX: u64 = 256;

impl State {
    /// Leaves to be done what is due by now.
    pub(in crate::nats) fn tick(&mut self, now: Timestamp) {
        self.retry_steps(now);
        let mut to_do = Vec::new();
        for subscribed in self.subscriptions.iter_mut() {
            if subscribed.is_paused && now.since(subscribed.paused_at) >= PAUSED_FOR {
                subscribed.hand_back(&mut to_do);
            }
            for held in subscribed.held.values_mut() {
                if now.since(held.progressed_at) >= PROGRESS_EVERY {
                    held.progressed_at = now;
                    to_do.push(ToDo::InProgress(held.reply.clone()));
                }
            }
            to_do.extend(subscribed.flush());
        }
        self.to_do.append(&mut to_do);
    }

    /// What is to be added to what stands of that subscription. Until it is known whether that was
    /// stored no more is taken.
    pub(in crate::nats) fn take_tally(&mut self, number: u64) -> Option<Tally> {
        let subscribed = self.numbered(number)?;
        if subscribed.adding.is_some() || subscribed.ended == Tally::default() {
            return None;
        }
        let taken = std::mem::take(&mut subscribed.ended);
        subscribed.adding = Some(taken);
        Some(taken)
    }

    /// What was taken was added, or was not.
    pub(in crate::nats) fn tally_added(&mut self, number: u64, is_stored: bool) {
        let Some(subscribed) = self.numbered(number) else {
            return;
        };
        if let Some(added) = subscribed.adding.take() {
            if is_stored {
                subscribed.stands += added;
            } else {
                subscribed.ended += added;
            }
        }
    }

    /// What stands, as it was read. What is being added is not in it.
    pub(in crate::nats) fn tally_stands(&mut self, number: u64, stands: Tally) {
        if let Some(subscribed) = self.numbered(number) {
            subscribed.stands = stands;
        }
    }

    /// Something else became of events than the end of a lease: the server's limits took them, an
    /// operator replayed or discarded them.
    pub(in crate::nats) fn count(&mut self, number: u64, ended: Tally) {
        if let Some(subscribed) = self.numbered(number) {
            subscribed.ended += ended;
        }
        self.flush_if_many(number);
    }

    pub(super) fn flush_if_many(&mut self, number: u64) {
        let to_do = self.numbered(number).and_then(|subscribed| {
            let is_just_enough = subscribed.ended.ends() == ENDS_MAX;
            subscribed.flush().filter(|_| is_just_enough)
        });
        self.to_do.extend(to_do);
    }
}

impl Subscribed {
    fn flush(&self) -> Option<ToDo> {
        let has_any = self.adding.is_none() && self.ended != Tally::default();
        has_any.then_some(ToDo::Tally {
            number: self.number,
        })
    }

    /// Gives back what waits, unless another process would take it to have been sent less often.
    fn hand_back(&mut self, to_do: &mut Vec<ToDo>) {
        let queues = &self.queues;
        let is_idle = |(position, held): &(&u64, &Held)| {
            let leased = queues.leased.contains_key(position);
            let parked = queues.parked.get(position);
            let is_at_sink = parked.is_some_and(crate::queues::Parked::is_leased);
            let fresh = || queues.fresh.iter().any(|it| it.offset == **position);
            let sends = queues.ticket_of(**position).map(|ticket| ticket.sends);
            let is_known_elsewhere =
                sends.map_or_else(fresh, |sends| sends == held.sends_elsewhere());
            !leased && !is_at_sink && !held.is_stepping && is_known_elsewhere
        };
        let idle = self.held.iter().filter(is_idle);
        let idle: Vec<u64> = idle.map(|(position, _)| *position).collect();
        for position in idle {
            self.queues.remove(position);
            if let Some(held) = self.held.remove(&position) {
                to_do.push(ToDo::HandBack {
                    reply: held.reply,
                    after: Duration::ZERO,
                });
            }
        }
    }
}

impl Tally {
    fn ends(&self) -> u64 {
        let discarded: u64 = self.discarded.iter().sum();
        self.delivered + self.dead_lettered + discarded
    }
}
