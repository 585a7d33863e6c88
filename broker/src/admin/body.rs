//! What is said of a JSON body that a path does not take.

use axum::extract::rejection::JsonRejection;
use axum::http::StatusCode;
use axum::response::Response;

use super::{BODY_BYTES_MAX, bad_call, refuse};
use crate::causes::innermost;
use crate::problem::{Problem, Refusal};

/// The refusal of a body; `hint` shows one that would be taken. Only the reader of the JSON is
/// quoted: those above it speak of types of ours.
pub(super) fn not_taken(rejection: &JsonRejection, hint: &str) -> Response {
    let refused = |problem, detail: &str| refuse(Refusal::new(problem, detail).hint(hint));
    match rejection {
        JsonRejection::MissingJsonContentType(_) => refused(
            Problem::Unsupported,
            "the content type of the body must be application/json",
        ),
        JsonRejection::JsonSyntaxError(error) => {
            bad_call(format!("the body is not JSON: {}", innermost(error)), hint)
        }
        JsonRejection::JsonDataError(error) => bad_call(
            format!("the body is not what this path takes: {}", innermost(error)),
            hint,
        ),
        other if other.status() == StatusCode::PAYLOAD_TOO_LARGE => refused(
            Problem::TooLarge,
            &format!("the body is larger than {BODY_BYTES_MAX} bytes"),
        ),
        other => bad_call(
            format!("the body cannot be read: {}", innermost(other)),
            hint,
        ),
    }
}
