//! The appender on a disk that fails, that lies, and that can be held still.

mod crashing;
mod ending;
mod failing;
mod queueing;
mod real;
mod room;
mod storing;
mod support;
mod telling;
