//! One broker under test.

use std::env;
use std::fs;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::admin::Admin;
use super::process::{Process, signal};
use super::resources::Resources;
use super::scratch::{free_address, scratch_folder};
use crate::client::Request;
use crate::event::{Event, Mode};
use crate::http1::Message;

/// How long a start and a change of manifests may take before a test fails.
const PATIENCE: Duration = Duration::from_secs(15);

/// What a server starts with.
#[derive(Clone, Debug, Default)]
pub struct Setup {
    /// Lines for `sluicegate.yaml` beside the listeners and folders.
    pub settings: String,
    /// Files of the manifest folder: name and text.
    pub manifests: Vec<(String, String)>,
    /// Arguments after `run --config sluicegate.yaml`.
    pub arguments: Vec<String>,
}

impl Setup {
    /// No settings but the defaults, and no manifests.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a file of manifests.
    #[must_use]
    pub fn manifest(mut self, file: &str, yaml: impl Into<String>) -> Self {
        self.manifests.push((file.to_owned(), yaml.into()));
        self
    }

    /// Adds lines to `sluicegate.yaml`.
    #[must_use]
    pub fn settings(mut self, yaml: &str) -> Self {
        self.settings.push_str(yaml);
        self
    }
}

/// The channel of brokers of which a test does not say more: memory, which costs least where there
/// are hundreds of brokers; with `SLUICEGATE_TEST_CHANNEL=disk` a disk of little room.
fn default_channel() -> &'static str {
    match env::var("SLUICEGATE_TEST_CHANNEL").as_deref() {
        Ok("disk") => {
            "defaultChannel: {disk: {segmentBytes: 1Mi, reserveBytes: 0, minFreeBytes: 0, \
             minFreePercent: 0}}\n"
        }
        _ => "defaultChannel: memory\n",
    }
}

/// A broker that answers, ours or a given one.
#[derive(Debug)]
pub struct Server {
    ingress: SocketAddr,
    admin: SocketAddr,
    manifests: PathBuf,
    process: Option<Process>,
    ready_after: Duration,
}

impl Server {
    /// Starts the binary of this build and waits until it is ready.
    ///
    /// # Panics
    ///
    /// When it does not become ready, with its log.
    pub async fn start(setup: Setup) -> Self {
        let server = Self::spawn(setup).unwrap_or_else(|error| panic!("{error}"));
        server.await_ready().await
    }

    /// The broker that `SLUICEGATE_URL` names; without that variable as [`Server::start`] with no
    /// settings. For tests that neither end nor measure their server.
    ///
    /// # Panics
    ///
    /// As [`Server::start`].
    pub async fn given_or_started() -> Self {
        match Self::given() {
            Some(server) => server.await_ready().await,
            None => Self::start(Setup::new()).await,
        }
    }

    /// Starts the binary without waiting, for tests of the start itself.
    ///
    /// # Errors
    ///
    /// When the binary is missing or the folder cannot be made.
    pub fn spawn(setup: Setup) -> io::Result<Self> {
        let (ingress, admin) = (free_address()?, free_address()?);
        let mut head = String::new();
        // A test of the settings themselves may give its own listeners.
        if !setup.settings.contains("listen:") {
            head = format!("listen: {ingress}\nadmin:\n  listen: {admin}\n");
        }
        let folder = scratch_folder("server")?;
        let manifests = folder.join("manifests");
        fs::create_dir(&manifests)?;
        head.push_str("manifests: ./manifests\n");
        // A test of restarts gives a folder that outlives the server.
        if !setup.settings.contains("data:") {
            head.push_str("data: ./data\n");
        }
        if !setup.settings.contains("defaultChannel:") {
            head.push_str(default_channel());
        }
        fs::write(folder.join("sluicegate.yaml"), head + &setup.settings)?;
        for (file, yaml) in &setup.manifests {
            fs::write(manifests.join(file), yaml)?;
        }
        let mut arguments = ["run", "--config", "sluicegate.yaml"]
            .map(str::to_owned)
            .to_vec();
        arguments.extend(setup.arguments);
        let process = Some(Process::start(folder, &arguments)?);
        Ok(Server {
            ingress,
            admin,
            manifests,
            process,
            ready_after: Duration::ZERO,
        })
    }

    fn given() -> Option<Self> {
        let address = |variable: &str| {
            let url = env::var(variable).ok()?;
            let host = url
                .trim_start_matches("http://")
                .trim_end_matches('/')
                .to_owned();
            host.to_socket_addrs().ok()?.next()
        };
        Some(Server {
            ingress: address("SLUICEGATE_URL")?,
            admin: address("SLUICEGATE_ADMIN_URL")?,
            manifests: PathBuf::from(env::var_os("SLUICEGATE_MANIFESTS").unwrap_or_default()),
            process: None,
            ready_after: Duration::ZERO,
        })
    }

    async fn await_ready(mut self) -> Self {
        let started = Instant::now();
        loop {
            let last = self.admin().get("/readyz").await;
            if last
                .as_ref()
                .is_ok_and(|answer| answer.status() == Some(200))
            {
                self.ready_after = started.elapsed();
                return self;
            }
            let exited = self
                .process
                .as_ref()
                .and_then(|process| process.exited().ok().flatten());
            assert!(exited.is_none(), "it exited at its start: {exited:?}");
            assert!(
                started.elapsed() < PATIENCE,
                "not ready in {PATIENCE:?}: {last:?}"
            );
            sleep(Duration::from_millis(2)).await;
        }
    }

    /// Where events go.
    pub fn ingress(&self) -> SocketAddr {
        self.ingress
    }

    /// The admin listener.
    pub fn admin(&self) -> Admin {
        Admin(self.admin)
    }

    /// How long the start took until `/readyz` answered 200.
    pub fn ready_after(&self) -> Duration {
        self.ready_after
    }

    /// The folder of manifests.
    pub fn manifests(&self) -> &Path {
        &self.manifests
    }

    /// Writes a file of manifests as editors do: under another name, then renamed.
    ///
    /// # Panics
    ///
    /// When the folder cannot be written.
    pub fn write_manifest(&self, file: &str, yaml: &str) {
        let draft = self.manifests.join(format!(".{file}.draft"));
        fs::write(&draft, yaml).expect("the manifest folder is ours to write");
        fs::rename(&draft, self.manifests.join(file)).expect("the draft was just written");
    }

    /// Removes a file of manifests.
    ///
    /// # Panics
    ///
    /// When it is not there.
    pub fn remove_manifest(&self, file: &str) {
        fs::remove_file(self.manifests.join(file)).expect("the file was written by this test");
    }

    /// Writes a file of manifests with objects of `namespace` and waits until the triggers named
    /// are ready.
    ///
    /// # Panics
    ///
    /// When they are not in time.
    pub async fn apply(&self, namespace: &str, file: &str, yaml: &str, triggers: &[&str]) {
        self.write_manifest(file, yaml);
        let ready = |found: &[super::TriggerStatus]| {
            triggers.iter().all(|name| {
                found
                    .iter()
                    .any(|trigger| trigger.name == *name && trigger.ready)
            })
        };
        let what = format!("triggers {triggers:?} ready");
        self.admin()
            .await_triggers(namespace, PATIENCE, &what, ready)
            .await;
    }

    /// Sends an event to `/namespace/broker` and gives the answer.
    ///
    /// # Panics
    ///
    /// When there is none.
    pub async fn send(&self, path: &str, event: &Event, mode: Mode) -> Message {
        self.request(&Request::event(path, event, mode)).await
    }

    /// Sends a request to the ingress.
    ///
    /// # Panics
    ///
    /// When there is no answer.
    pub async fn request(&self, request: &Request) -> Message {
        match request.send(self.ingress).await {
            Ok(answer) => answer,
            Err(error) => panic!("no answer to {request:?}: {error}"),
        }
    }

    /// Sends an event that must be accepted.
    ///
    /// # Panics
    ///
    /// When it is not.
    pub async fn accept(&self, path: &str, event: &Event) {
        let answer = self.send(path, event, Mode::Binary).await;
        assert_eq!(answer.status(), Some(202), "{answer:?}");
    }

    /// The process, where it is ours.
    ///
    /// # Panics
    ///
    /// When the broker was given by its URL.
    fn process(&self) -> &Process {
        self.process
            .as_ref()
            .expect("this test ends its server, so it needs one of its own")
    }

    /// The process id.
    pub fn pid(&self) -> u32 {
        self.process().id()
    }

    /// What the process holds now.
    ///
    /// # Panics
    ///
    /// When it does not run.
    pub fn resources(&self) -> Resources {
        Resources::of(self.pid()).expect("the process is ours and runs")
    }

    /// Asks it to stop.
    ///
    /// # Panics
    ///
    /// When the signal cannot be sent.
    pub fn terminate(&self) {
        signal(self.pid(), "TERM").expect("the process is ours");
    }

    /// Ends it at once.
    ///
    /// # Panics
    ///
    /// When it cannot be ended.
    pub fn kill(&self) {
        self.process().kill().expect("the process is ours");
    }

    /// Whether it still runs.
    pub fn is_running(&self) -> bool {
        self.process
            .as_ref()
            .is_none_or(|process| matches!(process.exited(), Ok(None)))
    }

    /// Waits for its end.
    ///
    /// # Panics
    ///
    /// When it has not ended within `patience`.
    pub async fn exit(&self, patience: Duration) -> ExitStatus {
        self.process()
            .wait(patience)
            .await
            .unwrap_or_else(|error| panic!("{error}"))
    }

    /// What it has written so far; empty for a given broker.
    pub fn log(&self) -> String {
        self.process.as_ref().map(Process::log).unwrap_or_default()
    }
}
