//! Which call fails, and how.

use std::io;

use rustix::io::Errno;

/// The kinds of calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// [`Files::create_dir`](crate::disk::files::Files::create_dir).
    CreateDir,
    /// [`Files::list`](crate::disk::files::Files::list).
    List,
    /// [`Files::open`](crate::disk::files::Files::open).
    Open,
    /// [`Files::rename`](crate::disk::files::Files::rename).
    Rename,
    /// [`Files::remove`](crate::disk::files::Files::remove).
    Remove,
    /// [`Files::sync_dir`](crate::disk::files::Files::sync_dir).
    SyncDir,
    /// [`Files::space`](crate::disk::files::Files::space).
    Space,
    /// [`OpenFile::read_at`](crate::disk::files::OpenFile::read_at).
    Read,
    /// [`OpenFile::write_at`](crate::disk::files::OpenFile::write_at).
    Write,
    /// [`OpenFile::sync`](crate::disk::files::OpenFile::sync).
    Sync,
    /// [`OpenFile::allocate`](crate::disk::files::OpenFile::allocate).
    Allocate,
    /// [`OpenFile::set_len`](crate::disk::files::OpenFile::set_len).
    SetLen,
    /// [`OpenFile::len`](crate::disk::files::OpenFile::len).
    Length,
    /// [`OpenFile::try_lock`](crate::disk::files::OpenFile::try_lock).
    Lock,
}

/// How a call fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// ENOSPC. A write writes some of it before.
    NoSpace,
    /// EIO.
    Broken,
    /// EINTR.
    Interrupted,
    /// A write writes a part and says so. Other calls do what they should.
    Short,
}

/// What comes of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Done,
    Short,
    Refused(Effect),
}

#[derive(Clone, Debug, Default)]
pub(super) struct Faults {
    planned: Option<Planned>,
    outage: Option<Outage>,
    is_filled_up: bool,
    calls: u64,
    injected: u64,
}

#[derive(Clone, Copy, Debug)]
struct Planned {
    call: Option<Call>,
    left: u64,
    effect: Effect,
}

/// Calls that fail one after the other.
#[derive(Clone, Copy, Debug)]
struct Outage {
    begins_in: u64,
    calls: u64,
}

impl Faults {
    pub(super) fn plan_outage(&mut self, nth: u64, calls: u64) {
        let begins_in = nth.max(1) - 1;
        self.outage = Some(Outage { begins_in, calls });
    }

    fn is_out(&mut self) -> bool {
        let Some(outage) = &mut self.outage else {
            return false;
        };
        if outage.begins_in > 0 {
            outage.begins_in -= 1;
            return false;
        }
        let Some(left) = outage.calls.checked_sub(1) else {
            self.outage = None;
            return false;
        };
        outage.calls = left;
        self.injected += 1;
        true
    }

    pub(super) fn plan(&mut self, call: Option<Call>, nth: u64, effect: Effect) {
        let left = nth.max(1);
        self.planned = Some(Planned { call, left, effect });
    }

    pub(super) fn forget(&mut self) {
        self.planned = None;
        self.outage = None;
        self.is_filled_up = false;
    }

    pub(super) fn injected(&self) -> u64 {
        self.injected
    }

    pub(super) fn calls(&self) -> u64 {
        self.calls
    }

    /// Counts a call and decides it. A disk that fills up in the middle of a write writes a part,
    /// and refuses the rest when that is asked for.
    pub(super) fn next(&mut self, call: Call) -> Outcome {
        self.calls += 1;
        if self.is_out() {
            return Outcome::Refused(Effect::Broken);
        }
        if call == Call::Write && std::mem::take(&mut self.is_filled_up) {
            return Outcome::Refused(Effect::NoSpace);
        }
        let Some(planned) = &mut self.planned else {
            return Outcome::Done;
        };
        if planned.call.is_some_and(|it| it != call) {
            return Outcome::Done;
        }
        planned.left -= 1;
        if planned.left > 0 {
            return Outcome::Done;
        }
        let effect = planned.effect;
        self.planned = None;
        self.injected += 1;
        match (effect, call) {
            (Effect::NoSpace, Call::Write) => {
                self.is_filled_up = true;
                Outcome::Short
            }
            (Effect::Short, _) => Outcome::Short,
            (Effect::NoSpace | Effect::Broken | Effect::Interrupted, _) => Outcome::Refused(effect),
        }
    }
}

pub(super) fn failure(effect: Effect) -> io::Error {
    let number = match effect {
        Effect::NoSpace => Errno::NOSPC,
        Effect::Broken | Effect::Short => Errno::IO,
        Effect::Interrupted => Errno::INTR,
    };
    number.into()
}
