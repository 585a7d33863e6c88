//! What an event that is given up on carries to its dead-letter sink.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sluicegate_channels::ParkReason;
use sluicegate_event::{AttributeType, Event, Fault};

/// Why events are given up on, in a word; see [`ParkReason::kind`].
pub mod kind {
    /// Every attempt failed.
    pub const EXHAUSTED: &str = "exhausted";
    /// The subscriber answered that no attempt will succeed.
    pub const REFUSED: &str = "refused";
    /// The subscriber took it, and answered with something that is no usable event.
    pub const REPLY: &str = "reply";
    /// It waited for longer than anything may.
    pub const OVERDUE: &str = "overdue";
    /// The event, or the reply to it, has passed too many brokers.
    pub const LOOP: &str = "loop";
    /// Handling it panicked again and again.
    pub const POISON: &str = "poison";
    /// A bounded store had no room for it.
    pub const SHED: &str = "shed";
}

/// Where the last attempt went: an absolute URL.
pub const ERROR_DEST: &str = "knativeerrordest";
/// The status of the last attempt; 500 when there was no answer, as Knative has it.
pub const ERROR_CODE: &str = "knativeerrorcode";
/// The beginning of the answer's body in base64, or of the failure's sentence when there was no
/// answer; absent when that is empty.
pub const ERROR_DATA: &str = "knativeerrordata";

const CODE_WITHOUT_ANSWER: u16 = 500;

/// The event with the three attributes that say why it was given up on. `subscriber` stands in for
/// the destination of an event that was never sent.
pub(crate) fn annotated(
    event: &Event,
    reason: &ParkReason,
    subscriber: &str,
) -> Result<Event, Fault> {
    let mut event = event.clone();
    let dest = reason.dest.as_deref().unwrap_or(subscriber);
    event.set_extension(ERROR_DEST, dest, AttributeType::String)?;
    let code = reason.code.unwrap_or(CODE_WITHOUT_ANSWER);
    event.set_extension(ERROR_CODE, &code.to_string(), AttributeType::Integer)?;
    let data = match reason.code {
        Some(_) => &reason.data,
        None => reason.detail.as_bytes(),
    };
    if data.is_empty() {
        // The event may be a dead letter already, with the data of its earlier failure.
        event.remove_extension(ERROR_DATA);
    } else {
        // Cut before encoding, so that what is left decodes.
        let start = data
            .get(..crate::sender::BODY_START_BYTES_MAX)
            .unwrap_or(data);
        event.set_extension(ERROR_DATA, &STANDARD.encode(start), AttributeType::String)?;
    }
    Ok(event)
}

#[cfg(test)]
mod tests {
    use super::kind;

    #[test]
    fn every_kind_is_one_that_a_store_knows() {
        let kinds = [
            kind::EXHAUSTED,
            kind::REFUSED,
            kind::REPLY,
            kind::OVERDUE,
            kind::LOOP,
            kind::POISON,
            kind::SHED,
        ];
        assert_eq!(kinds, sluicegate_channels::KINDS);
    }
}
