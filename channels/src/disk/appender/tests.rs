//! The appender on a disk that fails, that lies, and that can be held still.

mod crashing;
mod failing;
mod storing;
mod support;
