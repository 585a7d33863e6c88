//! What several commands ask for, and how the text of a flag becomes a value.

use std::time::Duration;

use clap::Args;
use http::Uri;
use sluicegate_filter::cesql::Expression;

/// Where the server's admin address is, unless something else is said.
pub const DEFAULT_SERVER: &str = "http://127.0.0.1:8081";
/// Where events go when no server is asked.
pub const DEFAULT_INGRESS: &str = "http://127.0.0.1:8080";

/// Which server to talk to.
#[derive(Clone, Debug, Args)]
pub struct ServerArgs {
    /// The server's admin address
    #[arg(long, env = "SLUICEGATE_SERVER", value_name = "URL", default_value = DEFAULT_SERVER,
        value_parser = base_url)]
    pub server: Uri,
}

/// Reads `http://host[:port][/prefix]`; a bare `host:port` is taken as http.
///
/// # Errors
///
/// A sentence that says what the URL must look like.
pub fn base_url(text: &str) -> Result<Uri, String> {
    let with_scheme = if text.contains("://") {
        text.to_owned()
    } else {
        format!("http://{text}")
    };
    let must = "must be an http or https URL such as http://127.0.0.1:8081";
    let uri: Uri = with_scheme
        .parse()
        .map_err(|error| format!("{must}: {error}"))?;
    if !matches!(uri.scheme_str(), Some("http" | "https")) {
        return Err(must.to_owned());
    }
    if uri.host().is_none_or(str::is_empty) {
        return Err(format!("{must}; it has no host"));
    }
    if uri.query().is_some() {
        return Err(format!("{must}; it must have no query"));
    }
    Ok(uri)
}

/// Reads an absolute http or https URL, written out in full.
///
/// # Errors
///
/// A sentence that says what the URL must look like.
pub fn http_url(text: &str) -> Result<Uri, String> {
    let must = "must be an http or https URL such as http://localhost:3000";
    let uri: Uri = text.parse().map_err(|error| format!("{must}: {error}"))?;
    match (uri.scheme_str(), uri.host()) {
        (Some("http" | "https"), Some(host)) if !host.is_empty() => Ok(uri),
        (Some(_) | None, Some(_) | None) => Err(must.to_owned()),
    }
}

/// As [`http_url`], kept as it was written: a manifest says what its author said.
///
/// # Errors
///
/// As [`http_url`].
pub fn http_url_text(text: &str) -> Result<String, String> {
    http_url(text).map(|_| text.to_owned())
}

/// Reads a duration: `200ms`, `5s`, `2m 30s`, or ISO 8601 as manifests have it, `PT5S`.
///
/// # Errors
///
/// A sentence with both spellings.
pub fn duration(text: &str) -> Result<Duration, String> {
    let must = "must be a duration such as 200ms, 5s or PT5S";
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(format!("{must}; a bare number has no unit, write {text}s"));
    }
    let signed: jiff::SignedDuration = text.parse().map_err(|_| must.to_owned())?;
    Duration::try_from(signed).map_err(|_| format!("{must}, not negative"))
}

/// A duration as people read it, rounded: `200 ms`, `1 s`, `1.6 s`, `2 min 30 s`, `72 h`.
pub fn spoken(duration: Duration) -> String {
    let millis = duration.as_millis();
    let tenths = (millis + 50) / 100;
    let seconds = (millis + 500) / 1000;
    let minutes = (seconds + 30) / 60;
    // Each unit begins where the smaller one would round up to it: nothing is "1000 ms" or "60 s".
    if tenths < 10 {
        format!("{millis} ms")
    } else if tenths < 600 {
        let (whole, tenth) = (tenths / 10, tenths % 10);
        if tenth == 0 {
            format!("{whole} s")
        } else {
            format!("{whole}.{tenth} s")
        }
    } else if seconds < 3600 {
        two_units((seconds / 60, "min"), (seconds % 60, "s"))
    } else {
        two_units((minutes / 60, "h"), (minutes % 60, "min"))
    }
}

fn two_units(large: (u128, &str), small: (u128, &str)) -> String {
    if small.0 == 0 {
        format!("{} {}", large.0, large.1)
    } else {
        format!("{} {} {} {}", large.0, large.1, small.0, small.1)
    }
}

/// Reads how many a second: `100`, `100/s`, `0.5`.
///
/// # Errors
///
/// A sentence that says how to write it.
pub fn rate(text: &str) -> Result<f64, String> {
    let must = "must be a number above 0, such as 100, 100/s or 0.5";
    match text.strip_suffix("/s").unwrap_or(text).parse::<f64>() {
        // Above a million the wait between two events has no meaning any more.
        Ok(rate) if rate > 0.0 && rate <= 1e6 => Ok(rate),
        Ok(_) | Err(_) => Err(must.to_owned()),
    }
}

/// Reads a CESQL expression that can be a condition, and keeps it as it was written.
///
/// # Errors
///
/// What is wrong with it, with carets below the part, and what to do.
pub fn condition(text: &str) -> Result<String, String> {
    let parsed = Expression::parse(text).and_then(|it| it.check_condition());
    parsed.map(|()| text.to_owned()).map_err(|error| {
        let caret = error.caret(text);
        format!("{}\n{caret}\n{}", error.problem, error.remedy)
    })
}

/// Appends a value to a query, with everything escaped that would end it.
pub fn push_query_value(value: &str, query: &mut String) {
    for byte in value.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                query.push(char::from(byte));
            }
            _ => query.push_str(&format!("%{byte:02X}")),
        }
    }
}

/// Reads `key=value`; the value may hold further equal signs and may be empty.
///
/// # Errors
///
/// When there is no key or no equal sign.
pub fn key_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        Some(_) | None => Err("must be NAME=VALUE".to_owned()),
    }
}

/// Reads the name of a namespace: a DNS label.
///
/// # Errors
///
/// A sentence that says what a name must look like.
pub fn dns_label(text: &str) -> Result<String, String> {
    if is_dns_label(text) {
        Ok(text.to_owned())
    } else {
        Err(
            "must be 1 to 63 of a-z, 0-9 and '-', beginning and ending with a letter or digit"
                .to_owned(),
        )
    }
}

/// Reads the name of an object: DNS labels joined by dots.
///
/// # Errors
///
/// A sentence that says what a name must look like.
pub fn dns_name(text: &str) -> Result<String, String> {
    if text.len() <= 253 && text.split('.').all(is_dns_label) {
        Ok(text.to_owned())
    } else {
        Err(
            "must be a name such as hello or hello-world: a-z, 0-9, '-' and '.', beginning and \
             ending with a letter or digit"
                .to_owned(),
        )
    }
}

fn is_dns_label(text: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=63).contains(&text.len())
        && text.bytes().all(inner)
        && !text.starts_with('-')
        && !text.ends_with('-')
}

#[cfg(test)]
mod tests;
