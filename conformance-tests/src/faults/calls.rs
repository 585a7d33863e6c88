//! D4 and D5: the nth call of a kind fails, for one n after the other: no room, a broken device, an
//! interruption. What a write of fewer bytes than asked does can't be had this way; the tests of the
//! log on a simulated disk have it.

use std::collections::BTreeMap;
use std::time::Duration;

use super::broker::{Broker, NOT_READY};
use super::files::is_segment_of_events;
use super::kill9::AGAIN_PER_CRASH;
use super::scene::{Disk, NAMESPACE, Scene, quick_habits};
use super::strace::{self, Fault, Told};
use super::traffic::Sent;
use super::verdict::{Trouble, Verdict};
use crate::harness::seed;

/// What fails, how, and up to which n it is worth trying.
const SWEEPS: &[(&str, &str, u32)] = &[
    ("fdatasync", "EIO", 50),
    ("pwrite64", "EIO", 50),
    ("pwrite64", "ENOSPC", 50),
    ("pwrite64", "EINTR", 20),
    ("fallocate", "ENOSPC", 12),
    ("fallocate", "EIO", 12),
    ("fsync", "EIO", 12),
    ("rename", "EIO", 8),
    ("unlink", "EIO", 8),
    ("ftruncate", "EIO", 8),
    ("pread64", "EIO", 30),
    ("mkdir", "ENOSPC", 8),
];
/// Events of a run.
const EVENTS: u64 = 200;
/// Connections that send them.
const PRODUCERS: usize = 8;
/// Small segments, so that new ones are made within a run.
const SEGMENT_BYTES: u64 = 64 << 10;
/// How a Rust program ends that has panicked.
const PANICKED: i32 = 101;
/// How long a run's events may take to arrive.
const DRAIN_PATIENCE: Duration = Duration::from_secs(60);

/// Makes system calls fail, one in each run.
#[derive(Clone, Copy, Debug)]
pub struct Calls {
    /// How many runs in which a call failed, drawn from all that there are.
    pub runs: u64,
}

impl Calls {
    /// # Errors
    ///
    /// When the run cannot go on.
    pub async fn run(&self, verdict: &mut Verdict) -> Result<(), Trouble> {
        strace::is_there()?;
        let mut tally = Tally::default();
        for fault in faults() {
            if tally.injected == self.runs || verdict.has_enough() {
                break;
            }
            // What is not called so often is not called more often in the next run.
            let known = tally.reached_end.get(&(fault.call, fault.error));
            if known.is_none_or(|&end| fault.nth < end) {
                tally.run(fault, verdict).await?;
            }
        }
        tally.say(self.runs, verdict);
        Ok(())
    }
}

/// All faults, in an order from the seed; every kind comes before any comes twice.
fn faults() -> Vec<Fault> {
    let mut random = fastrand::Rng::with_seed(seed());
    let mut kinds: Vec<Vec<Fault>> = Vec::new();
    for &(call, error, most) in SWEEPS {
        let mut kind: Vec<_> = (1..=most).map(|nth| Fault { call, error, nth }).collect();
        random.shuffle(&mut kind);
        kinds.push(kind);
    }
    let rounds = kinds.iter().map(Vec::len).max().unwrap_or_default();
    let in_turn = (0..rounds).flat_map(|round| kinds.iter().filter_map(move |it| it.get(round)));
    in_turn.copied().collect()
}

#[derive(Debug, Default)]
struct Tally {
    runs: u64,
    injected: u64,
    accepted: u64,
    refused: BTreeMap<u16, u64>,
    failed_syncs: u64,
    ends: BTreeMap<String, u64>,
    /// An n that was not reached, of each kind.
    reached_end: BTreeMap<(&'static str, &'static str), u32>,
}

impl Tally {
    async fn run(&mut self, fault: Fault, verdict: &mut Verdict) -> Result<(), Trouble> {
        let Fault { call, error, nth } = fault;
        let name = format!("{call} {nth} fails with {error}");
        let disk = Disk {
            segment_bytes: Some(SEGMENT_BYTES),
            ..Disk::default()
        };
        let scene = Scene::new(disk, quick_habits()).await?;
        let trace = scene.site.folder().join("trace");
        let wrapper = strace::with_fault(fault, &trace);
        let (sent, end) = self::load(&scene, &wrapper).await?;
        let told = strace::read(&trace);
        self.runs += 1;
        if told.injected == 0 {
            let end = self.reached_end.entry((call, error)).or_insert(nth);
            *end = nth.min(*end);
        }
        self.injected += u64::from(told.injected > 0);
        self.accepted += sent.accepted;
        for (status, count) in &sent.refused {
            *self.refused.entry(*status).or_default() += count;
        }
        *self.ends.entry(end.clone()).or_default() += 1;
        verdict.require(is_defined(&end), || format!("{name}: it ends by {end}"));
        self.judge_sync(&name, &told, &sent, verdict);

        let restarted = scene.site.start(&[]).await;
        let mut broker = restarted.map_err(|it| Trouble::broken(format!("{name}: {it}")))?;
        let quiet = broker.quiet(NAMESPACE, &[], DRAIN_PATIENCE).await;
        let figures = quiet.map_err(|it| Trouble::broken(format!("{name}: {it}")))?;
        scene.note_parked(&broker).await?;
        let judgement = scene.judgement(figures).await?;
        let most = judgement.extra.values().max().copied().unwrap_or_default();
        let is_right = judgement.is_clean_after_crashes() && most <= AGAIN_PER_CRASH;
        verdict.require(is_right, || format!("{name}: {judgement:?}"));
        Ok(())
    }

    /// A file whose sync failed is never written or synced again by that process, and where events
    /// were in it, somebody was told that they were not accepted.
    fn judge_sync(&mut self, name: &str, told: &Told, sent: &Sent, verdict: &mut Verdict) {
        verdict.require(told.trusted_again.is_empty(), || {
            format!(
                "{name}: then the file was trusted again: {:?}",
                told.trusted_again
            )
        });
        let mut unsynced = told.unsynced.iter();
        if unsynced.any(|path| is_segment_of_events(path)) {
            self.failed_syncs += 1;
            let unsure = sent.unanswered + sent.refused.values().sum::<u64>();
            verdict.require(unsure > 0 || sent.accepted == 0, || {
                format!("{name}: and every event was accepted")
            });
        }
    }

    fn say(&self, floor: u64, verdict: &mut Verdict) {
        verdict.figure("runs", self.runs);
        verdict.figure("runs whose n was not reached", self.runs - self.injected);
        verdict.figure("refused", format!("{:?}", self.refused));
        verdict.figure("how it ended", format!("{:?}", self.ends));
        verdict.floor("runs with an injected failure", self.injected, floor);
        verdict.floor("failed syncs of events", self.failed_syncs, 1);
        verdict.floor("accepted in all", self.accepted, self.runs * EVENTS / 4);
    }
}

/// Starts it, sends the run's events if it becomes ready, kills it, and says how it stood before.
async fn load(scene: &Scene, wrapper: &[std::ffi::OsString]) -> Result<(Sent, String), Trouble> {
    let mut broker = scene.site.spawn(wrapper)?;
    let word = match broker.await_word().await {
        Ok(word) => word,
        // A folder that can't be used counts as a setting that is wrong.
        Err(Trouble::Broken(why) | Trouble::Run(why)) => {
            broker.kill().await?;
            let first = why.lines().next().unwrap_or_default();
            return Ok((Sent::default(), first.to_owned()));
        }
        Err(trouble) => return Err(trouble),
    };
    if let Some(word) = word {
        broker.kill().await?;
        return Ok((Sent::default(), told(&word)));
    }
    let sent = scene.traffic(PRODUCERS, None).begin(EVENTS).finish().await;
    let end = how_it_stands(&mut broker)?;
    broker.kill().await?;
    Ok((sent, end))
}

/// What it says of a broker that it does not serve, without names and paths.
fn told(word: &str) -> String {
    let sentence = word.splitn(3, ' ').nth(2).unwrap_or_default();
    let sentence = sentence.split([':', '.']).next().unwrap_or_default();
    format!("not ready, and says: {sentence}")
}

fn how_it_stands(broker: &mut Broker) -> Result<String, Trouble> {
    Ok(match broker.exited()? {
        None => "still running".to_owned(),
        Some(status) => format!("ended with {status}"),
    })
}

/// Whether that is one of the ends that a broker may choose: to go on, ready or saying why it is not, or
/// to exit with a code.
fn is_defined(end: &str) -> bool {
    let panicked = format!("exit status: {PANICKED}");
    let ends_so = |what: &str| end.contains(what);
    !ends_so("signal") && !ends_so(&panicked) && !end.starts_with(NOT_READY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_one_that_is_told() {
        let word = "[-]broker default/main The store has failed: cannot write /x: EIO. Mend it.";
        assert_eq!(told(word), "not ready, and says: The store has failed");
        for (end, expected) in [
            ("still running", true),
            ("it ended at its start with exit status: 78:", true),
            ("it ended at its start with exit status: 101:", false),
            ("ended with signal: 6 (SIGABRT)", false),
            ("not ready after 60s:", false),
            (&told(word), true),
        ] {
            assert_eq!(is_defined(end), expected, "{end}");
        }
    }
}
