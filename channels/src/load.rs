//! The two measures that every bound of the store is given in.

use std::ops::{Add, AddAssign, Sub, SubAssign};

/// A number of events and the bytes they take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Load {
    pub(crate) events: u64,
    pub(crate) bytes: u64,
}

/// Which of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    Events,
    Bytes,
}

impl Load {
    /// One event of that size.
    pub(crate) fn of(size_bytes: u64) -> Self {
        Load {
            events: 1,
            bytes: size_bytes,
        }
    }

    pub(crate) fn in_unit(self, unit: Unit) -> u64 {
        match unit {
            Unit::Events => self.events,
            Unit::Bytes => self.bytes,
        }
    }

    /// The unit in which this is more than `bound`; events first when it is so in both.
    pub(crate) fn over(self, bound: Load) -> Option<Unit> {
        if self.events > bound.events {
            Some(Unit::Events)
        } else if self.bytes > bound.bytes {
            Some(Unit::Bytes)
        } else {
            None
        }
    }
}

impl Add for Load {
    type Output = Load;

    fn add(self, rhs: Load) -> Load {
        Load {
            events: self.events + rhs.events,
            bytes: self.bytes + rhs.bytes,
        }
    }
}

impl Sub for Load {
    type Output = Load;

    fn sub(self, rhs: Load) -> Load {
        Load {
            events: self.events - rhs.events,
            bytes: self.bytes - rhs.bytes,
        }
    }
}

impl AddAssign for Load {
    fn add_assign(&mut self, rhs: Load) {
        *self = *self + rhs;
    }
}

impl SubAssign for Load {
    fn sub_assign(&mut self, rhs: Load) {
        *self = *self - rhs;
    }
}

impl std::iter::Sum for Load {
    fn sum<I: Iterator<Item = Load>>(loads: I) -> Load {
        loads.fold(Load::default(), Add::add)
    }
}
