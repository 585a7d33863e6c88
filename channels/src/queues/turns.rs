//! Whose turn it is, and the leases that come of it.

use super::dead_letters::ParkedState;
use super::{AT_ONCE, Duty, Kinded, Leased, ON_AGENDA, Place, Queues, Ticket};
use crate::{NextLimit, Timestamp};

/// An event whose lease begins.
#[derive(Debug)]
pub(crate) struct Turn<P> {
    pub(crate) ticket: Ticket<P>,
    pub(crate) duty: Duty,
    /// Tells this lease from every other one.
    pub(crate) token: u64,
}

/// What [`Queues::ready`] found, for [`Queues::lease_ready`].
#[derive(Clone, Copy, Debug)]
enum Ready {
    Fresh {
        size_bytes: u64,
    },
    Again {
        due: Timestamp,
        offset: u64,
        size_bytes: u64,
    },
}

impl Ready {
    fn size_bytes(self) -> u64 {
        match self {
            Ready::Fresh { size_bytes } | Ready::Again { size_bytes, .. } => size_bytes,
        }
    }
}

impl<P: Place, R: Kinded> Queues<P, R> {
    /// Makes leases of what is ready, within `limit`; of fresh events only while fewer than
    /// `deferred_max` are deferred. Each lease takes the token after `last_token`.
    pub(crate) fn hand_out(
        &mut self,
        limit: NextLimit,
        deferred_max: usize,
        now: Timestamp,
        last_token: &mut u64,
    ) -> Vec<Turn<P>> {
        let mut turns = Vec::new();
        let mut bytes_left = limit.bytes_max as u64;
        let mut dead_letters_left = limit.dead_letters_max;
        while turns.len() < limit.items_max.get()
            && let Some(ready) = self.ready(now, deferred_max, dead_letters_left > 0)
            && (ready.size_bytes() <= bytes_left || turns.is_empty())
        {
            bytes_left = bytes_left.saturating_sub(ready.size_bytes());
            *last_token += 1;
            let (ticket, duty) = self.lease_ready(ready, *last_token);
            match duty {
                Duty::Deliver => {}
                Duty::HandedOver | Duty::Parked => dead_letters_left -= 1,
            }
            turns.push(Turn {
                ticket,
                duty,
                token: *last_token,
            });
        }
        turns
    }

    /// What comes next, if anything is ready now; nothing for the sink when `for_sink` is false.
    fn ready(&self, now: Timestamp, deferred_max: usize, for_sink: bool) -> Option<Ready> {
        let fresh = self
            .fresh
            .front()
            .filter(|_| self.deferred.len() < deferred_max);
        let due = self.first_due(for_sink).filter(|(due, offset)| {
            // What is being waited for to be fetched holds up nothing.
            *due <= now && self.ticket_on_agenda(*offset).place.is_here()
        });
        match (fresh, due) {
            (None, None) => None,
            (Some(fresh), None) => Some(Ready::Fresh {
                size_bytes: fresh.size_bytes,
            }),
            (Some(fresh), Some((due, _))) if due != AT_ONCE && self.fresh_has_the_turn => {
                Some(Ready::Fresh {
                    size_bytes: fresh.size_bytes,
                })
            }
            (_, Some((due, offset))) => Some(Ready::Again {
                due,
                offset,
                size_bytes: self.ticket_on_agenda(offset).size_bytes,
            }),
        }
    }

    pub(super) fn ticket_on_agenda(&self, offset: u64) -> &Ticket<P> {
        let pending = self.again.get(&offset).or_else(|| self.taken.get(&offset));
        pending
            .map(|again| &again.ticket)
            .or_else(|| Some(&self.parked.get(&offset)?.ticket))
            .expect(ON_AGENDA)
    }

    fn lease_ready(&mut self, ready: Ready, token: u64) -> (Ticket<P>, Duty) {
        match ready {
            Ready::Fresh { .. } => {
                let ticket = self
                    .pop_fresh()
                    .expect("what is ready was found in the queue");
                self.fresh_has_the_turn = false;
                (ticket.clone(), self.lease(ticket, false, token))
            }
            Ready::Again { due, offset, .. } => {
                self.fresh_has_the_turn = true;
                if let Some((ticket, handed_over)) = self.remove_again(offset) {
                    return (ticket.clone(), self.lease(ticket, handed_over, token));
                }
                self.sink_agenda.remove(&(due, offset));
                let parked = self.parked.get_mut(&offset).expect(ON_AGENDA);
                parked.state = ParkedState::Leased(token);
                self.held -= parked.ticket.load();
                (parked.ticket.clone(), Duty::Parked)
            }
        }
    }

    fn lease(&mut self, ticket: Ticket<P>, handed_over: bool, token: u64) -> Duty {
        let offset = ticket.offset;
        let leased = Leased {
            ticket,
            handed_over,
            token,
        };
        self.leased.insert(offset, leased);
        if handed_over {
            Duty::HandedOver
        } else {
            Duty::Deliver
        }
    }

    /// Ends the lease if it is still in force. A parked event stays where it is, to be laid back
    /// or removed.
    pub(crate) fn end_lease(&mut self, offset: u64, token: u64) -> Option<(Ticket<P>, Duty)> {
        if self
            .leased
            .get(&offset)
            .is_some_and(|leased| leased.token == token)
        {
            let leased = self.leased.remove(&offset)?;
            let duty = if leased.handed_over {
                Duty::HandedOver
            } else {
                Duty::Deliver
            };
            return Some((leased.ticket, duty));
        }
        self.parked
            .get(&offset)
            .filter(|parked| parked.state == ParkedState::Leased(token))
            .map(|parked| (parked.ticket.clone(), Duty::Parked))
    }
}
