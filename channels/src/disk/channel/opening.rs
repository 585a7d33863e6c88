//! Opening: what is on the disk becomes a state, and the threads start.

mod losses;

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::runtime::Handle;

use self::losses::{Evidence, Losses};
use super::super::appender::{Accept, Appender, AppenderOptions};
use super::super::files::{Disk, Files};
use super::super::kept::{Kept, KeptEntry, KeptError, KeptOptions};
use super::super::log::{Log, LogError, LogOptions, Recovery};
use super::super::progress::{Progress, ProgressError, ProgressOptions, Recovered};
use super::super::space::SpaceWatch;
use super::super::state::{Counts, State};
use super::fetcher::Fetcher;
use super::keeper::Keeper;
use super::shared::Shared;
use super::{DiskChannel, DiskOptions};
use crate::{Clock, LostEvents, Matcher, telemetry};

/// Why a channel could not be opened. Nothing is lost by that, and it may be tried again.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The log of events.
    #[error(transparent)]
    Log(#[from] LogError),
    /// Where subscriptions stand.
    #[error(transparent)]
    Progress(#[from] ProgressError),
    /// What was moved or parked.
    #[error(transparent)]
    Kept(#[from] KeptError),
    /// The folder, or a thread.
    #[error("cannot open {}: {source}", path.display())]
    Io {
        /// The folder.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
}

/// How long the files of progress and of what is kept are.
const SMALL_SEGMENT_BYTES: u64 = 4 << 20;

impl DiskChannel {
    /// Opens the channel in `dir`, which is made if it is not there. This blocks, and wants a tokio
    /// runtime around it.
    ///
    /// # Errors
    ///
    /// [`OpenError`]. That the disk is full is none: then nothing is accepted until it is not.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime.
    pub fn open(
        dir: &Path,
        options: DiskOptions,
        matcher: Arc<dyn Matcher>,
        clock: Clock,
    ) -> Result<Arc<Self>, OpenError> {
        Self::open_on(Arc::new(Disk), dir, options, matcher, clock)
    }

    /// As [`DiskChannel::open`], on another file system.
    pub(crate) fn open_on(
        files: Arc<dyn Files>,
        dir: &Path,
        options: DiskOptions,
        matcher: Arc<dyn Matcher>,
        clock: Clock,
    ) -> Result<Arc<Self>, OpenError> {
        let io_error = |source| OpenError::Io {
            path: dir.to_owned(),
            source,
        };
        files.create_dir(dir).map_err(io_error)?;
        let log_options = LogOptions {
            segment_bytes: options.segment_bytes,
            ..LogOptions::default()
        };
        let (mut log, events) = Log::open(Arc::clone(&files), &dir.join("events"), log_options)?;
        let small = options.segment_bytes.min(SMALL_SEGMENT_BYTES);
        let progress_options = ProgressOptions {
            segment_bytes: small,
            ..ProgressOptions::default()
        };
        let (progress, recovered) =
            Progress::open(Arc::clone(&files), &dir.join("progress"), progress_options)?;
        let numbers: std::collections::HashSet<u64> =
            recovered.standings.iter().map(|it| it.number).collect();
        let kept_options = KeptOptions {
            segment_bytes: small,
            ..KeptOptions::default()
        };
        // What is kept for a subscription whose standing was lost is not thrown away with it.
        let is_known = |number| {
            let is_lost = recovered.unnamed_max > 0 || recovered.missing.contains(&number);
            is_lost || numbers.contains(&number)
        };
        let (kept, entries, of_kept) = Kept::open(
            Arc::clone(&files),
            &dir.join("kept"),
            kept_options,
            &is_known,
        )?;
        report(dir, &events, &recovered.recovery, &of_kept);
        telemetry::standings_lost(
            dir,
            &recovered.missing,
            recovered.unnamed_max,
            &recovered.outdated,
        );

        let noted = noted(&recovered, &entries);
        let mut ends_early = LostEvents::default();
        if noted > log.next_offset() {
            ends_early = LostEvents::unknown();
            telemetry::events_missing(dir, log.next_offset(), noted);
            log.begin_at_least(noted);
        }
        let tail = log.next_offset();
        let segments = log.segments();
        let missing = events.damage.iter();
        let missing = missing.filter(|it| !segments.iter().any(|its| its.damage.contains(it)));
        let missing: Vec<_> = missing.cloned().collect();
        let losses = Losses::find(Evidence {
            segments: &segments,
            missing: &missing,
            removed: log.removed(),
            floors: &recovered.floors,
        });
        let counts = Counts::new(&segments, &losses.counted, recovered.floor, tail);
        let mut state = State::new(counts, tail, recovered.next_number, options.buffer_bytes);
        state.has_lost(losses.events + ends_early, losses.untold);
        state.has_lost_standings(recovered.missing.len() as u64 + recovered.unnamed_max);
        let now = clock.now();
        for standing in &recovered.standings {
            state.restore(standing, now);
        }
        for entry in &entries {
            state.restore_kept(entry);
        }
        state.restored();
        let space = SpaceWatch::open(files, dir, options.space()).map_err(io_error)?;
        let shared = Arc::new(Shared::new(
            matcher,
            clock,
            state,
            options,
            kept.reader(),
            space.clone(),
        ));
        let accept = Arc::clone(&shared) as Arc<dyn Accept>;
        let appender = Appender::start(log, AppenderOptions::default(), space, clock, accept);
        shared.set_appender(appender.map_err(io_error)?);

        let fetcher = Fetcher::new(Arc::clone(&shared));
        let keeper = Keeper::new(Arc::clone(&shared), progress, kept, Handle::current());
        let channel = Arc::new(DiskChannel {
            shared,
            threads: Mutex::new(Vec::new()),
        });
        channel
            .start("disk-fetcher", move || fetcher.run())
            .map_err(io_error)?;
        channel
            .start("disk-keeper", move || keeper.run())
            .map_err(io_error)?;
        Ok(channel)
    }

    /// Starts a thread. One that panics takes the trust in the store with it: nobody would store how
    /// far deliveries are, or read for those who are behind, and nothing else would show it.
    fn start(&self, name: &'static str, run: impl FnOnce() + Send + 'static) -> io::Result<()> {
        let shared = Arc::clone(&self.shared);
        let run = move || {
            if catch_unwind(AssertUnwindSafe(run)).is_err() {
                shared.break_off(&format!("the thread {name} has panicked"));
                shared.apply(|state, now| state.stop_keeping(now));
            }
        };
        let thread = std::thread::Builder::new()
            .name(name.to_owned())
            .spawn(run)?;
        self.threads.lock().push(thread);
        Ok(())
    }
}

/// The offset behind all that anything is known of outside of the events. An event that was given one
/// of these once more would be taken for one that is finished.
fn noted(progress: &Recovered, kept: &[KeptEntry]) -> u64 {
    let standings = progress.standings.iter().map(|it| it.reads_on_from);
    let kept = kept.iter().map(|it| it.key.offset + 1);
    let noted = standings.chain(kept).max().unwrap_or(0);
    noted.max(progress.floor.offset)
}

fn report(dir: &Path, events: &Recovery, progress: &Recovery, kept: &Recovery) {
    for (what, recovery) in [("events", events), ("progress", progress), ("kept", kept)] {
        telemetry::recovered(dir, what, recovery);
        telemetry::found_damaged(dir, what, recovery);
    }
}
