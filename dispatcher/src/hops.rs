//! How many brokers an event may still pass.
//!
//! The count stands in an extension attribute that ingress stamps and clamps, every reply lowers,
//! and no subscriber sees. Rings of brokers are closed by a header: a receiving broker of ours
//! lets it only lower the count.

use std::sync::Arc;

use sluicegate_event::{AttributeType, Event, Fault};

/// The extension attribute with the count; never sent to anyone.
pub const HOPS_ATTRIBUTE: &str = "knativebrokerttl";

/// The header with the count that an event has left after this send.
pub const HOPS_HEADER: &str = "sluicegate-hops";

/// The header in which a broker says why it refused.
pub const REASON_HEADER: &str = "sluicegate-reason";

/// The value of [`REASON_HEADER`] for an event without hops left.
pub const REASON_LOOP: &str = "loop";

/// What a text says about hops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Count {
    /// It is no number: as if it were missing.
    Unknown,
    /// Zero or less.
    UsedUp,
    /// That many; more than 255 count as 255, which no broker's maximum exceeds.
    Left(u8),
}

impl Count {
    /// Reads whole numbers of any length, below zero too, and nothing else.
    ///
    /// ```
    /// use sluicegate_dispatcher::hops::Count;
    ///
    /// assert_eq!(Count::read("7"), Count::Left(7));
    /// assert_eq!(Count::read("-1"), Count::UsedUp);
    /// assert_eq!(Count::read("+7"), Count::Unknown);
    /// ```
    pub fn read(text: &str) -> Self {
        let (is_negative, digits) = match text.strip_prefix('-') {
            Some(digits) => (true, digits),
            None => (false, text),
        };
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Count::Unknown;
        }
        let digits = digits.trim_start_matches('0');
        match digits.parse() {
            _ if is_negative || digits.is_empty() => Count::UsedUp,
            Ok(left) => Count::Left(left),
            // It is all digits, so the only way to fail is to be too large.
            Err(_) => Count::Left(u8::MAX),
        }
    }
}

/// The hops that `event` has left when a broker of ours holds it. An event without the attribute
/// is fresh, and none has more than `hops_max`.
pub fn hops_of(event: &Event, hops_max: u8) -> u8 {
    match event.attribute(HOPS_ATTRIBUTE).map(Count::read) {
        None | Some(Count::Unknown) => hops_max,
        Some(Count::UsedUp) => 0,
        Some(Count::Left(left)) => left.min(hops_max),
    }
}

/// Prepares replies for their way back into the broker: one hop fewer than their cause, or what
/// they carry themselves when that is lower, and the cause's trace when they have none.
///
/// # Errors
///
/// When a reply would have no hops left; the sentence names the types that follow one another.
pub(crate) fn lower(
    cause: &Event,
    hops_max: u8,
    mut replies: Vec<Event>,
) -> Result<Vec<Event>, Arc<str>> {
    let left = hops_of(cause, hops_max).saturating_sub(1);
    for reply in &mut replies {
        let left = hops_of(reply, left);
        if left == 0 {
            return Err(exhausted(cause, reply, hops_max));
        }
        stamp(reply, left).map_err(|fault| fault.problem)?;
        if reply.trace_context().is_none() {
            reply.set_trace_context(cause.trace_context().cloned());
        }
    }
    Ok(replies)
}

/// Writes the count into the attribute.
///
/// # Errors
///
/// Never for a valid event: the name is a valid one and digits are a valid value.
pub fn stamp(event: &mut Event, hops: u8) -> Result<(), Fault> {
    event.set_extension(HOPS_ATTRIBUTE, &hops.to_string(), AttributeType::Integer)
}

fn exhausted(cause: &Event, reply: &Event, hops_max: u8) -> Arc<str> {
    format!(
        "{} was answered with {}, which has no hops left of {hops_max}: narrow the filter so that \
         the trigger does not take its own replies",
        cause.ty(),
        reply.ty(),
    )
    .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_is_read_from_any_text() {
        for (text, expected) in [
            ("1", Count::Left(1)),
            ("007", Count::Left(7)),
            ("255", Count::Left(255)),
            ("256", Count::Left(255)),
            ("99999999999999999999999999", Count::Left(255)),
            ("0", Count::UsedUp),
            ("000", Count::UsedUp),
            ("-1", Count::UsedUp),
            ("-0", Count::UsedUp),
            ("-99999999999999999999999999", Count::UsedUp),
            ("", Count::Unknown),
            ("-", Count::Unknown),
            ("+3", Count::Unknown),
            ("3.0", Count::Unknown),
            (" 3", Count::Unknown),
            ("many", Count::Unknown),
        ] {
            assert_eq!(Count::read(text), expected, "{text:?}");
        }
    }
}
