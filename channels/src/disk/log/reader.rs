//! Reading a log from some offset on.

mod entering;
mod finding;
mod passing;

use std::fmt;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use self::finding::Tell;
use super::super::files::OpenFile;
use super::error::ReadError;
use super::report::{Damage, SegmentInfo};
use super::scan::{Found, Scan};
use super::segment::Segment;
use super::shared::Shared;

/// How much is read at a time.
const CHUNK_BYTES: usize = 256 << 10;
/// The same where only one record is wanted, which lies at most 64 KiB behind a place that the index
/// knows.
const SHORT_CHUNK_BYTES: usize = 16 << 10;

/// Makes readers, from any thread. Clones are of the same log.
#[derive(Clone, Debug)]
pub struct Readers {
    pub(super) shared: Arc<Shared>,
    /// Who is told of damage that they come upon.
    pub(super) tell: Option<Tell>,
}

impl Readers {
    /// The same, whose readers tell of damage that was not known before, once. Without this nobody is
    /// told: what damage costs is known to whoever knows what the log is for.
    #[must_use]
    pub fn telling(self, tell: impl Fn(&Path, &Damage) + Send + Sync + 'static) -> Self {
        Readers {
            tell: Some(Tell(Arc::new(tell))),
            ..self
        }
    }

    /// A reader whose first record is the one at `from`, or the first there is after it. Nothing
    /// is opened before it is asked for one.
    #[must_use]
    pub fn reader(&self, from: u64) -> Reader {
        Reader {
            shared: Arc::clone(&self.shared),
            tell: self.tell.clone(),
            next: from,
            chunk_bytes: CHUNK_BYTES,
            passes_over: false,
            is_opening: false,
            place: None,
        }
    }

    /// The same, for whoever opens the log and tells himself of all damage that there is.
    pub(crate) fn opening_reader(&self) -> Reader {
        Reader {
            is_opening: true,
            ..self.reader(0)
        }
    }

    /// The same, for whoever wants the record at `from` and hardly more: it reads 16 KiB at a time.
    #[must_use]
    pub fn short_reader(&self, from: u64) -> Reader {
        Reader {
            chunk_bytes: SHORT_CHUNK_BYTES,
            ..self.reader(from)
        }
    }

    /// The folder that the log lies in.
    pub(crate) fn dir(&self) -> &Path {
        &self.shared.dir
    }

    /// Whether the device does anything at all, or is away.
    pub(in super::super) fn device_answers(&self) -> bool {
        self.shared.device_answers().is_ok()
    }

    /// All segments in order, as far as they are synced.
    #[must_use]
    pub fn segments(&self) -> Vec<SegmentInfo> {
        self.shared.infos()
    }
}

/// Reads records in the order of their offsets: those that are synced, those that become so while
/// it reads, and none twice. Every one has passed its checksum.
///
/// It holds one file open and 256 KiB of it (a [short](Readers::short_reader) one 16), or one record if
/// that is larger. What was removed is
/// passed over; so is a segment that is removed under its hands.
pub struct Reader {
    shared: Arc<Shared>,
    tell: Option<Tell>,
    next: u64,
    chunk_bytes: usize,
    /// Whether what the next read cannot read is taken for damage.
    passes_over: bool,
    /// Whether somebody else tells of the damage that it finds.
    is_opening: bool,
    place: Option<Place>,
}

/// Where a reader stands in a segment.
struct Place {
    segment: Arc<Segment>,
    file: Box<dyn OpenFile>,
    scan: Scan,
    /// What lies before this place of the file is synced.
    limit: u64,
}

/// What a reader comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item<'a> {
    /// A record.
    Record(Record<'a>),
    /// Records that are not to be had any more. The reader goes on behind them.
    Damaged(Damage),
}

/// A record as it was appended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// Its place in the log.
    pub offset: u64,
    /// As it was given.
    pub timestamp_ms: i64,
    /// Its parts, as one.
    pub payload: &'a [u8],
}

enum Step {
    Record {
        offset: u64,
        timestamp_ms: i64,
        payload: Range<usize>,
    },
    Damaged(Damage),
    Again,
    End,
}

impl fmt::Debug for Reader {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Reader")
            .field("next", &self.next)
            .finish_non_exhaustive()
    }
}

impl Reader {
    /// The lowest offset that the next record can have.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.next
    }

    /// The next record, or damage; `None` if nothing more is synced for now.
    ///
    /// # Errors
    ///
    /// [`ReadError`]: the system could not read. The reader stays where it is, so asking again
    /// asks for the same.
    pub fn read(&mut self) -> Result<Option<Item<'_>>, ReadError> {
        let step = self.steps();
        self.stop_at_unreadable();
        let (offset, timestamp_ms, payload) = match step? {
            Step::Record {
                offset,
                timestamp_ms,
                payload,
            } => (offset, timestamp_ms, payload),
            Step::Damaged(damage) => return Ok(Some(Item::Damaged(damage))),
            Step::Again | Step::End => return Ok(None),
        };
        let place = self.place.as_ref();
        let place = place.expect("a record was just found there");
        Ok(Some(Item::Record(Record {
            offset,
            timestamp_ms,
            payload: place.scan.payload(payload),
        })))
    }

    fn leave(&mut self) -> Step {
        self.place = None;
        Step::Again
    }

    /// Takes steps until one comes to something, or to the end.
    fn steps(&mut self) -> Result<Step, ReadError> {
        loop {
            match self.step()? {
                Step::Again => {}
                step @ (Step::Record { .. } | Step::Damaged(_) | Step::End) => return Ok(step),
            }
        }
    }

    fn step(&mut self) -> Result<Step, ReadError> {
        let Some(place) = &mut self.place else {
            return self.enter();
        };
        let found = place.next(&self.shared).map_err(|source| ReadError {
            path: self.shared.path(place.segment.base),
            source,
        })?;
        Ok(match found {
            Found::Record {
                header, payload, ..
            } => {
                let offset = place.segment.base + u64::from(header.ordinal);
                if offset < self.next {
                    return Ok(Step::Again);
                }
                self.next = offset + 1;
                Step::Record {
                    offset,
                    timestamp_ms: header.timestamp_ms,
                    payload,
                }
            }
            Found::Filler { .. } => Step::Again,
            Found::Invalid { bytes, ordinals } => {
                let base = place.segment.base;
                let offsets = base + u64::from(ordinals.start)..base + u64::from(ordinals.end);
                self.damaged(bytes, offsets)
            }
            Found::Nothing { from } => self.at_limit(from),
        })
    }

    /// There is no record from here to the limit; there may be a higher limit by now.
    fn at_limit(&mut self, from: u64) -> Step {
        let Some(place) = &mut self.place else {
            return Step::Again;
        };
        let (readable, end, is_sealed, is_removed) = place
            .segment
            .with(|it| (it.readable, it.end, it.is_sealed, it.is_removed));
        if is_removed {
            self.leave()
        } else if readable > place.limit {
            place.limit = readable;
            Step::Again
        } else if from < readable {
            let first = place.segment.base + u64::from(place.scan.ordinal());
            place.scan.skip_to(readable, end - place.segment.base);
            self.damaged(from..readable, first.min(end)..end)
        } else if is_sealed {
            self.next = self.next.max(end);
            self.leave()
        } else {
            Step::End
        }
    }
}
