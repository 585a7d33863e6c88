//! What a dead letter costs in memory on the disk channel: appended, handed out and parked, so many
//! of 100 bytes each. The events themselves and why they are parked are on the disk.
//!
//! ```console
//! $ cargo run --release -p sluicegate-channels --example parked_cost [FOLDER] [LETTERS]
//! ```

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use sluicegate_channels::disk::{DiskChannel, DiskOptions};
use sluicegate_channels::{
    Admission, Channel, Claim, Clock, Exhausted, Matcher, NextLimit, ParkReason, Start,
    SubscriptionKey, SubscriptionSpec,
};
use sluicegate_event::Event;
use tokio::task::JoinSet;
use tokio::time::Instant;

const AT_ONCE: u64 = 1_000;

type Failure = Box<dyn std::error::Error + Send + Sync>;

struct Everything;

impl Matcher for Everything {
    fn matches(&self, _: &Event, answer: &mut dyn FnMut(SubscriptionKey, Claim)) {
        answer(SubscriptionKey(1), Claim::Wanted);
    }
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments
        .next()
        .map_or_else(std::env::temp_dir, PathBuf::from);
    let letters: u64 = arguments.next().map_or(Ok(1_000_000), |it| it.parse())?;
    let folder = folder.join(format!("parked-cost-{}", std::process::id()));
    let ended = measure(&folder, letters).await;
    std::fs::remove_dir_all(&folder)?;
    ended
}

async fn measure(folder: &Path, letters: u64) -> Result<(), Failure> {
    let channel = open(folder)?;
    let before = resident_bytes();
    let began = Instant::now();
    park(&channel, letters).await?;
    say(&format!("{letters} parked in {:?}", began.elapsed()))?;
    tell("right after", before, letters)?;
    channel.shutdown().await;
    drop(channel);

    let before = resident_bytes();
    let began = Instant::now();
    let channel = open(folder)?;
    say(&format!("opened in {:?}", began.elapsed()))?;
    tell("after a start", before, letters)?;
    let began = Instant::now();
    let mut after = None;
    let mut listed = 0;
    loop {
        let page = channel.parked("all", after, 4_096);
        listed += page.len() as u64;
        match page.last() {
            Some(last) => after = Some(last.position),
            None => break,
        }
    }
    say(&format!("{listed} looked at in {:?}", began.elapsed()))?;
    channel.shutdown().await;
    Ok(())
}

fn open(folder: &Path) -> Result<Arc<DiskChannel>, Failure> {
    #[expect(
        clippy::disallowed_methods,
        reason = "an example stands where the server reads the clock"
    )]
    let clock = Clock::anchored_at(SystemTime::now());
    let options = DiskOptions::default();
    Ok(DiskChannel::open(
        folder,
        options,
        Arc::new(Everything),
        clock,
    )?)
}

async fn park(channel: &Arc<DiskChannel>, letters: u64) -> Result<(), Failure> {
    let mut end = channel
        .subscribe(SubscriptionSpec {
            name: "all".into(),
            key: SubscriptionKey(1),
            start: Start::Latest,
            exhausted: Exhausted::Discard,
            deferred_max: 1_000.try_into()?,
            interest: sluicegate_channels::Interest::Everything,
        })
        .await?;
    let limit = NextLimit {
        items_max: 1_000.try_into()?,
        bytes_max: usize::MAX,
        dead_letters_max: 0,
    };
    let event = Event::builder("1", "/shop", "order.created")
        .data("application/json", vec![b'1'; 100])
        .build()?;
    let reason = ParkReason {
        kind: "exhausted",
        detail: "answered 503".into(),
        dest: Some("http://billing/events".into()),
        code: Some(503),
        data: bytes::Bytes::from_static(b"try later"),
    };
    let mut parked = 0;
    while parked < letters {
        let batch = vec![event.clone(); usize::try_from(AT_ONCE)?];
        channel.append(batch, Admission::Ingress).await?;
        let mut left = AT_ONCE;
        while left > 0 {
            let leases = end.next(limit).await;
            left -= leases.len() as u64;
            let mut parking = JoinSet::new();
            for lease in leases {
                let reason = reason.clone();
                parking.spawn(async move { lease.park(reason, 5, None).await });
            }
            while let Some(ended) = parking.join_next().await {
                ended??;
            }
        }
        parked += AT_ONCE;
    }
    Ok(())
}

fn tell(when: &str, before: u64, letters: u64) -> Result<(), Failure> {
    let more = resident_bytes().saturating_sub(before);
    say(&format!(
        "{when}: {} MiB more, {} bytes for each",
        more >> 20,
        more / letters.max(1)
    ))
}

/// What this process holds in memory.
fn resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|it| it.strip_prefix("VmRSS:"));
    let kib = line.and_then(|it| it.trim().trim_end_matches(" kB").parse::<u64>().ok());
    kib.unwrap_or(0) << 10
}

fn say(line: &str) -> Result<(), Failure> {
    Ok(writeln!(std::io::stdout(), "{line}")?)
}
