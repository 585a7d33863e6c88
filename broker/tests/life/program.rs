//! The program, its folder, its log and its signals.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::http::{Answer, PATIENCE, ask, eventually};

/// A folder with settings and manifests, removed with everything in it when dropped.
#[derive(Debug)]
pub(crate) struct Folder(pub(crate) PathBuf);

impl Folder {
    /// Settings on free ports with events in memory, and with `settings` besides; and an empty folder
    /// of manifests.
    pub(crate) fn new(settings: &str) -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let unique = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("sluicegate-life-{}-{unique}", std::process::id());
        let folder = Folder(std::env::temp_dir().join(name));
        std::fs::create_dir_all(folder.0.join("manifests")).unwrap();
        let settings = format!(
            "listen: 127.0.0.1:0\nadmin: {{listen: 127.0.0.1:0}}\nmanifests: manifests\n\
             defaultChannel: memory\n{settings}"
        );
        folder.write("sluicegate.yaml", &settings);
        folder
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.0.join(name), text).unwrap();
    }

    /// Writes a manifest as most tools do: beside its place, then moved there.
    pub(crate) fn write_manifest(&self, name: &str, text: &str) {
        self.write("new", text);
        let place = self.0.join("manifests").join(name);
        std::fs::rename(self.0.join("new"), place).unwrap();
    }

    pub(crate) fn remove_manifest(&self, name: &str) {
        std::fs::remove_file(self.0.join("manifests").join(name)).unwrap();
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

pub(crate) fn broker(name: &str) -> String {
    format!(
        "apiVersion: eventing.knative.dev/v1\nkind: Broker\n\
         metadata: {{namespace: shop, name: {name}}}\n---\n"
    )
}

/// A trigger of `orders` for every event of the type `t`, without retries.
pub(crate) fn trigger(name: &str, subscriber: &str) -> String {
    format!(
        "apiVersion: eventing.knative.dev/v1\nkind: Trigger\n\
         metadata: {{namespace: shop, name: {name}}}\nspec:\n  broker: orders\n  \
         filter: {{attributes: {{type: t}}}}\n  subscriber: {{uri: \"{subscriber}\"}}\n  \
         delivery: {{retry: 0}}\n---\n"
    )
}

/// Starts the program in `folder`; its log is JSON.
pub(crate) fn spawn(folder: &Folder, words: &[&str]) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sluicegate"));
    for (name, _) in std::env::vars_os() {
        // What the machine that runs the tests happens to have set is not to bend them.
        if name.to_string_lossy().starts_with("SLUICEGATE_") {
            command.env_remove(name);
        }
    }
    command
        .args(words)
        .current_dir(&folder.0)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap()
}

/// Runs the program to its end: its exit code, and both of its streams as one text.
pub(crate) async fn run(folder: &Folder, words: &[&str]) -> (Option<i32>, String) {
    let output = spawn(folder, words).wait_with_output();
    let output = timeout(PATIENCE, output)
        .await
        .expect("it does not end")
        .unwrap();
    let both = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(both).unwrap())
}

/// A server that is ready.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    log: Arc<Mutex<Vec<Value>>>,
    pub(crate) door: SocketAddr,
    pub(crate) admin: SocketAddr,
}

impl Server {
    pub(crate) async fn start(folder: &Folder) -> Self {
        let mut child = spawn(folder, &["run"]);
        let log = Arc::new(Mutex::new(Vec::new()));
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let kept = Arc::clone(&log);
        tokio::spawn(async move {
            while let Some(line) = lines.next_line().await.unwrap() {
                let record = serde_json::from_str(&line).expect(&line);
                kept.lock().push(record);
            }
        });
        let started = logged(&log, "sluicegate.start", 0).await;
        let address = |key: &str| {
            let url = started[key].as_str().unwrap();
            url.trim_start_matches("http://").parse().unwrap()
        };
        Server {
            door: address("ingress"),
            admin: address("admin"),
            child,
            log,
        }
    }

    /// How many lines were logged so far.
    pub(crate) fn log_length(&self) -> usize {
        self.log.lock().len()
    }

    /// Waits for a line that begins with `message`, from the line `from` on.
    pub(crate) async fn logged(&self, message: &str, from: usize) -> Value {
        logged(&self.log, message, from).await
    }

    /// Sends an event; gives the status it was answered with.
    pub(crate) async fn send(&self, id: &str) -> u16 {
        let headers = [
            ("ce-specversion", "1.0"),
            ("ce-id", id),
            ("ce-source", "/test"),
            ("ce-type", "t"),
        ];
        let answer = ask(self.door, "POST", "/shop/orders", &headers, "data").await;
        answer.status
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        ask(self.admin, "GET", path, &[], "").await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        let headers = [("content-type", "application/json")];
        ask(self.admin, "POST", path, &headers, body.to_string()).await
    }

    /// The trigger as the API lists it, once `holds` of it.
    pub(crate) async fn trigger(&self, name: &str, holds: impl Fn(&Value) -> bool) -> Value {
        eventually(async || {
            let triggers = self.get("/api/v1/triggers").await.json();
            let mut items = triggers["items"].as_array().unwrap().iter();
            let found = items.find(|it| it["name"] == name)?;
            holds(found).then(|| found.clone())
        })
        .await
    }

    /// Sends a signal by its name, such as `TERM`.
    pub(crate) async fn signal(&self, signal: &str) {
        let pid = self.child.id().expect("it still runs").to_string();
        let kill = Command::new("sh")
            .args(["-c", "kill -s \"$0\" \"$1\"", signal, &pid])
            .status();
        assert!(kill.await.unwrap().success());
    }

    /// Waits for the program's end.
    pub(crate) async fn ended(&mut self) -> ExitStatus {
        let ended = timeout(PATIENCE, self.child.wait()).await;
        ended.expect("it does not end").unwrap()
    }
}

async fn logged(log: &Mutex<Vec<Value>>, message: &str, from: usize) -> Value {
    eventually(async || {
        let log = log.lock();
        let is_it = |record: &&Value| record["msg"].as_str().unwrap().starts_with(message);
        log.iter().skip(from).find(is_it).cloned()
    })
    .await
}
