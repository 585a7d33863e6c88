//! From a [`ServeRequest`] to a running server, and from its end to an exit code.

use std::path::Path;
use std::time::Duration;

use sluicegate_resources::{ChannelConfig, Diagnostic, MemoryConfig, ResolveMap};

use super::arguments::DEFAULT_SERVER;
use super::console::{Console, Tone};
use super::exit::{Exit, Failure, after_no_listener};
use super::run::{Overrides, ServeRequest};
use crate::api::Version;
use crate::config::{Config, ConfigError};
use crate::durable;
use crate::identities::DataError;
use crate::runtime::{self, Addresses, End, Settings, StartError};

/// What threads that hang in a call of the system (a resolver, a mount) may cost at the end.
const THREADS_END_MAX: Duration = Duration::from_millis(100);

/// Starts the server and serves until it is told to stop.
pub(super) fn serve(
    request: ServeRequest,
    console: &mut Console,
    is_json: bool,
) -> Result<(), Failure> {
    let (settings, is_dev, check) = match request {
        ServeRequest::Dev(overrides) => {
            let config = of_dev(overrides.data.is_some());
            (
                Settings {
                    config: lay_over(config, overrides)?,
                    strict: false,
                },
                true,
                false,
            )
        }
        ServeRequest::Run {
            config,
            strict,
            check,
            overrides,
        } => {
            let config = lay_over(load(&config, is_json)?, overrides)?;
            (Settings { config, strict }, false, check)
        }
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    let runtime = runtime.map_err(|error| {
        let next = "raise the limit on threads (`ulimit -u`) and try again";
        Failure::new(Exit::Failed, format!("cannot start threads: {error}"), next)
    })?;
    if check {
        return to_the_end(runtime, checked(&settings, console));
    }
    let announce = |addresses: &Addresses| {
        if is_dev {
            banner(addresses, console);
        } else if !addresses.manifests_exist {
            tracing::warn!(
                manifests = %addresses.manifests.display(),
                "the manifests folder does not exist, so nothing is served until it does"
            );
        }
    };
    match to_the_end(runtime, runtime::run(settings, announce)) {
        Ok(End::Stopped) => Ok(()),
        Ok(End::Interrupted) => Err(Failure::already_told(Exit::Interrupted)),
        Err(error) => Err(not_started(error)),
    }
}

/// What `dev` goes by: events in memory unless they are to be kept, and a broker that needs no manifest.
fn of_dev(keeps_events: bool) -> Config {
    let config = Config {
        has_default_broker: true,
        ..Config::default()
    };
    if keeps_events {
        return config;
    }
    Config {
        default_channel: ChannelConfig::Memory(MemoryConfig::default()),
        data: None,
        ..config
    }
}

/// Runs `work` and ends the runtime, which would wait by itself for as long as any of its threads
/// hangs.
fn to_the_end<T>(runtime: tokio::runtime::Runtime, work: impl Future<Output = T>) -> T {
    let done = runtime.block_on(work);
    runtime.shutdown_timeout(THREADS_END_MAX);
    done
}

fn load(path: &Path, is_json: bool) -> Result<Config, Failure> {
    let error = match Config::load(path) {
        Ok(config) => return Ok(config),
        Err(error) => error,
    };
    let next = match &error {
        ConfigError::Unreadable { .. } => {
            "name the settings with --config FILE; `sluicegate dev` needs none"
        }
        ConfigError::Invalid { .. } => {
            "mend the settings and start again; nothing was listening yet"
        }
    };
    let message = match &error {
        // A record is one line of bounded length, so each fault gets its own.
        ConfigError::Invalid { diagnostics, .. } if is_json => {
            log_each(path, diagnostics);
            format!("{} has {} faults", path.display(), diagnostics.len())
        }
        ConfigError::Invalid { .. } | ConfigError::Unreadable { .. } => error.to_string(),
    };
    Err(Failure::new(Exit::BadConfiguration, message, next))
}

fn log_each(path: &Path, diagnostics: &[Diagnostic]) {
    for Diagnostic {
        code,
        message,
        span,
        help,
        ..
    } in diagnostics
    {
        let (line, column) = span.map_or((0, 0), |span| (span.line, span.column));
        let help = help.as_deref().unwrap_or_default();
        tracing::error!(code, file = %path.display(), line, column, help, "{message}");
    }
}

/// What the command line says stands over the settings.
fn lay_over(mut config: Config, overrides: Overrides) -> Result<Config, Failure> {
    let Overrides {
        listen,
        admin_listen,
        manifests,
        data,
        map,
    } = overrides;
    config.data = data.or(config.data);
    config.listen = listen.unwrap_or(config.listen);
    config.admin.listen = admin_listen.unwrap_or(config.admin.listen);
    let exit = match manifests {
        Some(_) => Exit::Usage,
        None => Exit::BadConfiguration,
    };
    config.manifests = manifests.unwrap_or(config.manifests);
    not_a_file(&config.manifests, exit)?;
    let entries = map
        .into_iter()
        .map(|it| (it.key, it.url.to_string()))
        .collect();
    let over = ResolveMap::new(entries)
        .map_err(|problem| Failure::usage(format!("--map: {problem}"), "give each object once"))?;
    config.resolve = config.resolve.overlaid_with(over);
    Ok(config)
}

/// Refuses a file where the folder of manifests is to be. That nothing is there is no fault: it may
/// still be made.
pub(super) fn not_a_file(manifests: &Path, exit: Exit) -> Result<(), Failure> {
    if !manifests.is_file() {
        return Ok(());
    }
    let (subject, next) = match exit {
        Exit::Usage => (
            "--manifests",
            "give --manifests the folder that the file stands in",
        ),
        _ => (
            "`manifests`",
            "set `manifests` to the folder that the file stands in",
        ),
    };
    let message = format!(
        "{subject} must be a folder; {} is a file",
        manifests.display()
    );
    Err(Failure::new(exit, message, next))
}

async fn checked(settings: &Settings, console: &mut Console) -> Result<(), Failure> {
    let review = runtime::review(&settings.config).await;
    let review = review.map_err(not_started)?;
    for finding in &review.findings {
        console.say(finding.rendered.trim_end());
    }
    if review.has_errors() {
        return Err(Failure::new(
            Exit::InvalidManifests,
            "a manifest is invalid",
            "mend what is marked above, and check again with `sluicegate validate`",
        ));
    }
    console.say("the settings and all manifests are valid");
    Ok(())
}

fn not_started(error: StartError) -> Failure {
    let (exit, next) = match &error {
        StartError::Listen { flag, error, .. } => (Exit::Failed, after_no_listener(error, flag)),
        StartError::Data(DataError::Damaged { .. }) => (
            Exit::BadConfiguration,
            "put the file back from a copy, or remove it: triggers that have events waiting take up \
             their places again by name"
                .to_owned(),
        ),
        StartError::Data(_) => (
            Exit::BadConfiguration,
            "give the server a data folder of its own with --data DIR, or `data` in the settings"
                .to_owned(),
        ),
        StartError::Manifests { .. } => (
            Exit::InvalidManifests,
            "mend what is marked above, or start without --strict to serve what is valid"
                .to_owned(),
        ),
        StartError::NotDurable { .. } => (
            Exit::BadConfiguration,
            durable::REMEDY.to_owned(),
        ),
        StartError::System { .. } => (Exit::Failed, "try again".to_owned()),
    };
    Failure::new(exit, error.to_string(), next)
}

/// What someone who tries things needs to know.
fn banner(addresses: &Addresses, console: &mut Console) {
    let Addresses {
        ingress,
        admin,
        manifests,
        manifests_exist,
        data,
    } = addresses;
    let version = Version::of_this_build().version;
    let title = console.paint_talk(Tone::Strong, format!("sluicegate {version}"));
    let watched = match manifests_exist {
        true => "(watched)",
        false => "(not there yet; it is watched, create it when you like)",
    };
    let kept = match data {
        Some(folder) => format!("events are kept in {}", folder.display()),
        None => "in-memory (add --data DIR to keep events across restarts)".to_owned(),
    };
    let server = match admin.as_str() {
        DEFAULT_SERVER => String::new(),
        other => format!(" --server {other}"),
    };
    console.say(format_args!(
        "{title}  dev · {kept}

  send events to   {ingress}        broker default/default
  admin            {admin}
  manifests        {}  {watched}

  try   sluicegate send demo.hello '{{\"hello\":\"world\"}}'{server}
  or    curl {ingress} -H 'content-type: application/json' \\
          -H 'ce-specversion: 1.0' -H 'ce-id: 1' -H 'ce-source: /me' -H 'ce-type: demo.hello' \\
          -d '{{\"hello\":\"world\"}}'
",
        manifests.display(),
    ));
}

#[cfg(test)]
mod tests;
