//! The NATS channel: a broker's events in JetStream, shared by any number of processes. See
//! `docs/decisions/0016-nats-channel.md` for the whole of it.
//!
//! ```text
//!   names.rs      what a broker's streams and subjects are called
//!   subjects.rs   where an event is published, and what a server hands out of that
//!   message.rs    an event as a NATS message and back, and what it takes in a stream
//!   entry.rs      what is kept apart: moved deferrals, parked events and replays, as messages
//!   steps.rs      what is done with that, as batches; index.rs what a process knows of it
//!   kept.rs       does that; watch.rs reads the index; due.rs pulls what falls due;
//!                 letters.rs and replay.rs do what operators ask for
//!   link.rs       the connection to the servers, and how they are asked
//!   streams.rs    a broker's streams, made or taken over; publishing.rs what is stored in them
//!   options.rs    what a broker's settings say; class.rs how well its streams keep what they have,
//!                 by what monitoring.rs is told by their servers
//!   control.rs    subscriptions and what became of their events, as all processes agree on it
//!   asking.rs     what servers are asked; pulling.rs what their consumers hand out, by inbox.rs; stored.rs single
//!                 messages, from any server
//!   consumers.rs  where subscriptions read; enrolling.rs how they begin, go elsewhere and end
//!   survey.rs     how streams and consumers stand
//!   overseeing.rs what is looked at all the time; room.rs how much of the streams may be used
//!   retained.rs   the events that are still there
//!   state.rs      the subscriptions as a process has them, and what may happen to them
//!   channel.rs    all of it as a channel
//!   shared.rs     the state under one mutex, for readers, leases and tasks; lease.rs how leases end
//!   fields.rs, percent.rs, schedule.rs    how headers say things
//! ```

pub mod asking;
pub mod channel;
pub mod class;
pub mod consumers;
pub mod control;
mod due;
pub mod enrolling;
pub mod entry;
pub mod fields;
mod inbox;
pub mod index;
mod kept;
mod lease;
mod letters;
pub mod link;
pub mod message;
pub mod monitoring;
pub mod names;
pub mod options;
pub mod overseeing;
mod percent;
pub mod publishing;
pub mod pulling;
mod replay;
pub mod retained;
pub mod room;
pub mod schedule;
mod shared;
mod state;
pub mod steps;
mod stored;
pub mod streams;
pub mod subjects;
pub mod survey;
mod watch;
