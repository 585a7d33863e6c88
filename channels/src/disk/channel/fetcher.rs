//! The thread that reads: for those who are behind, and single events that are due.
//!
//! Single events come first, since there are few and somebody waits for each. What cannot be read
//! for now is tried again after a moment; a place that the device says is broken is passed over
//! after a few tries, and what stood there is lost and counted.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use sluicegate_event::{Event, StoredError, stored};

use super::super::appender::Answers;
use super::super::files::is_broken;
use super::super::log::{Item, ReadError, Reader};
use super::super::state::{Fetch, Fetched, SweepPlan, Swept};
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
/// How often a broken place is tried.
const TRIES: u32 = 3;
const TRY_AGAIN_AFTER: Duration = Duration::from_secs(1);

pub(super) struct Fetcher {
    shared: Arc<Shared>,
    readers: Vec<Reader>,
    /// Failures of the present place.
    failures: u32,
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
            failures: 0,
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

    fn wait(&self) -> Work {
        let mut state = self.shared.state.lock();
        loop {
            if self.shared.stage() != Stage::Running {
                return Work::End;
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
            self.shared.to_fetch.wait(&mut state);
        }
    }

    /// Waits a moment before something is tried again.
    fn pause(&self) {
        let mut state = self.shared.state.lock();
        if self.shared.stage() == Stage::Running {
            let _timed_out = self.shared.to_fetch.wait_for(&mut state, TRY_AGAIN_AFTER);
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
                self.failures = 0;
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
        self.failures += 1;
        if is_broken(&error.source) && self.failures >= TRIES {
            reader.pass_over();
            self.readers.push(reader);
        } else {
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
                    let accepted_at = accepted_at(record.timestamp_ms);
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
                    telemetry::damaged(&damage);
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
                telemetry::cannot_decode(&error, offset);
                Err(Undecoded::Lost)
            }
        }
    }

    // ---- single events ----

    fn fetch(&mut self, mut fetches: Vec<Fetch>) {
        fetches.sort_unstable_by_key(|fetch| (fetch.is_kept, fetch.key.offset));
        let mut reader: Option<Reader> = None;
        let mut failed = false;
        for fetch in fetches {
            let fetched = if fetch.is_kept {
                self.fetch_kept(&fetch)
            } else {
                self.fetch_event(&mut reader, fetch.key.offset)
            };
            match fetched {
                Ok(fetched) => self.shared.apply(|state, _| state.fetched(fetch, fetched)),
                Err(()) => {
                    failed = true;
                    self.shared.apply(|state, _| state.fetch_again(fetch));
                }
            }
        }
        if failed {
            self.failures += 1;
            self.pause();
        } else {
            self.failures = 0;
        }
    }

    fn fetch_kept(&self, fetch: &Fetch) -> Result<Option<Fetched>, ()> {
        let kept = &self.shared.kept;
        let read = kept.event(fetch.key.offset).and_then(|event| {
            let reason = fetch.is_parked.then(|| kept.reason(fetch.key));
            Ok((event, reason.transpose()?.flatten()))
        });
        match read {
            Ok((Some(event), reason)) => Ok(Some(Fetched {
                event: Arc::new(event),
                accepted_at: None,
                reason,
            })),
            Ok((None, _)) => Ok(None),
            Err(error) => {
                telemetry::cannot_read(&error, fetch.key.offset);
                if self.failures >= TRIES && error.is_damage() {
                    Ok(None)
                } else {
                    Err(())
                }
            }
        }
    }

    fn fetch_event(&self, reader: &mut Option<Reader>, offset: u64) -> Result<Option<Fetched>, ()> {
        let is_near = |it: &Reader| (it.position()..it.position() + NEAR_OFFSETS).contains(&offset);
        if !reader.as_ref().is_some_and(is_near) {
            *reader = Some(self.shared.appender().readers().reader(offset));
        }
        let Some(reader) = reader else {
            return Ok(None);
        };
        loop {
            let item = match reader.read() {
                Ok(item) => item,
                Err(error) => {
                    telemetry::cannot_read(&error, offset);
                    if !is_broken(&error.source) || self.failures < TRIES {
                        return Err(());
                    }
                    reader.pass_over();
                    continue;
                }
            };
            match item {
                Some(Item::Record(record)) if record.offset < offset => {}
                Some(Item::Record(record)) if record.offset == offset => {
                    let accepted_at = Some(accepted_at(record.timestamp_ms));
                    return match self.decoded(record.payload, offset) {
                        Ok(event) => Ok(Some(Fetched {
                            event: Arc::new(event),
                            accepted_at,
                            reason: None,
                        })),
                        Err(Undecoded::Lost) => Ok(None),
                        Err(Undecoded::OfALaterVersion) => Err(()),
                    };
                }
                Some(Item::Damaged(damage)) if damage.offsets.end <= offset => {}
                Some(_) | None => return Ok(None),
            }
        }
    }
}

fn accepted_at(timestamp_ms: i64) -> Timestamp {
    Timestamp(u64::try_from(timestamp_ms).unwrap_or(0))
}
