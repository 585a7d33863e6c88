//! What progress promises, on a simulated disk.

mod support;
mod writing;
