//! D6: bits flip and files are cut short while the broker is stopped.
//!
//! A store is filled once; each trial does [harm] to a copy of it, starts the broker on that, and looks
//! at what arrives.

mod harm;
mod told;

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use parking_lot::Mutex;

use harm::{Harm, HarmKind, MayLose, used_bytes};
use told::{is_untold, shows_damage};

use super::broker::Site;
use super::files::{copy_folder, files_below, is_in};
use super::peer::{Manner, Peer, Recorder};
use super::scene::{BROKER, Disk, Habit, NAMESPACE, event, write};
use super::traffic::Traffic;
use super::verdict::{Trouble, Verdict};
use crate::harness::seed;
use crate::ledger::{Figures, History, Judgement, Term};

/// Events in the store.
const EVENTS: u64 = 400;
/// So many of them are stored one by one.
const ALONE: u64 = 16;
/// Small segments, so that there are several.
const SEGMENT_BYTES: u64 = 64 << 10;
/// How long a trial's events may take to arrive.
const PATIENCE: Duration = Duration::from_secs(15);
/// The trigger for which every event is pending.
const HELD: &str = "held";
/// The trigger whose events are dead letters without a sink.
const PARKED: &str = "parked";

/// Flips bits and cuts files.
#[derive(Clone, Copy, Debug)]
pub struct Damage {
    /// Trials with one flipped bit, anywhere in all files.
    pub flips: u64,
    /// Trials with a file that ends too early, half of them within the last records of events.
    pub cuts: u64,
}

impl Damage {
    /// # Errors
    ///
    /// When the run cannot go on.
    pub async fn run(&self, verdict: &mut Verdict) -> Result<(), Trouble> {
        let mut trials = Trials::new(verdict).await?;
        let mut random = fastrand::Rng::with_seed(seed());
        // The control: without harm nothing is missing.
        trials.run(None, verdict).await?;
        for number in 0..self.flips + self.cuts {
            if verdict.has_enough() {
                return Ok(());
            }
            let is_flip = number < self.flips;
            let harm = trials.harm(is_flip, number % 2 == 0, &mut random)?;
            trials.run(Some(harm), verdict).await?;
        }
        verdict.floor("trials", trials.run, self.flips + self.cuts + 1);
        verdict.figure("trials that lost an event", trials.losing);
        verdict.figure("trials whose damage was shown", trials.shown);
        let floor = (self.flips + self.cuts) / 10;
        verdict.floor(
            "trials that hit something",
            trials.losing.max(trials.shown),
            floor,
        );
        Ok(())
    }
}

struct Trials {
    site: Site,
    peer: Peer,
    /// What was sent, and nothing that arrived.
    sent: History,
    judge: Arc<Mutex<History>>,
    template: PathBuf,
    run: u64,
    losing: u64,
    shown: u64,
}

impl Trials {
    /// Fills a store, kills its broker, and keeps what is left.
    async fn new(verdict: &mut Verdict) -> Result<Self, Trouble> {
        let disk = Disk {
            segment_bytes: Some(SEGMENT_BYTES),
            ..Disk::default()
        };
        let judge: Arc<Mutex<History>> = Arc::default();
        let recorder = Recorder::Judge(Arc::clone(&judge));
        let mut site = Site::new(&disk.settings())?;
        let peer = Peer::start(recorder.clone()).await?;
        let habits = [
            Habit::all(HELD, Manner::Hang),
            Habit::one(PARKED, "poison", Manner::Answer(400)),
        ];
        write(&site, &peer, &habits)?;
        let template = site.folder().join("template");
        site.keep_data_in(template.clone())?;
        let mut broker = site.start(&[]).await?;
        let traffic = Traffic {
            to: site.ingress(),
            path: format!("/{NAMESPACE}/{BROKER}"),
            broker: BROKER.to_owned(),
            producers: 4,
            per_second: None,
            plan: Arc::new(|number| {
                let event = event(number, 100);
                let mut expected = vec![HELD.to_owned()];
                if event.get("type") == "poison" {
                    expected.push(PARKED.to_owned());
                }
                (event, expected)
            }),
            recorder,
            next: Arc::new(AtomicU64::new(0)),
        };
        let mut sent = traffic.begin(EVENTS - ALONE).finish().await;
        broker.quiet(NAMESPACE, &[HELD], PATIENCE).await?;
        // The last writes hold one event each: what is damaged at the end then costs one.
        for _ in 0..ALONE {
            sent.add(&traffic.begin(1).finish().await);
            broker.quiet(NAMESPACE, &[HELD], PATIENCE).await?;
        }
        verdict.floor("events in the store", sent.accepted, EVENTS);
        broker.kill().await?;
        peer.subscribe(HELD, Manner::Take);
        let sent = judge.lock().sends_alone();
        Ok(Trials {
            site,
            peer,
            sent,
            judge,
            template,
            run: 0,
            losing: 0,
            shown: 0,
        })
    }

    /// Some harm: at a random place that holds something, or within the last records of events.
    fn harm(
        &self,
        is_flip: bool,
        is_at_the_end: bool,
        random: &mut fastrand::Rng,
    ) -> Result<Harm, Trouble> {
        let mut files = Vec::new();
        for path in files_below(&self.template) {
            let used = used_bytes(&fs::read(&path)?);
            let is_wanted = is_flip || !is_at_the_end || is_in(&path, "events");
            if used > 0 && is_wanted {
                files.push((path, used));
            }
        }
        let (path, used) = if !is_flip && is_at_the_end {
            // Names rise with the offsets, so the last is the newest.
            files
                .pop()
                .ok_or_else(|| Trouble::run("the store has no log of events"))?
        } else {
            let all: u64 = files.iter().map(|(_, used)| used).sum();
            let mut place = random.u64(0..all.max(1));
            let mut chosen = None;
            for (path, used) in files {
                if place < used {
                    chosen = Some((path, used));
                    break;
                }
                place -= used;
            }
            chosen.ok_or_else(|| Trouble::run("the store has no files"))?
        };
        let file = path
            .strip_prefix(&self.template)
            .unwrap_or(&path)
            .to_owned();
        let kind = match (is_flip, is_at_the_end) {
            (true, _) => HarmKind::Flip {
                byte: random.u64(0..used),
                bit: random.u8(0..8),
            },
            (false, true) => HarmKind::Cut {
                length: random.u64(used.saturating_sub(1_000)..used),
            },
            (false, false) => HarmKind::Cut {
                length: random.u64(0..used),
            },
        };
        Ok(Harm { file, kind })
    }

    /// Starts the broker on a harmed copy, and judges what arrives.
    async fn run(&mut self, harm: Option<Harm>, verdict: &mut Verdict) -> Result<(), Trouble> {
        self.run += 1;
        let name = format!("{harm:?}");
        let data = self.site.folder().join("trial");
        copy_folder(&self.template, &data)?;
        let mut may_lose = MayLose::default();
        if let Some(harm) = &harm {
            may_lose = harm.may_lose(&self.template)?;
            harm.apply(&data)?;
        }
        *self.judge.lock() = self.sent.clone();
        self.site.keep_data_in(data.clone())?;
        let Outcome {
            judgement,
            shown,
            untold,
        } = match self.outcome().await {
            Ok(outcome) => outcome,
            Err(Trouble::Broken(why)) => {
                verdict.found(format!("{name}: {why}"));
                fs::remove_dir_all(&data)?;
                return Ok(());
            }
            Err(trouble) => return Err(trouble),
        };
        fs::remove_dir_all(&data)?;
        self.losing += u64::from(judgement.lost.count > 0);
        self.shown += u64::from(shown);
        let wrong = [
            &judgement.altered,
            &judgement.invented,
            &judgement.misfiltered,
        ];
        verdict.require(wrong.iter().all(|it| it.count == 0), || {
            format!("{name}: {judgement:?}")
        });
        verdict.require(untold.is_none(), || {
            format!("{name}: no code, file or remedy is in the line {untold:?}")
        });
        let lost = &judgement.lost;
        let is_allowed = lost.count <= may_lose.count
            && (may_lose.ids.is_empty() || lost.examples.iter().all(|it| may_lose.allows(it)));
        verdict.require(is_allowed, || {
            format!("{name}: undamaged events are lost, {may_lose:?} may be: {lost:?}")
        });
        verdict.require(lost.count == 0 || shown || may_lose.is_at_the_end, || {
            format!("{name}: {} lost, and no damage is shown", lost.count)
        });
        Ok(())
    }

    /// What arrived, and whether damage was shown.
    async fn outcome(&self) -> Result<Outcome, Trouble> {
        self.peer.forget(HELD);
        let mut broker = self.site.start(&[]).await?;
        let mut figures = broker.quiet(NAMESPACE, &[], PATIENCE).await?;
        for figures in &mut figures {
            leave_parked(figures);
        }
        let judgement = self.judge.lock().judge(&figures);
        let shown = shows_damage(&broker).await?;
        let output = broker.output();
        broker.kill().await?;
        Ok(Outcome {
            judgement,
            shown,
            untold: output.lines().find(|it| is_untold(it)).map(str::to_owned),
        })
    }
}

struct Outcome {
    judgement: Judgement,
    /// Whether damage was shown.
    shown: bool,
    /// A line of the log about damage to the store that does not say what people need to know.
    untold: Option<String>,
}

fn leave_parked(figures: &mut Figures) {
    if figures.trigger == PARKED {
        figures.leaving = vec![Term::Parked];
    }
}
