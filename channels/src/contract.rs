//! What every backend promises, and the types it promises it in.
//!
//! # Promises
//!
//! Numbered; `contract_suite` has one test function for each, and every backend runs them all.
//!
//! **Append.**
//! - **P1** `append` answers only once the events are stored to the channel's durability class.
//! - **P2** A batch is stored whole or not at all.
//! - **P3** Positions never go back and are never given twice.
//! - **P4** The matcher is asked once per event, whatever the number of subscriptions; once more
//!   only where a subscription is made while the event is being appended.
//! - **P5** Ingress may use 80 % of a bounded store; [`Admission::Internal`] may use all of it.
//! - **P6** A store past its bound refuses with [`AppendError::Full`] and changes nothing; it never
//!   forgets silently.
//! - **P7** A store that sheds takes the oldest event of the subscription that holds most, and only
//!   while another holds less than half as much. The event comes up once more as
//!   [`LeasePurpose::DeadLetter`] of kind `shed` where the subscription says
//!   [`Exhausted::HandOver`]; else, and past the store's share for these, it is counted as
//!   discarded by `shed`.
//!
//! **Subscribe and lease.**
//! - **P10** From the moment `subscribe` answers, every event accepted that the matcher wants for
//!   the subscription reaches it.
//! - **P11** `next` hands out each pending event once at a time, within the limit in items and in
//!   bytes (one event is handed out whatever its size). Fresh events come oldest first. Those that
//!   come up again take turns with them, so that neither starves the other; what was handed back
//!   goes first.
//! - **P12** A lease that is dropped, for whatever reason, is handed out again, with the count of
//!   sends it had when it was handed out.
//! - **P13** A dropped `next` loses nothing.
//! - **P14** The data and attributes of a leased event are those that were appended.
//! - **P15** A subscription that leaves its events lying does not delay another.
//! - **P16** Subscribing again under the same name continues where the subscription stood; leases
//!   that are out stay out. While a reading end is alive, the name is refused.
//! - **P17** `next` hands out no more events for the dead-letter sink than the limit says. Those
//!   past it wait and hold up nothing else, so that a sink that hangs delays no delivery.
//!
//! **How a lease ends.**
//! - **P20** A settled event is not handed out again, and its storage may be freed.
//! - **P21** A deferred event is handed out again when it is due, not before, with the count of
//!   sends given, and holds no place in the meantime: `next` goes on with the events behind it,
//!   up to `deferred_max` deferred ones; past those it hands out no fresh ones.
//! - **P22** A parked event is in the dead-letter store with its reason, once per subscription and
//!   position however often it is parked, and is not handed out for delivery again. (An event that
//!   a full store took is discarded instead: it must not fill the store once more.)
//! - **P23** A parked event with a retry time comes back as [`LeasePurpose::DeadLetter`] then. It
//!   counts as parked until its sink takes it. So does one that lies without a retry time, once the
//!   subscription says [`Exhausted::HandOver`], if it is of a kind that a sink may have
//!   ([`KINDS_FOR_SINK`]): what was parked before there was a sink reaches it, and so does what is
//!   parked after that by whoever does not know yet that there is one.
//! - **P24** A full store still lets leases be settled, deferred and parked: it drains.
//!
//! **Operate.**
//! - **P30** `pause` stops handing out without losing or settling anything; resuming continues.
//! - **P31** `delete` ends everything pending or parked as cancelled and says how all events of the
//!   subscription ended; leases still held end without effect; a waiting `next` answers empty.
//! - **P32** `redrive` makes a parked event pending again with no sends, and its age counts anew
//!   from then; `discard` ends it.
//! - **P33** `describe` gives books that balance at every quiet moment.
//! - **P34** Nothing waits on a subscription that wants nothing: it holds no events.
//! - **P35** `seek` to the latest place ends what waits as discarded; what cannot be had back is
//!   refused with [`SeekError::NotRetained`].
//! - **P36** `close` refuses what comes in from then on and ends every wait; leases still end.
//! - **P37** `dead_letters` lists oldest first, page by page, leaving out and repeating none.

use std::fmt;
use std::future::Future;
use std::num::NonZeroUsize;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use sluicegate_event::Event;

use crate::{Books, Timestamp};

/// A boxed future, so that a channel can be a trait object.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// How well an accepted event is kept: what survives what.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DurabilityClass {
    /// In this process only: survives a graceful drain, not a kill.
    Memory,
}

impl fmt::Display for DurabilityClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DurabilityClass::Memory => f.write_str("memory"),
        }
    }
}

/// A place in a channel: ordered within a partition, compared nowhere else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// The partition; always 0 on channels that have one.
    pub partition: u32,
    /// The offset within the partition.
    pub offset: u64,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.partition == 0 {
            write!(f, "{}", self.offset)
        } else {
            write!(f, "{}:{}", self.partition, self.offset)
        }
    }
}

/// A small number that stands for a subscription within one process; given by whoever subscribes,
/// unique within a channel, never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SubscriptionKey(pub u64);

/// Says once per event which subscriptions want it.
///
/// Asked while the channel holds its own state: must not block and must not call the channel.
pub trait Matcher: Send + Sync {
    /// Calls `wanted` once for each subscription that wants `event`, in any order.
    fn matches(&self, event: &Event, wanted: &mut dyn FnMut(SubscriptionKey));
}

/// Who appends: decides how much of a bounded store may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// A producer's request: may use 80 % of a bounded store.
    Ingress,
    /// A reply, which must be stored before its cause is settled: may use all of it.
    Internal,
}

/// Why an append was refused. Nothing of the batch was stored, except where a variant says so.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AppendError {
    /// The store is past its bound; worth another try after `retry_after`.
    #[error("the store is full")]
    Full {
        /// When another try is worthwhile.
        retry_after: Duration,
    },
    /// The batch alone is larger than the store may ever hold.
    #[error("the batch of {size_bytes} bytes is larger than the store's {max_bytes} bytes")]
    TooLarge {
        /// What the batch would take.
        size_bytes: u64,
        /// What the store may hold.
        max_bytes: u64,
    },
    /// The batch alone has more events than the store may ever hold.
    #[error("the batch of {events} events is more than the store's {events_max} events")]
    TooMany {
        /// How many events of the batch would be stored.
        events: u64,
        /// How many the store may hold.
        events_max: u64,
    },
    /// The channel is closed; the process is stopping.
    #[error("the channel is closed")]
    Closed,
}

/// A failure of the store itself while a lease ends; the event stays pending.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the channel could not store this: {0}")]
pub struct StoreError(pub String);

/// Where a subscription begins when it is first seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Start {
    /// With the next event accepted.
    #[default]
    Latest,
    /// With the oldest event that the channel still has.
    Earliest,
    /// With the first event accepted at or after this time that the channel still has.
    Time(Timestamp),
}

/// What happens to an event that a bounded store takes from the subscription that holds most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exhausted {
    /// There is a dead-letter sink: hand the event out once more as [`LeasePurpose::DeadLetter`].
    HandOver,
    /// There is none: count it as discarded.
    Discard,
}

/// What identifies a subscription and how it wants to be served.
#[derive(Clone, Debug)]
pub struct SubscriptionSpec {
    /// The durable name: `namespace/name/uid`.
    pub name: Arc<str>,
    /// Stands for the subscription in the [`Matcher`]'s answers.
    pub key: SubscriptionKey,
    /// Where to begin when this name is new; ignored otherwise.
    pub start: Start,
    /// What to do when a bounded store takes an event from it.
    pub exhausted: Exhausted,
    /// Past this many deferred events, `next` hands out no fresh ones.
    pub deferred_max: NonZeroUsize,
}

/// Why a subscription could not be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SubscribeError {
    /// The name is in use by a live [`Subscription`] of this process.
    #[error("subscription {0} is already open")]
    AlreadyOpen(Arc<str>),
    /// The channel is closed; the process is stopping.
    #[error("the channel is closed")]
    Closed,
}

/// Why a seek was refused; nothing changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SeekError {
    /// No such subscription.
    #[error("there is no subscription {0}")]
    Unknown(Arc<str>),
    /// The channel no longer has settled events to go back to.
    #[error("this channel keeps no settled events to go back to")]
    NotRetained,
}

/// The store of one broker. A trait object; every method takes `&self`.
pub trait Channel: Send + Sync + fmt::Debug {
    /// Stores a batch, whole or not at all, and gives the position of each event (P1 to P7).
    ///
    /// An event is held as it is: one that shares a buffer with others is compacted by whoever
    /// appends it, since a store in memory counts the event's bytes and not its neighbours'.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves it unknown whether the batch was stored; it is stored whole or
    /// not at all.
    fn append(
        &self,
        batch: Vec<Event>,
        admission: Admission,
    ) -> BoxFuture<'_, Result<Vec<Position>, AppendError>>;

    /// Opens the subscription of that name, making it if it is new (P10, P16).
    fn subscribe(
        &self,
        spec: SubscriptionSpec,
    ) -> BoxFuture<'_, Result<Box<dyn Subscription>, SubscribeError>>;

    /// Stops (true) or resumes (false) handing out; unknown names are ignored (P30).
    fn pause(&self, name: &str, paused: bool) -> BoxFuture<'_, ()>;

    /// Changes what happens to an event that a bounded store takes from the subscription; with
    /// [`Exhausted::HandOver`], puts what lies parked on its way to the sink (P23). Unknown names are
    /// ignored.
    fn set_exhausted(&self, name: &str, exhausted: Exhausted) -> BoxFuture<'_, ()>;

    /// Ends the subscription and everything it still held (P31); gives how it stood in the end.
    fn delete(&self, name: &str) -> BoxFuture<'_, Option<SubscriptionStatus>>;

    /// Moves the subscription's cursor (P35).
    fn seek(&self, name: &str, to: Start) -> BoxFuture<'_, Result<(), SeekError>>;

    /// Up to `limit` dead letters, oldest first, of one subscription or of all, from the place
    /// after `after` (P37). Those of all stand by position, then by name.
    fn dead_letters(
        &self,
        name: Option<&str>,
        after: Option<DeadLetterKey>,
        limit: usize,
    ) -> BoxFuture<'_, Vec<DeadLetter>>;

    /// Makes a dead letter pending again with no sends (P32). False when there is none.
    fn redrive(&self, key: &DeadLetterKey) -> BoxFuture<'_, Result<bool, StoreError>>;

    /// Ends a dead letter as discarded (P32). False when there is none.
    fn discard(&self, key: &DeadLetterKey) -> BoxFuture<'_, Result<bool, StoreError>>;

    /// The channel and each subscription as they stand now (P33).
    fn describe(&self) -> ChannelStatus;

    /// Refuses appends from now on and wakes every waiting `next`, which then hands out nothing
    /// more. Leases already out may still be ended (P36).
    fn close(&self);
}

/// How much one call of [`Subscription::next`] may hand out.
#[derive(Clone, Copy, Debug)]
pub struct NextLimit {
    /// At most this many leases.
    pub items_max: NonZeroUsize,
    /// At most this many bytes of events, except that one event is always handed out.
    pub bytes_max: usize,
    /// At most this many of the leases are for [`LeasePurpose::DeadLetter`]; may be none.
    pub dead_letters_max: usize,
}

/// One subscription's reading end. Dropping it closes the end, not the subscription.
pub trait Subscription: Send + fmt::Debug {
    /// Waits for at least one event and hands out what is ready within `limit` (P11 to P17). An
    /// empty answer means that the channel is closed or the subscription deleted.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: leases are made only when the future completes (P13).
    fn next(&mut self, limit: NextLimit) -> BoxFuture<'_, Vec<Lease>>;
}

/// What a lease is handed out for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LeasePurpose {
    /// To be sent to the subscriber.
    Deliver,
    /// Given up on: to be sent to the dead-letter sink only, with this reason.
    DeadLetter(ParkReason),
}

/// How a lease that is done ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settled {
    /// The subscriber took it.
    Delivered,
    /// The dead-letter sink took it.
    DeadLettered,
    /// Ended unseen, with the reason logged by whoever ends it.
    Discarded,
}

/// Why an event was given up on. Kept with a dead letter, shown to people and machines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParkReason {
    /// A short word from a closed set, such as `exhausted`, `refused`, `loop`, `reply`, `shed`.
    pub kind: &'static str,
    /// One sentence for people.
    pub detail: Arc<str>,
    /// Where the last attempt went, when there was one.
    pub dest: Option<Arc<str>>,
    /// The status it was answered with, when there was one.
    pub code: Option<u16>,
    /// The beginning of the answer's body, at most 768 bytes.
    pub data: bytes::Bytes,
}

/// The kinds of [`ParkReason`] that a dead-letter sink is to have. The others are kept from it: an
/// event in a loop would make another round, and a poisonous one do its harm again.
pub const KINDS_FOR_SINK: [&str; 3] = ["exhausted", "refused", "reply"];

/// The right and duty to deal with one event of one subscription.
///
/// Ends by exactly one of [`settle`](Lease::settle), [`defer`](Lease::defer) and
/// [`park`](Lease::park); dropped without, the event is handed out again (P12).
#[derive(Debug)]
pub struct Lease {
    /// The event; shared, never copied.
    pub event: Arc<Event>,
    /// Where it stands in the channel.
    pub position: Position,
    /// How many sends were made before this lease.
    pub sends: u32,
    /// When the channel first accepted it.
    pub accepted_at: Timestamp,
    /// From when a limit on its age counts: when it was accepted, or last redriven (P32).
    pub age_since: Timestamp,
    /// What to do with it.
    pub purpose: LeasePurpose,
    control: Option<Box<dyn LeaseControl>>,
}

impl Lease {
    /// Makes a lease; for backends.
    pub fn new(
        event: Arc<Event>,
        position: Position,
        sends: u32,
        accepted_at: Timestamp,
        purpose: LeasePurpose,
        control: Box<dyn LeaseControl>,
    ) -> Self {
        Lease {
            event,
            position,
            sends,
            accepted_at,
            age_since: accepted_at,
            purpose,
            control: Some(control),
        }
    }

    /// Ends the event for this subscription (P20). Durable soon after; losing it costs a
    /// duplicate, never an event.
    pub fn settle(mut self, how: Settled) {
        if let Some(control) = self.control.take() {
            control.settle(how);
        }
    }

    /// Puts the event off until `until`, with `sends` as its count (P21).
    ///
    /// # Errors
    ///
    /// When the deferral cannot be stored; the event is then handed out again.
    pub async fn defer(mut self, until: Timestamp, sends: u32) -> Result<(), StoreError> {
        match self.control.take() {
            Some(control) => control.defer(until, sends).await,
            None => Ok(()),
        }
    }

    /// Puts the event into the dead-letter store (P22) with `sends` as its count; with `retry_at`, it
    /// comes back then for another try at the dead-letter sink (P23).
    ///
    /// # Errors
    ///
    /// When it cannot be stored; the event is then handed out again.
    pub async fn park(
        mut self,
        reason: ParkReason,
        sends: u32,
        retry_at: Option<Timestamp>,
    ) -> Result<(), StoreError> {
        match self.control.take() {
            Some(control) => control.park(reason, sends, retry_at).await,
            None => Ok(()),
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(control) = self.control.take() {
            control.release();
        }
    }
}

/// A backend's side of a lease. Exactly one method is called, once.
pub trait LeaseControl: Send + Sync + fmt::Debug {
    /// See [`Lease::settle`].
    fn settle(self: Box<Self>, how: Settled);
    /// See [`Lease::defer`].
    fn defer(
        self: Box<Self>,
        until: Timestamp,
        sends: u32,
    ) -> BoxFuture<'static, Result<(), StoreError>>;
    /// See [`Lease::park`].
    fn park(
        self: Box<Self>,
        reason: ParkReason,
        sends: u32,
        retry_at: Option<Timestamp>,
    ) -> BoxFuture<'static, Result<(), StoreError>>;
    /// The lease was dropped: hand the event out again.
    fn release(self: Box<Self>);
}

/// Names one dead letter: the subscription and the position it was appended at.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeadLetterKey {
    /// The subscription's durable name.
    pub subscription: Arc<str>,
    /// Where the event stood in the channel.
    pub position: Position,
}

/// A parked event, with why.
#[derive(Clone, Debug)]
pub struct DeadLetter {
    /// Its name.
    pub key: DeadLetterKey,
    /// The event as it was appended.
    pub event: Arc<Event>,
    /// Why it was given up on.
    pub reason: ParkReason,
    /// Sends to the subscriber before it was given up on.
    pub sends: u32,
    /// When the channel first accepted it.
    pub accepted_at: Timestamp,
    /// When it was first parked.
    pub parked_at: Timestamp,
    /// When its dead-letter sink is tried again, if it has one.
    pub retry_at: Option<Timestamp>,
}

/// A channel as it stands.
#[derive(Clone, Debug)]
pub struct ChannelStatus {
    /// How well accepted events are kept.
    pub class: DurabilityClass,
    /// Events held.
    pub events: u64,
    /// Bytes held.
    pub bytes: u64,
    /// The bound in events, when there is one.
    pub events_max: Option<u64>,
    /// The bound in bytes, when there is one.
    pub bytes_max: Option<u64>,
    /// When the oldest event held was accepted.
    pub oldest_accepted_at: Option<Timestamp>,
    /// Events appended since the channel was opened.
    pub appended: u64,
    /// Each subscription, by name.
    pub subscriptions: Vec<SubscriptionStatus>,
}

/// A subscription as it stands.
#[derive(Clone, Debug)]
pub struct SubscriptionStatus {
    /// Its durable name.
    pub name: Arc<str>,
    /// Stands for it in the matcher's answers.
    pub key: SubscriptionKey,
    /// The conservation law's terms.
    pub books: Books,
    /// Ready to be handed out now or held back by a pause.
    pub waiting: u64,
    /// Put off until a later time.
    pub deferred: u64,
    /// Handed out.
    pub leased: u64,
    /// When the oldest pending event was accepted.
    pub oldest_pending_accepted_at: Option<Timestamp>,
    /// When the first of the deferred events is due; none when nothing is deferred.
    pub next_due_at: Option<Timestamp>,
    /// Whether handing out is paused.
    pub paused: bool,
    /// Whether fresh events are held back because too many are deferred.
    pub stalled: bool,
    /// Why and how many events were discarded, by reason: `shed` by a full store, `operator` by a
    /// command, `lease` by whoever held the lease.
    pub discarded_by: Vec<(&'static str, u64)>,
}
