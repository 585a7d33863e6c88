//! The CloudEvents envelope, its attributes, the HTTP, NATS and JSON bindings, and an event's bytes in
//! a store.
//!
//! What came in goes out: data byte for byte, attributes in the text they arrived in, unknown
//! extensions kept, through any path between content modes. CloudEvents 1.0 and 0.3.
//!
//! What is deliberately absent: I/O, clocks, async, and any opinion about brokers.

pub mod attribute;
pub mod envelope;
pub mod error;
pub mod http_binding;
pub mod json_format;
pub mod limits;
pub mod nats_binding;
#[cfg(feature = "sdk")]
pub mod sdk;
pub mod stored;
mod syntax;

pub use attribute::{Attribute, AttributeName, AttributeType, AttributeValue};
pub use envelope::{ContentMode, Data, Event, EventBuilder, SpecVersion, TraceContext};
pub use error::{DecodeError, Fault};
pub use http_binding::{Decoded, Encode, decode, encode, message_bytes_max};
pub use limits::Limits;
pub use stored::StoredError;
