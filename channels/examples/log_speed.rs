//! What the segmented log costs beside what the disk does at best: 64 producers, 1 KiB each, every
//! record acknowledged once it is durable, and beside it the same batches written and synced by
//! a bare loop without headers and checksums. Then opening and reading a log of 1,000,000 records.
//!
//! ```console
//! $ cargo run --release -p sluicegate-channels --example log_speed [FOLDER] [RECORDS]
//! ```

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustix::fs::{FallocateFlags, fallocate};
use sluicegate_channels::disk::files::Disk;
use sluicegate_channels::disk::log::{Batch, Item, Log, LogOptions};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

const PRODUCERS: usize = 64;
const PAYLOAD_BYTES: usize = 1_024;
const SEGMENT_BYTES: u64 = 64 << 20;
const BATCH_MAX: usize = 1_024;
const ROUNDS: usize = 21;
const ROUND: Duration = Duration::from_millis(700);

type Failure = Box<dyn std::error::Error + Send + Sync>;
type Payload = [u8; PAYLOAD_BYTES];

/// What makes a batch durable.
trait Store: Send + 'static {
    fn commit(&mut self, payloads: &[Payload]) -> Result<(), Failure>;
    /// What may be done once nobody waits.
    fn rest(&mut self) -> Result<(), Failure>;
}

struct Segmented {
    log: Log,
    batch: Batch,
}

impl Store for Segmented {
    fn commit(&mut self, payloads: &[Payload]) -> Result<(), Failure> {
        self.batch.clear();
        for payload in payloads {
            self.batch.push(0, &[payload])?;
        }
        self.log.append(&mut self.batch)?;
        self.log.sync()?;
        Ok(())
    }

    fn rest(&mut self) -> Result<(), Failure> {
        self.log.prepare()?;
        Ok(())
    }
}

struct Bare {
    folder: PathBuf,
    file: File,
    next: Option<File>,
    at: u64,
    files: u32,
    buffer: Vec<u8>,
}

impl Bare {
    fn new(folder: &Path) -> Result<Self, Failure> {
        fs::create_dir_all(folder)?;
        let file = Self::file(folder, 0)?;
        Ok(Bare {
            folder: folder.to_owned(),
            file,
            next: None,
            at: 0,
            files: 1,
            buffer: Vec::new(),
        })
    }

    fn file(folder: &Path, number: u32) -> Result<File, Failure> {
        let path = folder.join(number.to_string());
        let file = OpenOptions::new().write(true).create_new(true).open(path)?;
        fallocate(&file, FallocateFlags::empty(), 0, SEGMENT_BYTES)?;
        file.sync_all()?;
        Ok(file)
    }
}

impl Store for Bare {
    fn commit(&mut self, payloads: &[Payload]) -> Result<(), Failure> {
        self.buffer.clear();
        for payload in payloads {
            self.buffer.extend_from_slice(payload);
        }
        if self.at + self.buffer.len() as u64 > SEGMENT_BYTES {
            self.file = self.next.take().ok_or("no next file")?;
            self.at = 0;
        }
        self.file.write_all_at(&self.buffer, self.at)?;
        self.file.sync_data()?;
        self.at += self.buffer.len() as u64;
        Ok(())
    }

    fn rest(&mut self) -> Result<(), Failure> {
        if self.next.is_none() && self.at > SEGMENT_BYTES / 2 {
            self.next = Some(Self::file(&self.folder, self.files)?);
            self.files += 1;
        }
        Ok(())
    }
}

struct Rate {
    records: u64,
    batches: u64,
    elapsed: Duration,
}

impl Rate {
    fn per_second(&self) -> f64 {
        self.records as f64 / self.elapsed.as_secs_f64()
    }
}

type Waiting = (Payload, oneshot::Sender<()>);

/// Takes whatever is queued, makes it durable, answers.
fn commit_all(mut store: impl Store, mut queue: mpsc::Receiver<Waiting>) -> Result<u64, Failure> {
    let mut batches = 0;
    let mut waiting = Vec::with_capacity(BATCH_MAX);
    let mut payloads = Vec::with_capacity(BATCH_MAX);
    while queue.blocking_recv_many(&mut waiting, BATCH_MAX) > 0 {
        payloads.extend(waiting.iter().map(|it| it.0));
        store.commit(&payloads)?;
        batches += 1;
        payloads.clear();
        for (_, answer) in waiting.drain(..) {
            // A producer whose time is over no longer waits.
            answer.send(()).ok();
        }
        store.rest()?;
    }
    Ok(batches)
}

/// 64 producers for the time of a round, each sending its next record once the last is durable.
async fn round(store: impl Store) -> Result<Rate, Failure> {
    let (queue, taken) = mpsc::channel::<Waiting>(BATCH_MAX);
    let committer = tokio::task::spawn_blocking(move || commit_all(store, taken));
    let began = Instant::now();
    let producers = (0..PRODUCERS).map(|seed| {
        let queue = queue.clone();
        tokio::spawn(async move {
            let mut rng = fastrand::Rng::with_seed(seed as u64);
            let mut payload = [0; PAYLOAD_BYTES];
            let mut sent = 0_u64;
            while began.elapsed() < ROUND {
                rng.fill(&mut payload);
                let (answer, durable) = oneshot::channel();
                if queue.send((payload, answer)).await.is_err() || durable.await.is_err() {
                    break;
                }
                sent += 1;
            }
            sent
        })
    });
    let producers: Vec<_> = producers.collect();
    drop(queue);
    let mut records = 0;
    for producer in producers {
        records += producer.await?;
    }
    let elapsed = began.elapsed();
    let batches = committer.await??;
    Ok(Rate {
        records,
        batches,
        elapsed,
    })
}

fn median(rates: &mut [f64]) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates[rates.len() / 2]
}

/// Rounds of one and of the other in turn, so that what else the machine does meets both.
async fn appending(folder: &Path, out: &mut impl std::io::Write) -> Result<(), Failure> {
    let (mut ours, mut bare, mut shares) = (Vec::new(), Vec::new(), Vec::new());
    let mut batches = 0;
    for at in 0..ROUNDS {
        let folder = folder.join(at.to_string());
        let (log, _) = Log::open(Arc::new(Disk), &folder, LogOptions::default())?;
        let batch = Batch::new();
        let rate = round(Segmented { log, batch }).await?;
        batches += rate.records / rate.batches.max(1) / ROUNDS as u64;
        ours.push(rate.per_second());
        fs::remove_dir_all(&folder)?;

        let rate = round(Bare::new(&folder)?).await?;
        bare.push(rate.per_second());
        fs::remove_dir_all(&folder)?;
        shares.push(100.0 * ours[at] / bare[at]);
    }
    writeln!(
        out,
        "{PRODUCERS} producers, {PAYLOAD_BYTES} bytes, {batches} in a batch, medians of {ROUNDS}: \
         log {:.0}, bare loop {:.0} durable records/s; the log makes {:.0} % of the bare loop",
        median(&mut ours),
        median(&mut bare),
        median(&mut shares),
    )?;
    Ok(())
}

fn fill(folder: &Path, records: u64) -> Result<(), Failure> {
    let (mut log, _) = Log::open(Arc::new(Disk), folder, LogOptions::default())?;
    let mut batch = Batch::new();
    let mut payload = [0; PAYLOAD_BYTES];
    let mut rng = fastrand::Rng::with_seed(1);
    for at in 0..records {
        rng.fill(&mut payload);
        batch.push(0, &[&payload])?;
        if batch.len() == BATCH_MAX || at + 1 == records {
            log.append(&mut batch)?;
            log.sync()?;
            log.prepare()?;
            batch.clear();
        }
    }
    Ok(())
}

fn opening(folder: &Path, records: u64, out: &mut impl std::io::Write) -> Result<(), Failure> {
    fill(folder, records)?;
    for (what, reads_all) in [
        ("opening it after a kill", false),
        ("opening it again", false),
        ("opening it and reading all", true),
    ] {
        let options = LogOptions {
            reads_all,
            ..LogOptions::default()
        };
        let began = Instant::now();
        let (log, recovery) = Log::open(Arc::new(Disk), folder, options)?;
        let elapsed = began.elapsed();
        if recovery.records != records || !recovery.damage.is_empty() {
            return Err(format!("{recovery:?}").into());
        }
        writeln!(out, "{records} records: {what} takes {elapsed:.1?}")?;
        drop(log);
    }

    let (log, _) = Log::open(Arc::new(Disk), folder, LogOptions::default())?;
    let began = Instant::now();
    let mut reader = log.readers().reader(0);
    let (mut read, mut bytes) = (0, 0);
    while let Some(item) = reader.read()? {
        match item {
            Item::Record(record) => bytes += record.payload.len(),
            Item::Damaged(damage) => return Err(format!("{damage:?}").into()),
        }
        read += 1;
    }
    let rate = bytes as f64 / began.elapsed().as_secs_f64() / 1e9;
    writeln!(
        out,
        "{read} records read one after the other: {rate:.1} GB/s"
    )?;
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments
        .next()
        .map_or_else(std::env::temp_dir, PathBuf::from);
    let records = arguments.next().map_or(Ok(1_000_000), |it| it.parse())?;
    let folder = folder.join(format!("log-speed-{}", std::process::id()));
    let mut out = std::io::stdout();
    let done = match appending(&folder, &mut out).await {
        Ok(()) => opening(&folder.join("filled"), records, &mut out),
        failed => failed,
    };
    fs::remove_dir_all(&folder)?;
    done
}
