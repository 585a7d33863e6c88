//! What becomes of the event that was just sent, as far as the server can say.
//!
//! A watch is begun before the event is sent. Without `--wait` only what matched is told, and a
//! server that cannot say is no failure; with it, each trigger's first attempt or the end of all is
//! waited for, and an event that was not delivered fails the command.

use std::time::Duration;

use sluicegate_event::Event;
use tokio::time::{Instant, sleep};

use super::target::Target;
use super::{SendArgs, WaitFor};
use crate::api::{
    self, Watch, WatchAttempt, WatchReport, WatchRequest, WatchedState, WatchedTrigger,
};
use crate::cli::called::{Called, quoted};
use crate::cli::client::AdminClient;
use crate::cli::console::{Console, Tone};
use crate::cli::exit::{Exit, Failure};

mod next_step;
#[cfg(test)]
mod tests;
mod words;

/// How long an accepted event may take to appear in its watch when nobody waits for it.
const SEEN_WAIT_MAX: Duration = Duration::from_millis(500);
/// Between two looks, at first and at most.
const LOOK_EVERY: (Duration, Duration) = (Duration::from_millis(5), Duration::from_millis(250));

/// A watch that was begun.
#[derive(Debug)]
pub(super) struct Watching {
    admin: AdminClient,
    path: String,
}

/// Begins to watch for `event`. None where nobody can be asked, or where the server cannot say and
/// nobody waits.
pub(super) async fn begin(
    event: &Event,
    target: &Target,
    wait: Option<WaitFor>,
) -> Result<Option<Watching>, Failure> {
    let Some(admin) = target.admin.clone() else {
        return Ok(None);
    };
    let request = WatchRequest {
        id: event.id().to_owned(),
        source: event.source().to_owned(),
    };
    match admin.post::<Watch>(api::WATCHES, &request).await {
        Ok(watch) => Ok(Some(Watching {
            path: format!("{}/{}", api::WATCHES, watch.token),
            admin,
        })),
        Err(failure) if wait.is_some() => Err(failure),
        Err(_) => Ok(None),
    }
}

/// Tells what has become of the event.
pub(super) async fn tell(
    watching: Watching,
    event: &Event,
    args: &SendArgs,
    console: &mut Console,
) -> Result<(), Failure> {
    let Some(wait) = args.waits_for() else {
        return match watching.until(|report| report.seen, SEEN_WAIT_MAX).await {
            Ok((report, true)) => watching.tell_matches(&report, event, args, console).await,
            // It was accepted, which is what was asked for; more is a courtesy.
            Ok((_, false)) | Err(_) => Ok(()),
        };
    };
    let is_enough = |report: &WatchReport| match wait {
        WaitFor::First => report.seen && report.triggers.iter().all(was_tried),
        WaitFor::Settled => report.seen && report.settled,
    };
    let (report, is_done) = watching.until(is_enough, args.timeout).await?;
    if report.triggers.is_empty() {
        return watching.tell_matches(&report, event, args, console).await;
    }
    let namespace = report
        .broker
        .as_deref()
        .and_then(|it| it.split_once('/'))
        .map(|it| it.0);
    for line in words::lines(&report.triggers, namespace.unwrap_or_default()) {
        let mark = match line.is_delivered {
            Some(true) => console.paint(Tone::Good, "✓"),
            Some(false) => console.paint(Tone::Bad, "✗"),
            None => console.paint(Tone::Warning, "…"),
        };
        console.print(format_args!("  {} {mark} {}", line.name, line.story))?;
    }
    tell_failures(&report, event, args, console)?;
    if report
        .triggers
        .iter()
        .all(|it| it.state == WatchedState::Delivered)
    {
        return Ok(());
    }
    let called = Called::now(&args.server.server);
    console.say(next_step::hint(
        &report.triggers,
        is_done,
        args.timeout,
        &called,
    ));
    Err(Failure::already_told(Exit::Failed))
}

/// Whether nothing more is to be waited for at first: something was tried, or nothing will be soon. What
/// follows an attempt after which there is no other is about to be known, and is waited for.
fn was_tried(trigger: &WatchedTrigger) -> bool {
    let another_follows = |attempt: &WatchAttempt| attempt.next_in_ms.is_some();
    trigger.attempts.last().is_some_and(another_follows)
        || trigger.state.is_final()
        || trigger.state == WatchedState::Waiting
}

/// Names the triggers that could not say whether they want the event.
fn tell_failures(
    report: &WatchReport,
    event: &Event,
    args: &SendArgs,
    console: &mut Console,
) -> Result<(), Failure> {
    let Some(told) = words::failures(report.failed_total, &report.failed) else {
        return Ok(());
    };
    console.print(told)?;
    if let Some(story) = story_of(event, &Called::now(&args.server.server)) {
        console.say(format_args!("see why:  {story}"));
    }
    Ok(())
}

/// The command that tells what became of the event. None where the id or the source cannot
/// stand in it as it is: what is cut would not be found, and what begins with a dash is taken for a flag.
pub(super) fn story_of(event: &Event, called: &Called) -> Option<String> {
    let word = |text: &str| {
        let shown = crate::logging::visible(text, words::SHOWN_BYTES_MAX).to_string();
        (shown == text && !text.starts_with('-')).then(|| quoted(text))
    };
    let (id, source) = (word(event.id())?, word(event.source())?);
    Some(called.asking(&format!("explain {id} --source {source}")))
}

impl Watching {
    async fn tell_matches(
        &self,
        report: &WatchReport,
        event: &Event,
        args: &SendArgs,
        console: &mut Console,
    ) -> Result<(), Failure> {
        let (kept, matched): (Vec<_>, Vec<_>) = report.triggers.iter().partition(|it| it.undecided);
        let names: Vec<String> = matched
            .iter()
            .map(|it| crate::logging::visible(&it.name, 253).to_string())
            .collect();
        match names.len() {
            0 => console.print(format_args!(
                "no trigger matched (0 of {})",
                report.triggers_total
            ))?,
            number => console.print(format_args!(
                "matched {number} of {} triggers: {}",
                report.triggers_total,
                names.join(", ")
            ))?,
        }
        for trigger in &kept {
            console.print(words::undecided(trigger))?;
        }
        // One that failed, or is not in force, is most likely the one that was meant.
        if report.triggers.is_empty() && report.failed_total == 0 {
            let folder = self.folder().await;
            let called = Called::now(&args.server.server);
            console.say(format_args!(
                "to route it:\n  {}",
                next_step::routing(
                    event.ty(),
                    report.broker.as_deref().unwrap_or("default/default"),
                    folder.as_deref(),
                    &called
                )
            ));
        }
        tell_failures(report, event, args, console)
    }

    /// The server's folder of manifests, where it is another than `new` writes into here.
    async fn folder(&self) -> Option<String> {
        let config: api::Config = self.admin.get(api::CONFIG).await.ok()?;
        let here = std::path::absolute("sluicegate").ok()?;
        config
            .folder
            .filter(|it| here.as_path() != std::path::Path::new(it))
    }

    /// Looks until the report is enough, which the second value says, or the time is over.
    async fn until(
        &self,
        is_enough: impl Fn(&WatchReport) -> bool,
        wait_max: Duration,
    ) -> Result<(WatchReport, bool), Failure> {
        let deadline = Instant::now() + wait_max;
        let mut pause = LOOK_EVERY.0;
        loop {
            let report: WatchReport = self.admin.get(&self.path).await?;
            if is_enough(&report) {
                return Ok((report, true));
            }
            if Instant::now() + pause > deadline {
                return Ok((report, false));
            }
            sleep(pause).await;
            pause = (pause * 2).min(LOOK_EVERY.1);
        }
    }
}
