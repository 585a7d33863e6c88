//! Durations in ISO 8601, as Knative's fields have them.

use std::time::Duration;

use jiff::{SignedDuration, Span, SpanRelativeTo};

/// Why a text is not a duration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DurationFault {
    /// Not ISO 8601; the ISO spelling of what was probably meant, when there is one.
    #[error("must be an ISO 8601 duration")]
    NotIso {
        /// Such as `PT5S` for `5s`.
        meant: Option<String>,
    },
    /// It has years or months.
    #[error("must have a fixed length; years and months differ in length")]
    Calendar,
    /// It is less than zero.
    #[error("must not be negative")]
    Negative,
    /// More than can be held.
    #[error("is too long")]
    TooLong,
}

/// Reads an ISO 8601 duration of fixed length such as `PT0.2S`, `PT1H30M` or `P7D`. A day has
/// 24 hours.
///
/// # Errors
///
/// See [`DurationFault`].
///
/// ```
/// use std::time::Duration;
/// use sluicegate_resources::yaml::{DurationFault, parse_duration};
///
/// assert_eq!(parse_duration("PT0.2S"), Ok(Duration::from_millis(200)));
/// let meant = Some("PT5S".to_owned());
/// assert_eq!(parse_duration("5s"), Err(DurationFault::NotIso { meant }));
/// ```
pub fn parse_duration(text: &str) -> Result<Duration, DurationFault> {
    let is_negative = text.starts_with('-');
    // jiff also reads lower case and a format of its own; other readers of these files do not.
    let is_iso = text.trim_start_matches(['-', '+']).starts_with('P')
        && !text.contains(|c: char| c.is_ascii_lowercase());
    let span: Span = match text.parse() {
        Ok(span) if is_iso => span,
        _ => {
            return Err(DurationFault::NotIso {
                meant: suggest(text),
            });
        }
    };
    if span.get_years() != 0 || span.get_months() != 0 {
        return Err(DurationFault::Calendar);
    }
    if is_negative && !span.is_zero() {
        return Err(DurationFault::Negative);
    }
    fixed_length(span).ok_or(DurationFault::TooLong)
}

fn fixed_length(span: Span) -> Option<Duration> {
    let duration = span.to_duration(SpanRelativeTo::days_are_24_hours()).ok()?;
    Duration::try_from(duration).ok()
}

/// The ISO 8601 spelling, as short as it gets: `PT5S`, `PT0.2S`, `PT1H30M`, `P7D`.
pub fn show_duration(duration: Duration) -> String {
    const DAY_SECONDS: u64 = 24 * 60 * 60;
    let days = duration.as_secs() / DAY_SECONDS;
    if days > 1 && duration == Duration::from_secs(days * DAY_SECONDS) {
        return format!("P{days}D");
    }
    SignedDuration::try_from(duration)
        .map(|duration| duration.to_string())
        .unwrap_or_else(|_| format!("PT{}S", duration.as_secs()))
}

/// The ISO spelling of `5s`, `200ms`, `pt5s` or a bare number of seconds.
fn suggest(text: &str) -> Option<String> {
    let text = text.trim();
    let is_bare_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let span: Span = if is_bare_number {
        format!("{text}s").parse().ok()?
    } else {
        text.parse().ok()?
    };
    fixed_length(span).map(show_duration)
}
