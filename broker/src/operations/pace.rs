//! How fast an operation goes, and how it is told to end.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

/// The operation was told to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Halted;

/// Tells an operation to end.
#[derive(Debug)]
pub(super) struct Stopper(watch::Sender<bool>);

impl Stopper {
    pub(super) fn stop(&self) {
        self.0.send_replace(true);
    }
}

/// Hears that an operation is to end.
#[derive(Clone, Debug)]
pub struct Halt(watch::Receiver<bool>);

/// The two ends.
pub(super) fn halting() -> (Stopper, Halt) {
    let (sender, receiver) = watch::channel(false);
    (Stopper(sender), Halt(receiver))
}

impl Halt {
    /// Whether to go on.
    ///
    /// # Errors
    ///
    /// When told to end.
    pub fn check(&self) -> Result<(), Halted> {
        match *self.0.borrow() {
            false => Ok(()),
            true => Err(Halted),
        }
    }

    /// Waits until `until`, or until told to end.
    ///
    /// # Errors
    ///
    /// When told to end.
    pub async fn sleep_until(&mut self, until: Instant) -> Result<(), Halted> {
        tokio::select! {
            biased;
            // Whoever tells lives as long as the operation; gone, there is nobody to go on for.
            _ = self.0.wait_for(|is_told| *is_told) => Err(Halted),
            () = sleep_until(until) => Ok(()),
        }
    }
}

/// What is done at once takes no longer than this at the rate asked for, so that a rate is even.
const BURST: Duration = Duration::from_millis(100);
/// No wait is longer, so that a clock can tell its end.
const LONGEST: Duration = Duration::from_secs(24 * 3_600);
/// Done at once where no rate is asked for.
const UNPACED: usize = 64;

/// How long to wait for somebody who takes nothing for now: twice as long each time in vain.
#[derive(Debug)]
pub(super) struct Patience(Duration);

impl Patience {
    const SHORTEST: Duration = Duration::from_millis(200);
    const LONGEST: Duration = Duration::from_secs(5);

    pub(super) fn new() -> Self {
        Patience(Self::SHORTEST)
    }

    /// The wait until the next try, after one that was in vain or was not.
    pub(super) fn next(&mut self, is_in_vain: bool) -> Duration {
        let wait = match is_in_vain {
            true => self.0,
            false => Self::SHORTEST,
        };
        self.0 = (wait * 2).min(Self::LONGEST);
        wait
    }
}

/// Keeps to so many a second. What was not used is not saved up.
#[derive(Debug)]
pub(super) struct Pace {
    per_second: Option<f64>,
    next_at: Instant,
}

impl Pace {
    pub(super) fn new(per_second: Option<f64>) -> Self {
        Pace {
            per_second,
            next_at: Instant::now(),
        }
    }

    /// Waits until something may be done, and says how much, at least one.
    pub(super) async fn ready(&self, halt: &mut Halt) -> Result<usize, Halted> {
        halt.check()?;
        let Some(per_second) = self.per_second else {
            return Ok(UNPACED);
        };
        if self.next_at > Instant::now() {
            halt.sleep_until(self.next_at).await?;
        }
        let burst = (1..UNPACED).rev();
        let fits = |count: &usize| self.takes(*count, per_second) <= BURST;
        Ok(burst.into_iter().find(fits).unwrap_or(1))
    }

    /// So many were done.
    pub(super) fn spent(&mut self, count: usize) {
        if let Some(per_second) = self.per_second {
            let from = self.next_at.max(Instant::now());
            self.next_at = from + self.takes(count, per_second);
        }
    }

    fn takes(&self, count: usize, per_second: f64) -> Duration {
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        let takes = Duration::try_from_secs_f64(f64::from(count) / per_second);
        takes.map_or(LONGEST, |takes| takes.min(LONGEST))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_rate_is_kept_evenly_and_nothing_is_saved_up() {
        for (per_second, most_at_once) in [(0.5, 1), (1.0, 1), (50.0, 5), (10_000.0, 63)] {
            let (_stopper, mut halt) = halting();
            let mut pace = Pace::new(Some(per_second));
            for _ in 0..2 {
                // Idle for long.
                tokio::time::sleep(Duration::from_secs(3_600)).await;
                let began = Instant::now();
                let mut done: u32 = 0;
                while began.elapsed() < Duration::from_secs(20) {
                    let count = pace.ready(&mut halt).await.unwrap();
                    assert!(count <= most_at_once, "{count} at {per_second}");
                    pace.spent(count);
                    done += u32::try_from(count).unwrap();
                }
                let rate = f64::from(done) / began.elapsed().as_secs_f64();
                assert!(rate <= per_second * 1.06 + 0.1, "{rate} for {per_second}");
                assert!(rate >= per_second * 0.9, "{rate} for {per_second}");
            }
        }
    }

    #[test]
    fn who_takes_nothing_is_asked_less_and_less_until_it_does() {
        let mut patience = Patience::new();
        for (is_in_vain, wait_ms) in [
            (true, 200),
            (true, 400),
            (true, 800),
            (true, 1_600),
            (true, 3_200),
            (true, 5_000),
            (true, 5_000),
            (false, 200),
            (true, 400),
        ] {
            let wait = Duration::from_millis(wait_ms);
            assert_eq!(patience.next(is_in_vain), wait);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_for_a_place_hears_that_it_is_to_end() {
        let (stopper, mut halt) = halting();
        let mut pace = Pace::new(Some(0.001));
        pace.spent(1);
        let waits = tokio::spawn(async move { pace.ready(&mut halt).await });
        tokio::task::yield_now().await;
        stopper.stop();
        let began = Instant::now();
        assert_eq!(waits.await.unwrap(), Err(Halted));
        assert!(began.elapsed() < Duration::from_secs(1));
    }
}
