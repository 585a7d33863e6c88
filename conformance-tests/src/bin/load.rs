//! The load driver as a program.
//!
//! ```text
//! load send --url http://127.0.0.1:8080/ --rate 5000 --seconds 10      open loop, constant rate
//! load send --url http://127.0.0.1:8080/ --seconds 10 --pid 4711       peak, with CPU per event
//! load sink --listen 127.0.0.1:9000                                    answers 202 to everything
//! ```
//!
//! With `--sink ADDRESS` the sending program is the sink as well, and measures delivery from the
//! intended send time.

use std::io::{self, Write};
use std::net::{SocketAddr, ToSocketAddrs};
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use serde::Serialize;
use sluicegate_conformance::load::{CpuClock, Extent, Load, Rate, Report, Sink, Summary, run};
use tokio::time::{Instant, sleep};

type Failure = Box<dyn std::error::Error>;

/// Sends load at a constant rate and measures from the intended send time.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Sends events.
    Send(SendArguments),
    /// Answers 202 to everything until it is ended.
    Sink {
        /// Where to listen.
        #[arg(long)]
        listen: SocketAddr,
    },
}

#[derive(Args)]
struct SendArguments {
    /// Where to: http://HOST:PORT/PATH.
    #[arg(long)]
    url: String,
    /// Events a second; as fast as the connections allow when absent.
    #[arg(long)]
    rate: Option<f64>,
    /// How long to send.
    #[arg(long, default_value_t = 10.0, conflicts_with = "events")]
    seconds: f64,
    /// How many events to send.
    #[arg(long)]
    events: Option<u64>,
    /// Connections, each with one request at a time.
    #[arg(long, default_value_t = 64)]
    connections: usize,
    /// Bytes of data in each event.
    #[arg(long, default_value_t = 1024)]
    payload: usize,
    /// The events' type.
    #[arg(long = "type", default_value = "load.test")]
    event_type: String,
    /// Listen here as the subscriber, and measure delivery.
    #[arg(long)]
    sink: Option<SocketAddr>,
    /// Measure the CPU time of this process; may be repeated.
    #[arg(long)]
    pid: Vec<u32>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// What is printed.
#[derive(Serialize)]
struct Results {
    #[serde(flatten)]
    report: Report,
    #[serde(skip_serializing_if = "Option::is_none")]
    delivered: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    delivery_latency: Option<Summary>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cpu_us_per_event: Option<f64>,
}

fn main() -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        match Arguments::parse().verb {
            Verb::Send(arguments) => send(arguments).await,
            Verb::Sink { listen } => stand_still(listen).await,
        }
    })
}

async fn stand_still(listen: SocketAddr) -> Result<(), Failure> {
    let sink = Sink::listen(listen).await?;
    writeln!(io::stdout(), "{}", sink.address())?;
    std::future::pending().await
}

async fn send(arguments: SendArguments) -> Result<(), Failure> {
    let load = arguments.load()?;
    let sink = match arguments.sink {
        Some(address) => Some(Sink::listen(address).await?),
        None => None,
    };
    let clock = CpuClock::new(arguments.pid.clone());
    let before = clock.read()?;
    let rate = load.rate;
    let report = run(load, |start| {
        if let Some(sink) = &sink {
            sink.measure(rate, start);
        }
    })
    .await;
    if let Some(sink) = &sink {
        drain(sink, report.accepted).await;
    }
    let spent = clock.read()?.total() - before.total();
    #[expect(clippy::cast_precision_loss, reason = "a mean is a fraction")]
    let per_event = spent.as_secs_f64() * 1e6 / report.accepted.max(1) as f64;
    let results = Results {
        delivered: sink.as_ref().map(Sink::requests),
        delivery_latency: sink
            .map(|sink| sink.latency().summary())
            .filter(|summary| summary.count > 0),
        cpu_us_per_event: (!arguments.pid.is_empty()).then_some(per_event),
        report,
    };
    if arguments.json {
        serde_json::to_writer(io::stdout().lock(), &results)?;
        writeln!(io::stdout())?;
    } else {
        print(&results, &mut io::stdout().lock())?;
    }
    Ok(())
}

/// Waits until what was accepted has been delivered; gives up when nothing comes for 5 s.
async fn drain(sink: &Sink, accepted: u64) {
    let (mut seen, mut last) = (sink.requests(), Instant::now());
    while seen < accepted && last.elapsed() < Duration::from_secs(5) {
        sleep(Duration::from_millis(10)).await;
        let now = sink.requests();
        if now != seen {
            (seen, last) = (now, Instant::now());
        }
    }
}

impl SendArguments {
    fn load(&self) -> Result<Load, Failure> {
        let rest = self
            .url
            .strip_prefix("http://")
            .ok_or("the URL must begin with http://")?;
        let (host, path) = match rest.split_once('/') {
            Some((host, path)) => (host, format!("/{path}")),
            None => (rest, "/".to_owned()),
        };
        let to = host
            .to_socket_addrs()?
            .next()
            .ok_or("the host has no address")?;
        Ok(Load {
            to,
            host: host.to_owned(),
            path,
            rate: self.rate.map_or(Rate::Max, Rate::PerSecond),
            extent: match self.events {
                Some(count) => Extent::Events(count),
                None => Extent::Lasting(Duration::from_secs_f64(self.seconds)),
            },
            connections: self.connections,
            payload_bytes: self.payload,
            event_type: self.event_type.clone(),
        })
    }
}

fn print(results: &Results, out: &mut impl Write) -> io::Result<()> {
    let Results {
        report,
        delivered,
        delivery_latency,
        cpu_us_per_event,
    } = results;
    writeln!(
        out,
        "{} sent, {} accepted in {:.2} s: {:.0} a second",
        report.sent, report.accepted, report.seconds, report.accepted_per_second
    )?;
    for (answer, count) in &report.answers {
        writeln!(out, "  {answer}: {count}")?;
    }
    print_latency("to the answer", &report.latency, out)?;
    if let Some(delivered) = delivered {
        writeln!(out, "{delivered} delivered")?;
    }
    if let Some(latency) = delivery_latency {
        print_latency("to delivery", latency, out)?;
    }
    match cpu_us_per_event {
        Some(cpu) => writeln!(out, "{cpu:.1} us of CPU per event"),
        None => Ok(()),
    }
}

fn print_latency(what: &str, latency: &Summary, out: &mut impl Write) -> io::Result<()> {
    let Summary {
        p50_us,
        p99_us,
        p999_us,
        max_us,
        ..
    } = latency;
    writeln!(
        out,
        "{what}, from the intended send: p50 {p50_us:.0} us, p99 {p99_us:.0} us, p99.9 \
         {p999_us:.0} us, max {max_us:.0} us"
    )
}
