use std::time::Duration;

use bytes::Bytes;
use sluicegate_event::Fault;

use super::*;
use crate::sender::Reason;

fn answer(status: u16) -> Answer {
    Answer {
        status,
        retry_after: None,
        content: Content::Empty,
        body_start: Bytes::new(),
        is_loop: false,
    }
}

fn with(status: u16, content: Content) -> Verdict {
    verdict(&Ok(Answer {
        content,
        ..answer(status)
    }))
}

fn broken() -> Content {
    Content::Malformed(Fault::new("id", "id is missing", "set it"))
}

#[test]
fn every_code_is_judged_as_the_table_says() {
    // DP-14 to DP-20, S5, T5, T6. Zero and 65,535 cannot be parsed from a response, but nothing
    // here relies on that.
    for status in [0, 99].into_iter().chain(100..=999).chain([u16::MAX]) {
        let expected = match status {
            200..=299 => Verdict::Delivered(Body::Empty),
            404 | 408 | 409 | 429 | 500..=599 => Verdict::Again { retry_after: None },
            100..=199 | 300..=399 | 400..=499 => Verdict::Refused(kind::REFUSED),
            _ => Verdict::Again { retry_after: None },
        };
        assert_eq!(verdict(&Ok(answer(status))), expected, "status {status}");
    }
}

#[test]
fn every_failure_is_tried_again() {
    for reason in Reason::ALL {
        let failure = Err(Failure::new(reason, "no answer"));
        assert_eq!(
            verdict(&failure),
            Verdict::Again { retry_after: None },
            "{reason:?}"
        );
    }
}

#[test]
fn retry_after_counts_on_429_and_503_only() {
    let asked = Some(RetryAfter::In(Duration::from_secs(7)));
    for status in 100..=999 {
        let judged = verdict(&Ok(Answer {
            retry_after: asked,
            ..answer(status)
        }));
        if let Verdict::Again { retry_after } = judged {
            let expected = asked.filter(|_| status == 429 || status == 503);
            assert_eq!(retry_after, expected, "status {status}");
        }
    }
}

#[test]
fn a_202_is_never_a_reply() {
    // DP-36, T7.
    for content in [Content::Unread, Content::Events(Vec::new()), broken()] {
        assert_eq!(
            with(202, content.clone()),
            Verdict::Delivered(Body::Ignored202),
            "{content:?}"
        );
    }
}

#[test]
fn a_body_that_is_no_event_does_not_undo_a_delivery() {
    // T8.
    for status in 200..=299 {
        assert_eq!(
            with(status, Content::NotAnEvent),
            Verdict::Delivered(Body::NotAnEvent),
            "status {status}"
        );
    }
}

#[test]
fn a_broken_reply_is_refused_and_not_tried_again() {
    for status in [200, 201, 204, 299] {
        assert_eq!(
            with(status, broken()),
            Verdict::Refused(kind::REPLY),
            "status {status}"
        );
    }
}

#[test]
fn a_broken_event_in_a_failure_changes_nothing() {
    assert_eq!(with(500, broken()), Verdict::Again { retry_after: None });
    assert_eq!(with(400, broken()), Verdict::Refused(kind::REFUSED));
}

#[test]
fn a_broker_that_calls_it_a_loop_is_believed_on_400_only() {
    for (status, expected) in [
        (400, Verdict::Refused(kind::LOOP)),
        (403, Verdict::Refused(kind::REFUSED)),
        (500, Verdict::Again { retry_after: None }),
        (200, Verdict::Delivered(Body::Empty)),
    ] {
        let judged = verdict(&Ok(Answer {
            is_loop: true,
            ..answer(status)
        }));
        assert_eq!(judged, expected, "status {status}");
    }
}
