//! Reading a body: bounded before and while it is read, and copied out of the socket's buffer.
//!
//! The copy is on purpose. What hyper hands out are slices of its read buffers, and an event that
//! is stored for hours would hold a whole buffer of 8 KiB or more for its few hundred bytes; no bound
//! on a store would then mean what it says. The same goes for header values: see [`detach`].

use bytes::Bytes;
use http::header::CONTENT_LENGTH;
use http::{HeaderMap, HeaderName, HeaderValue};
use http_body_util::BodyExt as _;

use super::admission::Share;
use super::answer;
use crate::problem::Refusal;
use crate::server::RequestBody;

/// The first allocation for a body; grows as the body really arrives.
const FIRST_BYTES: usize = 64 << 10;

/// Refuses a body that says itself that it is too large, before any of it is read: a sender that
/// waits for `100 Continue` is then spared the sending.
pub(super) fn check_declared(headers: &HeaderMap, bytes_max: usize) -> Result<(), Refusal> {
    let declared = headers
        .get(CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok())
        .and_then(|text| text.parse::<u64>().ok());
    match declared {
        Some(bytes) if bytes > bytes_max as u64 => {
            Err(answer::body_too_large(&format!("{bytes} bytes"), bytes_max))
        }
        _ => Ok(()),
    }
}

/// Reads the whole body into memory of its own. Never holds more than twice `bytes_max`.
pub(super) async fn read(
    mut body: RequestBody,
    bytes_max: usize,
    share: &mut Share,
) -> Result<Bytes, Refusal> {
    let declared = http_body::Body::size_hint(&body).exact();
    let declared = declared.and_then(|bytes| usize::try_from(bytes).ok());
    let mut whole = Vec::with_capacity(declared.unwrap_or_default().min(FIRST_BYTES));
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| answer::body_unreadable(&error))?;
        let Ok(data) = frame.into_data() else {
            // Trailers carry nothing of an event.
            continue;
        };
        if data.len() > bytes_max - whole.len() {
            return Err(answer::body_too_large("more", bytes_max));
        }
        if !share.grow(data.len()) {
            return Err(answer::no_room());
        }
        grow_for(&mut whole, data.len(), declared.unwrap_or(bytes_max));
        whole.extend_from_slice(&data);
    }
    Ok(Bytes::from(whole.into_boxed_slice()))
}

/// Doubles the capacity as vectors do, but never past `bytes_max`, the most that can come.
fn grow_for(whole: &mut Vec<u8>, more_bytes: usize, bytes_max: usize) {
    let needed = whole.len() + more_bytes;
    if needed > whole.capacity() {
        let target = (whole.capacity() * 2).min(bytes_max).max(needed);
        whole.reserve_exact(target - whole.len());
    }
}

/// Copies the header values that an event may keep out of the socket's buffer, into one allocation.
pub(super) fn detach(headers: &mut HeaderMap) {
    let kept = || |(name, _): &(&HeaderName, &mut HeaderValue)| is_kept(name);
    let mut copy = Vec::new();
    for (_, value) in headers.iter_mut().filter(kept()) {
        copy.extend_from_slice(value.as_bytes());
    }
    let mut copy = Bytes::from(copy.into_boxed_slice());
    for (_, value) in headers.iter_mut().filter(kept()) {
        // It was a header value before, so it is one again; were it not, it would stay shared.
        if let Ok(detached) = HeaderValue::from_maybe_shared(copy.split_to(value.len())) {
            *value = detached;
        }
    }
}

fn is_kept(name: &HeaderName) -> bool {
    let name = name.as_str();
    name.starts_with("ce-") || matches!(name, "content-type" | "traceparent" | "tracestate")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn detached_values_are_the_same_and_lie_elsewhere() {
        let buffer = Bytes::from_static(b"one\xfftwo");
        let mut headers = HeaderMap::new();
        for (name, range) in [("ce-id", 0..3), ("ce-type", 4..7), ("x-other", 0..7)] {
            let value = HeaderValue::from_maybe_shared(buffer.slice(range)).unwrap();
            headers.append(name, value);
        }
        let before = headers.clone();
        detach(&mut headers);
        assert_eq!(headers, before);
        let place = |name: &str| headers[name].as_bytes().as_ptr();
        assert!(!buffer.as_ptr_range().contains(&place("ce-id")));
        assert!(!buffer.as_ptr_range().contains(&place("ce-type")));
        assert!(buffer.as_ptr_range().contains(&place("x-other")));
    }

    #[test]
    fn a_growing_body_never_reserves_past_its_bound() {
        let mut whole = Vec::with_capacity(10);
        while whole.len() < 100 {
            grow_for(&mut whole, 5, 100);
            whole.extend_from_slice(&[0; 5]);
            assert!(whole.capacity() <= 100, "{}", whole.capacity());
        }
    }
}
