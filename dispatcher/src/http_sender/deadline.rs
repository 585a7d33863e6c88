//! The deadline of an attempt, as it is told by a process that may have stood still.
//!
//! Who was stopped and goes on (SIGSTOP, a machine that slept, a thread that got no turn) finds
//! every deadline of the meantime passed, while the answers lie in the sockets and nobody has read
//! them. Were those attempts called late, all that was under way would be sent again, and a healthy
//! subscriber be taken for dead. So a deadline that is seen to pass much later than it did is put
//! off once, for long enough to read what is there.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Instant, Sleep};

/// Who sees a deadline pass so much later than it did has stood still.
const OVERSLEPT: Duration = Duration::from_secs(1);

/// And gets so much more.
const AGAIN: Duration = Duration::from_secs(1);

/// Ends when an attempt must.
#[derive(Debug)]
pub(super) struct Deadline<'a> {
    sleep: Pin<&'a mut Sleep>,
    is_put_off: bool,
}

impl<'a> Deadline<'a> {
    pub(super) fn new(sleep: Pin<&'a mut Sleep>) -> Self {
        Deadline {
            sleep,
            is_put_off: false,
        }
    }
}

impl Future for Deadline<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        ready!(self.sleep.as_mut().poll(cx));
        let now = Instant::now();
        if self.is_put_off || now < self.sleep.deadline() + OVERSLEPT {
            return Poll::Ready(());
        }
        self.is_put_off = true;
        self.sleep.as_mut().reset(now + AGAIN);
        self.sleep.as_mut().poll(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use futures_util::FutureExt as _;
    use tokio::time::{advance, sleep};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_deadline_that_is_seen_in_time_is_one() {
        let mut timer = pin!(sleep(Duration::from_secs(5)));
        let began = Instant::now();
        Deadline::new(timer.as_mut()).await;
        assert!(began.elapsed() <= Duration::from_millis(5_001));
    }

    #[tokio::test(start_paused = true)]
    async fn who_has_stood_still_gets_a_second_and_no_more() {
        let mut timer = pin!(sleep(Duration::from_secs(5)));
        let mut deadline = Deadline::new(timer.as_mut());
        assert_eq!((&mut deadline).now_or_never(), None);
        advance(Duration::from_secs(60)).await;
        let woken = Instant::now();
        assert_eq!((&mut deadline).now_or_never(), None);
        deadline.await;
        let took = woken.elapsed();
        assert!((AGAIN..AGAIN * 2).contains(&took), "{took:?}");
    }
}
