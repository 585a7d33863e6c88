//! The whole channel on a simulated disk, with its threads, in real time. What is waited for is
//! polled for, with a deadline.

mod closing;
mod crashing;
mod failing;
mod keeping;
mod losing;
mod outages;
mod reading;
mod retention;
mod support;
