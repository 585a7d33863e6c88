//! The hop limit: how many more times an event may enter a broker.
//!
//! The count travels as the extension `knativebrokerttl`, as in Knative, and between brokers also
//! in a header of ours, since subscribers are not shown the extension. It only ever falls: what comes
//! in is clamped to the broker's maximum and to the header, and what is used up is refused.

use http::{HeaderMap, HeaderName};
use sluicegate_dispatcher::hops::{Count, HOPS_ATTRIBUTE as ATTRIBUTE, HOPS_HEADER};
use sluicegate_event::{AttributeType, Event};

/// The header that holds the hops left, where the event went through a subscriber that forwards it.
pub const HEADER: HeaderName = HeaderName::from_static(HOPS_HEADER);

/// The event has no hops left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct UsedUp {
    /// What said so: the attribute or the header.
    pub(super) subject: &'static str,
    /// The value that said so.
    pub(super) value: String,
}

/// The most hops that the request allows any of its events: the broker's maximum, or less where
/// the header says so.
pub(super) fn allowed(headers: &HeaderMap, hops_max: u8) -> Result<u8, UsedUp> {
    let hops_max = hops_max.max(1);
    let Some(text) = headers.get(HEADER).and_then(|value| value.to_str().ok()) else {
        return Ok(hops_max);
    };
    match Count::read(text) {
        Count::Unknown => Ok(hops_max),
        Count::Left(left) => Ok(left.min(hops_max)),
        Count::UsedUp => Err(UsedUp {
            subject: "the header sluicegate-hops",
            value: text.to_owned(),
        }),
    }
}

/// How many hops `event` has left, of those `allowed`.
pub(super) fn left(event: &Event, allowed: u8) -> Result<u8, UsedUp> {
    match event.attribute(ATTRIBUTE).map(Count::read) {
        None | Some(Count::Unknown) => Ok(allowed),
        Some(Count::Left(left)) => Ok(left.min(allowed)),
        Some(Count::UsedUp) => Err(UsedUp {
            subject: ATTRIBUTE,
            value: event.attribute(ATTRIBUTE).unwrap_or_default().to_owned(),
        }),
    }
}

/// Writes the count into `event`.
///
/// # Errors
///
/// Never for a name and a value of ours; the envelope cannot know that.
pub(super) fn stamp(event: &mut Event, left: u8) -> Result<(), sluicegate_event::Fault> {
    event.set_extension(ATTRIBUTE, &left.to_string(), AttributeType::Integer)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn the_header_only_lowers_what_the_broker_allows() {
        let allowed = |text: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(HEADER, HeaderValue::from_static(text));
            super::allowed(&headers, 32).map_err(|used_up| used_up.value)
        };
        assert_eq!(allowed("5"), Ok(5));
        assert_eq!(allowed("32"), Ok(32));
        assert_eq!(allowed("200"), Ok(32));
        assert_eq!(allowed("soon"), Ok(32));
        assert_eq!(allowed("0"), Err("0".to_owned()));
        assert_eq!(super::allowed(&HeaderMap::new(), 32), Ok(32));
    }
}
