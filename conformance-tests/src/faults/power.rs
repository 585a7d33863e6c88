//! D2: a power cut. The data lies on a loop device whose backing file is in memory, mounted so that
//! nothing but a sync writes. The broker is frozen at a random moment and the backing file copied:
//! the copy holds what was flushed, and no more. The broker then goes on with the copy.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use tokio::time::sleep;

use super::files::segments_of_events;
use super::kill9::{AGAIN_PER_CRASH, check_books};
use super::mounts::{Image, mount_memory};
use super::scene::{Disk, Habit, NAMESPACE, Scene, every_habit, quick_habits};
use super::strace;
use super::traffic::Sent;
use super::verdict::{Trouble, Verdict};
use crate::harness::seed;

/// How large the disk is: sparse, so it costs what is written. Far above what must stay free.
const IMAGE_BYTES: u64 = 2 << 30;
/// Room for the disk and its copy.
const MEMORY_BYTES: u64 = 4 << 30;
/// Small segments, so that there are many.
const SEGMENT_BYTES: u64 = 64 << 10;
/// How long the rest may take to arrive.
const DRAIN_PATIENCE: Duration = Duration::from_secs(120);

/// Cuts the power at random moments while producers send.
#[derive(Clone, Copy, Debug)]
pub struct Power {
    /// How often.
    pub cuts: u64,
    /// Connections that send.
    pub producers: usize,
    /// Events a second, of all producers.
    pub per_second: f64,
    /// The least that must be accepted before a cut, in the mean.
    pub accepted_floor: u64,
    /// The least number of segments that must have been seen.
    pub segments_floor: u64,
    /// The control: no sync does anything, and nine of ten cuts must lose what was accepted.
    pub without_syncs: bool,
}

impl Power {
    /// Must run [inside mounts of our own](super::in_mounts_of_our_own), as root.
    ///
    /// # Errors
    ///
    /// When the run cannot go on.
    pub async fn run(&self, verdict: &mut Verdict) -> Result<(), Trouble> {
        if self.without_syncs {
            strace::is_there()?;
            return self.control(verdict).await;
        }
        let mut bench = Bench::new(every_habit()).await?;
        let mut random = fastrand::Rng::with_seed(seed());
        for _ in 0..self.cuts {
            let wait = Duration::from_millis(random.u64(200..1_500));
            bench.cut(self, &[], wait, verdict).await?;
        }
        bench.image.mount()?;
        let mut broker = bench.scene.site.start(&[]).await?;
        check_books(&broker, &bench.sent, verdict).await?;
        let again_max = self.cuts * AGAIN_PER_CRASH;
        let accepted = bench
            .scene
            .settle_and_judge(&mut broker, DRAIN_PATIENCE, again_max, verdict)
            .await?;
        broker.kill().await?;
        bench.image.unmount()?;

        let floor = self.accepted_floor * self.cuts;
        verdict.floor("accepted in all", accepted, floor);
        let segments = u64::try_from(bench.segments.len()).unwrap_or(u64::MAX);
        verdict.floor("segments seen", segments, self.segments_floor);
        verdict.figure("cuts", self.cuts);
        Ok(())
    }

    /// Each cut on a disk of its own: what one loses must not hide what the next does.
    async fn control(&self, verdict: &mut Verdict) -> Result<(), Trouble> {
        let mut random = fastrand::Rng::with_seed(seed());
        let (mut accepted, mut losing) = (0, 0);
        for _ in 0..self.cuts {
            let mut bench = Bench::new(quick_habits()).await?;
            let wait = Duration::from_millis(random.u64(500..1_500));
            let wrapper = strace::without_syncs();
            bench.cut(self, &wrapper, wait, verdict).await?;
            accepted += bench.sent.accepted;
            losing += u64::from(bench.has_lost().await?);
        }
        verdict.floor("accepted in all", accepted, self.accepted_floor * self.cuts);
        verdict.figure("cuts", self.cuts);
        verdict.figure("cuts that lost accepted events", losing);
        verdict.require(losing * 10 >= self.cuts * 9, || {
            "without syncs nine of ten cuts must lose accepted events: this method proves nothing"
                .to_owned()
        });
        Ok(())
    }
}

/// A scene whose data is on a disk that can be cut off.
struct Bench {
    scene: Scene,
    memory: PathBuf,
    image: Image,
    cuts: u64,
    sent: Sent,
    segments: BTreeSet<PathBuf>,
}

impl Bench {
    async fn new(habits: Vec<Habit>) -> Result<Self, Trouble> {
        let disk = Disk {
            segment_bytes: Some(SEGMENT_BYTES),
            ..Disk::default()
        };
        let mut scene = Scene::new(disk, habits).await?;
        let memory = scene.site.folder().join("memory");
        mount_memory(&memory, MEMORY_BYTES)?;
        let at = scene.site.folder().join("disk");
        let image = Image::make(memory.join("0.img"), at.clone(), IMAGE_BYTES)?;
        scene.site.keep_data_in(at.join("data"))?;
        Ok(Bench {
            scene,
            memory,
            image,
            cuts: 0,
            sent: Sent::default(),
            segments: BTreeSet::new(),
        })
    }

    /// Starts the broker, loads it, cuts the power after `wait`, and puts the copy in the disk's
    /// place.
    async fn cut(
        &mut self,
        options: &Power,
        wrapper: &[OsString],
        wait: Duration,
        verdict: &mut Verdict,
    ) -> Result<(), Trouble> {
        self.image.mount()?;
        let mut broker = self.scene.site.start(wrapper).await?;
        if wrapper.is_empty() {
            check_books(&broker, &self.sent, verdict).await?;
        }
        let traffic = self
            .scene
            .traffic(options.producers, Some(options.per_second));
        let round = traffic.begin(u64::MAX >> 1);
        // No condition is awaited here: the moment of the fault is what is random.
        sleep(wait).await;
        broker.freeze().await?;
        self.cuts += 1;
        let copy = self
            .image
            .cut(self.memory.join(format!("{}.img", self.cuts)))?;
        self.segments
            .extend(segments_of_events(self.scene.site.data()));
        broker.kill().await?;
        self.sent.add(&round.finish().await);
        self.image.unmount()?;
        std::mem::replace(&mut self.image, copy).remove()?;
        self.image.check()
    }

    /// Whether what was accepted is not there any more.
    async fn has_lost(&self) -> Result<bool, Trouble> {
        self.image.mount()?;
        let lost = match self.scene.site.start(&[]).await {
            // A store that does not open has lost everything.
            Err(Trouble::Broken(_)) => true,
            Err(trouble) => return Err(trouble),
            Ok(mut broker) => {
                let figures = broker.quiet(NAMESPACE, &[], DRAIN_PATIENCE).await?;
                self.scene.note_parked(&broker).await?;
                let judgement = self.scene.judgement(figures).await?;
                broker.kill().await?;
                judgement.lost.count > 0
            }
        };
        self.image.unmount()?;
        Ok(lost)
    }
}
