//! Generated events go through every path between content modes, and through a store, and come out
//! as they were.

mod generated;
mod modes;
mod stored;
