//! `run` and `dev`: the command line's part of starting a server.
//!
//! Both gather what the command line says into a [`ServeRequest`] and set up logging; everything
//! after that is the server's. `dev` differs by its defaults alone: no settings file, events in memory
//! unless `--data` is given, and a broker `default/default` that needs no manifest.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use http::Uri;

use super::arguments::http_url;
use super::console::Console;
use super::exit::{Exit, Failure};
use super::serve;
use crate::config::listen_address;
use crate::logging::{self, LogFormat, LogGuard};

const DEV_EXAMPLES: &str = "\
Examples:
  sluicegate dev
  sluicegate dev --data ./data                   keep events across restarts
  sluicegate dev --manifests ./events --listen 127.0.0.1:9000
  sluicegate dev --map svc:shop/billing=http://localhost:3001";

const RUN_EXAMPLES: &str = "\
Examples:
  sluicegate run                                 settings from ./sluicegate.yaml
  sluicegate run --config /etc/sluicegate/sluicegate.yaml
  sluicegate run --data /var/lib/sluicegate      keep events there
  sluicegate run --strict                        refuse to start with any invalid manifest
  sluicegate run --log-level info,sluicegate_dispatcher=debug";

/// Arguments of `dev`.
#[derive(Clone, Debug, Args)]
#[command(before_help = DEV_EXAMPLES)]
pub struct DevArgs {
    /// What `run` can say too
    #[command(flatten)]
    pub overrides: Overrides,
    /// How to log
    #[command(flatten)]
    pub log: LogArgs,
}

/// Arguments of `run`.
#[derive(Clone, Debug, Args)]
#[command(before_help = RUN_EXAMPLES)]
pub struct RunArgs {
    /// The settings file
    #[arg(long, value_name = "FILE", default_value = "sluicegate.yaml")]
    pub config: PathBuf,
    /// Exit with 3 when any manifest is invalid, instead of serving the valid ones
    #[arg(long)]
    pub strict: bool,
    /// Check settings and manifests, and exit without listening
    #[arg(long)]
    pub check: bool,
    /// What stands over the settings file
    #[command(flatten)]
    pub overrides: Overrides,
    /// How to log
    #[command(flatten)]
    pub log: LogArgs,
}

/// What the command line says about the server; each stands over the settings file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Args)]
pub struct Overrides {
    /// Where to accept events; port 0 takes any free one
    #[arg(long, value_name = "ADDRESS", value_parser = address)]
    pub listen: Option<SocketAddr>,
    /// Where to serve the admin API, probes and metrics; port 0 takes any free one
    #[arg(long, value_name = "ADDRESS", value_parser = address)]
    pub admin_listen: Option<SocketAddr>,
    /// The folder of manifests to serve and watch
    #[arg(long, value_name = "DIR")]
    pub manifests: Option<PathBuf>,
    /// The folder that keeps events across restarts
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Where an object that a manifest refers to is, outside a cluster; repeatable. ksvc: is for
    /// Knative services; other objects by a whole key, such as v1/Service/shop/billing=URL
    #[arg(long, value_name = "svc:NAMESPACE/NAME=URL", value_parser = mapping,
        value_delimiter = ',')]
    pub map: Vec<Mapping>,
}

/// One entry for the map that resolves references: a key such as `v1/Service/shop/billing`, and
/// its URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mapping {
    /// The key as the settings file has it.
    pub key: String,
    /// The URL.
    pub url: Uri,
}

/// How to log.
#[derive(Clone, Debug, Args)]
pub struct LogArgs {
    /// How log lines look
    #[arg(long, value_name = "FORMAT", default_value = "auto")]
    pub log_format: LogFormat,
    /// What to log: error, warn, info, debug, trace or off, or TARGET=LEVEL,…; info when not given.
    /// SLUICEGATE_LOG says it too
    #[arg(long, value_name = "LEVEL")]
    pub log_level: Option<String>,
}

impl LogArgs {
    /// The filter in effect: the flag or its variable, else `SLUICEGATE_LOG`, the name people try
    /// first, else `info`.
    fn filter(&self, look_up: impl Fn(&str) -> Option<String>) -> String {
        let short = || look_up("SLUICEGATE_LOG").filter(|value| !value.is_empty());
        let given = self.log_level.clone().or_else(short);
        given.unwrap_or_else(|| "info".to_owned())
    }
}

/// Which server to start, and with what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServeRequest {
    /// For trying things: defaults, and a broker `default/default`.
    Dev(Overrides),
    /// For production: from a settings file.
    Run {
        /// The settings file.
        config: PathBuf,
        /// Whether an invalid manifest ends the start.
        strict: bool,
        /// Whether to stop once everything is checked.
        check: bool,
        /// What stands over the file.
        overrides: Overrides,
    },
}

/// Starts a server for trying things and serves until told to stop.
pub fn dev(args: DevArgs, console: &mut Console) -> Exit {
    start(&args.log, ServeRequest::Dev(args.overrides), console)
}

/// Starts a server from its settings file and serves until told to stop.
pub fn run(args: RunArgs, console: &mut Console) -> Exit {
    let RunArgs {
        config,
        strict,
        check,
        overrides,
        log,
    } = args;
    start(
        &log,
        ServeRequest::Run {
            config,
            strict,
            check,
            overrides,
        },
        console,
    )
}

fn start(log: &LogArgs, request: ServeRequest, console: &mut Console) -> Exit {
    let guard = match init_logging(log, console) {
        Ok(guard) => guard,
        Err(failure) => {
            console.tell(&failure);
            return failure.exit();
        }
    };
    let done = serve::serve(request, console, log.log_format.is_json());
    if let Err(failure) = &done {
        tell(failure, log, console);
    }
    drop(guard);
    done.map_or_else(|failure| failure.exit(), |()| Exit::Done)
}

fn init_logging(log: &LogArgs, console: &Console) -> Result<LogGuard, Failure> {
    let filter = log.filter(|name| std::env::var(name).ok());
    logging::init(log.log_format, &filter, console.talks_in_colour()).map_err(|error| {
        Failure::usage(
            error.to_string(),
            "give --log-level info, or see `sluicegate run --help`",
        )
    })
}

/// Where standard error holds JSON records, a failure is one of them.
fn tell(failure: &Failure, log: &LogArgs, console: &mut Console) {
    if !log.log_format.is_json() {
        return console.tell(failure);
    }
    if let (Some(message), Some(next)) = (failure.message(), failure.next()) {
        tracing::error!(exit = failure.exit().code(), next, "{message}");
    }
}

/// Reads an address to listen on, as the settings file has it.
fn address(text: &str) -> Result<SocketAddr, String> {
    listen_address(text).map_err(|remedy| format!("must be an address and a port; {remedy}"))
}

/// Reads `svc:ns/name=URL`, `ksvc:ns/name=URL`, or a whole key, `[group/]version/Kind/ns/name=URL`.
fn mapping(text: &str) -> Result<Mapping, String> {
    let must = "must be svc:NAMESPACE/NAME=URL or ksvc:NAMESPACE/NAME=URL, such as \
                svc:shop/billing=http://localhost:3001, or a whole key and a URL, such as \
                v1/Service/shop/billing=http://localhost:3001";
    let (object, url) = text.split_once('=').ok_or(must)?;
    let key = match object.split_once(':') {
        Some(("svc", name)) => format!("v1/Service/{name}"),
        Some(("ksvc", name)) => format!("serving.knative.dev/v1/Service/{name}"),
        Some((kind, _)) => {
            return Err(format!(
                "{must}; {kind:?} is not known, write svc, ksvc or a whole key"
            ));
        }
        None => object.to_owned(),
    };
    let parts: Vec<&str> = key.split('/').collect();
    if !(4..=5).contains(&parts.len()) || parts.iter().any(|part| part.is_empty()) {
        return Err(must.to_owned());
    }
    Ok(Mapping {
        key,
        url: http_url(url)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mappings_have_a_short_and_a_whole_form() {
        for (text, key) in [
            (
                "svc:shop/billing=http://localhost:3001",
                "v1/Service/shop/billing",
            ),
            (
                "ksvc:shop/billing=http://localhost:3001",
                "serving.knative.dev/v1/Service/shop/billing",
            ),
            ("v1/Service/*/*=http://localhost:3001", "v1/Service/*/*"),
        ] {
            let read = mapping(text).unwrap();
            assert_eq!(
                (read.key.as_str(), read.url.to_string().as_str()),
                (key, "http://localhost:3001/")
            );
        }
    }

    #[test]
    fn the_level_is_the_flags_then_the_environments_then_info() {
        for (flag, variable, filter) in [
            (Some("debug"), Some("warn"), "debug"),
            (None, Some("warn"), "warn"),
            (None, Some(""), "info"),
            (None, None, "info"),
        ] {
            let args = LogArgs {
                log_format: LogFormat::Auto,
                log_level: flag.map(str::to_owned),
            };
            let look_up = |name: &str| variable.filter(|_| name == "SLUICEGATE_LOG");
            assert_eq!(args.filter(|name| look_up(name).map(str::to_owned)), filter);
        }
    }

    #[test]
    fn addresses_are_those_of_the_settings_file() {
        let local = SocketAddr::from(([127, 0, 0, 1], 8090));
        for text in ["127.0.0.1:8090", "localhost:8090"] {
            assert_eq!(address(text), Ok(local));
        }
        for (text, written) in [
            ("8090", "127.0.0.1:8090"),
            (":8090", "127.0.0.1:8090"),
            ("localhost", "127.0.0.1:8080"),
            ("", "127.0.0.1:8080"),
        ] {
            let error = address(text).unwrap_err();
            assert!(error.contains(written), "{text}: {error}");
        }
    }

    #[test]
    fn a_mapping_that_makes_no_sense_is_refused_with_an_example() {
        for text in [
            "",
            "svc:shop/billing",
            "svc:billing=http://x",
            "pod:a/b=http://x",
            "a=http://x",
        ] {
            assert!(
                mapping(text).unwrap_err().contains("svc:shop/billing="),
                "{text}"
            );
        }
        assert!(
            mapping("svc:shop/billing=localhost:3001")
                .unwrap_err()
                .contains("http://")
        );
    }
}
