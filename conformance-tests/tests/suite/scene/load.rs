//! Load on a scene, with the ledger as judge: what goes through a [`Sender`] is told to the ledger's
//! process, as is what arrives at the scene's subscribers, and the end is one judgement.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use sluicegate_conformance::client::{Connection, Request};
use sluicegate_conformance::event::{Event, Mode};
use sluicegate_conformance::harness::{Server, TriggerStatus};
use sluicegate_conformance::http1::Message;
use sluicegate_conformance::ledger::{Figures, Judgement, Key, Ledger, Record, Term};
use tokio::time::{Instant, sleep};

use super::Scene;

/// The broker of every scene, as the ledger knows it.
const BROKER: &str = "broker";
/// How long a broker may take until everything has come to rest.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long its books may then still disagree with what arrived.
const AGREEMENT: Duration = Duration::from_secs(5);
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// What is sent to a scene, and what must become of it: unless it is said otherwise, each trigger's
/// subscriber takes each event once.
pub(crate) struct Load {
    ledger: Ledger,
    server: Arc<Server>,
    namespace: String,
    path: String,
    triggers: Vec<Expectation>,
}

/// What one trigger's part is.
struct Expectation {
    trigger: String,
    /// The one type that it wants, where it has a filter.
    ty: Option<String>,
    /// In which terms its events may be left.
    leaving: Vec<Term>,
    /// Whether it comes and goes meanwhile.
    is_passing: bool,
}

impl Load {
    /// Has the ledger judge what is sent to the scene from now on.
    pub(crate) fn on(scene: &Scene) -> Self {
        let all: Vec<&str> = scene.triggers.iter().map(String::as_str).collect();
        Self::of(scene, &all)
    }

    /// The same of these triggers alone: the others deliver in a mode in which an event may
    /// rightly look another.
    pub(crate) fn of(scene: &Scene, triggers: &[&str]) -> Self {
        let ledger = Ledger::start().expect("the ledger is built with the tests");
        let mut load = Load {
            ledger,
            server: Arc::clone(&scene.server),
            namespace: scene.namespace.clone(),
            path: scene.path(),
            triggers: Vec::new(),
        };
        for trigger in triggers {
            load.expect(scene, trigger, false);
        }
        load
    }

    fn expect(&mut self, scene: &Scene, trigger: &str, is_passing: bool) {
        let path = format!("/{trigger}");
        scene
            .subscriber
            .record_deliveries(&path, &self.ledger, trigger);
        self.triggers.push(Expectation {
            trigger: trigger.to_owned(),
            ty: None,
            leaving: Vec::new(),
            is_passing,
        });
    }

    fn expectation(&mut self, trigger: &str) -> &mut Expectation {
        let mut triggers = self.triggers.iter_mut();
        let found = triggers.find(|expectation| expectation.trigger == trigger);
        found.unwrap_or_else(|| panic!("no trigger {trigger} in the scene"))
    }

    /// The filter of `trigger` lets this type through and nothing else.
    pub(crate) fn wanting(mut self, trigger: &str, ty: &str) -> Self {
        self.expectation(trigger).ty = Some(ty.to_owned());
        self
    }

    /// What the subscriber of `trigger` does not take is left in these terms.
    pub(crate) fn leaving(mut self, trigger: &str, terms: &[Term]) -> Self {
        self.expectation(trigger).leaving = terms.to_vec();
        self
    }

    /// What the subscriber of `trigger` does not take goes to the sink at this path.
    pub(crate) fn burying(self, scene: &Scene, trigger: &str, sink: &str) -> Self {
        scene
            .subscriber
            .record_dead_letters(sink, &self.ledger, trigger);
        self
    }

    /// A trigger that comes and goes meanwhile: it gets an event at most once, and has no figures.
    pub(crate) fn passing(mut self, scene: &Scene, trigger: &str) -> Self {
        self.expect(scene, trigger, true);
        self
    }

    /// A producer with a connection of its own.
    pub(crate) async fn connect(&self) -> Sender<'_> {
        let opened = Connection::open(self.server.ingress()).await;
        Sender {
            load: self,
            connection: opened.expect("it listens"),
        }
    }

    fn intend(&self, event: &Event) {
        let wanting = |expectation: &&Expectation| {
            let ty = expectation.ty.as_deref();
            ty.is_none_or(|ty| event.get("type") == ty)
        };
        let (optional, expected): (Vec<_>, Vec<_>) = self
            .triggers
            .iter()
            .filter(wanting)
            .partition(|expectation| expectation.is_passing);
        let names = |those: Vec<&Expectation>| {
            let names = those.into_iter().map(|each| each.trigger.clone());
            names.collect()
        };
        self.ledger.record(Record::Intent {
            key: Key::of(event),
            broker: BROKER.to_owned(),
            digest: event.digest(),
            expected: names(expected),
            optional: names(optional),
        });
    }

    /// The judgement once the broker is quiet; it fails the test on any finding, and when fewer than
    /// `floor` events were accepted.
    ///
    /// The books and the subscribers are not looked at in one instant, so a judgement with findings
    /// is taken again until the broker had its time.
    pub(crate) async fn judge(&self, floor: u64) -> Judgement {
        let mut deadline = Instant::now() + PATIENCE;
        loop {
            let figures = self.figures().await;
            let is_late = Instant::now() > deadline;
            if is_late || figures.iter().all(is_quiet) {
                deadline = deadline.min(Instant::now() + AGREEMENT);
                let judgement = self.verdict(figures).await;
                if is_late || judgement.is_clean() {
                    judgement.assert_clean(floor);
                    return judgement;
                }
            }
            sleep(POLL_INTERVAL).await;
        }
    }

    /// The judgement after the server has ended and has no figures any more: everything accepted
    /// must have been taken.
    pub(crate) async fn judge_after_the_end(&self, floor: u64) -> Judgement {
        let judgement = self.verdict(Vec::new()).await;
        judgement.assert_clean(floor);
        judgement
    }

    async fn verdict(&self, figures: Vec<Figures>) -> Judgement {
        let judged = self.ledger.judge(figures).await;
        judged.expect("the ledger answers")
    }

    async fn figures(&self) -> Vec<Figures> {
        let admin = self.server.admin();
        let statuses = admin.triggers(&self.namespace).await.expect("it answers");
        let lasting = self.triggers.iter().filter(|each| !each.is_passing);
        lasting.map(|each| each.figures(&statuses)).collect()
    }
}

impl Expectation {
    fn figures(&self, statuses: &[TriggerStatus]) -> Figures {
        let status = statuses.iter().find(|status| status.name == self.trigger);
        Figures {
            trigger: self.trigger.clone(),
            broker: BROKER.to_owned(),
            books: status.map(|status| status.books).unwrap_or_default(),
            leaving: self.leaving.clone(),
        }
    }
}

fn is_quiet(figures: &Figures) -> bool {
    figures.books.pending == 0 || figures.leaving.contains(&Term::Pending)
}

/// A producer whose sends and answers the ledger knows.
pub(crate) struct Sender<'a> {
    load: &'a Load,
    connection: Connection,
}

impl Sender<'_> {
    /// Sends a request that carries these events to the scene's broker. Without an answer its outcome
    /// is unknown: the events may arrive or not.
    pub(crate) async fn exchange(
        &mut self,
        request: &Request,
        events: &[&Event],
    ) -> io::Result<Message> {
        for event in events {
            self.load.intend(event);
        }
        let answer = self.connection.send(request).await?;
        for event in events {
            let status = answer.status().unwrap_or_default();
            self.load.ledger.answer(event, status);
        }
        Ok(answer)
    }

    /// Sends an event.
    pub(crate) async fn try_send(&mut self, event: &Event, mode: Mode) -> io::Result<Message> {
        let request = Request::event(&self.load.path, event, mode);
        self.exchange(&request, &[event]).await
    }

    /// Sends an event and gives the answer.
    pub(crate) async fn send(&mut self, event: &Event, mode: Mode) -> Message {
        self.try_send(event, mode).await.expect("it answers")
    }

    /// Sends an event in binary mode; it must be accepted.
    pub(crate) async fn accept(&mut self, event: &Event) {
        let answer = self.send(event, Mode::Binary).await;
        assert_eq!(answer.status(), Some(202), "{answer:?}");
    }
}
