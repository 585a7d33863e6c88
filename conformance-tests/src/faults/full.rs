//! D7: the disk fills up under load, the broker is killed and started five times while it is full; then
//! another program takes what is left, and the backlog is drained with not a byte free; then space
//! returns.

use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::broker::Broker;
use super::kill9::AGAIN_PER_CRASH;
use super::mounts::{command, mount_memory};
use super::peer::Manner;
use super::scene::{Disk, Habit, NAMESPACE, Scene};
use super::traffic::{Round, Sent, Traffic};
use super::verdict::{Trouble, Verdict};

/// The whole disk.
const DISK_BYTES: u64 = 64 << 20;
/// Below so much free no event is taken.
const MIN_FREE_BYTES: u64 = 8 << 20;
/// Kept aside for what a full disk needs to drain.
const RESERVE_BYTES: u64 = 4 << 20;
/// Small segments: what is taken ahead for one must not be most of the disk.
const SEGMENT_BYTES: u64 = 1 << 20;
/// What goes away when space returns.
const BALLAST_BYTES: u64 = 12 << 20;
/// Bytes of data in an event, in the mean.
const PAYLOAD_BYTES: usize = 4 << 10;
/// Events a second while the disk fills: 8 MiB, so that who looks four times a second sees the mark.
const PER_SECOND: f64 = 2_000.0;
/// How soon after the mark is crossed somebody must be told.
const TOLD_MAX: Duration = Duration::from_secs(1);
/// How soon after space has returned events must be taken again.
const AGAIN_MAX: Duration = Duration::from_secs(5);
/// How long filling and draining may take.
const PATIENCE: Duration = Duration::from_secs(120);
/// Events sent after each restart while full: more than fit into what a start gives back.
const TRIES: u64 = 600;

/// Fills the disk. Must run inside mounts of our own.
#[derive(Clone, Copy, Debug)]
pub struct Full {
    /// How often it is killed and started while the disk is full.
    pub restarts: u64,
}

impl Full {
    /// # Errors
    ///
    /// When the run cannot go on.
    pub async fn run(&self, verdict: &mut Verdict) -> Result<(), Trouble> {
        let disk = Disk {
            segment_bytes: Some(SEGMENT_BYTES),
            min_free_bytes: Some(MIN_FREE_BYTES),
            reserve_bytes: Some(RESERVE_BYTES),
        };
        let habits = vec![
            Habit::all("plain", Manner::Take),
            Habit::all("held", Manner::Hang),
        ];
        let mut scene = Scene::new(disk, habits).await?;
        let mount = scene.site.folder().join("disk");
        mount_memory(&mount, DISK_BYTES)?;
        let ballast = mount.join("ballast");
        take_room(&ballast, BALLAST_BYTES)?;
        scene.site.keep_data_in(mount.join("data"))?;
        let traffic = scene.traffic_of(16, Some(PER_SECOND), PAYLOAD_BYTES);

        let mut broker = scene.site.start(&[]).await?;
        let mut sent = fill(&mut broker, &traffic, &mount, verdict).await?;
        // Who is not behind goes on being served from a full disk.
        broker.quiet(NAMESPACE, &["held"], PATIENCE).await?;
        verdict.figure("drained while full", "yes");
        for _ in 0..self.restarts {
            broker.kill().await?;
            verdict.figure("started with free", mib(free_bytes(&mount)?));
            broker = scene.site.start(&[]).await?;
            let tried = traffic.begin(TRIES).finish().await;
            // What a kill has left unused of the last segment is there to be used once more.
            verdict.require(tried.refused.contains_key(&507), || {
                format!("of {TRIES} events none was refused: {tried:?}")
            });
            require_507(&tried, verdict);
            sent.add(&tried);
        }
        broker.quiet(NAMESPACE, &["held"], PATIENCE).await?;

        broker.kill().await?;
        let rest = mount.join("another");
        take_room(&rest, free_bytes(&mount)?)?;
        verdict.figure("drained with free", mib(free_bytes(&mount)?));
        scene.peer.subscribe("held", Manner::Take);
        let mut broker = scene.site.start(&[]).await?;
        broker.quiet(NAMESPACE, &[], PATIENCE).await?;
        // What was settled must be known after this start, though there was no room to write it.
        broker.kill().await?;
        let mut broker = scene.site.start(&[]).await?;
        broker.quiet(NAMESPACE, &[], PATIENCE).await?;

        fs::remove_file(&rest)?;
        fs::remove_file(&ballast)?;
        sent.add(&taken_again(&traffic, verdict).await?);
        let again_max = (self.restarts + 2) * AGAIN_PER_CRASH;
        scene
            .settle_and_judge(&mut broker, PATIENCE, again_max, verdict)
            .await?;
        verdict.floor("accepted in all", sent.accepted, 1_000);
        Ok(())
    }
}

/// Sends until the disk is full and everybody is refused.
async fn fill(
    broker: &mut Broker,
    traffic: &Traffic,
    mount: &Path,
    verdict: &mut Verdict,
) -> Result<Sent, Trouble> {
    let round = traffic.begin(u64::MAX >> 1);
    let began = Instant::now();
    let mut crossed: Option<Instant> = None;
    let refused = loop {
        let free = free_bytes(mount)?;
        if free < MIN_FREE_BYTES && crossed.is_none() {
            crossed = Some(Instant::now());
        }
        if let Some(at) = round.so_far().first_refusal.get(&507).copied() {
            break at;
        }
        let is_late = crossed.is_some_and(|at| at.elapsed() > PATIENCE / 4);
        if is_late || began.elapsed() > PATIENCE {
            return Err(Trouble::broken(format!("no 507 with {} free", mib(free))));
        }
        if let Some(status) = broker.exited()? {
            return Err(Trouble::broken(format!(
                "it ended on a full disk: {status}"
            )));
        }
        sleep(Duration::from_millis(10)).await;
    };
    let free = free_bytes(mount)?;
    let used = DISK_BYTES - free;
    verdict.figure("free at the first 507", mib(free));
    verdict.require(free >= MIN_FREE_BYTES / 2, || {
        format!(
            "the first 507 came with {} free, and the mark is {}",
            mib(free),
            mib(MIN_FREE_BYTES)
        )
    });
    let took = crossed.map_or(Duration::ZERO, |at| refused.saturating_duration_since(at));
    verdict.figure("first 507 after the mark was crossed", format!("{took:?}"));
    verdict.require(took <= TOLD_MAX, || {
        format!("the first 507 came {took:?} after the mark")
    });
    verdict.floor(
        "MiB used at the first 507",
        used >> 20,
        (DISK_BYTES >> 20) * 3 / 4,
    );
    let sent = settle_down(round).await;
    require_507(&sent, verdict);
    Ok(sent)
}

/// Goes on until two seconds have brought refusals alone, so that the disk is as full as it gets.
async fn settle_down(round: Round) -> Sent {
    let mut accepted = round.so_far().accepted;
    let mut since = Instant::now();
    while since.elapsed() < Duration::from_secs(2) {
        sleep(Duration::from_millis(50)).await;
        let now = round.so_far().accepted;
        if now != accepted {
            (accepted, since) = (now, Instant::now());
        }
    }
    round.end().await
}

fn require_507(sent: &Sent, verdict: &mut Verdict) {
    let others: Vec<_> = sent.refused.keys().filter(|&&it| it != 507).collect();
    verdict.require(others.is_empty(), || {
        format!("a full disk is 507, and there were {:?}", sent.refused)
    });
    verdict.require(sent.refusals_without_retry_after == 0, || {
        format!(
            "{} of the 507 have no Retry-After",
            sent.refusals_without_retry_after
        )
    });
}

/// Sends one event after the other until one is taken.
async fn taken_again(traffic: &Traffic, verdict: &mut Verdict) -> Result<Sent, Trouble> {
    let returned = Instant::now();
    let mut sent = Sent::default();
    let one = Traffic {
        producers: 1,
        ..traffic.clone()
    };
    while sent.accepted == 0 {
        if returned.elapsed() > PATIENCE / 4 {
            return Err(Trouble::broken(
                "no event is taken though space has returned",
            ));
        }
        sent.add(&one.begin(1).finish().await);
    }
    let took = returned.elapsed();
    verdict.figure("taken again after space returned", format!("{took:?}"));
    verdict.require(took <= AGAIN_MAX, || {
        format!("taken again {took:?} after space returned, and {AGAIN_MAX:?} are allowed")
    });
    Ok(sent)
}

/// Makes a file that takes its room at once.
fn take_room(file: &Path, bytes: u64) -> Result<(), Trouble> {
    let length = bytes.to_string();
    let words = [OsStr::new("--length"), OsStr::new(&length)];
    command("fallocate", words.iter().chain([&file.as_os_str()]))
}

/// What is free on the file system where `path` lies, as the system counts it.
fn free_bytes(path: &Path) -> Result<u64, Trouble> {
    let output = Command::new("df")
        .args(["--block-size=1", "--output=avail"])
        .arg(path)
        .output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let figure = text
        .lines()
        .nth(1)
        .and_then(|line| line.trim().parse().ok());
    figure.ok_or_else(|| Trouble::run(format!("df says {text:?}")))
}

fn mib(bytes: u64) -> String {
    format!(
        "{:.1} MiB",
        f64::from(u32::try_from(bytes >> 10).unwrap_or(u32::MAX)) / 1024.0
    )
}
