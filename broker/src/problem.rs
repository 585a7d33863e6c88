//! The one table of refusals: what each is called, and which status answers it.
//!
//! Nothing else in the crate picks a status for a request that is not served. How a refusal is
//! written stands in `refusal.rs`.

mod refusal;

use http::StatusCode;

pub use refusal::{MEDIA_TYPE, REASON, Refusal};

/// A kind of refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Problem {
    /// The message is not a valid CloudEvent.
    NotAnEvent,
    /// The media type or the content encoding is not understood.
    Unsupported,
    /// The event, the batch or the body is past a size limit.
    TooLarge,
    /// The path names a broker that does not exist.
    NoBroker,
    /// The path is not one that this server answers.
    NoRoute,
    /// The path takes another method.
    MethodNotAllowed,
    /// The store or the memory for requests is full; another try later may succeed.
    Full,
    /// The disk under the broker's store has too little room; another try later may succeed.
    NoSpace,
    /// The broker cannot take events now: it is starting, stopping or broken.
    NotReady,
    /// The body arrived too slowly.
    TooSlow,
    /// The request breaks a rule of HTTP.
    BadRequest,
    /// The request target is too long.
    UriTooLong,
    /// The header section has too many lines or bytes.
    HeadTooLarge,
    /// The event has used up its hops.
    Loop,
    /// A web page could have sent the request to the admin listener.
    Foreign,
    /// The admin API has no object of that name.
    NoObject,
    /// The body or the query of a call of the admin API is not what the path takes.
    BadCall,
    /// A call of the admin API asks for something that a manifest forbids.
    Manifest,
    /// As many operations run as may.
    Busy,
    /// Dead letters lie for longer than they may.
    Unattended,
    /// The store takes one event at a time, and the batch has several.
    NotAtomic,
}

/// One row of the table.
struct Row {
    code: &'static str,
    status: StatusCode,
    reason: &'static str,
    title: &'static str,
    meaning: &'static str,
}

impl Problem {
    /// Every kind, in the order of the codes.
    pub const ALL: &[Problem] = &[
        Problem::NotAnEvent,
        Problem::Unsupported,
        Problem::TooLarge,
        Problem::NoBroker,
        Problem::NoRoute,
        Problem::MethodNotAllowed,
        Problem::Full,
        Problem::NotReady,
        Problem::TooSlow,
        Problem::BadRequest,
        Problem::UriTooLong,
        Problem::HeadTooLarge,
        Problem::Loop,
        Problem::Foreign,
        Problem::NoObject,
        Problem::BadCall,
        Problem::NoSpace,
        Problem::Manifest,
        Problem::Busy,
        Problem::Unattended,
        Problem::NotAtomic,
    ];

    const fn row(self) -> Row {
        let (code, status, reason, title, meaning) = match self {
            Problem::NotAnEvent => (
                "W010",
                StatusCode::BAD_REQUEST,
                "malformed",
                "not a CloudEvent",
                "The message is not a CloudEvent: a required attribute is missing, or a name, \
                 a value or the JSON is not allowed.",
            ),
            Problem::Unsupported => (
                "W041",
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "unsupported",
                "media type or encoding not understood",
                "The event format, or the body of a call of the admin API, is not JSON, or it has a \
                 content encoding other than identity.",
            ),
            Problem::TooLarge => (
                "W042",
                StatusCode::PAYLOAD_TOO_LARGE,
                "too_large",
                "past a size limit",
                "The event, the batch or the body is larger than this broker takes.",
            ),
            Problem::NoBroker => (
                "W043",
                StatusCode::NOT_FOUND,
                "no_broker",
                "no such broker",
                "The path has the right shape, and no broker of that namespace and name is \
                 served here.",
            ),
            Problem::NoRoute => (
                "W044",
                StatusCode::NOT_FOUND,
                "no_route",
                "no such path",
                "The path is neither /{namespace}/{broker} nor /, or none of the admin listener's.",
            ),
            Problem::MethodNotAllowed => (
                "W045",
                StatusCode::METHOD_NOT_ALLOWED,
                "method",
                "method not allowed",
                "Events are sent with POST; OPTIONS answers the webhook handshake.",
            ),
            Problem::Full => (
                "W046",
                StatusCode::SERVICE_UNAVAILABLE,
                "full",
                "no room now",
                "The broker's store, or the memory for requests under way, is full; send \
                 again after Retry-After.",
            ),
            Problem::NotReady => (
                "W047",
                StatusCode::SERVICE_UNAVAILABLE,
                "not_ready",
                "broker not ready",
                "The broker is starting, stopping, without its BrokerConfig, or cannot reach its \
                 store; send again after Retry-After.",
            ),
            Problem::TooSlow => (
                "W048",
                StatusCode::REQUEST_TIMEOUT,
                "too_slow",
                "body too slow",
                "The body arrived more slowly than the server waits for.",
            ),
            Problem::BadRequest => (
                "W049",
                StatusCode::BAD_REQUEST,
                "bad_request",
                "not well-formed HTTP",
                "The request, not the event in it, breaks a rule of HTTP.",
            ),
            Problem::UriTooLong => (
                "W049",
                StatusCode::URI_TOO_LONG,
                "uri_too_long",
                "request target too long",
                "The path and query are longer than the server takes.",
            ),
            Problem::HeadTooLarge => (
                "W049",
                StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
                "head_too_large",
                "header section too large",
                "The request has more header lines or bytes than the server takes.",
            ),
            Problem::Loop => (
                "W021",
                StatusCode::BAD_REQUEST,
                "loop",
                "out of hops",
                "The event has passed through brokers as often as it may, so it is probably \
                 going round in a loop.",
            ),
            Problem::Foreign => (
                "W022",
                StatusCode::FORBIDDEN,
                "foreign",
                "not from a web page",
                "A web page could have sent the request to the admin listener: its Host is no name \
                 of the listener, or its Origin is another site.",
            ),
            Problem::NoObject => (
                "W050",
                StatusCode::NOT_FOUND,
                "no_object",
                "no such object",
                "The admin API has no trigger, dead letter or watch of that name.",
            ),
            Problem::BadCall => (
                "W051",
                StatusCode::BAD_REQUEST,
                "bad_call",
                "not what the path takes",
                "The body or the query of a call of the admin API is not what the path takes.",
            ),
            Problem::NoSpace => (
                "W052",
                StatusCode::INSUFFICIENT_STORAGE,
                "no_space",
                "disk full",
                "The disk under the broker's store has less room than is kept free; send again after \
                 Retry-After.",
            ),
            Problem::Busy => (
                "W054",
                StatusCode::SERVICE_UNAVAILABLE,
                "busy",
                "too many operations",
                "As many operations as may run at a time are running.",
            ),
            Problem::Unattended => (
                "W055",
                StatusCode::INSUFFICIENT_STORAGE,
                "unattended",
                "dead letters too old",
                "Events have lain in the broker's dead-letter store for longer than they may, so it \
                 takes no new ones until someone sends those again or discards them.",
            ),
            Problem::NotAtomic => (
                "W056",
                StatusCode::NOT_IMPLEMENTED,
                "not_atomic",
                "one event at a time",
                "The broker's store cannot store a batch whole, so it takes one event at a time.",
            ),
            Problem::Manifest => (
                "W053",
                StatusCode::CONFLICT,
                "manifest",
                "a manifest says otherwise",
                "A call of the admin API asks for something that a manifest forbids, and no call \
                 changes manifests.",
            ),
        };
        Row {
            code,
            status,
            reason,
            title,
            meaning,
        }
    }

    /// The stable code, such as `W010`. Kinds that concern HTTP itself share one.
    pub const fn code(self) -> &'static str {
        self.row().code
    }

    /// The status that answers it.
    pub const fn status(self) -> StatusCode {
        self.row().status
    }

    /// The label `reason` in metrics and logs.
    pub const fn reason(self) -> &'static str {
        self.row().reason
    }

    /// A few words, always the same.
    pub const fn title(self) -> &'static str {
        self.row().title
    }

    /// What it means, in one sentence.
    pub const fn meaning(self) -> &'static str {
        self.row().meaning
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_names_one_kind_and_a_code_at_most_one_status_of_events() {
        for (index, problem) in Problem::ALL.iter().enumerate() {
            let may_come_again = matches!(problem.status().as_u16(), 503 | 507);
            let is_final = problem.status().is_client_error() || *problem == Problem::NotAtomic;
            assert!(is_final || may_come_again);
            for other in &Problem::ALL[..index] {
                assert_ne!(problem.reason(), other.reason());
                assert!(problem.code() != other.code() || problem.code() == "W049");
            }
        }
    }

    #[test]
    fn no_code_means_something_else_in_a_manifest() {
        for problem in Problem::ALL {
            assert_eq!(
                sluicegate_resources::codes::meaning(problem.code()),
                None,
                "{problem:?}"
            );
        }
    }
}
