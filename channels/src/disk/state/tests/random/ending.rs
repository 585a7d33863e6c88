//! Every way in which a lease ends.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;

use super::super::super::Ending;
use super::{At, Begun, NAMES, Reader, Run, What};
use crate::reading::LeaseId;
use crate::{ParkReason, Settled, Timestamp};

impl Run {
    pub(super) fn end_a_lease(&mut self) {
        if self.leases.is_empty() {
            return;
        }
        let (name, lease) = self.leases.swap_remove(self.rng.usize(..self.leases.len()));
        match self.rng.u32(..10) {
            0..5 => self.settle(name, lease),
            5 => self.defer(
                name,
                lease,
                Duration::from_millis(self.rng.clone().u64(..5_000)),
            ),
            6 => self.defer(
                name,
                lease,
                Duration::from_secs(self.rng.clone().u64(31..90)),
            ),
            7 | 8 => self.park(name, lease),
            _ => self.release(name, lease),
        }
    }

    /// The item of a lease that is in force.
    fn leased(&mut self, name: &str, lease: LeaseId) -> Option<(&mut Reader, bool)> {
        let reader = self.readers.get_mut(name)?;
        match reader.items.get(&lease.offset) {
            Some(At::Leased(known)) if *known == lease => Some((reader, false)),
            Some(At::ParkedLeased(known)) if *known == lease => Some((reader, true)),
            _ => None,
        }
    }

    pub(super) fn settle(&mut self, name: &'static str, lease: LeaseId) {
        if let Some((reader, is_parked)) = self.leased(name, lease) {
            reader.delivered += u64::from(!is_parked);
            self.done(name, lease.offset);
        }
        self.world
            .state
            .end(lease, Ending::Settled(Settled::Delivered));
    }

    /// Where the subscription has gone back it comes by the event again.
    pub(super) fn done(&mut self, name: &'static str, offset: u64) {
        let logged = self.world.log.get(&offset);
        let is_wanted = logged.is_some_and(|it| it.wanted.contains(&name));
        let comes_again = is_wanted && offset >= self.reads_to(name);
        let is_ahead = offset >= self.cursor(name);
        let Some(reader) = self.readers.get_mut(name) else {
            return;
        };
        if is_ahead {
            reader.ahead.insert(offset);
        }
        if comes_again {
            reader.items.insert(offset, At::Pending(Timestamp(0)));
        } else {
            reader.items.remove(&offset);
        }
        if is_ahead && is_wanted && !comes_again {
            reader.passed.insert(offset);
        }
        reader.unsaved.insert(offset);
    }

    /// What a subscription had done with and is to read once more.
    pub(super) fn come_by_again(&mut self) {
        for name in NAMES {
            let reads_to = self.reads_to(name);
            if let Some(reader) = self.readers.get_mut(name) {
                for offset in reader.passed.split_off(&reads_to) {
                    let at = At::Pending(Timestamp(0));
                    reader.items.entry(offset).or_insert(at);
                }
            }
        }
    }

    fn release(&mut self, name: &'static str, lease: LeaseId) {
        if let Some((reader, is_parked)) = self.leased(name, lease) {
            let at = if is_parked {
                At::Parked
            } else {
                At::Pending(Timestamp(0))
            };
            reader.items.insert(lease.offset, at);
        }
        self.world.state.end(lease, Ending::Dropped);
    }

    fn defer(&mut self, name: &'static str, lease: LeaseId, wait: Duration) {
        let now = self.world.now;
        let until = now + wait;
        let state = &mut self.world.state;
        if state.is_to_be_moved(lease, until, now) {
            let (answer, answered) = oneshot::channel();
            state.begin_move(lease, until, 1, answer);
            self.begin(name, lease, What::Move(lease, until), answered);
            return;
        }
        state.end(lease, Ending::Deferred { until, sends: 1 });
        if let Some((reader, is_parked)) = self.leased(name, lease) {
            let at = if is_parked {
                At::Parked
            } else {
                At::Pending(until)
            };
            reader.items.insert(lease.offset, at);
        }
    }

    fn park(&mut self, name: &'static str, lease: LeaseId) {
        let (answer, answered) = oneshot::channel();
        let retry_at = self
            .rng
            .bool()
            .then(|| self.world.now + Duration::from_millis(50));
        let (state, now) = (&mut self.world.state, self.world.now);
        state.begin_park(lease, reason(), 1, retry_at, now, answer);
        self.begin(name, lease, What::Park(lease), answered);
    }

    fn begin(
        &mut self,
        name: &'static str,
        lease: LeaseId,
        what: What,
        answer: oneshot::Receiver<Result<bool, crate::StoreError>>,
    ) {
        let (id, offset) = (lease.subscription, lease.offset);
        self.begun.push(Begun {
            name,
            id,
            offset,
            what,
            answer,
        });
    }

    /// Looks what became of what was begun.
    pub(super) fn resolve(&mut self) {
        for mut begun in std::mem::take(&mut self.begun) {
            match begun.answer.try_recv() {
                Err(oneshot::error::TryRecvError::Empty) => self.begun.push(begun),
                Err(oneshot::error::TryRecvError::Closed) => panic!("{begun:?} is forgotten"),
                Ok(result) => self.resolved(&begun, result.ok()),
            }
        }
        let mut not_begun = Vec::new();
        for (name, reader) in &mut self.readers {
            match reader.beginning.as_mut().map(oneshot::Receiver::try_recv) {
                Some(Ok(Ok(()))) => reader.beginning = None,
                Some(Ok(Err(_))) => not_begun.push((*name, reader.id)),
                Some(Err(_)) | None => {}
            }
        }
        for (name, id) in not_begun {
            self.world.state.forget(id.expect("it was being opened"));
            self.world.keys.remove(name);
            self.readers.remove(name);
        }
        self.deleting
            .retain_mut(|(_, it)| !matches!(it.try_recv(), Ok(Ok(()))));
    }

    /// None where it could not be kept.
    fn resolved(&mut self, begun: &Begun, done: Option<bool>) {
        let Some(reader) = self
            .readers
            .get_mut(begun.name)
            .filter(|it| it.is(begun.id))
        else {
            return;
        };
        let Some(item) = reader.items.get_mut(&begun.offset) else {
            return assert_ne!(done, Some(true).filter(|_| begun.what.is_an_operators()));
        };
        match (begun.what, done) {
            (What::Move(lease, until), Some(_)) => match *item {
                At::Leased(known) if known == lease => *item = At::Pending(until),
                At::ParkedLeased(known) if known == lease => *item = At::Parked,
                _ => {}
            },
            (What::Park(lease), Some(_)) => match *item {
                At::Leased(known) | At::ParkedLeased(known) if known == lease => *item = At::Parked,
                _ => {}
            },
            // It comes up again soon.
            (What::Move(lease, _) | What::Park(lease), None) => match *item {
                At::Leased(known) if known == lease => *item = At::Pending(Timestamp(0)),
                At::ParkedLeased(known) if known == lease => *item = At::Parked,
                _ => {}
            },
            (What::Redrive, Some(true)) => {
                assert!(matches!(item, At::Parked | At::ParkedLeased(_)));
                *item = At::Pending(Timestamp(0));
            }
            (What::Discard, Some(true)) => {
                assert!(matches!(item, At::Parked | At::ParkedLeased(_)));
                self.done(begun.name, begun.offset);
            }
            (What::Redrive | What::Discard, Some(false) | None) => {}
        }
    }
}

impl Reader {
    /// Whether it is still the one, opened or not.
    pub(super) fn is(&self, id: crate::reading::SubscriptionId) -> bool {
        self.known == Some(id)
    }
}

impl What {
    fn is_an_operators(self) -> bool {
        matches!(self, What::Redrive | What::Discard)
    }
}

fn reason() -> ParkReason {
    ParkReason {
        kind: "exhausted",
        detail: Arc::from("said by the model"),
        dest: None,
        code: None,
        data: bytes::Bytes::new(),
    }
}
