//! Who subscribes, as all processes of a broker agree on it, and what became of their events: the
//! messages of the control stream.
//!
//! Of a subject the newest message stands, and a change is published with the sequence that it is a
//! change of, so that of two processes one is told to look again.

pub mod record;
pub mod tally;
