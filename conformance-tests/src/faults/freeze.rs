//! S13: the program is stopped where it stands for longer than its attempts may take, and goes on.
//!
//! Its clocks have gone on meanwhile, so everything is due at once when it wakes. Nothing may be lost
//! by that, no event may be sent more than once more, and no subscriber may be taken for dead.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use serde_json::json;
use tokio::time::{Instant, sleep};

use super::broker::{Broker, Site};
use super::scene::{BROKER, Disk, NAMESPACE, event, object, yaml};
use super::traffic::{Sent, Traffic, ledger};
use super::verdict::{Trouble, Verdict};
use crate::client;
use crate::ledger::Ledger;
use crate::subscriber::{Answer, Received, Script, Subscriber};

/// Takes each event after a while, so that many are under way at any moment.
const SLOW: &str = "slow";
/// Fails each event once, so that many wait for their next attempt.
const FAILING: &str = "failing";
/// How long the slow subscriber takes.
const TAKES: Duration = Duration::from_millis(150);
/// What an attempt may take: less than the freeze.
const TIMEOUT: Duration = Duration::from_secs(1);
/// For so long after it wakes no event may be sent twice.
const AT_ONCE: Duration = Duration::from_millis(500);
/// Attempts in flight at a time.
const IN_FLIGHT: u64 = 64;
const PRODUCERS: usize = 16;
const WARM_UP: Duration = Duration::from_secs(2);
const PATIENCE: Duration = Duration::from_secs(60);

/// Freezes the program under load.
#[derive(Clone, Copy, Debug)]
pub struct Freeze {
    /// For how long each time.
    pub frozen: Duration,
    /// How often.
    pub times: u64,
    /// Events a second.
    pub per_second: f64,
}

impl Freeze {
    /// # Errors
    ///
    /// When the run cannot go on.
    pub async fn run(&self, verdict: &mut Verdict) -> Result<(), Trouble> {
        if self.frozen <= TIMEOUT {
            return Err(Trouble::run(format!("freeze it for more than {TIMEOUT:?}")));
        }
        let (ledger, recorder) = ledger()?;
        let site = Site::new(&Disk::default().settings())?;
        let subscriber = subscriber(&ledger).await?;
        site.manifest("faults.yaml", &manifests(&subscriber))?;
        let mut broker = site.start(&[]).await?;
        let all = || [SLOW, FAILING].map(str::to_owned).to_vec();
        let traffic = Traffic {
            to: site.ingress(),
            path: format!("/{NAMESPACE}/{BROKER}"),
            broker: BROKER.to_owned(),
            producers: PRODUCERS,
            per_second: Some(self.per_second),
            plan: Arc::new(move |number| (event(number, 256), all())),
            recorder,
            next: Arc::default(),
        };
        let mut sent = Sent::default();
        let mut under_way = u64::MAX;
        for _ in 0..self.times {
            let round = traffic.begin(u64::MAX >> 1);
            sleep(WARM_UP).await;
            let held = self.freeze(&broker, &subscriber, verdict).await?;
            under_way = under_way.min(held);
            sent.add(&round.end().await);
        }
        // Anew: a producer who has lost patience meanwhile sends no more.
        let round = traffic.begin(u64::MAX >> 1);
        sleep(WARM_UP).await;
        sent.add(&round.end().await);
        let unanswered_max = match self.frozen < client::PATIENCE {
            true => 0,
            false => self.times * PRODUCERS as u64,
        };
        verdict.require(
            sent.refused.is_empty() && sent.unanswered <= unanswered_max,
            || format!("events were refused or not answered: {sent:?}"),
        );
        let figures = broker.quiet(NAMESPACE, &[], PATIENCE).await?;
        self.check_breaker(&broker, verdict).await?;
        let judgement = ledger.judge(figures).await?;
        verdict.judge(&judgement, self.times * IN_FLIGHT);
        verdict.floor("attempts under way at a freeze", under_way, 8);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a few thousand events"
        )]
        let floor = self.per_second as u64 * self.times;
        verdict.floor("accepted", sent.accepted, floor);
        Ok(())
    }

    /// Freezes it once, and says how many attempts were under way then.
    async fn freeze(
        &self,
        broker: &Broker,
        subscriber: &Subscriber,
        verdict: &mut Verdict,
    ) -> Result<u64, Trouble> {
        broker.freeze().await?;
        let stopped = Instant::now();
        let under_way = received(subscriber)
            .iter()
            .filter(|it| it.at + TAKES > stopped)
            .count() as u64;
        sleep(self.frozen).await;
        let woken = Instant::now();
        broker.thaw()?;
        // What must not happen has no end to wait for.
        sleep(AT_ONCE).await;
        let mut sends: HashMap<(String, String), u64> = HashMap::new();
        for it in received(subscriber) {
            if it.at >= woken && it.at < woken + AT_ONCE {
                let id = it.event().get("id").to_owned();
                *sends.entry((it.target, id)).or_default() += 1;
            }
        }
        let most = sends.iter().max_by_key(|(_, count)| **count);
        verdict.figure(
            "sent in the first half second",
            format!("{} events, {under_way} were under way", sends.len()),
        );
        if let Some(((target, id), count)) = most.filter(|(_, count)| **count > 1) {
            verdict.found(format!(
                "{id} was sent to {target} {count} times in {AT_ONCE:?} after it woke"
            ));
        }
        verdict.require(!sends.is_empty(), || {
            format!("nothing was sent in {AT_ONCE:?} after it woke")
        });
        Ok(under_way)
    }

    /// No subscriber was away, so no breaker may have opened.
    async fn check_breaker(&self, broker: &Broker, verdict: &mut Verdict) -> Result<(), Trouble> {
        let metrics = broker.metrics().await?;
        let mut samples = metrics
            .lines()
            .filter(|it| it.starts_with("sluicegate_delivery_breaker_open{"));
        let is_open = samples.any(|it| !it.ends_with(" 0.0") && !it.ends_with(" 0"));
        let told = broker
            .output()
            .lines()
            .filter(|it| it.contains("W023"))
            .count();
        verdict.require(!is_open && told == 0, || {
            format!("a breaker opened, which {told} lines of the log tell, and nobody was away")
        });
        Ok(())
    }
}

/// Everything that came, of both triggers.
fn received(subscriber: &Subscriber) -> Vec<Received> {
    let both = [SLOW, FAILING].map(|trigger| subscriber.received(&format!("/{trigger}")));
    both.concat()
}

async fn subscriber(ledger: &Ledger) -> Result<Subscriber, Trouble> {
    let subscriber = Subscriber::start().await?;
    let slow = Script::always(Answer::status(202).after(TAKES));
    let failed = Mutex::new(HashSet::new());
    let failing = Script::decided_by(move |received, _| {
        let id = received.event().get("id").to_owned();
        Answer::status(if failed.lock().insert(id) { 500 } else { 202 })
    });
    for (trigger, script) in [(SLOW, slow), (FAILING, failing)] {
        let path = format!("/{trigger}");
        subscriber.script(&path, script);
        subscriber.record_deliveries(&path, ledger, trigger);
    }
    Ok(subscriber)
}

fn manifests(subscriber: &Subscriber) -> String {
    let trigger = |name: &str| {
        let uri = subscriber.url(&format!("/{name}"));
        let timeout = format!("PT{}S", TIMEOUT.as_secs());
        let delivery = json!({"timeout": timeout});
        let spec = json!({"broker": BROKER, "subscriber": {"uri": uri}, "delivery": delivery});
        object("Trigger", name, &spec)
    };
    let broker = object("Broker", BROKER, &json!({}));
    yaml(&[broker, trigger(SLOW), trigger(FAILING)])
}
