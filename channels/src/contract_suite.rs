//! One test for each promise of the [contract](crate::contract), for every backend unchanged.
//!
//! A backend says through a [`Fixture`] how a channel of its kind is opened and what it can do,
//! and its test file runs everything in one line:
//!
//! ```text
//! sluicegate_channels::contract_tests!(#[tokio::test(start_paused = true)] MemoryFixture);
//! ```
//!
//! The tests are listed once, below. The list makes both the public functions and the macro, so a
//! test that is written and not listed is dead code, which does not pass the lints; and a test
//! beside the list compares it with the numbers in the contract's own text.
//!
//! The suite looks from outside only, and waits by polling with a deadline: it runs on paused time
//! as well as against real servers.

mod aging;
mod append;
mod ending;
mod leasing;
mod operating;
mod replaying;
mod support;

use std::sync::Arc;
use std::time::Duration;

pub use self::support::ByType;
use crate::{BoxFuture, Channel, Clock, Matcher};

/// How large the store under test shall be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Events.
    pub events_max: u64,
    /// Bytes.
    pub bytes_max: u64,
    /// Whether it shall take events from the subscription that holds most when it is full.
    pub sheds: bool,
}

impl Default for Bounds {
    /// More than any test needs that is not about bounds.
    fn default() -> Self {
        Bounds {
            events_max: 10_000,
            bytes_max: 64 << 20,
            sheds: false,
        }
    }
}

/// What a backend can do. The test of a promise that it cannot be held to ends at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// It has the bounds it is given and refuses past them (P5, P6, P24).
    pub bounded: bool,
    /// It can shed (P7).
    pub sheds: bool,
    /// It keeps settled events, so that a subscription can go back to them (P35).
    pub keeps_settled: bool,
}

/// A channel under test.
#[derive(Clone, Debug)]
pub struct Opened {
    /// The channel.
    pub channel: Arc<dyn Channel>,
    /// The clock that it goes by.
    pub clock: Clock,
}

/// Makes channels of one backend.
pub trait Fixture: Send + Sync {
    /// What they can do.
    fn capabilities(&self) -> Capabilities;

    /// A new and empty channel.
    fn open(&self, bounds: Bounds, matcher: Arc<dyn Matcher>) -> BoxFuture<'_, Opened>;

    /// The same channel after its process was killed and started again; `None` when its class
    /// promises nothing of that.
    fn reopen(&self, opened: Opened, matcher: Arc<dyn Matcher>) -> BoxFuture<'_, Option<Opened>> {
        drop((opened, matcher));
        Box::pin(std::future::ready(None))
    }

    /// How long something that must happen may take.
    fn patience(&self) -> Duration {
        Duration::from_secs(10)
    }

    /// How long nothing must be seen before it counts as not happening.
    fn quiet(&self) -> Duration {
        Duration::from_millis(300)
    }
}

/// Makes the public functions and [`contract_tests`](crate::contract_tests) from one list. The
/// first token is a `$`, which the inner macro needs and an outer one cannot write.
macro_rules! promises {
    ($d:tt $($module:ident: $($name:ident)*;)*) => {
        $($(
            /// The promise that its name begins with.
            pub async fn $name(fixture: &dyn Fixture) {
                $module::$name(fixture).await;
            }
        )*)*

        /// Expands to one test for each promise: `contract_tests!(#[tokio::test] fixture)`.
        #[macro_export]
        macro_rules! contract_tests {
            (#[$d ($d test:tt)*] $d fixture:expr) => {
                $($(
                    #[$d ($d test)*]
                    async fn $name() {
                        $crate::contract_suite::$name(&$d fixture).await;
                    }
                )*)*
            };
        }

        #[cfg(test)]
        const LISTED: &[&str] = &[$($(stringify!($name),)*)*];
    };
}

promises! { $
    append:
        p01_append_answers_once_the_events_are_stored
        p02_a_batch_is_stored_whole_or_not_at_all
        p03_positions_never_go_back_and_are_never_given_twice
        p04_the_matcher_is_asked_once_per_event
        p05_ingress_may_use_four_fifths_and_replies_all
        p06_a_full_store_refuses_and_forgets_nothing
        p07_a_full_store_takes_from_the_one_that_holds_most;
    leasing:
        p10_what_is_accepted_after_subscribing_arrives
        p11_each_event_is_handed_out_once_at_a_time_in_order_and_within_the_limits
        p12_a_dropped_lease_is_handed_out_again_with_its_sends
        p13_a_dropped_next_loses_nothing
        p14_events_come_out_as_they_went_in
        p15_a_subscription_that_does_not_read_delays_no_other
        p16_subscribing_again_continues
        p17_what_is_for_the_sink_is_limited_apart;
    ending:
        p20_a_settled_event_is_not_handed_out_again
        p21_a_deferred_event_waits_apart_until_it_is_due
        p22_a_parked_event_is_a_dead_letter_once
        p23_a_parked_event_comes_back_for_its_sink
        p24_a_full_store_drains;
    operating:
        p30_a_pause_holds_everything_and_loses_nothing
        p31_deleting_cancels_and_leases_end_without_effect
        p32_a_dead_letter_is_redriven_or_discarded
        p33_the_books_balance
        p34_a_subscription_that_wants_nothing_holds_nothing
        p35_seeking_ends_what_waits_and_refuses_what_is_gone
        p36_closing_refuses_and_wakes
        p37_dead_letters_are_listed_in_pages
        p38_what_cannot_be_decided_is_filtered_and_counted;
    replaying:
        p39_what_is_retained_is_listed_in_pages
        p40_a_replayed_event_is_handed_out_once_more;
    aging:
        p41_no_event_ages_while_nobody_could_have_had_it
        p42_since_when_dead_letters_lie_is_listed_and_they_end_by_age;
}

#[cfg(test)]
mod tests {
    use super::LISTED;

    #[test]
    fn every_promise_of_the_contract_has_its_test() {
        let promised: Vec<u32> = include_str!("contract.rs")
            .lines()
            .filter_map(|line| line.strip_prefix("//! - **P")?.split_once("**"))
            .map(|(number, _)| number.parse().expect("promises are numbered"))
            .collect();
        let tested: Vec<u32> = LISTED
            .iter()
            .filter_map(|name| name.strip_prefix('p')?.split_once('_'))
            .map(|(number, _)| number.parse().expect("tests begin with their promise"))
            .collect();
        assert!(promised.len() >= 27);
        assert_eq!(tested, promised);
    }
}
