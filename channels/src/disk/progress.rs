//! Where each subscription stands, durable.
//!
//! A *standing* says what is left to do for a subscription rather than what is done: the offset it
//! reads on from, and the *exceptions* below it. Whoever has nothing left to do is *idle*, and stands at one
//! common *floor*: as the floor moves, ten thousand idle subscriptions move with it in one record.
//!
//! # Promises
//!
//! 1. What [`Progress::write`] was asked for and said to have done is there after any crash, and of
//!    what it was asked for there is all or nothing, or a part without the floor where it is more than
//!    is written at once.
//! 2. Nothing ever stands further than it was written to stand. Where records are lost to damage, a
//!    subscription falls back to where it stood before, and [`Recovered`] says what is known of it.
//! 3. Without room nothing is changed, and the same may be asked again.
//! 4. After a failed sync the log is poisoned, and nothing more is written.
//! 5. No number is given twice: [`Recovered::next_number`] is above all that were ever written.
//!
//! # How
//!
//! ```text
//!   progress.rs    this: what there is, and opening it
//!   writing.rs     changes in, one joined batch and one sync each
//!   standing.rs    what is stored of a subscription
//!   state.rs       all of it as a map, and how records change it
//!   snapshot.rs    writing all of it anew, so that what is stale can be removed
//!   replay.rs      reading the log on opening it
//!   format.rs      every byte of a record
//! ```
//!
//! All that is durable is in memory too, some hundred bytes a subscription. What is deliberately
//! absent: threads, time, and deciding when something is worth writing.

mod format;
mod replay;
mod snapshot;
mod standing;
mod state;
#[cfg(test)]
mod tests;
mod writing;

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use self::replay::{Opened, replay};
use self::snapshot::Generations;
pub use self::standing::{Change, Exception, Floor, Standing, Tally};
use self::state::State;
use super::files::Files;
use super::log::{Batch, Log, LogError, LogOptions, Poison, ReadError, Recovery};

/// The bounds of a segment's length are those of the log.
const SEGMENT_BYTES_MIN: u64 = 8 << 10;
const SEGMENT_BYTES_MAX: u64 = 1 << 30;

/// What is durable of all subscriptions, and the writing end of its log. See the [module](self).
///
/// ```
/// use std::sync::Arc;
///
/// use sluicegate_channels::disk::files::Disk;
/// use sluicegate_channels::disk::progress::{
///     Change, Floor, Progress, ProgressOptions, Standing, Tally,
/// };
///
/// # let dir = std::env::temp_dir().join(format!("progress-example-{}", std::process::id()));
/// let open = || Progress::open(Arc::new(Disk), &dir, ProgressOptions::default());
/// let (mut progress, recovered) = open()?;
/// let idle = Standing {
///     number: recovered.next_number,
///     name: "default/orders/1".into(),
///     began: 0,
///     reads_on_from: 0,
///     is_idle: true,
///     exceptions: Vec::new(),
///     tally: Tally::default(),
///     is_paused: false,
/// };
/// let now_ms = 1_700_000_000_000;
/// progress.write(None, vec![Change::Put(idle)], now_ms)?;
/// let floor = Floor { offset: 1_000, count: 900 };
/// progress.write(Some(floor), Vec::new(), now_ms)?;
/// assert!(!progress.needs(0..1_000) && progress.needs(1_000..2_000));
/// progress.close()?;
///
/// let (_, recovered) = open()?;
/// assert_eq!(recovered.standings[0].reads_on_from, 1_000);
/// # std::fs::remove_dir_all(dir)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Progress {
    log: Log,
    dir: PathBuf,
    segment_bytes: u64,
    part_bytes: usize,
    state: State,
    generations: Generations,
    /// Kept for its memory.
    batch: Batch,
}

/// How progress is kept.
#[derive(Clone, Debug)]
pub struct ProgressOptions {
    /// How long a segment's file is, as in [`LogOptions`]. Default 4 MiB. Half of it is written
    /// between two snapshots, or more where a snapshot is large.
    pub segment_bytes: u64,
    /// How much is written at once, but for a last record that is longer. Default 16 MiB.
    pub part_bytes: usize,
    /// As in [`LogOptions`].
    pub salts: fastrand::Rng,
}

impl Default for ProgressOptions {
    fn default() -> Self {
        ProgressOptions {
            segment_bytes: 4 << 20,
            part_bytes: 16 << 20,
            salts: fastrand::Rng::new(),
        }
    }
}

/// What opening found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovered {
    /// Where idle subscriptions stand.
    pub floor: Floor,
    /// That, and where they stood before, as far as that is still to be read; rising.
    pub floors: Vec<Floor>,
    /// All standings by their numbers; idle ones are raised to the floor.
    pub standings: Vec<Standing>,
    /// Above every number that was ever written, deleted ones too.
    pub next_number: u64,
    /// Subscriptions of which nothing is left but their number, lowest first.
    pub missing: Vec<u64>,
    /// How many more there may be at most of which not even the number is left: one for each record that
    /// was lost since all numbers were last written.
    pub unnamed_max: u64,
    /// Subscriptions whose standing is known to be older than the last that was written, lowest
    /// first. Where there is damage, others may be so too.
    pub outdated: Vec<u64>,
    /// What the log found, with all damage to it.
    pub recovery: Recovery,
}

/// Why progress could not be opened. Nothing is lost by that, and it may be tried again.
#[derive(Debug, thiserror::Error)]
pub enum ProgressError {
    /// The log could not be opened.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The log could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// Another version of the program wrote it.
    #[error(
        "cannot read the standing of a subscription in version {found}, at offset {offset} of the \
         progress log: this program reads version 1; run the one that wrote it, or a later one"
    )]
    Version {
        /// The offset of the record in the progress log.
        offset: u64,
        /// Its version.
        found: u8,
    },
}

impl Progress {
    /// Opens what is in `dir`, which is made if it is not there, and reads all of it.
    ///
    /// # Errors
    ///
    /// [`ProgressError`]. Damage is none: what is left is read, and what is known of the rest is in
    /// [`Recovered`].
    pub fn open(
        files: Arc<dyn Files>,
        dir: &Path,
        options: ProgressOptions,
    ) -> Result<(Self, Recovered), ProgressError> {
        let segment_bytes = options
            .segment_bytes
            .clamp(SEGMENT_BYTES_MIN, SEGMENT_BYTES_MAX);
        let log_options = LogOptions {
            segment_bytes,
            salts: options.salts,
            ..LogOptions::default()
        };
        let (log, recovery) = Log::open(files, dir, log_options)?;
        let Opened {
            state,
            generations,
            recovered,
        } = replay(&log, recovery)?;
        let progress = Progress {
            log,
            dir: dir.to_owned(),
            segment_bytes,
            part_bytes: options.part_bytes,
            state,
            generations,
            batch: Batch::new(),
        };
        Ok((progress, recovered))
    }

    /// Whether a segment with events at these offsets must stay: whether the floor stands, or anyone
    /// reads on from, below its end, or has an exception in it. This goes by what is durable.
    #[must_use]
    pub fn needs(&self, offsets: Range<u64>) -> bool {
        self.state.needs(&offsets)
    }

    /// Where idle subscriptions stand.
    #[must_use]
    pub fn floor(&self) -> Floor {
        self.state.floor
    }

    /// The standing of this number as it was last written, or raised to the floor when this was opened.
    /// See [`Standing::stands_at`] for where it stands now.
    #[must_use]
    pub fn standing(&self, number: u64) -> Option<&Standing> {
        self.state.standings.get(&number)
    }

    /// What its files take up.
    #[must_use]
    pub fn size_bytes(&self) -> u64 {
        let segments = self.log.segments();
        segments.iter().map(|segment| segment.size_bytes).sum()
    }

    /// What has poisoned the log, if anything has.
    #[must_use]
    pub fn poison(&self) -> Option<&Poison> {
        self.log.poison()
    }

    /// Ends the log, so that opening it is quick and finds nothing to mend. Dropping it without this is
    /// safe all the same.
    ///
    /// # Errors
    ///
    /// [`LogError::Poisoned`]. What was written is durable all the same.
    pub fn close(self) -> Result<(), LogError> {
        self.log.close()
    }
}
