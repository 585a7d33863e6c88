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
//! - **P38** An event of which the matcher cannot tell whether a subscription wants it does not reach
//!   that subscription. It is filtered in its books, and counted as undecided once it is accepted.
//! - **P39** `retained` lists the events that the store still has, whoever wants them and whether
//!   they are settled or not, oldest first, page by page, leaving out and repeating none.
//! - **P40** A replayed event is handed out once more, with no sends and its age counted anew, and
//!   counts as replayed. One that is pending or parked is not. What the store cannot have back is
//!   said to be gone.
//! - **P41** The age that a lease says counts from no earlier than its subscription was made, was last
//!   resumed after a pause, or was last moved to another place: no event is too old because it had to
//!   wait for that. When that was need not survive a restart.
//! - **P42** `parked` says since when each dead letter lies, by position, page by page, without reading
//!   any. One that has lain for too long can be discarded by `age`.

mod appending;
mod dead_letter;
mod interest;
mod lease;
mod retained;
mod status;
mod subscribing;

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use sluicegate_event::Event;

pub use self::appending::{Admission, AppendError, Position, StoreError};
pub use self::dead_letter::{
    BY_AGE, BY_THE_LEASE, BY_THE_OPERATOR, DeadLetter, DeadLetterKey, KINDS, KINDS_FOR_SINK,
    ParkReason, ParkedSince,
};
pub use self::interest::{Interest, Wanted, Wish};
pub use self::lease::{Lease, LeaseControl, LeasePurpose, Settled};
pub use self::retained::{Replayed, Retained, RetainedPage};
pub use self::status::{
    ChannelStatus, DiskStatus, DurabilityClass, LostEvents, Refuses, SubscriptionStatus,
};
pub use self::subscribing::{
    Claim, Exhausted, Matcher, NextLimit, SeekError, Start, SubscribeError, SubscriptionKey,
    SubscriptionSpec,
};

/// A boxed future, so that a channel can be a trait object.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

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

    /// Changes what the subscription can possibly want; unknown names are ignored. A store that hands
    /// out by the matcher alone has nothing to do.
    fn set_interest(&self, name: &str, interest: Interest) -> BoxFuture<'_, ()> {
        drop((name, interest));
        Box::pin(async {})
    }

    /// Ends the subscription and everything it still held (P31); gives how it stood in the end.
    fn delete(&self, name: &str) -> BoxFuture<'_, Option<SubscriptionStatus>>;

    /// Moves the subscription's cursor (P35).
    fn seek(&self, name: &str, to: Start) -> BoxFuture<'_, Result<(), SeekError>>;

    /// Up to `limit` of the events that the channel still has, settled or not, from `from` on (P39).
    fn retained(
        &self,
        from: Start,
        limit: usize,
    ) -> BoxFuture<'_, Result<RetainedPage, StoreError>>;

    /// Hands these events out to the subscription once more, whether it wants them or not, without
    /// moving its cursor (P40). At most about 1,000 replayed events wait at a time.
    fn replay(
        &self,
        name: &str,
        positions: &[Position],
    ) -> BoxFuture<'_, Result<Replayed, SeekError>>;

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

    /// Since when up to `limit` dead letters of a subscription lie, by position, from the place after
    /// `after` (P42).
    fn parked(&self, name: &str, after: Option<Position>, limit: usize) -> Vec<ParkedSince>;

    /// Ends a dead letter that has lain for too long (P42). False when there is none.
    fn discard_by_age(&self, key: &DeadLetterKey) -> BoxFuture<'_, Result<bool, StoreError>>;

    /// The channel and each subscription as they stand now (P33).
    fn describe(&self) -> ChannelStatus;

    /// Refuses appends from now on and wakes every waiting `next`, which then hands out nothing
    /// more. Leases already out may still be ended (P36).
    fn close(&self);
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
