//! What tests ask of a server beside its triggers: the one they share, an answer of its door, what it
//! says of its readiness, and its metrics.

use std::sync::{Arc, Weak};
use std::time::Duration;

use sluicegate_conformance::event::{Event, Mode};
use sluicegate_conformance::harness::Server;
use sluicegate_conformance::http1::Message;
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep};

use super::PATIENCE;

/// How often a state is looked at while waiting for it.
const POLL_INTERVAL: Duration = Duration::from_millis(10);

/// The server that tests share: the given one, or started by the first that needs it and ended with the last
/// that holds it, so that no process outlives the run.
pub(super) async fn shared_server() -> Arc<Server> {
    static SHARED: Mutex<Weak<Server>> = Mutex::const_new(Weak::new());
    let mut shared = SHARED.lock().await;
    if let Some(server) = shared.upgrade() {
        return server;
    }
    let server = Arc::new(Server::given_or_started().await);
    *shared = Arc::downgrade(&server);
    server
}

/// Sends an event to `path` until it is answered with `status`, and gives that answer.
pub(crate) async fn await_answer(server: &Server, path: &str, status: u16) -> Message {
    let event = Event::new("probe", "/conformance", "probe");
    let deadline = Instant::now() + PATIENCE;
    loop {
        let answer = server.send(path, &event, Mode::Binary).await;
        if answer.status() == Some(status) {
            return answer;
        }
        assert!(
            Instant::now() < deadline,
            "{status} awaited in vain: {answer:?}"
        );
        sleep(POLL_INTERVAL).await;
    }
}

/// Asks the server in full whether it is ready until what it says is enough, and gives that.
pub(crate) async fn await_verbose(server: &Server, enough: impl Fn(&str) -> bool) -> String {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let text = admin_text(server, "/readyz?verbose").await;
        if enough(&text) {
            return text;
        }
        assert!(
            Instant::now() < deadline,
            "awaited in vain: {text}\n{}",
            server.log()
        );
        sleep(POLL_INTERVAL).await;
    }
}

/// The metrics as a scrape gets them.
pub(crate) async fn metrics(server: &Server) -> Metrics {
    Metrics(admin_text(server, "/metrics").await)
}

async fn admin_text(server: &Server, target: &str) -> String {
    let answer = server.admin().get(target).await.expect("it answers");
    String::from_utf8_lossy(&answer.body).into_owned()
}

/// The text of one scrape.
#[derive(Debug)]
pub(crate) struct Metrics(String);

impl Metrics {
    /// The value of each sample of this name with all these labels.
    pub(crate) fn values(&self, name: &str, labels: &[(&str, &str)]) -> Vec<u64> {
        let wanted: Vec<String> = labels
            .iter()
            .map(|(label, value)| format!("{label}=\"{value}\""))
            .collect();
        let is_wanted = |line: &&str| {
            let rest = line.strip_prefix(name).unwrap_or_default();
            rest.starts_with(['{', ' ']) && wanted.iter().all(|label| rest.contains(label))
        };
        self.0.lines().filter(is_wanted).filter_map(whole).collect()
    }
}

/// The value of a sample, when it is a whole number.
fn whole(line: &str) -> Option<u64> {
    let (_, value) = line.rsplit_once(' ')?;
    value.strip_suffix(".0").unwrap_or(value).parse().ok()
}
