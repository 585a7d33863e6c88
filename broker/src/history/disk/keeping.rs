//! The thread that owns the log of a history.

use std::sync::Arc;
use std::time::Duration;

use sluicegate_channels::Timestamp;
use sluicegate_channels::disk::log::{
    Batch, DamageKind, Log, LogError, LogOptions, Readers, Recovery,
};

use super::super::queue::Taken;
use super::super::record::{Gap, GapCause, What, split};
use super::indexing::Indexing;
use super::{BLOCK_VERSION, Place, Shared, damage};
use crate::disposable::set_aside;
use crate::metrics::history::Part;

/// Records are written, and synced, this long after the first of them at most.
const WRITE_EVERY: Duration = Duration::from_secs(1);
/// Without records, the log is looked after this often.
const LOOK_EVERY: Duration = Duration::from_secs(60);
/// After a failure the log is opened again not before this.
const REOPEN_AFTER: Duration = Duration::from_secs(10);
/// Records are read by blocks of at most this size.
const BLOCK_BYTES_MAX: usize = 64 << 10;
/// What goes into a segment of its own if the present one has no room.
const BATCH_BLOCKS: usize = 4;

pub(super) struct Keeping {
    place: Place,
    shared: Arc<Shared>,
    log: Option<Log>,
    indexing: Indexing,
    reopen_at: Timestamp,
    synced_at: Timestamp,
}

impl Keeping {
    pub(super) fn new(place: Place, shared: Arc<Shared>) -> Self {
        let indexing = Indexing::new(&place, Arc::clone(&shared));
        Keeping {
            place,
            shared,
            log: None,
            indexing,
            reopen_at: Timestamp::default(),
            synced_at: Timestamp::default(),
        }
    }

    pub(super) fn run(mut self) {
        let mut buffer = Vec::new();
        self.open();
        loop {
            let shared = Arc::clone(&self.shared);
            let Taken {
                since,
                asked,
                is_awaited,
                is_closing,
            } = shared.queue.take(&mut buffer, WRITE_EVERY, LOOK_EVERY);
            let now = self.now();
            if self.log.is_none() && now >= self.reopen_at {
                self.open();
            }
            let may_grow = self.place.folder.may_grow();
            self.write(&buffer, since, now, may_grow);
            let is_due = now.since(self.synced_at) >= WRITE_EVERY;
            if is_due || is_awaited || is_closing {
                self.sync(now);
            }
            self.expire(now, may_grow);
            self.show();
            if is_closing {
                self.end();
                shared.queue.end();
                return;
            }
            shared.queue.done(asked);
        }
    }

    fn now(&self) -> Timestamp {
        self.place.clock.now()
    }

    fn open(&mut self) {
        let now = self.now();
        let opened = match self.open_log() {
            Err(error @ (LogError::Io { .. } | LogError::Version { .. })) => {
                self.set_aside(&error, now);
                self.open_log()
            }
            opened => opened,
        };
        match opened {
            Ok((log, recovery)) => {
                self.note(&log, &recovery, now);
                self.shared.shelf.lock().readers = Some(self.readers(&log));
                self.indexing.open(&log, now);
                self.log = Some(log);
                self.show();
            }
            Err(error) => self.fail("cannot be opened", &error, now),
        }
    }

    fn open_log(&self) -> Result<(Log, Recovery), LogError> {
        let options = LogOptions {
            segment_bytes: self.place.options.segment_bytes(),
            ..LogOptions::default()
        };
        Log::open(self.place.folder.files(), &self.place.log_dir(), options)
    }

    /// Readers that tell of damage as an opening does: no event is lost by it.
    fn readers(&self, log: &Log) -> Readers {
        let shared = Arc::downgrade(&self.shared);
        let dir = self.place.log_dir();
        log.readers().telling(move |_, damage| {
            if let Some(shared) = shared.upgrade() {
                shared.telling.damaged(&dir, 1, damage);
            }
        })
    }

    fn set_aside(&mut self, error: &LogError, now: Timestamp) {
        let dir = self.place.log_dir();
        match set_aside(&dir, now) {
            Ok(aside) => {
                self.shared.telling.set_aside(Part::Log, &aside, error);
                self.indexing.forget_all();
            }
            Err(failure) => tracing::warn!(
                history = %dir.display(), %error, %failure, "the history cannot be set aside"
            ),
        }
    }

    /// Tells of what opening found, where that leaves stories with gaps.
    fn note(&mut self, log: &Log, recovery: &Recovery, now: Timestamp) {
        let newest = log.segments().into_iter().rev();
        let latest = newest.filter_map(|it| it.timestamps_ms).next();
        let latest = latest.map(|(_, latest)| Timestamp::from_signed_millis(latest));
        if let Some(from) = latest.filter(|_| !recovery.was_closed) {
            self.shared.queue.add_gap(Gap {
                from,
                to: now,
                records: 0,
                cause: GapCause::Crash,
            });
        }
        let is_loss = |kind| match kind {
            DamageKind::LastWrite | DamageKind::HeaderCopy => false,
            DamageKind::Records
            | DamageKind::CutOff
            | DamageKind::EndUnreadable
            | DamageKind::Header
            | DamageKind::SegmentMissing => true,
        };
        let mut losses = recovery.damage.iter().filter(|it| is_loss(it.kind));
        if let Some(first) = losses.next() {
            let places = 1 + losses.count();
            self.shared
                .telling
                .damaged(&self.place.log_dir(), places, first);
            let gap = damage(oldest(log));
            self.shared.queue.add_gap(Gap {
                to: latest.unwrap_or(now),
                ..gap
            });
        }
    }

    /// Writes the records in blocks. What cannot be written is left out.
    fn write(&mut self, records: &[u8], since: Timestamp, now: Timestamp, may_grow: bool) {
        if !may_grow {
            return self.yield_room(records, since, now);
        }
        let blocks = blocks(records);
        for some in blocks.chunks(BATCH_BLOCKS) {
            if let Err(error) = self.append(some, since) {
                some.iter().for_each(|it| self.leave_out(it, since, now));
                if let Some(error) = error {
                    self.fail("takes no records", &error, now);
                }
            }
        }
    }

    /// Writes nothing, so that events find the room that is left.
    fn yield_room(&self, records: &[u8], since: Timestamp, now: Timestamp) {
        if records.is_empty() {
            return;
        }
        self.leave_out(records, since, now);
        let dir = self.place.log_dir();
        let why = "the disk has hardly more room than is kept free for events";
        let telling = &self.shared.telling;
        telling.failed(&dir, "takes no records for now", &why, now);
    }

    /// Counts records as left out. A gap among them stays one, and what it stands for is counted
    /// already.
    fn leave_out(&self, records: &[u8], since: Timestamp, now: Timestamp) {
        let queue = &self.shared.queue;
        let mut lost = 0;
        for record in split(records) {
            match record.decode().map(|it| it.what) {
                Some(What::Gap(gap)) => queue.leave_out(gap.records, gap.from, gap.to),
                Some(_) | None => lost += 1,
            }
        }
        if lost > 0 {
            queue.leave_out(lost, since, now);
            self.shared.telling.left_out(lost);
        }
    }

    fn append(&mut self, blocks: &[&[u8]], since: Timestamp) -> Result<(), Option<LogError>> {
        let log = self.log.as_mut().ok_or(None)?;
        let mut batch = Batch::new();
        let at = since.signed_millis();
        for block in blocks {
            let pushed = batch.push(at, &[&[BLOCK_VERSION], block]);
            pushed.expect("a block is far smaller than a record may be");
        }
        let offsets = log.append(&mut batch).map_err(Some)?;
        for (offset, block) in offsets.zip(blocks) {
            self.indexing.add(offset, block);
        }
        Ok(())
    }

    fn sync(&mut self, now: Timestamp) {
        self.synced_at = now;
        let Some(log) = &mut self.log else { return };
        match log.sync() {
            Ok(_) => self.indexing.enter(log, now),
            Err(error) => self.not_synced(&error, now),
        }
    }

    fn not_synced(&mut self, error: &LogError, now: Timestamp) {
        // What was written since the last sync may be lost, and nobody counted it.
        self.shared.queue.add_gap(Gap {
            from: Timestamp(now.0.saturating_sub(2_000)),
            to: now,
            records: 0,
            cause: GapCause::Crash,
        });
        self.fail("cannot be synced", error, now);
    }

    /// Removes what is too old or too much, oldest first, and the present segment too once what is
    /// in it has aged: it takes no more records before that.
    fn expire(&mut self, now: Timestamp, may_grow: bool) {
        let Some(log) = &mut self.log else { return };
        let options = &self.place.options;
        let mut segments = log.segments();
        let is_older = |at: Option<(i64, i64)>, pick: fn((i64, i64)) -> i64, age: Duration| {
            at.is_some_and(|at| now.since(Timestamp::from_signed_millis(pick(at))) > age)
        };
        if may_grow
            && let Some(newest) = segments.last()
            && is_older(
                newest.timestamps_ms,
                |(earliest, _)| earliest,
                options.age_max / 8,
            )
            && log.roll(now.signed_millis()).is_ok()
        {
            segments = log.segments();
        }
        let mut bytes: u64 = segments.iter().map(|it| it.size_bytes).sum();
        segments.pop();
        let mut has_removed = false;
        for segment in segments {
            let is_old = is_older(segment.timestamps_ms, |(_, latest)| latest, options.age_max);
            if bytes <= options.bytes_max && !is_old {
                break;
            }
            match log.remove_segment(segment.base) {
                Ok(()) => bytes = bytes.saturating_sub(segment.size_bytes),
                Err(error) => return self.fail("cannot be shortened", &error, now),
            }
            has_removed = true;
        }
        if has_removed {
            self.indexing.forget_removed(log, now);
        }
    }

    /// Lets everyone see how far back it goes and how large it is.
    fn show(&self) {
        let segments = self.log.as_ref().map(Log::segments).unwrap_or_default();
        let bytes = segments.iter().map(|it| it.size_bytes).sum();
        self.shared.telling.holds(bytes);
        self.shared.shelf.lock().since = self.log.as_ref().and_then(oldest);
    }

    /// Tells of a failure. A log that is poisoned is closed; it is opened anew later.
    fn fail(&mut self, what: &str, error: &LogError, now: Timestamp) {
        self.shared
            .telling
            .failed(&self.place.log_dir(), what, error, now);
        if self.log.as_ref().is_none_or(|log| log.poison().is_some()) {
            self.log = None;
            self.indexing.pause();
            self.reopen_at = now + REOPEN_AFTER;
        }
    }

    fn end(&mut self) {
        if let Some(log) = self.log.take()
            && let Err(error) = log.close()
        {
            tracing::warn!(%error, "the history was not closed well");
        }
    }
}

/// Cuts records that stand one behind the other into blocks.
fn blocks(records: &[u8]) -> Vec<&[u8]> {
    let mut blocks = Vec::new();
    let (mut start, mut end) = (0, 0);
    for record in split(records) {
        let bytes = record.bytes.len();
        if end + bytes - start > BLOCK_BYTES_MAX {
            blocks.push(&records[start..end]);
            start = end;
        }
        end += bytes;
    }
    if end > start {
        blocks.push(&records[start..end]);
    }
    blocks
}

/// When the oldest record was made, or a little before.
fn oldest(log: &Log) -> Option<Timestamp> {
    let segments = log.segments().into_iter();
    let mut earliest = segments.filter_map(|it| it.timestamps_ms);
    earliest
        .next()
        .map(|(earliest, _)| Timestamp::from_signed_millis(earliest))
}
