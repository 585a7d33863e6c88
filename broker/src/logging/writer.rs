//! Writes lines on a thread of its own, so that a pipe that nobody reads stops no worker.
//!
//! A bounded queue (lines and bytes) stands between; what finds it full is lost and counted, and
//! the count is written as a line of its own as soon as lines flow again.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

use super::record::{Record, Style};

/// Lines that may wait.
const LINES_MAX: usize = 4_096;
/// Bytes that may wait.
const BYTES_MAX: usize = 4 << 20;
/// How long the end of the program waits for lines to be written.
const FLUSH_WAIT_MAX: Duration = Duration::from_secs(1);

/// The queue's entrance. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Writer {
    shared: Arc<Shared>,
}

/// Waits, when dropped, until what was logged is written, for at most a second.
#[derive(Debug)]
pub struct LogGuard {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    queue: Mutex<Queue>,
    /// Something is in the queue.
    filled: Condvar,
    /// Nothing is in the queue, and nothing is being written.
    drained: Condvar,
}

#[derive(Debug, Default)]
struct Queue {
    lines: VecDeque<String>,
    bytes: usize,
    lost: u64,
    is_writing: bool,
}

impl Writer {
    /// Starts the thread.
    ///
    /// # Errors
    ///
    /// When the system has no thread to give.
    pub(super) fn start(
        output: impl Write + Send + 'static,
        style: Style,
    ) -> io::Result<(Writer, LogGuard)> {
        let shared = Arc::new(Shared::default());
        let of_thread = Arc::clone(&shared);
        // Never joined: it may hang in a write for ever, and ends with the process.
        std::thread::Builder::new()
            .name("log".to_owned())
            .spawn(move || write_all(&of_thread, output, style))?;
        Ok((
            Writer {
                shared: Arc::clone(&shared),
            },
            LogGuard { shared },
        ))
    }

    /// Queues a line, or counts it as lost. Never blocks for longer than a queue operation.
    pub(super) fn put(&self, line: String) {
        let mut queue = self.shared.queue.lock();
        if queue.lines.len() >= LINES_MAX || queue.bytes + line.len() > BYTES_MAX {
            queue.lost += 1;
            return;
        }
        queue.bytes += line.len();
        queue.lines.push_back(line);
        drop(queue);
        self.shared.filled.notify_one();
    }
}

/// Takes everything that waits, writes it in one go, and begins again.
fn write_all(shared: &Shared, mut output: impl Write, style: Style) {
    loop {
        let (lines, lost) = shared.take();
        let mut text = String::with_capacity(lines.iter().map(String::len).sum());
        lines.iter().for_each(|line| text.push_str(line));
        if lost > 0 {
            text.push_str(&Record::lost(lost).render(jiff::Timestamp::now(), style));
        }
        // A log that cannot be written has nowhere to say so.
        output
            .write_all(text.as_bytes())
            .and_then(|()| output.flush())
            .ok();
        shared.wrote();
    }
}

impl Shared {
    fn take(&self) -> (VecDeque<String>, u64) {
        let mut queue = self.queue.lock();
        while queue.lines.is_empty() {
            self.filled.wait(&mut queue);
        }
        queue.is_writing = true;
        queue.bytes = 0;
        (
            std::mem::take(&mut queue.lines),
            std::mem::take(&mut queue.lost),
        )
    }

    fn wrote(&self) {
        self.queue.lock().is_writing = false;
        self.drained.notify_all();
    }
}

impl Drop for LogGuard {
    fn drop(&mut self) {
        let mut queue = self.shared.queue.lock();
        self.shared.drained.wait_while_for(
            &mut queue,
            |queue| queue.is_writing || !queue.lines.is_empty(),
            FLUSH_WAIT_MAX,
        );
    }
}
