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

/// The hops that `event` has left when a broker of ours holds it. An event without the attribute
/// is fresh, and none has more than `hops_max`.
pub fn hops_of(event: &Event, hops_max: u8) -> u8 {
    written_hops(event).map_or(hops_max, |hops| hops.min(hops_max))
}

/// What the attribute says, if it is a whole number: below zero counts as none left.
fn written_hops(event: &Event) -> Option<u8> {
    let hops: i64 = event.attribute(HOPS_ATTRIBUTE)?.parse().ok()?;
    Some(u8::try_from(hops.max(0)).unwrap_or(u8::MAX))
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
