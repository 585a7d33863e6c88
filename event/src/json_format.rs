//! The JSON event format.

pub(crate) mod read;

use bytes::Bytes;

use crate::envelope::Event;

/// The media type of one event in the JSON format.
pub const EVENT_MEDIA_TYPE: &str = "application/cloudevents+json";

/// The media type of a batch in the JSON format.
pub const BATCH_MEDIA_TYPE: &str = "application/cloudevents-batch+json";

/// Writes one event as `application/cloudevents+json`, leaving out the extensions named.
pub fn to_json(event: &Event, omit: &[&str]) -> Bytes {
    let _ = (event, omit);
    unimplemented!()
}

/// Writes events as `application/cloudevents-batch+json`.
pub fn to_json_batch<'a>(events: impl IntoIterator<Item = &'a Event>) -> Bytes {
    let _ = events.into_iter().count();
    unimplemented!()
}
