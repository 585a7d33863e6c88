//! What progress promises, on a simulated disk.

mod damage;
mod faults;
mod format;
mod generations;
mod many;
mod model;
mod parts;
mod space;
mod support;
mod writing;
