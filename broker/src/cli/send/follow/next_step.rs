//! The one command that a sender may want next. Pure: reports in, text out, and what it says works as
//! it stands: it names the program as it was called and the server that was asked.

use std::time::Duration;

use http::Uri;

use super::words::SHOWN_BYTES_MAX;
use crate::api::{WatchedState, WatchedTrigger};
use crate::cli::arguments::spoken;
use crate::cli::called::{Called, quoted};
use crate::logging::visible;

/// The one next step for an event that was not delivered.
pub(super) fn hint(
    triggers: &[WatchedTrigger],
    is_done: bool,
    waited: Duration,
    called: &Called,
) -> String {
    // Where nothing more is tried, a receiver that is begun now gets nothing.
    let refused = triggers
        .iter()
        .filter(|it| !it.state.is_final())
        .filter_map(|it| it.attempts.last())
        .filter(|it| it.reason.as_deref() == Some("connection refused"))
        .find_map(|it| local_authority(&it.url));
    if let Some((authority, port)) = refused {
        return format!(
            "nothing is listening on {authority}. A receiver to play with:  \
             {}",
            called.alone(&format!("sink --port {port}"))
        );
    }
    if let Some(parked) = triggers.iter().find(|it| it.state == WatchedState::Parked) {
        let name = visible(&parked.name, SHOWN_BYTES_MAX);
        let see = called.asking(&format!("get deadletters {name}"));
        if !is_done && parked.sink_retry_in_ms.is_some() {
            return format!(
                "not done after {}: its dead-letter sink has not taken it; see why:  \
                 {see}",
                spoken(waited)
            );
        }
        if parked.sink_retry_in_ms.is_some() {
            return format!("see why:  {see}");
        }
        let again = called.asking(&format!(
            "dead redrive --trigger {}/{name}",
            visible(&parked.namespace, SHOWN_BYTES_MAX)
        ));
        return format!("see why:  {see}\nonce that is mended, deliver it again:  {again}");
    }
    let see = called.asking("get triggers");
    if is_done {
        format!("see how deliveries go:  {see}")
    } else {
        format!("not done after {}; see how it goes:  {see}", spoken(waited))
    }
}

/// Host and port, where the host is this machine.
fn local_authority(url: &str) -> Option<(String, u16)> {
    let uri: Uri = url.parse().ok()?;
    let host = uri.host()?;
    let is_local = matches!(host, "localhost" | "127.0.0.1" | "[::1]");
    let port = uri.port_u16().unwrap_or(80);
    is_local.then(|| (format!("{host}:{port}"), port))
}

/// The command that routes events of this type to a trigger of `broker`, which is `namespace/name`.
/// The type's last part makes a name, where it can. `folder` is where manifests belong, where that is
/// not the folder that is written into anyway.
pub(super) fn routing(ty: &str, broker: &str, folder: Option<&str>, called: &Called) -> String {
    let last = ty.rsplit('.').next().unwrap_or_default();
    let name = crate::cli::arguments::dns_name(last).unwrap_or_else(|_| "my-trigger".to_owned());
    let ty = visible(ty, SHOWN_BYTES_MAX).to_string();
    let ty = quoted(&ty);
    let (namespace, broker) = broker.split_once('/').unwrap_or(("default", broker));
    let flag = |flag: &str, value: &str| match value {
        "default" => String::new(),
        value => format!(" --{flag} {}", visible(value, SHOWN_BYTES_MAX)),
    };
    let folder = folder.map(|it| format!(" --dir {}", quoted(it)));
    called.alone(&format!(
        "new trigger {name} --type {ty}{}{}{} --to http://localhost:3000",
        flag("namespace", namespace),
        flag("broker", broker),
        folder.unwrap_or_default()
    ))
}
