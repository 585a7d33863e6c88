//! The thread that reads: for those who are behind, and single events that are due.
//!
//! Single events come first, since there are few and somebody waits for each. What cannot be read
//! for now is tried again after a moment; a place that the device says is broken is passed over
//! after a few tries, and what stood there is lost and counted.

mod single;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use sluicegate_event::{Event, StoredError, stored};
use tokio::time::Instant;

use super::super::appender::Answers;
use super::super::log::{Item, ReadError, Reader};
use super::super::patience::{Advice, Patience};
use super::super::state::{Fetch, SweepPlan, Swept};
use super::shared::{Shared, Stage};
use crate::{Timestamp, telemetry};

/// How many single events are read before others may be handed out.
const FETCHES: usize = 64;
/// How much of the log is read and matched before it is handed out.
const SWEEP_EVENTS: usize = 1_024;
const SWEEP_BYTES: usize = 1 << 20;
/// Readers that are kept where they stand.
const READERS: usize = 4;
/// Further apart, a reader of its own is cheaper than reading what lies between.
const NEAR_OFFSETS: u64 = 256;
/// Places of which is remembered how often they have failed.
const FAILED_PLACES: usize = 64;
const TRY_AGAIN_AFTER: Duration = Duration::from_secs(1);

pub(super) struct Fetcher {
    shared: Arc<Shared>,
    readers: Vec<Reader>,
    /// How often sweeps from a place have failed.
    failures: BTreeMap<u64, Patience>,
    /// What could not be read, and is tried again then.
    put_off: Vec<Fetch>,
    put_off_until: Instant,
    /// It came to what a later program has written, and reads no further.
    is_halted: bool,
}

/// Why a record that passed its checksum is no event here.
enum Undecoded {
    Lost,
    OfALaterVersion,
}

enum Work {
    Fetch(Vec<Fetch>),
    Sweep(SweepPlan),
    End,
}

/// What was read for a plan, and up to where.
struct Chunk {
    swept: Vec<Swept>,
    until: u64,
}

impl Fetcher {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Fetcher {
            shared,
            readers: Vec::new(),
            failures: BTreeMap::new(),
            put_off: Vec::new(),
            put_off_until: Instant::now(),
            is_halted: false,
        }
    }

    pub(super) fn run(mut self) {
        loop {
            match self.wait() {
                Work::End => return,
                Work::Fetch(fetches) => self.fetch(fetches),
                Work::Sweep(plan) => self.sweep(plan),
            }
        }
    }

    fn wait(&mut self) -> Work {
        let shared = Arc::clone(&self.shared);
        let mut state = shared.state.lock();
        loop {
            if shared.stage() != Stage::Running {
                return Work::End;
            }
            let left = self.put_off_until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                self.put_off.drain(..).for_each(|it| state.fetch_again(it));
            }
            if !self.is_halted {
                let fetches = state.take_fetches(FETCHES);
                if !fetches.is_empty() {
                    return Work::Fetch(fetches);
                }
                if let Some(plan) = state.plan_sweep() {
                    return Work::Sweep(plan);
                }
            }
            if self.put_off.is_empty() {
                shared.to_fetch.wait(&mut state);
            } else {
                let _timed_out = shared.to_fetch.wait_for(&mut state, left);
            }
        }
    }

    /// Waits a moment before a sweep is tried again, whoever else asks for something meanwhile: a
    /// device that is away for a moment must not be taken for broken.
    fn pause(&self) {
        let until = Instant::now() + TRY_AGAIN_AFTER;
        let mut state = self.shared.state.lock();
        while self.shared.stage() == Stage::Running {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() || self.shared.to_fetch.wait_for(&mut state, left).timed_out() {
                return;
            }
        }
    }

    // ---- sweeps ----

    fn sweep(&mut self, plan: SweepPlan) {
        let mut reader = self.reader_at(plan.from);
        let mut chunk = Chunk {
            swept: Vec::new(),
            until: plan.until,
        };
        match self.read(&mut reader, plan, &mut chunk) {
            Ok(is_reusable) => {
                self.failures.remove(&plan.from);
                if is_reusable {
                    self.readers.push(reader);
                }
            }
            // What was read before it is given out.
            Err(_) if chunk.until > plan.from && chunk.until < plan.until => {}
            Err(error) => return self.sweep_failed(plan, reader, &error),
        }
        let Chunk { swept, until } = chunk;
        self.shared
            .apply(|state, _| state.swept(plan, swept, until));
    }

    fn sweep_failed(&mut self, plan: SweepPlan, mut reader: Reader, error: &ReadError) {
        telemetry::cannot_read(error, plan.from);
        if self.failures.len() >= FAILED_PLACES && !self.failures.contains_key(&plan.from) {
            self.failures.clear();
        }
        let patience = self.failures.entry(plan.from).or_default();
        let advice = patience.failed_on(&error.source, || reader.device_answers());
        if advice == Advice::PassOver {
            self.failures.remove(&plan.from);
            reader.pass_over();
            self.readers.push(reader);
        } else if !self.shared.apply(|state, _| state.sweep_failed(plan)) {
            self.pause();
        }
    }

    /// Takes a reader that stands there, or makes one in place of the one longest unused.
    fn reader_at(&mut self, from: u64) -> Reader {
        let known = self.readers.iter().position(|it| it.position() == from);
        if let Some(known) = known {
            return self.readers.remove(known);
        }
        if self.readers.len() >= READERS {
            drop(self.readers.remove(0));
        }
        self.shared.appender().readers().reader(from)
    }

    /// Reads a stretch; says whether the reader stands where the stretch ends.
    fn read(
        &mut self,
        reader: &mut Reader,
        plan: SweepPlan,
        chunk: &mut Chunk,
    ) -> Result<bool, ReadError> {
        let mut bytes = 0;
        while chunk.swept.len() < SWEEP_EVENTS && bytes < SWEEP_BYTES {
            let at = reader.position();
            let item = match reader.read() {
                Ok(item) => item,
                Err(error) => {
                    chunk.until = at;
                    return Err(error);
                }
            };
            match item {
                None => {
                    chunk.until = plan.until;
                    return Ok(false);
                }
                Some(Item::Record(record)) if record.offset >= plan.until => {
                    chunk.until = plan.until;
                    return Ok(false);
                }
                Some(Item::Record(record)) => {
                    bytes += record.payload.len();
                    let accepted_at = Timestamp::from_signed_millis(record.timestamp_ms);
                    match self.decoded(record.payload, record.offset) {
                        Ok(event) => chunk.swept.push(Swept::Event {
                            answers: Answers::of(&event, &*self.shared.matcher),
                            event: Arc::new(event),
                            offset: record.offset,
                            accepted_at,
                        }),
                        Err(Undecoded::Lost) => {
                            let lost = record.offset..record.offset + 1;
                            chunk.swept.push(Swept::Lost(lost));
                        }
                        Err(Undecoded::OfALaterVersion) => {
                            chunk.until = record.offset;
                            self.is_halted = true;
                            return Ok(false);
                        }
                    }
                }
                Some(Item::Damaged(damage)) => {
                    let end = damage.offsets.end.min(plan.until);
                    chunk.swept.push(Swept::Lost(damage.offsets.start..end));
                }
            }
        }
        chunk.until = reader.position().min(plan.until);
        Ok(true)
    }

    /// What a record that passed its checksum holds. One that this program cannot read was written
    /// by a later one, and is no reason to pass it over.
    fn decoded(&self, payload: &[u8], offset: u64) -> Result<Event, Undecoded> {
        match stored::decode(Bytes::copy_from_slice(payload)) {
            Ok(event) => Ok(event),
            Err(error @ StoredError::UnknownVersion { .. }) => {
                self.shared.break_off(&error.to_string());
                Err(Undecoded::OfALaterVersion)
            }
            Err(error) => {
                let readers = self.shared.appender().readers();
                telemetry::cannot_decode(readers.dir(), &error, offset);
                Err(Undecoded::Lost)
            }
        }
    }
}
