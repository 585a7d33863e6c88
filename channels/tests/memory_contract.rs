//! The memory channel keeps the contract.

use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use sluicegate_channels::contract_suite::{Bounds, Capabilities, Fixture, Opened};
use sluicegate_channels::{BoxFuture, Clock, Matcher, MemoryChannel, MemoryOptions, WhenFull};

struct MemoryFixture;

impl Fixture for MemoryFixture {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            bounded: true,
            sheds: true,
            keeps_settled: false,
        }
    }

    fn open(&self, bounds: Bounds, matcher: Arc<dyn Matcher>) -> BoxFuture<'_, Opened> {
        let options = MemoryOptions {
            events_max: bounds.events_max,
            bytes_max: bounds.bytes_max,
            when_full: if bounds.sheds {
                WhenFull::Shed
            } else {
                WhenFull::Refuse
            },
            retry_after: Duration::from_secs(1),
        };
        Box::pin(async move {
            let clock = Clock::anchored_at(UNIX_EPOCH + Duration::from_secs(1_800_000_000));
            Opened {
                channel: MemoryChannel::open(options, matcher, clock),
                clock,
            }
        })
    }
}

sluicegate_channels::contract_tests!(
    #[tokio::test(start_paused = true)]
    MemoryFixture
);
