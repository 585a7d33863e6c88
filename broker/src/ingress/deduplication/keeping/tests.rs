use std::time::UNIX_EPOCH;

use sluicegate_channels::Clock;
use sluicegate_event::Event;
use sluicegate_resources::DiskConfig;

use super::queue::WAITING_MAX;
use super::*;
use crate::ingress::deduplication::{Claim, Ticket};
use crate::metrics::deduplication::DeduplicationHandles;
use crate::testing::TempDir;

fn broker() -> ObjectName {
    ObjectName {
        namespace: "shop".to_owned(),
        name: "orders".to_owned(),
    }
}

fn open(folder: Option<SpareFolder>) -> Arc<Deduplication> {
    let options = DeduplicationOptions::default();
    let clock = Clock::anchored_at(UNIX_EPOCH + Duration::from_secs(1_700_000_000));
    let metrics = DeduplicationHandles::default();
    Deduplication::open(&broker(), &options, folder, None, clock, metrics)
}

async fn claim(owner: &Arc<Deduplication>, id: &str) -> Ticket {
    let event = Event::builder(id, "/shop", "order.paid").build().unwrap();
    loop {
        match owner.claim(std::slice::from_ref(&event)) {
            Claim::Mine(ticket) => return ticket,
            Claim::Wait(ended) => ended.wait().await,
        }
    }
}

/// Else the next start would read back only what came after the damage.
#[tokio::test]
async fn after_damage_all_that_is_remembered_is_kept_anew() {
    let dir = TempDir::new();
    let config = DiskConfig {
        free_percent_min: 0,
        free_bytes_min: 0,
        reserve_bytes: 0,
        ..DiskConfig::default()
    };
    let folder = SpareFolder::new(dir.path().join("seen"), &config);
    let owner = open(None);
    for id in ["1", "2"] {
        claim(&owner, id).await.stored();
    }
    let mut keeping = Keeping {
        broker: broker(),
        options: DeduplicationOptions::default(),
        folder: folder.clone(),
        is_yielding: false,
        tail: None,
        owner: Arc::downgrade(&owner),
        queue: Arc::default(),
        store: None,
        missing_since: None,
    };
    keeping.begin_anew();
    claim(&owner, "3").await.stored();
    let pairs = owner.window.lock().stored_since(Timestamp(0), 10);
    let taken = Taken {
        pairs: pairs.into_iter().skip(2).collect(),
        missing_since: None,
        is_closing: false,
    };
    keeping.write(&taken).unwrap();
    drop(keeping);
    let again = open(Some(folder));
    for (id, is_fresh) in [("1", false), ("2", false), ("3", false), ("4", true)] {
        assert_eq!(claim(&again, id).await.is_fresh, [is_fresh], "{id}");
    }
}

/// However many came while nothing could be written.
#[test]
fn what_has_no_place_among_those_that_wait_is_known_to_be_missing() {
    let pairs = |at: u64, count: usize| vec![(Timestamp(at), [0, 0]); count].into_iter();
    let mut state = State::default();
    state.add(pairs(1, WAITING_MAX - 1));
    state.add(pairs(2, 1));
    assert_eq!(state.missing_since, None);
    state.add(pairs(3, 2));
    state.add(pairs(4, 1));
    assert_eq!(state.pairs.len(), WAITING_MAX);
    assert_eq!(state.missing_since, Some(Timestamp(3)));
}
