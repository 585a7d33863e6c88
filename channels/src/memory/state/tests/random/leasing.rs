//! Handing out, and every way in which a lease ends.

use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use super::super::model::At;
use super::Run;
use crate::memory::queues::Duty;
use crate::memory::state::Ending;
use crate::reading::{LeaseId, Next};
use crate::{Exhausted, LeasePurpose, NextLimit, ParkReason, Settled, Timestamp};

impl Run {
    pub(super) fn next(&mut self, name: &'static str) {
        let Some(reader) = self.model.readers.get_mut(name) else {
            return;
        };
        let limit = NextLimit {
            items_max: self.rng.usize(1..6).try_into().expect("not zero"),
            bytes_max: self.rng.usize(..600),
            dead_letters_max: usize::MAX,
        };
        let now = self.now;
        match self.state.next(reader.id, limit, Waker::noop(), now) {
            Next::HandedOut(handed_out) => {
                assert!(!reader.paused && !handed_out.is_empty());
                assert!(handed_out.len() <= limit.items_max.get());
                let mut bytes = 0;
                for out in handed_out {
                    let ready = reader.ready(now);
                    let duty = match &out.purpose {
                        LeasePurpose::Deliver => Duty::Deliver,
                        LeasePurpose::DeadLetter(reason) if reason.kind == "shed" => {
                            Duty::HandedOver
                        }
                        LeasePurpose::DeadLetter(_) => Duty::Parked,
                    };
                    assert_eq!(ready.get(&out.id.offset), Some(&(out.sends, duty)));
                    let item = reader.items.get_mut(&out.id.offset).expect("it is ready");
                    if item.at == At::Fresh {
                        let fresh = reader.items.iter().find(|(_, item)| item.at == At::Fresh);
                        assert_eq!(fresh.map(|(offset, _)| *offset), Some(out.id.offset));
                    }
                    let item = reader.items.get_mut(&out.id.offset).expect("it is ready");
                    bytes += item.size_bytes;
                    assert!(bytes <= limit.bytes_max as u64 || bytes == item.size_bytes);
                    let token = out.id.token;
                    item.at = match (duty, item.at) {
                        (Duty::Deliver, _) => At::Leased {
                            token,
                            taken: false,
                        },
                        (Duty::HandedOver, _) => At::Leased { token, taken: true },
                        (Duty::Parked, At::Parked { due }) => At::ParkedLeased {
                            token,
                            retry_at: due,
                        },
                        (Duty::Parked, other) => panic!("{other:?} is not parked"),
                    };
                    self.leases.push((name, out.id));
                    self.handed_out += 1;
                }
            }
            Next::Wait(due) => {
                if reader.paused {
                    assert_eq!(due, None);
                } else {
                    assert!(reader.ready(now).is_empty(), "something is ready");
                    assert_eq!(due, reader.next_due());
                }
            }
            Next::Over => panic!("it is neither closed nor deleted"),
        }
    }

    pub(super) fn end_a_lease(&mut self) {
        if self.leases.is_empty() {
            return;
        }
        let (name, lease) = self.leases.swap_remove(self.rng.usize(..self.leases.len()));
        let until = self.now + Duration::from_millis(self.rng.u64(..50));
        let sends = self.rng.u32(..9);
        let ending = match self.rng.u32(..10) {
            0..3 => Ending::Settled(Settled::Delivered),
            3 => Ending::Settled(Settled::DeadLettered),
            4 => Ending::Settled(Settled::Discarded),
            5..7 => Ending::Deferred { until, sends },
            7 => Ending::Parked {
                reason: reason(),
                sends: 1,
                retry_at: Some(until),
            },
            8 => Ending::Parked {
                reason: reason(),
                sends: 1,
                retry_at: None,
            },
            _ => Ending::Dropped,
        };
        self.end_in_model(name, lease, &ending);
        self.state.end(lease, ending, self.now);
    }

    fn end_in_model(&mut self, name: &'static str, lease: LeaseId, ending: &Ending) {
        let reader = self.model.readers.get_mut(name);
        let Some(reader) = reader.filter(|reader| reader.id == lease.subscription) else {
            return;
        };
        let Some(item) = reader.items.get_mut(&lease.offset) else {
            return;
        };
        let duty = match item.at {
            At::Leased {
                token,
                taken: false,
            } if token == lease.token => Duty::Deliver,
            At::Leased { token, taken: true } if token == lease.token => Duty::HandedOver,
            At::ParkedLeased { token, .. } if token == lease.token => Duty::Parked,
            _ => return,
        };
        let at_once = Timestamp(0);
        let at = match (duty, ending) {
            (Duty::Deliver, Ending::Settled(Settled::Delivered)) => {
                reader.ended.delivered += 1;
                None
            }
            (_, Ending::Settled(Settled::Delivered | Settled::DeadLettered)) => {
                reader.ended.dead_lettered += 1;
                None
            }
            (_, Ending::Settled(Settled::Discarded))
            | (Duty::HandedOver, Ending::Parked { .. }) => {
                reader.ended.discarded += 1;
                None
            }
            (Duty::Deliver, Ending::Deferred { until, .. }) => Some(At::Again {
                due: *until,
                deferred: true,
            }),
            (Duty::HandedOver, Ending::Deferred { until, .. }) => Some(At::Taken {
                due: *until,
                deferred: true,
            }),
            (Duty::Parked, Ending::Deferred { until, .. }) => {
                Some(At::Parked { due: Some(*until) })
            }
            (Duty::Deliver | Duty::Parked, Ending::Parked { retry_at, .. }) => {
                // All that is parked here is of a kind for the sink.
                let has_sink = reader.exhausted == Exhausted::HandOver;
                Some(At::Parked {
                    due: retry_at.or(has_sink.then_some(self.now)),
                })
            }
            (Duty::Deliver, Ending::Dropped) => Some(At::Again {
                due: at_once,
                deferred: false,
            }),
            (Duty::HandedOver, Ending::Dropped) => Some(At::Taken {
                due: at_once,
                deferred: false,
            }),
            (Duty::Parked, Ending::Dropped) => Some(At::Parked { due: Some(at_once) }),
        };
        if let Ending::Deferred { sends, .. } | Ending::Parked { sends, .. } = ending {
            item.sends = *sends;
        }
        match at {
            Some(at) => item.at = at,
            None => drop(reader.items.remove(&lease.offset)),
        }
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
