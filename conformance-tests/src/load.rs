//! Open-loop load: sends happen when they are meant to, and latency counts from then.
//!
//! A driver that waits for each answer before the next send slows down with the server it measures,
//! and so leaves out the very waits that its users would see. Here the n-th send is due at
//! `start + n / rate`, whatever came before, and its latency counts from that moment: a wait for a
//! free connection counts as the server's.
//!
//! Works against any URL that takes a POST. One thread, so that a measured server on the same
//! machine has the rest.

mod cpu;
mod driver;
mod histogram;
mod pace;
mod sink;

pub use cpu::{CpuClock, CpuTime};
pub use driver::{Extent, Load, Report, run};
pub use histogram::{Histogram, Summary};
pub use pace::Rate;
pub use sink::Sink;
