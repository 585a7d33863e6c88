//! What one connection is waiting for, and until when.
//!
//! Hyper has a timer for headers only, and none that tells a silent connection from an idle one.
//! So the parts of a connection note here what happens (bytes came in, a request began or ended, a
//! write could not go on), and the connection's task asks [`Watch::check`] when it must end.
//!
//! ```text
//!  opened ──first byte──► head ──head complete──► serving ──answer──► answering ──read──► idle
//!    │ first_byte_timeout   │ header_timeout        │ (its body's rate)   │ write_timeout   │ idle_timeout
//!    ▼                      ▼                       ▼                     ▼                 ▼
//!  closed                 closed                   408                  closed            closed
//! ```
//!
//! On HTTP/2 frames come in at any time, so after the first request only idleness counts there.
//! Nor does it see what hyper has read ahead: a part of a head that came together with the request
//! before it has the idle time, until more of it comes.

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::time::Instant;

use super::ServerOptions;

/// Shared by the parts of one connection.
#[derive(Debug)]
pub(super) struct Watch {
    options: Arc<ServerOptions>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    opened: Instant,
    /// When the first byte came after which no request began yet.
    head_since: Option<Instant>,
    /// When the last request ended; means nothing before the first.
    idle_since: Instant,
    requests_seen: u64,
    requests_under_way: usize,
    /// Answers with a body that the connection has not taken as a whole yet, oldest first, with
    /// the numbers of their requests. On HTTP/2 a peer may keep a body here without ever blocking
    /// a write, by granting it no window.
    answers: Vec<(u64, Instant)>,
    is_http2: bool,
    write_blocked_since: Option<Instant>,
    closing_since: Option<Instant>,
}

/// What a look at the clock says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Check {
    /// Nothing is overdue; look again then, or when something happened.
    Until(Instant),
    /// The connection has waited long enough, for this.
    Overdue(Overdue),
}

/// What did not come in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Overdue {
    FirstByte,
    Head,
    Request,
    Write,
    Close,
}

impl Watch {
    pub(super) fn new(options: Arc<ServerOptions>) -> Arc<Self> {
        let now = Instant::now();
        Arc::new(Watch {
            options,
            state: Mutex::new(State {
                opened: now,
                head_since: None,
                idle_since: now,
                requests_seen: 0,
                requests_under_way: 0,
                answers: Vec::new(),
                is_http2: false,
                write_blocked_since: None,
                closing_since: None,
            }),
        })
    }

    pub(super) fn options(&self) -> &ServerOptions {
        &self.options
    }

    /// Bytes came in.
    pub(super) fn received(&self) {
        let mut state = self.state.lock();
        let is_between_requests = state.requests_under_way == 0;
        let tells_a_head = !state.is_http2 || state.requests_seen == 0;
        if is_between_requests && tells_a_head && state.head_since.is_none() {
            state.head_since = Some(Instant::now());
        }
    }

    /// A request's head is complete. The request ends when the guard is dropped.
    pub(super) fn begin_request(self: &Arc<Self>, is_http2: bool) -> UnderWay {
        let mut state = self.state.lock();
        state.head_since = None;
        state.requests_seen += 1;
        state.requests_under_way += 1;
        state.is_http2 = is_http2;
        UnderWay {
            watch: self.clone(),
            number: state.requests_seen,
        }
    }

    /// The peer does not take what is written.
    pub(super) fn write_blocked(&self) {
        let mut state = self.state.lock();
        state.write_blocked_since.get_or_insert_with(Instant::now);
    }

    /// The peer takes it again.
    pub(super) fn write_moved(&self) {
        self.state.lock().write_blocked_since = None;
    }

    /// Our side is shut; what is left is to wait for the peer's.
    pub(super) fn closing(&self) {
        let mut state = self.state.lock();
        state.closing_since.get_or_insert_with(Instant::now);
    }

    /// Whether the connection has waited too long for something.
    pub(super) fn check(&self, now: Instant) -> Check {
        let (deadline, overdue) = self.next_deadline(now);
        match overdue {
            Some(overdue) if deadline <= now => Check::Overdue(overdue),
            _ => Check::Until(deadline),
        }
    }

    /// The earliest deadline, and what is overdue once it has passed. Nothing is, while a request
    /// is under way and not answered: then the time only says when to look again, since on HTTP/2 a
    /// request may be answered, and end, without this connection's task being woken.
    fn next_deadline(&self, now: Instant) -> (Instant, Option<Overdue>) {
        let options = &*self.options;
        let state = self.state.lock();
        if let Some(since) = state.closing_since {
            return (since + options.linger_timeout, Some(Overdue::Close));
        }
        let reading = if state.requests_under_way > 0 {
            (now + options.idle_timeout.min(options.write_timeout), None)
        } else if let Some(since) = state.head_since {
            (since + options.header_timeout, Some(Overdue::Head))
        } else if state.requests_seen == 0 {
            let deadline = state.opened + options.first_byte_timeout;
            (deadline, Some(Overdue::FirstByte))
        } else {
            let deadline = state.idle_since + options.idle_timeout;
            (deadline, Some(Overdue::Request))
        };
        let answering_since = state.answers.first().map(|(_, since)| *since);
        let writing_since = state.write_blocked_since.into_iter().chain(answering_since);
        match writing_since.min() {
            Some(since) if since + options.write_timeout < reading.0 => {
                (since + options.write_timeout, Some(Overdue::Write))
            }
            _ => reading,
        }
    }
}

/// A request under way, from its complete head until the connection has taken all of its answer.
#[derive(Debug)]
pub(super) struct UnderWay {
    watch: Arc<Watch>,
    number: u64,
}

impl UnderWay {
    /// Its answer is there, and what is left is that the peer takes its body.
    pub(super) fn answered(&self) {
        let answer = (self.number, Instant::now());
        self.watch.state.lock().answers.push(answer);
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        let mut state = self.watch.state.lock();
        state.answers.retain(|(number, _)| *number != self.number);
        state.requests_under_way -= 1;
        if state.requests_under_way == 0 {
            state.idle_since = Instant::now();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::advance;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn watch() -> Arc<Watch> {
        Watch::new(Arc::new(ServerOptions::default()))
    }

    #[track_caller]
    fn assert_overdue(watch: &Watch, overdue: Option<Overdue>) {
        let expected = overdue.map(Check::Overdue);
        match watch.check(Instant::now()) {
            Check::Until(_) => assert_eq!(None, expected),
            check @ Check::Overdue(_) => assert_eq!(Some(check), expected),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_connection_is_overdue_after_ten_seconds() {
        let watch = watch();
        advance(SECOND * 9).await;
        assert_overdue(&watch, None);
        advance(SECOND).await;
        assert_overdue(&watch, Some(Overdue::FirstByte));
    }

    #[tokio::test(start_paused = true)]
    async fn a_head_is_overdue_however_often_bytes_come() {
        let watch = watch();
        advance(SECOND * 9).await;
        for _ in 0..10 {
            watch.received();
            assert_overdue(&watch, None);
            advance(SECOND).await;
        }
        assert_overdue(&watch, Some(Overdue::Head));
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_is_overdue_while_a_request_is_under_way() {
        let watch = watch();
        watch.received();
        let request = watch.begin_request(false);
        advance(SECOND * 10_000).await;
        watch.received();
        assert_overdue(&watch, None);
        drop(request);
        advance(SECOND * 74).await;
        assert_overdue(&watch, None);
        advance(SECOND).await;
        assert_overdue(&watch, Some(Overdue::Request));
    }

    #[tokio::test(start_paused = true)]
    async fn a_second_head_has_its_own_deadline() {
        let watch = watch();
        drop(watch.begin_request(false));
        advance(SECOND * 30).await;
        watch.received();
        advance(SECOND * 10).await;
        assert_overdue(&watch, Some(Overdue::Head));
    }

    #[tokio::test(start_paused = true)]
    async fn frames_between_http2_requests_do_not_count_as_a_head() {
        let watch = watch();
        drop(watch.begin_request(true));
        watch.received();
        advance(SECOND * 74).await;
        assert_overdue(&watch, None);
        advance(SECOND).await;
        assert_overdue(&watch, Some(Overdue::Request));
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_is_overdue_from_its_own_handing_over() {
        let watch = watch();
        let [first, second] = [watch.begin_request(true), watch.begin_request(true)];
        advance(SECOND * 100).await;
        first.answered();
        advance(SECOND * 20).await;
        second.answered();
        drop(first);
        advance(SECOND * 29).await;
        assert_overdue(&watch, None);
        advance(SECOND).await;
        assert_overdue(&watch, Some(Overdue::Write));
        drop(second);
        assert_overdue(&watch, None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_does_not_read_is_overdue_even_during_a_request() {
        let watch = watch();
        let _request = watch.begin_request(false);
        watch.write_blocked();
        advance(SECOND * 20).await;
        watch.write_blocked();
        assert_overdue(&watch, None);
        advance(SECOND * 10).await;
        assert_overdue(&watch, Some(Overdue::Write));
        watch.write_moved();
        assert_overdue(&watch, None);
    }
}
