//! Opening a log: finding out what is there, and putting in order what a crash has left.
//!
//! 1. Removals that a crash has cut short are finished, and a spare file is thrown away.
//! 2. Every segment but the newest is taken by its footer. Where that is missing or damaged, or
//!    says that there is damage, the segment is read whole.
//! 3. The newest is read whole and [mended](mend).
//! 4. What lies between the segments was removed, was never given, or is missing.

mod examine;
mod last_write;
mod mend;
mod segments;

use std::collections::VecDeque;
use std::io;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use super::super::files::{OpenMode, read_full_at};
use super::error::LogError;
use super::format::names::{Named, SPARE, removed_path};
use super::format::{Decoded, RECORDS_AT, SegmentHeader};
use super::removed::Removed;
use super::report::{Damage, DamageKind, Recovery};
use super::segment::Segment;
use super::shared::Shared;

/// A log that can go on.
pub(super) struct Recovered {
    pub(super) removed: Removed,
    /// The offset behind the last record.
    pub(super) continues_from: u64,
    pub(super) recovery: Recovery,
}

/// Reads the directory, fills `shared` and reports.
pub(super) fn recover(
    shared: &Shared,
    segment_bytes: u64,
    reads_all: bool,
) -> Result<Recovered, LogError> {
    let named = look(shared)?;
    let mut recovering = Recovering {
        shared,
        segment_bytes,
        reads_all,
        end: 0,
        unsure: None,
        recovery: Recovery {
            was_closed: true,
            ..Recovery::default()
        },
    };
    recovering.finish_removals(&named)?;
    let removed = Removed::of(named.removed);
    let mut spans = recovering.candidates(&named.segments, &removed)?;
    spans.extend(removed.ranges().iter().cloned().map(Span::Removed));
    spans.sort_by_key(Span::place);
    recovering.spans(spans)?;

    let Recovering {
        end, mut recovery, ..
    } = recovering;
    recovery
        .damage
        .sort_by_key(|it| (it.segment, it.bytes.start));
    Ok(Recovered {
        removed,
        continues_from: end,
        recovery,
    })
}

/// What the directory names.
struct Names {
    segments: Vec<u64>,
    removed: Vec<Range<u64>>,
    has_spare: bool,
}

fn look(shared: &Shared) -> Result<Names, LogError> {
    let dir = &shared.dir;
    let listed = shared.files.list(dir);
    let listed = listed.map_err(|it| LogError::harmless("list", dir, it))?;
    let mut names = Names {
        segments: Vec::new(),
        removed: Vec::new(),
        has_spare: false,
    };
    for name in listed {
        match Named::parse(&name) {
            Named::Segment(base) => names.segments.push(base),
            Named::Removed(range) => names.removed.push(range),
            Named::Spare => names.has_spare = true,
            Named::Other => {}
        }
    }
    names.segments.sort_unstable();
    Ok(names)
}

struct Recovering<'a> {
    shared: &'a Shared,
    segment_bytes: u64,
    reads_all: bool,
    /// The offset behind the last record seen so far, or removed.
    end: u64,
    /// The segment before and where its records end, if records may have stood there that are not
    /// to be found.
    unsure: Option<(u64, Range<u64>)>,
    recovery: Recovery,
}

/// A stretch of offsets that the directory accounts for.
enum Span {
    Removed(Range<u64>),
    Segment(Candidate),
}

impl Span {
    /// What orders spans. A segment begins at its base, though it may account for more.
    fn place(&self) -> u64 {
        match self {
            Span::Removed(range) => range.start,
            Span::Segment(candidate) => candidate.base,
        }
    }

    fn start(&self) -> u64 {
        match self {
            Span::Removed(range) => range.start,
            Span::Segment(candidate) => candidate.header_or_none().continues_from,
        }
    }
}

/// A segment before it was looked into.
struct Candidate {
    base: u64,
    length: u64,
    header: Option<SegmentHeader>,
}

impl Candidate {
    /// The header, or what can be said without one.
    fn header_or_none(&self) -> SegmentHeader {
        self.header.unwrap_or(SegmentHeader {
            base: self.base,
            continues_from: self.base,
            salt: 0,
            capacity: self.length,
            created_ms: 0,
        })
    }
}

impl Recovering<'_> {
    /// A name that says what was removed is durable before its file is cut: were the name lost
    /// afterwards, an empty segment would come back.
    fn finish_removals(&self, named: &Names) -> Result<(), LogError> {
        let (files, dir) = (&self.shared.files, &self.shared.dir);
        if named.has_spare {
            let path = dir.join(SPARE);
            let removed = files.remove(&path);
            removed.map_err(|it| LogError::harmless("remove", &path, it))?;
        }
        let synced = files.sync_dir(dir);
        synced.map_err(|it| LogError::harmless("sync", dir, it))?;
        let whole = Removed::of(named.removed.clone());
        for range in &named.removed {
            let path = removed_path(dir, range);
            let is_part = !whole.ranges().contains(range)
                && named
                    .removed
                    .iter()
                    .any(|it| it != range && it.start <= range.start && range.end <= it.end);
            let done = if is_part {
                files.remove(&path)
            } else {
                empty(self.shared, &path)
            };
            done.map_err(|it| LogError::harmless("clear", &path, it))?;
        }
        Ok(())
    }

    fn candidates(&mut self, bases: &[u64], removed: &Removed) -> Result<Vec<Span>, LogError> {
        let mut candidates = Vec::new();
        for &base in bases {
            let path = self.shared.path(base);
            if removed.contains(base) {
                let gone = self.shared.files.remove(&path);
                gone.map_err(|it| LogError::harmless("remove", &path, it))?;
                continue;
            }
            let opened = self.look_into(base);
            let (length, decoded) = opened.map_err(|it| LogError::harmless("read", &path, it))?;
            let header = match decoded {
                Decoded::Whole(header) => Some(header),
                Decoded::Half(header, at) => {
                    self.recovery.damage.push(Damage {
                        kind: DamageKind::HeaderCopy,
                        segment: base,
                        bytes: at..at + 64,
                        offsets: base..base,
                    });
                    Some(header)
                }
                Decoded::Lost => None,
                Decoded::Version(found) => return Err(LogError::Version { path, found }),
            };
            candidates.push(Span::Segment(Candidate {
                base,
                length,
                header,
            }));
        }
        Ok(candidates)
    }

    /// The length of a segment's file and its header. The file is closed again: there may be more
    /// segments than files can be open.
    fn look_into(&self, base: u64) -> io::Result<(u64, Decoded)> {
        let path = self.shared.path(base);
        let file = self.shared.files.open(&path, OpenMode::Read)?;
        let length = file.len()?;
        let mut block = vec![0; usize::try_from(RECORDS_AT).unwrap_or(0)];
        let read = read_full_at(&*file, &mut block, 0)?;
        let decoded = SegmentHeader::decode(&block[..read], base);
        Ok((length, decoded))
    }

    fn spans(&mut self, spans: Vec<Span>) -> Result<(), LogError> {
        let mut starts = spans.iter().map(Span::start).collect::<VecDeque<_>>();
        for span in spans {
            starts.pop_front();
            let missing = self.pass_over(&span);
            let candidate = match span {
                Span::Removed(range) => {
                    self.end = self.end.max(range.end);
                    self.recovery.next = self.recovery.next.max(range.end);
                    continue;
                }
                Span::Segment(candidate) => candidate,
            };
            let state = self.segment(&candidate, starts.front().copied());
            let mut state = state.map_err(|it| {
                LogError::harmless("recover", &self.shared.path(candidate.base), it)
            })?;
            state.missing_before = missing;
            // One without records accounts for nothing: its file may be the only thing that is
            // not durable, and then nothing is missing.
            if state.end > candidate.base {
                self.end = self.end.max(state.end);
            }
            self.recovery.next = self.recovery.next.max(state.end);
            self.recovery.segments += 1;
            self.recovery.records += state.records;
            self.recovery.damage.extend(state.damage.iter().cloned());
            let header = candidate.header_or_none();
            self.shared.insert(Arc::new(Segment::new(&header, state)));
        }
        Ok(())
    }

    /// Whether anything is missing between what was seen and this.
    fn pass_over(&mut self, span: &Span) -> Option<Damage> {
        let offsets = self.end..span.start();
        let unsure = self.unsure.take();
        if let Span::Segment(Candidate { header: None, .. }) = span {
            return None;
        }
        self.end = self.end.max(offsets.end);
        if offsets.is_empty() {
            return None;
        }
        let damage = match unsure {
            Some((segment, bytes)) => Damage {
                kind: DamageKind::Records,
                segment,
                bytes,
                offsets,
            },
            None => Damage {
                kind: DamageKind::SegmentMissing,
                segment: offsets.start,
                bytes: 0..0,
                offsets,
            },
        };
        self.recovery.damage.push(damage.clone());
        Some(damage)
    }
}

/// Cuts a file to nothing, if there is anything of it.
pub(super) fn empty(shared: &Shared, path: &Path) -> io::Result<()> {
    let file = shared.files.open(path, OpenMode::Write)?;
    if file.is_empty()? {
        return Ok(());
    }
    file.set_len(0)
}
