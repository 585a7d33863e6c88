//! YAML as a tree that knows where each node stands, and a reader over it that explains itself.
//!
//! [`documents`] gives the trees of a text. [`Mapping`] and [`Field`] read a tree into typed
//! values: whoever reads asks for fields by name, and everything that is wrong goes to one
//! [`Findings`] with its place and a remedy. Reading goes on after a fault, so that a person
//! learns of all faults at once; unknown fields are found because nobody asked for them.
//!
//! The text is read as Kubernetes tools write it: YAML 1.2 scalars (`yes` is a string), no
//! aliases, no tags, each key once. A text may have [`TEXT_BYTES_MAX`] bytes, [`NODES_MAX`] nodes
//! and [`DEPTH_MAX`] levels, so that reading takes bounded time and no deep recursion.
//!
//! What is deliberately absent: writing YAML, and files.
//!
//! ```
//! use sluicegate_resources::yaml::{self, Findings, Mapping};
//!
//! let text = "listen: 127.0.0.1:8080\nlimitz: 64Ki\n";
//! let documents = yaml::documents(text);
//! let findings = Findings::default();
//! let mut settings = Mapping::of(&documents.list[0], &findings).expect("a mapping");
//! let listen = settings.field("listen").and_then(|field| field.string());
//! let limit = settings.field("limits").and_then(|field| field.quantity(1..=1 << 30));
//! settings.finish();
//!
//! assert_eq!((listen, limit), (Some("127.0.0.1:8080"), None));
//! let found = findings.into_sorted();
//! assert_eq!(found[0].message, "unknown field `limitz`; did you mean `limits`?");
//! assert_eq!(found[0].span.unwrap().line, 2);
//! ```

mod compose;
mod duration;
mod field;
mod findings;
mod mapping;
mod node;
mod quantity;
mod written;

pub use compose::{DEPTH_MAX, Documents, NODES_MAX, TEXT_BYTES_MAX, documents};
pub use duration::{DurationFault, parse_duration, show_duration};
pub use field::Field;
pub use findings::{Findings, SHOWN_MAX};
pub use mapping::Mapping;
pub use node::{Document, Entry, Node, Scalar, Value};
pub use quantity::{parse_quantity, show_quantity};

#[cfg(test)]
mod tests;
