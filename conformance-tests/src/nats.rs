//! Real NATS servers with JetStream for tests: one, or a cluster of three, each a child process with
//! ports, a store and a log of its own.
//!
//! The program is what `scripts/nats-server` fetches, or what `NATS_SERVER` names. A server can be
//! killed, stopped, frozen and started again on the same ports and the same store, also with other
//! settings; whatever a test leaves running ends with the value that holds it.
//!
//! What is left out: a client. Tests bring one, so that only they pay for building it.

mod cluster;
mod settings;

use std::fs::{self, File};
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tokio::time::{Instant, sleep};

pub use cluster::Cluster;
pub use settings::Settings;

use self::settings::{Addresses, Peers};
use crate::client::Request;
use crate::harness::{free_address, scratch_folder, signal};

/// How long a server may take until it answers: it recovers its streams first.
const PATIENCE: Duration = Duration::from_secs(30);
const POLL_INTERVAL: Duration = Duration::from_millis(10);
/// Another process may take a port between the choice and the bind.
const TRIES: usize = 5;
/// How much of a log a failure's report shows.
const REPORTED_LINES: usize = 40;

/// The server's program.
///
/// # Errors
///
/// When it is not there and cannot be fetched, with what the script said.
pub fn program() -> io::Result<PathBuf> {
    fetched(None)
}

fn fetched(version: Option<&str>) -> io::Result<PathBuf> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/nats-server");
    let mut command = Command::new(&script);
    if version.is_some() {
        // It names the server that is tested against, which is none of another version.
        command.env_remove("NATS_SERVER");
    }
    let output = command.args(version).stdin(Stdio::null()).output()?;
    if !output.status.success() {
        return Err(io::Error::other(
            String::from_utf8_lossy(&output.stderr).into_owned(),
        ));
    }
    let path = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    Ok(PathBuf::from(path))
}

/// A server, running or not.
#[derive(Debug)]
pub struct NatsServer {
    name: String,
    program: PathBuf,
    folder: PathBuf,
    addresses: Addresses,
    peers: Option<Peers>,
    settings: Settings,
    child: Option<Child>,
}

impl NatsServer {
    /// Starts one server and waits until JetStream answers.
    ///
    /// # Panics
    ///
    /// When it does not, with its log.
    pub async fn start(settings: Settings) -> Self {
        let program = program().unwrap_or_else(|error| panic!("{error}"));
        Self::start_program(&program, settings).await
    }

    /// The same with a server of another version.
    ///
    /// # Panics
    ///
    /// As [`NatsServer::start`], and when that version cannot be fetched.
    pub async fn start_version(version: &str, settings: Settings) -> Self {
        let program = fetched(Some(version)).unwrap_or_else(|error| panic!("{error}"));
        Self::start_program(&program, settings).await
    }

    async fn start_program(program: &Path, settings: Settings) -> Self {
        for _ in 0..TRIES {
            let mut server = Self::prepare("single", program, None, settings.clone());
            server.spawn();
            if server.becomes_ready().await {
                return server;
            }
            assert!(server.lost_its_port(), "it exited:\n{}", server.report());
        }
        panic!("no free ports for a NATS server in {TRIES} tries");
    }

    fn prepare(name: &str, program: &Path, peers: Option<Peers>, settings: Settings) -> Self {
        let folder = scratch_folder("nats").expect("a scratch folder can be made");
        let free = || free_address().expect("loopback has a free port");
        NatsServer {
            name: name.to_owned(),
            program: program.to_owned(),
            folder,
            addresses: Addresses {
                client: free(),
                monitoring: free(),
            },
            peers,
            settings,
            child: None,
        }
    }

    fn spawn(&mut self) {
        let store = self.store();
        let text = self
            .settings
            .text(&self.name, &store, &self.addresses, self.peers.as_ref());
        let config = self.folder.join("nats.conf");
        fs::write(&config, text).expect("a scratch folder can be written to");
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.log_path())
            .expect("a scratch folder can be written to");
        let child = Command::new(&self.program)
            .arg("--config")
            .arg(&config)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}", self.program.display()));
        self.child = Some(child);
    }

    /// Waits until JetStream answers; false when the process has exited instead.
    async fn becomes_ready(&mut self) -> bool {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if self.is_healthy().await {
                return true;
            }
            if !self.is_running() {
                return false;
            }
            assert!(
                Instant::now() < deadline,
                "not ready in {PATIENCE:?}:\n{}",
                self.report()
            );
            sleep(POLL_INTERVAL).await;
        }
    }

    /// Whether the server says that it and its streams are well.
    pub async fn is_healthy(&self) -> bool {
        let answer = Request::get("/healthz")
            .send(self.addresses.monitoring)
            .await;
        answer.is_ok_and(|answer| answer.status() == Some(200))
    }

    fn lost_its_port(&self) -> bool {
        self.log().contains("address already in use")
    }

    // ---- where it is ----

    /// What clients connect to.
    pub fn address(&self) -> SocketAddr {
        self.addresses.client
    }

    /// The same as a URL.
    pub fn url(&self) -> String {
        format!("nats://{}", self.addresses.client)
    }

    /// Where it answers `/varz`, `/jsz` and the like.
    pub fn monitoring(&self) -> SocketAddr {
        self.addresses.monitoring
    }

    /// The name it goes by among others.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The folder of its streams.
    pub fn store(&self) -> PathBuf {
        self.folder.join("store")
    }

    /// The process, while there is one.
    pub fn pid(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// Whether its process lives.
    pub fn is_running(&mut self) -> bool {
        self.child
            .as_mut()
            .is_some_and(|child| matches!(child.try_wait(), Ok(None)))
    }

    /// What it has logged so far, earlier starts included.
    pub fn log(&self) -> String {
        let bytes = fs::read(self.log_path()).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    fn log_path(&self) -> PathBuf {
        self.folder.join("nats.log")
    }

    fn report(&self) -> String {
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        let tail = lines.len().saturating_sub(REPORTED_LINES);
        format!("NATS server {}:\n{}", self.name, lines[tail..].join("\n"))
    }

    // ---- what is done to it ----

    /// Kills it at once, as `kill -9` does.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            // It may have ended by itself; then there is nothing to kill, and nothing wrong.
            child.kill().ok();
            child.wait().ok();
        }
    }

    /// Ends it in good order: what it has in memory is written.
    ///
    /// # Panics
    ///
    /// When it does not end.
    pub async fn stop(&mut self) {
        self.send("TERM");
        let deadline = Instant::now() + PATIENCE;
        while self.is_running() {
            assert!(
                Instant::now() < deadline,
                "does not end:\n{}",
                self.report()
            );
            sleep(POLL_INTERVAL).await;
        }
        self.child = None;
    }

    /// Stops its process where it stands: connections stay open, and nothing answers.
    pub fn freeze(&self) {
        self.send("STOP");
    }

    /// Lets a frozen process go on.
    pub fn thaw(&self) {
        self.send("CONT");
    }

    fn send(&self, name: &str) {
        if let Some(pid) = self.pid() {
            signal(pid, name).expect("the process is ours");
        }
    }

    /// Starts it again on the same ports and the same store, and waits until JetStream answers.
    ///
    /// # Panics
    ///
    /// When it does not, with its log.
    pub async fn restart(&mut self) {
        self.kill();
        self.spawn();
        assert!(self.becomes_ready().await, "exited:\n{}", self.report());
    }

    /// The same with other settings.
    ///
    /// # Panics
    ///
    /// As [`NatsServer::restart`].
    pub async fn restart_with(&mut self, settings: Settings) {
        self.settings = settings;
        self.restart().await;
    }
}

impl NatsServer {
    /// From the next start on it is the version that is tested against.
    ///
    /// # Panics
    ///
    /// When that cannot be fetched.
    pub fn upgrade(&mut self) {
        self.program = program().unwrap_or_else(|error| panic!("{error}"));
    }
}

impl Drop for NatsServer {
    #[expect(
        clippy::print_stderr,
        reason = "a failing test's report goes where its panic went"
    )]
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            eprintln!("{}", self.report());
        } else {
            fs::remove_dir_all(&self.folder).ok();
        }
    }
}
