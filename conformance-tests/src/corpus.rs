//! Events that must pass unaltered, and messages that must be refused with one exact status.
//!
//! Both are tables written by hand, from the specifications, with the products and seeds of code
//! where a table would be long. The valid ones guard the malformed ones: a broker that refused
//! everything would pass one without the other.

mod malformed;
mod valid;

pub use malformed::{Malformed, malformed};
pub use valid::{Valid, batch_members, generated, handwritten};
