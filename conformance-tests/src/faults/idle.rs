//! Thousands of triggers for which nothing comes cost no writes, and yet each gets the event that was
//! accepted just before a kill.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::json;
use tokio::time::{Instant, sleep};

use super::broker::{Broker, Site};
use super::files::files_below;
use super::kill9::AGAIN_PER_CRASH;
use super::peer::{Manner, Peer};
use super::scene::{BROKER, Disk, NAMESPACE, event, id, object, yaml};
use super::traffic::{Plan, Traffic, ledger};
use super::verdict::{Trouble, Verdict};
use crate::event::Event;
use crate::harness::seed;

/// Objects in a file of manifests, which may hold 1 MiB.
const PER_FILE: u64 = 1_000;
/// Events of types that nobody wants.
const UNWANTED: u64 = 2_000;
/// As many of these come first.
const FIRST: u64 = 100;
/// For so long nothing may be written once those are accepted: ten times as long as a cursor waits.
const WATCHED: Duration = Duration::from_secs(2);
/// Of so many triggers the books are held against the ledger.
const JUDGED_MAX: usize = 1_000;
/// How long everything else may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Has many triggers of which each wants a type of its own.
#[derive(Clone, Copy, Debug)]
pub struct Idle {
    /// How many.
    pub triggers: u64,
    /// How often one of them gets an event just before a kill.
    pub kills: u64,
}

impl Idle {
    /// # Errors
    ///
    /// When the run cannot go on.
    pub async fn run(&self, verdict: &mut Verdict) -> Result<(), Trouble> {
        let (ledger, recorder) = ledger()?;
        let site = Site::new(&Disk::default().settings())?;
        let peer = Peer::start(recorder.clone()).await?;
        self.manifests(&site, &peer)?;
        let mut traffic = Traffic {
            to: site.ingress(),
            path: format!("/{NAMESPACE}/{BROKER}"),
            broker: BROKER.to_owned(),
            producers: 16,
            per_second: None,
            plan: unwanted(),
            recorder,
            next: Arc::default(),
        };
        let mut broker = self.start(&site, verdict).await?;
        let sent = self.unwanted(&site, &traffic, verdict).await?;

        let mut random = fastrand::Rng::with_seed(seed());
        for _ in 0..self.kills {
            let chosen = random.u64(0..self.triggers);
            traffic.plan = wanted_by(chosen);
            peer.subscribe(&trigger(chosen), Manner::Hang);
            let number = traffic.next.load(Ordering::Relaxed);
            let one = Traffic {
                producers: 1,
                ..traffic.clone()
            };
            let accepted = one.begin(1).finish().await.accepted;
            broker.kill().await?;
            verdict.require(accepted == 1, || "an event was not accepted".to_owned());
            peer.forget(&trigger(chosen));
            peer.subscribe(&trigger(chosen), Manner::Take);
            broker = self.start(&site, verdict).await?;
            await_event(&peer, chosen, &id(number)).await?;
        }
        let figures = broker.quiet(NAMESPACE, &[], PATIENCE).await?;
        verdict.floor(
            "triggers",
            u64::try_from(figures.len()).unwrap_or_default(),
            self.triggers,
        );
        verdict.floor("unwanted events accepted", sent, UNWANTED);
        verdict.figure("kills right after an event for an idle trigger", self.kills);
        // What the ledger is told in one line is bounded; the others are like these.
        let figures = figures.into_iter().take(JUDGED_MAX).collect();
        let judgement = ledger.judge(figures).await?;
        verdict.judge(&judgement, self.kills * AGAIN_PER_CRASH);
        Ok(())
    }

    fn manifests(&self, site: &Site, peer: &Peer) -> Result<(), Trouble> {
        let broker = object("Broker", BROKER, &json!({}));
        site.manifest("broker.yaml", &yaml(&[broker]))?;
        for first in (0..self.triggers).step_by(usize::try_from(PER_FILE).unwrap_or(1)) {
            let numbers = first..(first + PER_FILE).min(self.triggers);
            let objects: Vec<_> = numbers
                .map(|number| {
                    let name = trigger(number);
                    let spec = json!({
                        "broker": BROKER,
                        "filters": [{"exact": {"type": wanted_type(number)}}],
                        "subscriber": {"uri": peer.url(&format!("/{name}"))},
                    });
                    object("Trigger", &name, &spec)
                })
                .collect();
            site.manifest(&format!("triggers-{first}.yaml"), &yaml(&objects))?;
        }
        Ok(())
    }

    /// Starts it and waits until every trigger is ready.
    async fn start(&self, site: &Site, verdict: &Verdict) -> Result<Broker, Trouble> {
        let broker = site.start(&[]).await?;
        let began = Instant::now();
        loop {
            let triggers = broker.triggers(NAMESPACE).await?;
            let ready = triggers.iter().filter(|trigger| trigger.ready).count();
            if u64::try_from(ready).unwrap_or_default() == self.triggers {
                verdict.figure("ready after", format!("{:?}", broker.ready_after));
                return Ok(broker);
            }
            if began.elapsed() > PATIENCE {
                return Err(Trouble::broken(format!(
                    "only {ready} triggers become ready"
                )));
            }
            sleep(Duration::from_millis(100)).await;
        }
    }

    /// Sends what nobody wants, and looks whether anything but the log of events was written.
    async fn unwanted(
        &self,
        site: &Site,
        traffic: &Traffic,
        verdict: &mut Verdict,
    ) -> Result<u64, Trouble> {
        // With the first segment the floor that they share moves, once for all of them.
        let mut sent = traffic.begin(FIRST).finish().await;
        sleep(WATCHED).await;
        let before = Written::below(site.data())?;
        sent.add(&traffic.begin(UNWANTED - FIRST).finish().await);
        // What must not happen has no end to wait for.
        sleep(WATCHED).await;
        let after = Written::below(site.data())?;
        let changed = before.changed(&after);
        verdict.figure("files of progress and kept events", after.progress.len());
        verdict.require(changed.is_empty(), || {
            format!("{} idle triggers had {changed:?} written", self.triggers)
        });
        verdict.require(after.events_bytes > before.events_bytes, || {
            "the log of events did not grow, so the right files were not looked at".to_owned()
        });
        Ok(sent.accepted)
    }
}

/// The files of a store, by what was written last.
struct Written {
    /// Size and content of each file of `progress` and `kept`.
    progress: BTreeMap<PathBuf, Vec<u8>>,
    /// The bytes of the log of events that are not zero.
    events_bytes: usize,
}

impl Written {
    fn below(folder: &Path) -> Result<Self, Trouble> {
        let mut written = Written {
            progress: BTreeMap::new(),
            events_bytes: 0,
        };
        for path in files_below(folder) {
            let parent = path.parent().and_then(Path::file_name);
            match parent.and_then(|it| it.to_str()) {
                Some("progress" | "kept") => {
                    let bytes = fs::read(&path)?;
                    written.progress.insert(path, bytes);
                }
                Some("events") => {
                    let bytes = fs::read(&path)?;
                    written.events_bytes += bytes.iter().filter(|&&byte| byte != 0).count();
                }
                Some(_) | None => {}
            }
        }
        Ok(written)
    }

    /// The files that are not what they were: from which byte on, and how many differ.
    fn changed(&self, after: &Self) -> Vec<(PathBuf, usize, usize)> {
        let mut changed = Vec::new();
        for (path, bytes) in &after.progress {
            let earlier = self.progress.get(path).map_or(&[][..], Vec::as_slice);
            if earlier != bytes {
                let differs = |at: &usize| earlier.get(*at) != bytes.get(*at);
                let from = (0..bytes.len()).find(differs).unwrap_or_default();
                let count = (from..bytes.len()).filter(differs).count();
                changed.push((path.clone(), from, count));
            }
        }
        let gone = self
            .progress
            .keys()
            .filter(|it| !after.progress.contains_key(*it));
        changed.extend(gone.map(|path| (path.clone(), 0, 0)));
        changed
    }
}

/// Waits for the event of this id to come first of all.
async fn await_event(peer: &Peer, chosen: u64, id: &str) -> Result<(), Trouble> {
    let began = Instant::now();
    loop {
        if let Some((_, key)) = peer.first(&trigger(chosen)) {
            if key.id == id {
                return Ok(());
            }
            return Err(Trouble::broken(format!("{id} was awaited, and {key} came")));
        }
        if began.elapsed() > PATIENCE / 2 {
            return Err(Trouble::broken(format!(
                "{id}, accepted just before a kill, does not reach the idle trigger"
            )));
        }
        sleep(Duration::from_millis(10)).await;
    }
}

fn trigger(number: u64) -> String {
    format!("idle-{number}")
}

fn wanted_type(number: u64) -> String {
    format!("wanted.{number}")
}

fn unwanted() -> Plan {
    Arc::new(|number| (event(number, 64), Vec::new()))
}

fn wanted_by(chosen: u64) -> Plan {
    Arc::new(move |number| {
        let event: Event = event(number, 64).with("type", &wanted_type(chosen));
        (event, vec![trigger(chosen)])
    })
}
