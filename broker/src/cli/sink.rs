//! `sink`: a receiver that prints what it gets and answers as told. For trying things and for
//! tests; not a place to keep events.
//!
//! Takes a CloudEvent in any mode, and any other request too, labelled as what it is. Answers come
//! from a script (`--respond 503,200`), whose last word repeats. A line is printed when a request
//! arrives, before `--delay`.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use clap::Args;
use http::StatusCode;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};

use super::arguments::duration;
use super::console::Console;
use super::exit::{Exit, Failure, after_no_listener};
use crate::server::{self, ServerOptions};

mod answer;
mod receive;
mod show;

use answer::Script;
use receive::{Arrival, Receiver};

const EXAMPLES: &str = "\
Examples:
  sluicegate sink --port 3000
  sluicegate sink --port 3000 --respond 503,200        fails once, then succeeds
  sluicegate sink --delay 2s                           a slow subscriber
  sluicegate sink --reply order.confirmed --reply-data '{\"ok\":true}'
  sluicegate sink --port 0 --count 10 -o json          ten events as JSON lines, then exit";

/// Lines that may wait to be printed; past this, requests wait for the printer.
const WAITING_MAX: usize = 1_024;

/// Arguments of `sink`.
#[derive(Clone, Debug, Args)]
#[command(before_help = EXAMPLES)]
pub struct SinkArgs {
    /// The port to listen on; 0 takes any free one
    #[arg(long, value_name = "PORT", default_value_t = 3000)]
    pub port: u16,
    /// The address to listen on
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1")]
    pub host: IpAddr,
    /// Statuses to answer with, one after another; the last one repeats
    #[arg(long, value_name = "STATUS,…", default_value = "200", value_delimiter = ',',
        value_parser = status)]
    pub respond: Vec<StatusCode>,
    /// How long to wait before each answer
    #[arg(long, value_name = "DURATION", default_value = "0s", value_parser = duration)]
    pub delay: Duration,
    /// Answer 2xx with an event of this type
    #[arg(long, value_name = "TYPE")]
    pub reply: Option<String>,
    /// The data of that event
    #[arg(long, value_name = "DATA", requires = "reply")]
    pub reply_data: Option<String>,
    /// Exit after this many events
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u64).range(1..))]
    pub count: Option<u64>,
    /// How to print what arrives
    #[arg(short, long, value_name = "FORMAT", default_value = "human")]
    pub output: Output,
}

/// How to print what arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Output {
    /// A line for people; times are UTC
    Human,
    /// A JSON object a line, with every attribute and the data
    Json,
}

/// Receives until the count is reached or the terminal interrupts.
///
/// # Errors
///
/// When the address cannot be listened on, the reply is no event, or the output cannot be written.
pub async fn execute(args: &SinkArgs, console: &mut Console) -> Result<(), Failure> {
    let script = Script::of(args)?;
    let address = SocketAddr::new(args.host, args.port);
    let cannot = |error: std::io::Error| {
        Failure::new(
            Exit::Failed,
            format!("cannot listen on {address}: {error}"),
            after_no_listener(
                &error,
                match error.kind() {
                    std::io::ErrorKind::AddrNotAvailable => "--host",
                    _ => "--port",
                },
            ),
        )
    };
    let listener = TcpListener::bind(address).await.map_err(cannot)?;
    let bound = listener.local_addr().map_err(cannot)?;
    console.say(format_args!("listening on http://{bound}   (Ctrl-C ends)"));
    serve(listener, script, args, console).await
}

/// Serves and prints side by side: the printer owns the console, the server only sends to it.
async fn serve(
    listener: TcpListener,
    script: Script,
    args: &SinkArgs,
    console: &mut Console,
) -> Result<(), Failure> {
    let (arrivals, printed) = mpsc::channel(WAITING_MAX);
    let (stop, stopped) = oneshot::channel::<()>();
    let options = ServerOptions {
        // An answer that was asked to be late is not to be cut off.
        drain_timeout: args.delay + Duration::from_secs(5),
        ..ServerOptions::default()
    };
    let receiver = Receiver::new(script, args.delay, arrivals);
    let serving = Box::pin(server::serve(listener, receiver, options, async {
        stopped.await.ok();
    }));
    let printing = async {
        let done = print(printed, args, console).await;
        // The server drains now: what was printed is answered.
        drop(stop);
        done
    };
    let (_served, printed) = tokio::join!(serving, printing);
    printed
}

async fn print(
    mut arrivals: mpsc::Receiver<Arrival>,
    args: &SinkArgs,
    console: &mut Console,
) -> Result<(), Failure> {
    let mut events = 0;
    while let Some(arrival) = arrivals.recv().await {
        let lines = match args.output {
            Output::Human => show::human(&arrival, console),
            Output::Json => show::json(&arrival)?,
        };
        lines.iter().try_for_each(|line| console.print(line))?;
        events += arrival.events();
        if args.count.is_some_and(|count| events >= count) {
            break;
        }
    }
    Ok(())
}

fn status(text: &str) -> Result<StatusCode, String> {
    let must = "must be an HTTP status from 200 to 599, such as 503";
    match text.trim().parse::<u16>().map(StatusCode::from_u16) {
        // A final answer is needed; hyper sends 1xx by itself.
        Ok(Ok(status)) if (200..600).contains(&status.as_u16()) => Ok(status),
        Ok(_) | Err(_) => Err(must.to_owned()),
    }
}

#[cfg(test)]
mod tests;
