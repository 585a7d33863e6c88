//! What the disk channel costs, from appending to settling: 64 producers, 1 KiB each, one subscription
//! that takes everything. First all at once; then a backlog is made while the subscription is paused,
//! the channel is opened again, and the backlog is drained while more comes in.
//!
//! ```console
//! $ cargo run --release -p sluicegate-channels --example disk_speed [FOLDER] [BACKLOG]
//! ```

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use sluicegate_channels::disk::{DiskChannel, DiskOptions};
use sluicegate_channels::{
    Admission, Channel, Claim, Clock, Exhausted, Matcher, NextLimit, Settled, Start,
    SubscriptionKey, SubscriptionSpec,
};
use sluicegate_event::Event;
use tokio::task::JoinSet;
use tokio::time::Instant;

const PRODUCERS: usize = 64;
const PAYLOAD_BYTES: usize = 1_024;
const SECONDS: Duration = Duration::from_secs(5);

type Failure = Box<dyn std::error::Error + Send + Sync>;

struct Everything;

impl Matcher for Everything {
    fn matches(&self, _: &Event, answer: &mut dyn FnMut(SubscriptionKey, Claim)) {
        answer(SubscriptionKey(1), Claim::Wanted);
    }
}

/// What was counted, and what it took.
struct Cost {
    events: u64,
    wall: Duration,
    cpu: Duration,
}

impl Cost {
    fn print(&self, what: &str) -> Result<(), Failure> {
        let per_second = self.events as f64 / self.wall.as_secs_f64();
        let cpu_us = self.cpu.as_secs_f64() * 1e6 / self.events as f64;
        say(&format!(
            "{what:<44} {per_second:>9.0}/s   {cpu_us:>6.2} us CPU each"
        ))
    }
}

fn say(line: &str) -> Result<(), Failure> {
    Ok(writeln!(std::io::stdout(), "{line}")?)
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments
        .next()
        .map_or_else(std::env::temp_dir, PathBuf::from);
    let backlog: u64 = arguments.next().map_or(Ok(1_000_000), |it| it.parse())?;
    let folder = folder.join(format!("disk-speed-{}", std::process::id()));
    let ended = measure(&folder, backlog).await;
    std::fs::remove_dir_all(&folder)?;
    ended
}

async fn measure(folder: &Path, backlog: u64) -> Result<(), Failure> {
    let channel = open(folder)?;
    append_for(&channel, SECONDS, None)
        .await?
        .print("appended, nobody subscribes")?;

    let reader = drain(&channel).await?;
    let (appended, live) = tokio::join!(
        append_for(&channel, SECONDS, None),
        reader.rate_for(SECONDS)
    );
    appended?.print("appended and settled")?;
    say(&format!("{:<44} {live:>9.0}/s", "  of which settled"))?;

    channel.pause("all", true).await;
    append_for(&channel, Duration::MAX, Some(backlog))
        .await?
        .print("appended to a paused one")?;
    say(&format!(
        "resident with a backlog of {backlog}: {} MiB",
        resident_mib()
    ))?;
    drop(reader);
    channel.shutdown().await;
    drop(channel);

    let started = Instant::now();
    let channel = open(folder)?;
    say(&format!("opened in {:?}", started.elapsed()))?;
    channel.pause("all", false).await;
    let reader = drain(&channel).await?;
    let stop = AtomicBool::new(false);
    let (appended, drained) = tokio::join!(append_at(&channel, 5_000, &stop), async {
        let started = Instant::now();
        let before = reader.settled();
        while channel.describe().subscriptions[0].unread > 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let settled = reader.settled() - before;
        stop.store(true, Ordering::Relaxed);
        settled as f64 / started.elapsed().as_secs_f64()
    });
    appended?;
    say(&format!(
        "{:<44} {drained:>9.0}/s",
        "backlog settled while 5,000/s come in"
    ))?;
    say(&format!("resident: {} MiB", resident_mib()))?;
    drop(reader);
    channel.shutdown().await;
    Ok(())
}

#[expect(
    clippy::disallowed_methods,
    reason = "a clock is anchored to the wall once"
)]
fn open(folder: &Path) -> Result<Arc<DiskChannel>, Failure> {
    let clock = Clock::anchored_at(SystemTime::now());
    let options = DiskOptions {
        free_bytes_min: 64 << 20,
        free_percent_min: 0,
        ..DiskOptions::default()
    };
    Ok(DiskChannel::open(
        folder,
        options,
        Arc::new(Everything),
        clock,
    )?)
}

// ---- producers ----

fn event() -> Result<Event, Failure> {
    let event = Event::builder(
        "6f0c9f7e-6f2c-4d0c-a9a5-0d6e4f0b8a51",
        "/load/source",
        "load.test",
    )
    .data("application/json", vec![b'7'; PAYLOAD_BYTES]);
    Ok(event.build()?)
}

async fn append_for(
    channel: &Arc<DiskChannel>,
    time: Duration,
    count: Option<u64>,
) -> Result<Cost, Failure> {
    let left = Arc::new(AtomicU64::new(count.unwrap_or(u64::MAX)));
    let (started, cpu) = (Instant::now(), cpu_time());
    let event = event()?;
    let mut producers = JoinSet::new();
    for _ in 0..PRODUCERS {
        let (channel, left, event) = (Arc::clone(channel), Arc::clone(&left), event.clone());
        producers.spawn(async move {
            let mut appended = 0;
            while started.elapsed() < time && take_one(&left) {
                let batch = vec![event.clone()];
                if channel.append(batch, Admission::Ingress).await.is_ok() {
                    appended += 1;
                }
            }
            appended
        });
    }
    let events = producers.join_all().await.into_iter().sum();
    Ok(Cost {
        events,
        wall: started.elapsed(),
        cpu: cpu_time() - cpu,
    })
}

fn take_one(left: &AtomicU64) -> bool {
    let taken = left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |it| it.checked_sub(1));
    taken.is_ok()
}

async fn append_at(
    channel: &DiskChannel,
    per_second: u64,
    stop: &AtomicBool,
) -> Result<(), Failure> {
    const EVERY: Duration = Duration::from_millis(20);
    let mut ticks = tokio::time::interval(EVERY);
    while !stop.load(Ordering::Relaxed) {
        ticks.tick().await;
        let batch = vec![event()?; usize::try_from(per_second / 50)?];
        channel.append(batch, Admission::Ingress).await?;
    }
    Ok(())
}

// ---- the subscription ----

struct Draining {
    settled: Arc<AtomicU64>,
    task: tokio::task::JoinHandle<()>,
}

async fn drain(channel: &DiskChannel) -> Result<Draining, Failure> {
    let spec = SubscriptionSpec {
        name: "all".into(),
        key: SubscriptionKey(1),
        start: Start::Latest,
        exhausted: Exhausted::Discard,
        deferred_max: 1_000.try_into()?,
        interest: sluicegate_channels::Interest::Everything,
    };
    let limit = NextLimit {
        items_max: 64.try_into()?,
        bytes_max: 1 << 20,
        dead_letters_max: 16,
    };
    let mut subscription = channel.subscribe(spec).await?;
    let settled = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&settled);
    let task = tokio::spawn(async move {
        loop {
            for lease in subscription.next(limit).await {
                lease.settle(Settled::Delivered);
                counted.fetch_add(1, Ordering::Relaxed);
            }
        }
    });
    Ok(Draining { settled, task })
}

impl Draining {
    fn settled(&self) -> u64 {
        self.settled.load(Ordering::Relaxed)
    }

    async fn rate_for(&self, time: Duration) -> f64 {
        let before = self.settled();
        tokio::time::sleep(time).await;
        (self.settled() - before) as f64 / time.as_secs_f64()
    }
}

impl Drop for Draining {
    fn drop(&mut self) {
        self.task.abort();
    }
}

// ---- the process ----

fn cpu_time() -> Duration {
    let used = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(
        used.tv_sec.try_into().unwrap_or(0),
        used.tv_nsec.try_into().unwrap_or(0),
    )
}

fn resident_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|it| it.starts_with("VmRSS"));
    let kib = line.and_then(|it| it.split_whitespace().nth(1)?.parse::<u64>().ok());
    kib.unwrap_or(0) / 1_024
}
