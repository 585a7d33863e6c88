//! What appending events costs beside what the disk does at best: 64 producers, 1 KiB each, every
//! event encoded and acknowledged once it is durable. Beside it the same bytes, written and synced by
//! a bare loop: one that takes whatever is queued, and one that waits for most of the producers, as
//! the appender comes to do. And the CPU that each takes for an event, all threads and the kernel
//! included.
//!
//! ```console
//! $ cargo run --release -p sluicegate-channels --example append_speed [FOLDER]
//! ```

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, UNIX_EPOCH};

use parking_lot::{Condvar, Mutex};
use rustix::fs::{FallocateFlags, fallocate};
use sluicegate_channels::disk::appender::{
    Accept, Answers, Appender, AppenderOptions, Prepared, PreparedEvent, Stored,
};
use sluicegate_channels::disk::files::Disk;
use sluicegate_channels::disk::log::{Log, LogOptions};
use sluicegate_channels::disk::space::{SpaceOptions, SpaceWatch};
use sluicegate_channels::{Admission, Clock, SubscriptionKey};
use sluicegate_event::{Event, stored};
use tokio::sync::oneshot;
use tokio::time::Instant;

const PRODUCERS: usize = 64;
const DATA_BYTES: usize = 1_024;
const SEGMENT_BYTES: u64 = 64 << 20;
/// The longest that the bare loop waits for most of the producers.
const GATHER_MAX: Duration = Duration::from_millis(2);
const ROUNDS: usize = 15;
const ROUND: Duration = Duration::from_secs(1);
/// What the kernel counts a process's CPU in: a hundredth of a second, on every Linux.
const TICK: Duration = Duration::from_millis(10);

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// What stores an event for a producer.
trait Store: Send + Sync + 'static {
    fn append(&self, event: Event) -> impl Future<Output = Result<(), Failure>> + Send;
    /// Ends it and says how many batches there were.
    fn end(&self) -> Result<u64, Failure>;
}

/// The appender, with somebody who takes the events over and lets go of them.
struct Ours {
    appender: Appender,
    taken: Arc<Taken>,
}

#[derive(Default)]
struct Taken {
    batches: AtomicU64,
}

impl Accept for Taken {
    fn accept(&self, stored: Vec<Stored>) {
        self.batches.fetch_add(1, Ordering::Relaxed);
        drop(stored);
    }
}

impl Ours {
    fn new(folder: &Path) -> Result<Self, Failure> {
        let options = LogOptions::default();
        let (log, _) = Log::open(Arc::new(Disk), &folder.join("events"), options)?;
        let space = SpaceWatch::open(Arc::new(Disk), folder, SpaceOptions::default())?;
        let taken = Arc::new(Taken::default());
        let (options, clock) = (AppenderOptions::default(), Clock::anchored_at(UNIX_EPOCH));
        let appender = Appender::start(log, options, space, clock, taken.clone())?;
        Ok(Ours { appender, taken })
    }
}

impl Store for Ours {
    async fn append(&self, event: Event) -> Result<(), Failure> {
        let mut answers = Answers::default();
        answers.wanted.push(SubscriptionKey(1));
        let prepared = Prepared {
            events: vec![PreparedEvent::new(event, answers)],
            keys_epoch: 0,
        };
        self.appender.append(prepared, Admission::Ingress).await?;
        Ok(())
    }

    fn end(&self) -> Result<u64, Failure> {
        self.appender.close()?;
        Ok(self.taken.batches.load(Ordering::Relaxed))
    }
}

/// A thread that writes and syncs whatever is queued, or waits a little for most of the producers.
struct Bare {
    queue: Arc<Queue>,
    thread: Mutex<Option<JoinHandle<Result<u64, Failure>>>>,
}

#[derive(Default)]
struct Queue {
    waiting: Mutex<(Vec<Waiting>, bool)>,
    filled: Condvar,
    wakes_at: usize,
}

type Waiting = (Vec<u8>, oneshot::Sender<()>);

impl Queue {
    fn push(&self, waiting: Waiting) {
        let mut queue = self.waiting.lock();
        queue.0.push(waiting);
        if queue.0.len() >= self.wakes_at {
            self.filled.notify_one();
        }
    }

    /// False when nothing is left and nothing will come.
    fn take(&self, taken: &mut Vec<Waiting>) -> bool {
        let mut queue = self.waiting.lock();
        while queue.0.len() < self.wakes_at && !queue.1 {
            let waited = self.filled.wait_for(&mut queue, GATHER_MAX);
            if waited.timed_out() && !queue.0.is_empty() {
                break;
            }
        }
        taken.append(&mut queue.0);
        !taken.is_empty()
    }
}

impl Bare {
    fn new(folder: &Path, wakes_at: usize) -> Result<Self, Failure> {
        let queue = Arc::new(Queue {
            wakes_at,
            ..Queue::default()
        });
        let (folder, taken) = (folder.to_owned(), Arc::clone(&queue));
        let thread = std::thread::Builder::new().spawn(move || write_all(&folder, &taken))?;
        Ok(Bare {
            queue,
            thread: Some(thread).into(),
        })
    }
}

impl Store for Bare {
    async fn append(&self, event: Event) -> Result<(), Failure> {
        let mut bytes = Vec::new();
        stored::encode(&event, &mut bytes);
        let (answer, durable) = oneshot::channel();
        self.queue.push((bytes, answer));
        Ok(durable.await?)
    }

    fn end(&self) -> Result<u64, Failure> {
        self.queue.waiting.lock().1 = true;
        self.queue.filled.notify_one();
        let thread = self.thread.lock().take().ok_or("it has ended")?;
        thread.join().map_err(|_| "the thread has panicked")?
    }
}

fn write_all(folder: &Path, queue: &Queue) -> Result<u64, Failure> {
    let new_file = |number: u32| -> Result<File, Failure> {
        let path = folder.join(number.to_string());
        let file = OpenOptions::new().write(true).create_new(true).open(path)?;
        fallocate(&file, FallocateFlags::empty(), 0, SEGMENT_BYTES)?;
        file.sync_all()?;
        Ok(file)
    };
    let mut file = new_file(0)?;
    let (mut next, mut files, mut at, mut batches) = (None, 1, 0, 0);
    let (mut waiting, mut buffer) = (Vec::new(), Vec::new());
    while queue.take(&mut waiting) {
        buffer.clear();
        for (bytes, _) in &waiting {
            buffer.extend_from_slice(bytes);
        }
        if at + buffer.len() as u64 > SEGMENT_BYTES {
            file = next.take().ok_or("no next file")?;
            at = 0;
        }
        file.write_all_at(&buffer, at)?;
        file.sync_data()?;
        at += buffer.len() as u64;
        batches += 1;
        for (_, answer) in waiting.drain(..) {
            // A producer whose time is over no longer waits.
            answer.send(()).ok();
        }
        if next.is_none() && at > SEGMENT_BYTES / 2 {
            next = Some(new_file(files)?);
            files += 1;
        }
    }
    Ok(batches)
}

struct Rate {
    per_second: f64,
    cpu_us: f64,
    in_a_batch: f64,
}

/// The CPU that this process has used.
fn cpu() -> Result<Duration, Failure> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    // The name before the last bracket may hold anything; user and system time are 12th and 13th.
    let (_, fields) = stat.rsplit_once(')').ok_or("no name in stat")?;
    let ticks = fields.split_whitespace().skip(11).take(2);
    let ticks: u32 = ticks.map(str::parse::<u32>).sum::<Result<_, _>>()?;
    Ok(TICK * ticks)
}

/// 64 producers for the time of a round, each sending its next event once the last is durable.
async fn round(store: impl Store) -> Result<Rate, Failure> {
    let store = Arc::new(store);
    let (began, cpu_before) = (Instant::now(), cpu()?);
    let producers = (0..PRODUCERS).map(|seed| {
        let store = Arc::clone(&store);
        tokio::spawn(async move {
            let mut rng = fastrand::Rng::with_seed(seed as u64);
            let data: Vec<u8> = (0..DATA_BYTES).map(|_| rng.u8(..)).collect();
            let event = Event::builder(&seed.to_string(), "/shop/checkout", "order.created");
            let event = event.data("application/octet-stream", data).build()?;
            let mut sent = 0_u64;
            while began.elapsed() < ROUND {
                store.append(event.clone()).await?;
                sent += 1;
            }
            Ok::<_, Failure>(sent)
        })
    });
    let producers: Vec<_> = producers.collect();
    let mut events = 0;
    for producer in producers {
        events += producer.await??;
    }
    let (elapsed, cpu) = (began.elapsed(), cpu()? - cpu_before);
    let batches = store.end()?;
    Ok(Rate {
        per_second: events as f64 / elapsed.as_secs_f64(),
        cpu_us: cpu.as_secs_f64() * 1e6 / events as f64,
        in_a_batch: events as f64 / batches as f64,
    })
}

fn median(mut all: Vec<f64>) -> f64 {
    all.sort_by(f64::total_cmp);
    all[all.len() / 2]
}

/// Rounds of each in turn, so that what else the machine does meets all of them.
async fn measure(folder: &Path, out: &mut impl std::io::Write) -> Result<(), Failure> {
    let mut rates = [const { Vec::new() }; 3];
    for at in 0..ROUNDS {
        for (which, rates) in rates.iter_mut().enumerate() {
            let folder = folder.join(format!("{at}-{which}"));
            fs::create_dir_all(&folder)?;
            rates.push(match which {
                0 => round(Ours::new(&folder)?).await?,
                1 => round(Bare::new(&folder, 1)?).await?,
                _ => round(Bare::new(&folder, PRODUCERS * 7 / 8)?).await?,
            });
            fs::remove_dir_all(&folder)?;
        }
    }
    writeln!(
        out,
        "{PRODUCERS} producers, {DATA_BYTES} bytes, medians of {ROUNDS}"
    )?;
    let names = [
        "appender",
        "bare loop, whatever is queued",
        "bare loop, most producers at once",
    ];
    for (name, of_this) in names.iter().zip(&rates) {
        let of = |value: fn(&Rate) -> f64| median(of_this.iter().map(value).collect());
        let shares = rates[0].iter().zip(of_this);
        let shares = shares.map(|(ours, it)| 100.0 * ours.per_second / it.per_second);
        writeln!(
            out,
            "{name}: {:.0} durable events/s, {:.1} us of CPU for each, {:.0} in a batch; \
             the appender makes {:.0} % of it",
            of(|it| it.per_second),
            of(|it| it.cpu_us),
            of(|it| it.in_a_batch),
            median(shares.collect()),
        )?;
    }
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let folder = std::env::args().nth(1);
    let folder = folder.map_or_else(std::env::temp_dir, PathBuf::from);
    let folder = folder.join(format!("append-speed-{}", std::process::id()));
    let done = measure(&folder, &mut std::io::stdout()).await;
    fs::remove_dir_all(&folder)?;
    done
}
