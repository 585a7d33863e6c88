//! Generated events go through every path between content modes and come out as they were.

mod generated;
mod modes;
