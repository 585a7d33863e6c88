//! Operations of the server as the command line begins, follows and ends them.
//!
//! A command waits until its operation has ended, and shows on a terminal how far it is. Ctrl-C
//! cancels it: what was done stays done. With `--detach` it goes on alone, as it does where the command
//! is killed or loses the server; `get operations` and `cancel` are for those.

use std::pin::Pin;
use std::time::Duration;

use clap::{Args, Subcommand};
use futures_util::FutureExt as _;
use tokio::time::sleep;

use super::arguments::{ServerArgs, rate};
use super::client::AdminClient;
use super::console::Console;
use super::exit::{Exit, Failure};
use crate::api::{self, Conduct, Operation, OperationRequest, OperationState};

mod words;

/// The first wait between two looks, and the longest; each is twice the one before.
const LOOK_EVERY: (Duration, Duration) = (Duration::from_millis(20), Duration::from_millis(500));

/// How an operation goes about it.
#[derive(Clone, Debug, Args)]
pub struct ConductArgs {
    /// At most this many events a second; as fast as it goes when not given
    #[arg(long, value_name = "N/s", value_parser = rate)]
    pub rate: Option<f64>,
    /// At most this many, oldest first; all when not given
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u64).range(1..))]
    pub limit: Option<u64>,
    /// Only count what would be done
    #[arg(long)]
    pub dry_run: bool,
    /// Begin, say the id, and do not wait
    #[arg(long)]
    pub detach: bool,
    /// How to print what was done
    #[arg(short, long, value_name = "FORMAT", default_value = "text")]
    pub output: Told,
}

/// How to print what an operation has done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Told {
    /// A line for people
    Text,
    /// The operation as one JSON object
    Json,
}

impl ConductArgs {
    /// What the server is told.
    pub fn conduct(&self) -> Conduct {
        Conduct {
            per_second: self.rate,
            limit: self.limit,
            dry_run: self.dry_run,
        }
    }
}

const CANCEL_EXAMPLES: &str = "\
Examples:
  sluicegate get operations                    what runs, and what ended within the last hour
  sluicegate cancel operation 01K0Z4M3V8QJ5N7RB2D6XW9HTC";

/// Arguments of `cancel`.
#[derive(Clone, Debug, Args)]
#[command(before_help = CANCEL_EXAMPLES)]
pub struct CancelArgs {
    /// What
    #[command(subcommand)]
    pub noun: CancelNoun,
}

/// What can be cancelled.
#[derive(Clone, Debug, Subcommand)]
pub enum CancelNoun {
    /// A redrive, discard or replay; what it has done stays done
    #[command(before_help = CANCEL_EXAMPLES)]
    Operation(IdArgs),
}

/// Which operation.
#[derive(Clone, Debug, Args)]
pub struct IdArgs {
    /// Its id, as it was said when it began
    #[arg(value_name = "ID", value_parser = id)]
    pub id: String,
    /// Which server
    #[command(flatten)]
    pub server: ServerArgs,
}

/// Reads the id of an operation. Anything of its letters: the server knows which there are.
///
/// # Errors
///
/// When it could be none.
pub fn id(text: &str) -> Result<String, String> {
    let is_of_one = |byte: u8| byte.is_ascii_alphanumeric();
    match !text.is_empty() && text.bytes().all(is_of_one) {
        true => Ok(text.to_owned()),
        false => Err("must be an id as `sluicegate get operations` shows it".to_owned()),
    }
}

/// Cancels one, and says how far it came.
///
/// # Errors
///
/// When the server does not answer, or has no such operation.
pub async fn cancel(args: &CancelArgs, console: &mut Console) -> Result<(), Failure> {
    let CancelNoun::Operation(args) = &args.noun;
    let client = AdminClient::new(&args.server.server)?;
    let ended = cancel_one(&client, &args.id).await?;
    console.print(words::outcome(&ended))
}

/// Begins an operation and, unless it is to go on alone, follows it to its end.
pub(super) async fn run(
    request: &OperationRequest,
    args: &ConductArgs,
    client: &AdminClient,
    console: &mut Console,
) -> Result<(), Failure> {
    // Heard from before it begins, so that an interrupt always meets an operation that is known.
    let mut interrupt = Interrupt::listen();
    let begun: Operation = client.post(api::OPERATIONS, request).await?;
    if args.detach {
        console.say("it goes on in the server; look with `sluicegate get operations`");
        return tell(&begun, args.output, begun.id.clone(), console);
    }
    let followed = follow(begun, client, &mut interrupt, console).await;
    console.progress("");
    let (ended, is_interrupted) = followed?;
    tell(&ended, args.output, words::outcome(&ended), console)?;
    words::remarks(&ended, last_position(request))
        .iter()
        .for_each(|it| console.say(it));
    match ended.state {
        _ if is_interrupted => Err(Failure::already_told(Exit::Interrupted)),
        OperationState::Failed => Err(Failure::new(
            Exit::Failed,
            format!(
                "the operation failed: {}",
                ended.failure.as_deref().unwrap_or("unknown why")
            ),
            "what it did stays done; mend the cause, and run the same command again for the rest",
        )),
        OperationState::Cancelled => Err(Failure::new(
            Exit::Failed,
            "the operation was cancelled, by another command or by the end of the server",
            "what it did stays done; run the same command again for the rest",
        )),
        OperationState::Done | OperationState::Running | OperationState::Unknown => Ok(()),
    }
}

/// Where a replay is to end, if somewhere.
fn last_position(request: &OperationRequest) -> Option<&str> {
    match request {
        OperationRequest::Replay(replay) => replay.events.last_position.as_deref(),
        OperationRequest::Redrive(_) | OperationRequest::Discard(_) => None,
    }
}

fn tell(
    operation: &Operation,
    how: Told,
    line: String,
    console: &mut Console,
) -> Result<(), Failure> {
    match how {
        Told::Text => console.print(line),
        Told::Json => {
            let json = serde_json::to_string_pretty(operation).map_err(std::io::Error::from)?;
            console.print(json)
        }
    }
}

/// Looks until it has ended; an interrupt cancels it.
async fn follow(
    begun: Operation,
    client: &AdminClient,
    interrupt: &mut Interrupt,
    console: &mut Console,
) -> Result<(Operation, bool), Failure> {
    let mut operation = begun;
    let mut pause = LOOK_EVERY.0;
    loop {
        if operation.state.is_final() {
            return Ok((operation, false));
        }
        console.progress(words::progress(&operation));
        let path = path_of(&operation.id);
        tokio::select! {
            biased;
            () = interrupt.heard() => {
                console.progress("");
                return Ok((cancel_one(client, &operation.id).await?, true));
            }
            () = sleep(pause) => operation = client.get(&path).await?,
        }
        pause = (pause * 2).min(LOOK_EVERY.1);
    }
}

/// Tells it to end, and waits for that a while.
async fn cancel_one(client: &AdminClient, id: &str) -> Result<Operation, Failure> {
    const LOOKS_MAX: usize = 50;
    let path = path_of(id);
    let mut operation: Operation = client.delete(&path).await?;
    for _ in 0..LOOKS_MAX {
        if operation.state.is_final() {
            break;
        }
        sleep(Duration::from_millis(20)).await;
        operation = client.get(&path).await?;
    }
    Ok(operation)
}

fn path_of(id: &str) -> String {
    format!("{}/{id}", api::OPERATIONS)
}

/// Hears Ctrl-C from its making on, so that it ends an operation and not only the command.
struct Interrupt(Pin<Box<dyn Future<Output = ()>>>);

impl Interrupt {
    fn listen() -> Self {
        let mut heard: Pin<Box<dyn Future<Output = ()>>> = Box::pin(async {
            if tokio::signal::ctrl_c().await.is_err() {
                std::future::pending::<()>().await;
            }
        });
        // The first poll registers it.
        if (&mut heard).now_or_never().is_some() {
            heard = Box::pin(std::future::ready(()));
        }
        Interrupt(heard)
    }

    async fn heard(&mut self) {
        (&mut self.0).await;
    }
}
