//! The program as faults need it: a process group that can be frozen and killed, on a folder that
//! outlives it.

mod site;

use std::fs;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use tokio::time::{Instant, sleep};

pub(super) use site::Site;

use super::verdict::Trouble;
use crate::harness::{Admin, Resources, TriggerStatus, signal};
use crate::ledger::Figures;

/// How often a state is looked at while waiting for it.
const POLL_INTERVAL: Duration = Duration::from_millis(5);
/// How long a start may take before the driver gives up; what it may take is the driver's affair.
const START_PATIENCE: Duration = Duration::from_secs(60);
/// How long it may take before it is asked why it is not ready.
const WORD_PATIENCE: Duration = Duration::from_secs(2);
/// What it says of a store that nothing but another start brings back.
const STORE_FAILED: &str = "The store has failed";
/// How a start ends that says neither that it is ready nor why it is not.
pub(super) const NOT_READY: &str = "not ready after";
/// The exit code of a start that refuses its settings, which are ours.
const REFUSES_SETTINGS: i32 = 78;
/// How many lines of its output a failure shows.
const LINES_SHOWN: usize = 12;

/// A running broker, and whatever it was started behind; the group is killed when this is dropped.
#[derive(Debug)]
pub(super) struct Broker {
    child: Child,
    admin: Admin,
    output: PathBuf,
    started: Instant,
    /// How long it took to become ready.
    pub(super) ready_after: Duration,
}

impl Broker {
    pub(super) fn admin(&self) -> Admin {
        self.admin
    }

    async fn await_ready(&mut self) -> Result<(), Trouble> {
        match self.await_ready_for(START_PATIENCE).await? {
            true => Ok(()),
            false => Err(self.not_ready()),
        }
    }

    fn not_ready(&self) -> Trouble {
        let tail = self.tail();
        Trouble::broken(format!("{NOT_READY} {START_PATIENCE:?}:\n{tail}"))
    }

    /// Whether it becomes ready so soon.
    async fn await_ready_for(&mut self, patience: Duration) -> Result<bool, Trouble> {
        let deadline = Instant::now() + patience;
        while !self.is_ready().await {
            if let Some(status) = self.exited()? {
                let tail = self.tail();
                let what = format!("it ended at its start with {status}:\n{tail}");
                return Err(if status.code() == Some(REFUSES_SETTINGS) {
                    Trouble::run(what)
                } else {
                    Trouble::broken(what)
                });
            }
            if Instant::now() > deadline {
                return Ok(false);
            }
            sleep(POLL_INTERVAL).await;
        }
        self.ready_after = self.started.elapsed();
        Ok(true)
    }

    /// Waits until it is ready, or says of a broker why that is not served, which it then says here.
    ///
    /// # Errors
    ///
    /// Where it ends, or is not ready for long and does not say why.
    pub(super) async fn await_word(&mut self) -> Result<Option<String>, Trouble> {
        loop {
            match self.await_ready_for(WORD_PATIENCE).await {
                Ok(true) => return Ok(None),
                Ok(false) => {}
                Err(trouble) => return Err(trouble),
            }
            let answer = self.admin.get("/readyz?verbose").await;
            let text = answer.map(|it| String::from_utf8_lossy(&it.body).into_owned());
            let text = text.unwrap_or_default();
            let word = text.lines().find(|it| it.starts_with("[-]broker "));
            let is_late = self.started.elapsed() > START_PATIENCE;
            match word {
                // Whatever else it may be is tried again.
                Some(word) if is_late || word.contains(STORE_FAILED) => {
                    return Ok(Some(word.to_owned()));
                }
                None if is_late => return Err(self.not_ready()),
                Some(_) | None => {}
            }
        }
    }

    /// Whether it says that it is ready.
    pub(super) async fn is_ready(&self) -> bool {
        let answer = self.admin.get("/readyz").await;
        answer.is_ok_and(|answer| answer.status() == Some(200))
    }

    /// How it ended, if it has.
    pub(super) fn exited(&mut self) -> io::Result<Option<ExitStatus>> {
        self.child.try_wait()
    }

    /// Stops the program where it stands, and waits until each of its threads has stopped. What it
    /// was started behind goes on: a tracer must see the signal to let it happen.
    pub(super) async fn freeze(&self) -> Result<(), Trouble> {
        signal(self.program()?, "STOP")?;
        let deadline = Instant::now() + Duration::from_secs(20);
        while !self.threads()?.iter().all(|thread| is_stopped(thread)) {
            if Instant::now() > deadline {
                return Err(Trouble::run("a thread does not stop"));
            }
            tokio::task::yield_now().await;
        }
        Ok(())
    }

    /// Lets it go on.
    pub(super) fn thaw(&self) -> Result<(), Trouble> {
        Ok(signal(self.program()?, "CONT")?)
    }

    /// Its metrics as a scrape gets them.
    pub(super) async fn metrics(&self) -> Result<String, Trouble> {
        let answer = self.admin.get("/metrics").await;
        let answer = answer.map_err(|error| Trouble::broken(format!("no metrics: {error}")))?;
        Ok(String::from_utf8_lossy(&answer.body).into_owned())
    }

    /// The `stat` of each thread of the program itself.
    fn threads(&self) -> io::Result<Vec<String>> {
        let folder = format!("/proc/{}/task", self.program()?);
        let threads = fs::read_dir(folder)?;
        Ok(threads
            .flatten()
            .filter_map(|thread| fs::read_to_string(thread.path().join("stat")).ok())
            .collect())
    }

    /// The program's own process: the child of the wrapper, where there is one.
    fn program(&self) -> io::Result<u32> {
        let id = self.child.id();
        let children = fs::read_to_string(format!("/proc/{id}/task/{id}/children"))?;
        let first = children.split_whitespace().next();
        Ok(first.and_then(|it| it.parse().ok()).unwrap_or(id))
    }

    /// What the program holds now.
    pub(super) fn resources(&self) -> io::Result<Resources> {
        Resources::of(self.program()?)
    }

    /// Kills every process of it, and says by which signal it ended.
    pub(super) async fn kill(&mut self) -> Result<Option<i32>, Trouble> {
        let program = self.program().unwrap_or(self.child.id());
        self.kill_group().ok();
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let ended = self.exited()?;
            // Behind a tracer it is not our child, and may end a moment after that.
            if let Some(status) = ended.filter(|_| !runs(program)) {
                return Ok(status.signal());
            }
            if Instant::now() > deadline {
                return Err(Trouble::run("it runs on after SIGKILL"));
            }
            sleep(Duration::from_millis(1)).await;
        }
    }

    fn kill_group(&self) -> io::Result<()> {
        let group = format!("-{}", self.child.id());
        let status = Command::new("kill")
            .args(["-KILL", "--", &group])
            .stderr(Stdio::null())
            .status()?;
        if status.success() {
            return Ok(());
        }
        Err(io::Error::other(format!("cannot kill the group {group}")))
    }

    /// What it has written since its start.
    pub(super) fn output(&self) -> String {
        let bytes = fs::read(&self.output).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    fn tail(&self) -> String {
        let output = self.output();
        let lines: Vec<&str> = output.lines().collect();
        lines[lines.len().saturating_sub(LINES_SHOWN)..].join("\n")
    }

    /// Every trigger of the namespace.
    pub(super) async fn triggers(&self, namespace: &str) -> Result<Vec<TriggerStatus>, Trouble> {
        let triggers = self.admin.triggers(namespace).await;
        triggers.map_err(|error| Trouble::broken(format!("no list of triggers: {error}")))
    }

    /// Waits until nothing is pending for any trigger but those that are `held`, and gives the
    /// figures of all.
    pub(super) async fn quiet(
        &mut self,
        namespace: &str,
        held: &[&str],
        patience: Duration,
    ) -> Result<Vec<Figures>, Trouble> {
        let deadline = Instant::now() + patience;
        loop {
            if let Some(status) = self.exited()? {
                let tail = self.tail();
                return Err(Trouble::broken(format!("it ended with {status}:\n{tail}")));
            }
            let triggers = self.triggers(namespace).await?;
            let is_quiet = |it: &TriggerStatus| it.books.pending == 0;
            let mut awaited = triggers.iter().filter(|it| !held.contains(&&*it.name));
            if !triggers.is_empty() && awaited.all(is_quiet) {
                return Ok(triggers.into_iter().map(figures).collect());
            }
            if Instant::now() > deadline {
                let books: Vec<_> = triggers.iter().map(|it| (&it.name, it.books)).collect();
                return Err(Trouble::broken(format!(
                    "events are still pending after {patience:?}: {books:?}"
                )));
            }
            sleep(Duration::from_millis(50)).await;
        }
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to kill, and nothing wrong.
        self.kill_group().ok();
        self.child.wait().ok();
    }
}

fn figures(trigger: TriggerStatus) -> Figures {
    Figures {
        trigger: trigger.name,
        broker: trigger.broker,
        books: trigger.books,
        leaving: Vec::new(),
    }
}

/// Whether a process is there and has not ended. Its first thread may have, and others not yet.
fn runs(process: u32) -> bool {
    let Ok(stat) = fs::read_to_string(format!("/proc/{process}/stat")) else {
        return false;
    };
    let threads = fs::read_dir(format!("/proc/{process}/task")).map_or(0, Iterator::count);
    threads > 1 || !matches!(state(&stat), Some('Z' | 'X'))
}

/// Whether a line of `/proc/PID/task/TID/stat` is that of a thread that a signal or a tracer has
/// stopped, or that has ended.
fn is_stopped(stat: &str) -> bool {
    matches!(state(stat), Some('T' | 't' | 'Z' | 'X'))
}

/// The state in such a line. The name in parentheses before it may hold anything.
fn state(stat: &str) -> Option<char> {
    let (_, rest) = stat.rsplit_once(") ")?;
    rest.chars().next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_is_stopped_by_its_state_and_not_by_its_name() {
        for (stat, expected) in [
            ("12 (sluicegate) T 1 12", true),
            ("12 (a) T b) S 1 12", false),
            ("12 (x) t 1", true),
            ("12 (x) D 1", false),
            ("", false),
        ] {
            assert_eq!(is_stopped(stat), expected, "{stat}");
        }
    }
}
