//! What becomes of a place that the device cannot read: one rule for all who read.
//!
//! A bad sector stays bad, and what lay in it is lost; what stands around it is not. A device that is
//! away for a moment says the same of everything (EIO). So a place is tried three times, and only then
//! passed over: what lay there counts as damage. Whatever else the system says tells nothing of what is
//! on the disk, and nothing is passed over for it.
//!
//! A device can be away for longer than three tries. So nothing is passed over unless the device has
//! written and synced something else, both before that and after it. While it cannot, an opening fails, and whoever asked for it asks
//! again; whoever reads for deliveries begins its tries anew.
//!
//! Between two tries some time must go by. How it is waited for is left to whoever reads: a thread that
//! has other work does that first.

use std::io;
use std::time::Duration;

use super::files::is_broken;

/// How often a place is tried before it is passed over.
const TRIES: u32 = 3;
/// Where passing over has not helped so often, nothing will.
const TRIES_MAX: u32 = 2 * TRIES;

/// How long to wait between two tries where nothing else can be done meanwhile.
pub(super) const MOMENT: Duration = Duration::from_millis(100);

/// How often a place could not be read, one time after the other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Patience {
    failures: u32,
}

/// What to do about a place that could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Advice {
    /// Ask once more, after a moment.
    TryAgain,
    /// What lies there is lost; go on behind it.
    PassOver,
    /// It cannot be read now, and nobody knows whether it is lost.
    GiveUp,
}

impl Patience {
    /// After a failure.
    pub(super) fn failed(&mut self, error: &io::Error) -> Advice {
        if !is_broken(error) {
            return Advice::GiveUp;
        }
        self.failures = self.failures.saturating_add(1);
        match self.failures {
            ..TRIES => Advice::TryAgain,
            TRIES..=TRIES_MAX => Advice::PassOver,
            _ => Advice::GiveUp,
        }
    }

    /// After a failure, for whoever goes on trying for as long as the device is away: whether it `answers`
    /// is asked only before something is passed over.
    pub(super) fn failed_on(
        &mut self,
        error: &io::Error,
        answers: impl FnOnce() -> bool,
    ) -> Advice {
        match self.failed(error) {
            Advice::PassOver if !answers() => {
                self.succeeded();
                Advice::TryAgain
            }
            advice => advice,
        }
    }

    /// The next place has all its tries.
    pub(super) fn succeeded(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use rustix::io::Errno;

    use super::*;

    #[test]
    fn a_bad_sector_is_passed_over_at_the_third_try_and_nothing_else_ever_is() {
        let broken = io::Error::from(Errno::IO);
        let mut patience = Patience::default();
        let mut advice = || patience.failed(&broken);
        assert_eq!(advice(), Advice::TryAgain);
        assert_eq!(advice(), Advice::TryAgain);
        for _ in TRIES..=TRIES_MAX {
            assert_eq!(advice(), Advice::PassOver);
        }
        assert_eq!(advice(), Advice::GiveUp, "passing over does not help");
        patience.succeeded();
        assert_eq!(patience.failed(&broken), Advice::TryAgain);
        for other in [Errno::NOSPC, Errno::ACCESS, Errno::NFILE] {
            let other = io::Error::from(other);
            assert_eq!(Patience::default().failed(&other), Advice::GiveUp);
        }
    }

    #[test]
    fn while_the_device_is_away_nothing_is_passed_over_or_given_up() {
        let broken = io::Error::from(Errno::IO);
        let mut patience = Patience::default();
        for _ in 0..10 * TRIES_MAX {
            assert_eq!(patience.failed_on(&broken, || false), Advice::TryAgain);
        }
        patience.succeeded();
        for expected in [Advice::TryAgain, Advice::TryAgain, Advice::PassOver] {
            assert_eq!(patience.failed_on(&broken, || true), expected);
        }
    }
}
