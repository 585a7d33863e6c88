//! The queues of a subscription as this store fills them: an event's place is its slot, and why it
//! is parked is kept whole.

use crate::ParkReason;
use crate::queues;
pub(super) use crate::queues::{Duty, Why};

pub(super) type Ticket = queues::Ticket<usize>;
pub(super) type Queues = queues::Queues<usize, ParkReason>;
pub(super) type Parked = queues::Parked<usize, ParkReason>;
pub(super) type ParkedAgain = queues::ParkedAgain<ParkReason>;
pub(super) type Takeable<'a> = queues::Takeable<'a, usize, ParkReason>;
