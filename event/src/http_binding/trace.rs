//! The W3C trace context of a message.
//!
//! It belongs to one hop and is kept apart from the extension attributes of the same name, which
//! carry the trace that the event began with. Tracing must never cost an event, so a header that
//! is malformed is left out rather than refused.

use http::{HeaderMap, HeaderValue};

use crate::envelope::TraceContext;

const TRACESTATE_BYTES_MAX: usize = 512;

/// Reads `traceparent` and, if that is usable, `tracestate`.
pub(crate) fn read(headers: &HeaderMap) -> Option<TraceContext> {
    let mut parents = headers.get_all("traceparent").iter();
    let traceparent = parents.next()?;
    if parents.next().is_some() || !is_traceparent(traceparent.as_bytes()) {
        return None;
    }
    Some(TraceContext {
        traceparent: traceparent.clone(),
        tracestate: tracestate(headers),
    })
}

/// One value, also when it came in several headers, which W3C allows.
fn tracestate(headers: &HeaderMap) -> Option<HeaderValue> {
    let mut states = headers.get_all("tracestate").iter();
    let first = states.next()?;
    let joined = match states.next() {
        None => first.clone(),
        Some(_) => {
            let states = headers.get_all("tracestate").iter();
            let states: Vec<&[u8]> = states.map(HeaderValue::as_bytes).collect();
            HeaderValue::from_bytes(&states.join(&b',')).ok()?
        }
    };
    let is_usable = !joined.is_empty()
        && joined.len() <= TRACESTATE_BYTES_MAX
        && joined
            .as_bytes()
            .iter()
            .all(|byte| matches!(byte, b' '..=b'~' | b'\t'));
    is_usable.then_some(joined)
}

/// `version-trace-parent-flags` in lower-case hex; a later version may say more behind a dash.
fn is_traceparent(value: &[u8]) -> bool {
    let Some((known, rest)) = value.split_at_checked(55) else {
        return false;
    };
    let fields = [&known[..2], &known[3..35], &known[36..52], &known[53..]];
    let [version, trace, parent, _flags] = fields;
    let is_hex = |field: &[u8]| {
        field
            .iter()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    };
    let is_zero = |field: &[u8]| field.iter().all(|&byte| byte == b'0');
    [known[2], known[35], known[52]] == *b"---"
        && fields.into_iter().all(is_hex)
        && version != b"ff"
        && !is_zero(trace)
        && !is_zero(parent)
        && (rest.is_empty() || (version != b"00" && rest.starts_with(b"-")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn read_pairs(pairs: &[(&'static str, &str)]) -> Option<TraceContext> {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        read(&headers)
    }

    #[test]
    fn a_trace_context_is_read() {
        let state = |state: &str| {
            let trace = read_pairs(&[("traceparent", PARENT), ("tracestate", state)])?;
            assert_eq!(trace.traceparent, PARENT);
            trace.tracestate
        };
        assert_eq!(state("vendor=1, other=2").unwrap(), "vendor=1, other=2");
        assert_eq!(state(&"x".repeat(512)).unwrap(), "x".repeat(512).as_str());
        for unusable in ["", "ü=1", &"x".repeat(513)] {
            assert_eq!(state(unusable), None, "{unusable}");
        }
        let joined = read_pairs(&[
            ("traceparent", PARENT),
            ("tracestate", "a=1"),
            ("tracestate", "b=2"),
        ]);
        assert_eq!(joined.unwrap().tracestate.unwrap(), "a=1,b=2");
    }

    #[test]
    fn a_later_version_of_traceparent_is_passed_on() {
        for parent in [
            PARENT.replacen("00", "01", 1),
            PARENT.replacen("00", "cc", 1) + "-more",
        ] {
            assert!(
                read_pairs(&[("traceparent", &parent)]).is_some(),
                "{parent}"
            );
        }
    }

    #[test]
    fn a_malformed_traceparent_is_left_out() {
        for parent in [
            "",
            "00",
            &PARENT.to_uppercase(),
            &PARENT.replacen("00", "ff", 1),
            &PARENT.replace("4bf92f3577b34da6a3ce929d0e0e4736", &"0".repeat(32)),
            &PARENT.replace("00f067aa0ba902b7", &"0".repeat(16)),
            &PARENT.replace('-', "_"),
            &format!("{PARENT}-more"),
            &format!("{PARENT}x"),
            &PARENT.replace("01", "0g"),
        ] {
            assert_eq!(read_pairs(&[("traceparent", parent)]), None, "{parent}");
        }
        assert_eq!(
            read_pairs(&[("traceparent", PARENT), ("traceparent", PARENT)]),
            None
        );
        assert_eq!(read_pairs(&[("tracestate", "a=1")]), None);
    }
}
