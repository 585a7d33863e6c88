//! Values that are more than a number: addresses, URLs, paths, channels, references.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use sluicegate_resources::yaml::{Field, Mapping, Scalar, Value};
use sluicegate_resources::{ChannelConfig, ResolveMap, codes, read_channel};

pub(super) fn set<T>(place: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *place = value;
    }
}

pub(super) fn address(field: &Field<'_>) -> Option<SocketAddr> {
    if let Some(port) = bare_port(field) {
        let help = format!("write it like 127.0.0.1:{port}");
        field.wrong_type("an address and a port", Some(help));
        return None;
    }
    let text = field.text()?;
    match listen_address(text) {
        Ok(address) => Some(address),
        Err(remedy) => {
            let problem = format!("must be an address and a port; this is '{text}'");
            field.not_allowed(&problem, Some(remedy));
            None
        }
    }
}

/// A port written as a number, which YAML would have put in quotes.
fn bare_port<'a>(field: &Field<'a>) -> Option<&'a str> {
    match &field.node().value {
        Value::Scalar(scalar) if !scalar.is_string() => port_alone(&scalar.text),
        Value::Scalar(_) | Value::Mapping(_) | Value::Sequence(_) | Value::Refused => None,
    }
}

/// Reads an address to listen on; `localhost` is 127.0.0.1.
///
/// # Errors
///
/// A sentence that says how to write it.
pub(crate) fn listen_address(text: &str) -> Result<SocketAddr, String> {
    let usual = text
        .strip_prefix("localhost:")
        .map(|port| format!("127.0.0.1:{port}"));
    let address = usual.as_deref().unwrap_or(text).parse();
    address.map_err(|_| match port_alone(text) {
        Some(port) => format!("write it like 127.0.0.1:{port}"),
        None => "write it like 127.0.0.1:8080 or [::1]:8080".to_owned(),
    })
}

/// The port of `8080` and of `:8080`.
fn port_alone(text: &str) -> Option<&str> {
    let port = text.strip_prefix(':').unwrap_or(text);
    port.parse::<u16>().is_ok().then_some(port)
}

/// The settings of the admin listener, which people write as its address alone.
pub(super) fn admin_section<'a>(field: &Field<'a>) -> Option<Mapping<'a>> {
    let Value::Scalar(Scalar { text, .. }) = &field.node().value else {
        return field.mapping();
    };
    let listen = match (port_alone(text), listen_address(text)) {
        (Some(port), _) => format!("127.0.0.1:{port}"),
        (None, Ok(address)) => address.to_string(),
        (None, Err(_)) => "127.0.0.1:8081".to_owned(),
    };
    field.wrong_type("a map", Some(format!("admin: {{listen: {listen}}}")));
    None
}

pub(super) fn base_url(field: &Field<'_>) -> Option<String> {
    let text = field.text()?;
    let url: Option<http::Uri> = text.parse().ok();
    let is_web = url
        .as_ref()
        .and_then(http::Uri::scheme_str)
        .is_some_and(|scheme| {
            (scheme == "http" || scheme == "https") && !text.contains(['?', '#', '@'])
        });
    if !is_web {
        field.not_allowed(
            &format!("must be an http or https URL; this is '{text}'"),
            Some("write it like https://events.example.com".into()),
        );
        return None;
    }
    Some(text.trim_end_matches('/').to_owned())
}

pub(super) fn path(field: &Field<'_>, folder: &Path) -> Option<PathBuf> {
    field.text().map(|text| folder.join(text))
}

/// A kind by its name alone, such as `disk`, or with settings, as in a BrokerConfig's `spec.channel`.
pub(super) fn default_channel(field: &Field<'_>) -> Option<ChannelConfig> {
    match &field.node().value {
        Value::Scalar(Scalar { text, .. }) if text == "memory" => {
            Some(ChannelConfig::Memory(Default::default()))
        }
        Value::Scalar(Scalar { text, .. }) if text == "disk" => {
            Some(ChannelConfig::Disk(Default::default()))
        }
        Value::Scalar(Scalar { text, .. }) if matches!(&**text, "nats" | "kafka") => {
            field.refuse(
                codes::NOT_AVAILABLE,
                format!("the channel '{text}' is not available in this version"),
                "use disk",
            );
            None
        }
        Value::Scalar(_) => {
            field.string()?;
            field.not_allowed("must name a channel: disk or memory", None);
            None
        }
        Value::Mapping(_) | Value::Sequence(_) | Value::Refused => read_channel(field),
    }
}

pub(super) fn resolve(field: &Field<'_>) -> Option<ResolveMap> {
    let entries = field.string_map()?;
    match ResolveMap::new(entries) {
        Ok(map) => Some(map),
        Err(problem) => {
            field.not_allowed(
                &format!("has an entry that cannot be used: {problem}"),
                Some("write v1/Service/NAMESPACE/NAME: http://localhost:3001".into()),
            );
            None
        }
    }
}
