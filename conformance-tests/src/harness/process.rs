//! The child process: its start, its signals, its end, its log.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::{Instant, sleep};

use super::scratch::seed;
use crate::artefact;

/// How much of a log a failure's report shows.
const REPORTED_LINES: usize = 60;

/// A running binary; it is killed when this is dropped.
#[derive(Debug)]
pub(super) struct Process {
    binary: PathBuf,
    child: Mutex<Child>,
    log: PathBuf,
    folder: PathBuf,
}

impl Process {
    pub(super) fn start(folder: PathBuf, arguments: &[String]) -> io::Result<Self> {
        let binary = binary()?;
        let log = folder.join("output.log");
        let output = File::create(&log)?;
        let child = Command::new(&binary)
            .args(arguments)
            .current_dir(&folder)
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()?;
        Ok(Process {
            binary,
            child: Mutex::new(child),
            log,
            folder,
        })
    }

    pub(super) fn id(&self) -> u32 {
        self.child.lock().id()
    }

    pub(super) fn kill(&self) -> io::Result<()> {
        self.child.lock().kill()
    }

    pub(super) fn exited(&self) -> io::Result<Option<ExitStatus>> {
        self.child.lock().try_wait()
    }

    pub(super) async fn wait(&self, patience: Duration) -> io::Result<ExitStatus> {
        let deadline = Instant::now() + patience;
        loop {
            if let Some(status) = self.exited()? {
                return Ok(status);
            }
            if Instant::now() > deadline {
                let message = format!("still running after {patience:?}");
                return Err(io::Error::new(io::ErrorKind::TimedOut, message));
            }
            sleep(Duration::from_millis(5)).await;
        }
    }

    /// What it has written so far, to both outputs.
    pub(super) fn log(&self) -> String {
        read(&self.log)
    }

    /// What a failure's report says of it.
    fn report(&self) -> String {
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        let tail = lines.len().saturating_sub(REPORTED_LINES);
        format!(
            "seed {} (repeat with SLUICEGATE_SEED={0})\nbinary {} sha256 {}\nlog, last lines:\n{}",
            seed(),
            self.binary.display(),
            artefact::digest(&self.binary),
            lines[tail..].join("\n")
        )
    }
}

impl Drop for Process {
    #[expect(
        clippy::print_stderr,
        reason = "a failing test's report goes where its panic went"
    )]
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", self.report());
        }
        // It may have ended by itself; then there is nothing to kill, and nothing wrong.
        let child = self.child.get_mut();
        child.kill().ok();
        child.wait().ok();
        if !std::thread::panicking() {
            fs::remove_dir_all(&self.folder).ok();
        }
    }
}

/// The program under test: of this build, or what `SLUICEGATE_BIN` names.
///
/// # Errors
///
/// When there is none, with the command that builds it.
pub fn binary() -> io::Result<PathBuf> {
    artefact::program("sluicegate", "sluicegate", "SLUICEGATE_BIN")
}

/// Sends a signal such as `TERM` to a process that we started.
///
/// # Errors
///
/// When the process has gone, or the machine has no `kill`.
pub fn signal(process: u32, name: &str) -> io::Result<()> {
    let status = Command::new("kill")
        .arg(format!("-{name}"))
        .arg(process.to_string())
        .status()?;
    if status.success() {
        return Ok(());
    }
    Err(io::Error::other(format!(
        "cannot send {name} to process {process}"
    )))
}

fn read(path: &Path) -> String {
    fs::read(path)
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
        .unwrap_or_else(|error| format!("cannot read {}: {error}", path.display()))
}
