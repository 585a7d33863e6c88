//! Opening a log: finding out what is there, and putting in order what a crash has left.
//!
//! 1. Removals that a crash has cut short are finished, and a spare file is thrown away.
//! 2. Every segment but the newest is taken by its footer. Where that is missing or damaged, or
//!    says that there is damage, or a reader has found some since, the segment is read whole.
//! 3. The newest is read whole and [mended](mend).
//! 4. What lies between the segments was removed, was never given, or is missing.
//!
//! What the device cannot read is tried [a few times](super::super::patience) and then passed over, if
//! the device answers otherwise: a segment without a header is set aside whole, and of any other what
//! can be read is. While it does not, the log cannot be opened.

mod candidates;
mod examine;
mod last_write;
mod mend;
mod segments;

use std::collections::VecDeque;
use std::io;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use self::candidates::Candidate;
use super::super::files::{OpenMode, is_broken};
use super::super::patience::{Advice, MOMENT, Patience};
use super::error::LogError;
use super::format::names::{Named, SPARE, removed_path};
use super::removed::Removed;
use super::report::{Damage, DamageKind, Given, Recovery};
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
        marked: &named.damaged,
        segment_bytes,
        reads_all,
        end: 0,
        follows: 0,
        unsure: None,
        recovery: Recovery {
            was_closed: true,
            ..Recovery::default()
        },
    };
    recovering.finish_removals(&named)?;
    let removed = Removed::of(named.removed.clone());
    let mut spans = recovering.candidates(&named.segments, &removed)?;
    spans.extend(removed.ranges().iter().cloned().map(Span::Removed));
    spans.sort_by_key(Span::place);
    recovering.spans(spans)?;

    recovering.finish_marks();

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
    /// The segments that readers have found damage in.
    damaged: Vec<u64>,
    has_spare: bool,
}

fn look(shared: &Shared) -> Result<Names, LogError> {
    let dir = &shared.dir;
    let listed = shared.files.list(dir);
    let listed = listed.map_err(|it| LogError::harmless("list", dir, it))?;
    let mut names = Names {
        segments: Vec::new(),
        removed: Vec::new(),
        damaged: Vec::new(),
        has_spare: false,
    };
    for name in listed {
        match Named::parse(&name) {
            Named::Segment(base) => names.segments.push(base),
            Named::Removed(range) => names.removed.push(range),
            Named::Damaged(base) => names.damaged.push(base),
            Named::Spare => names.has_spare = true,
            Named::Other => {}
        }
    }
    names.segments.sort_unstable();
    Ok(names)
}

struct Recovering<'a> {
    shared: &'a Shared,
    marked: &'a [u64],
    segment_bytes: u64,
    reads_all: bool,
    /// The offset behind the last record seen so far, or removed.
    end: u64,
    /// The lowest offset that the segment behind the one before can begin with, as far as that says so:
    /// after an unclean end there is a gap, in which nothing is missing.
    follows: u64,
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
            // It takes up room that it need not, until the next time.
            if done.as_ref().is_err_and(is_broken) {
                continue;
            }
            done.map_err(|it| LogError::harmless("clear", &path, it))?;
        }
        Ok(())
    }

    /// Takes away the marks of segments that are gone, or whole again since somebody put them back.
    fn finish_marks(&self) {
        for &base in self.marked {
            let segment = self.shared.get(base);
            if segment.is_none_or(|it| it.with(|state| state.damage.is_empty())) {
                self.shared.unmark_damaged(base);
            }
        }
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

    /// Reads something of a segment; `read` is told to pass over what cannot be read once it has been
    /// tried often enough. Before that and after it the device must have answered.
    fn patiently<T>(&self, mut read: impl FnMut(bool) -> io::Result<T>) -> io::Result<T> {
        let mut patience = Patience::default();
        loop {
            let error = match read(false) {
                Ok(done) => return Ok(done),
                Err(error) => error,
            };
            match patience.failed(&error) {
                Advice::TryAgain => self.shared.files.pause(MOMENT),
                Advice::PassOver => {
                    self.shared.device_answers()?;
                    let done = read(true)?;
                    self.shared.device_answers()?;
                    return Ok(done);
                }
                Advice::GiveUp => return Err(error),
            }
        }
    }

    /// Whether anything is missing between what was seen and this.
    fn pass_over(&mut self, span: &Span) -> Option<Damage> {
        let unsure = self.unsure.take();
        let follows = std::mem::take(&mut self.follows);
        let from = match unsure {
            Some(_) => self.end,
            None => self.end.max(follows),
        };
        let offsets = from..span.start();
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
                given: Given::All,
            },
            None => Damage {
                kind: DamageKind::SegmentMissing,
                segment: offsets.start,
                bytes: 0..0,
                offsets,
                given: Given::AtMost,
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
