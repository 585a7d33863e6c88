//! A sender that is gone before its answer, or had to wait for too long: the event is stored, recorded, and known when it comes again.

use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use sluicegate::history::{History, HistoryOptions, Recorder, What};
use sluicegate::ingress::IngressOptions;
use sluicegate::ingress::deduplication::{Deduplication, DeduplicationOptions};
use sluicegate::metrics::deduplication::DeduplicationHandles;
use sluicegate::metrics::history::HistoryHandles;
use sluicegate_channels::Clock;
use sluicegate_resources::ObjectName;
use tokio::sync::Semaphore;
use tokio::time::{interval, timeout};

use crate::client::PATIENCE;
use crate::door::{EVENT, Setup, TestDoor, post};
use crate::stuck::StuckChannel;

fn accepted(history: &History) -> usize {
    let found = history.find("1");
    let is_accepted = |what: &What<'_>| matches!(what, What::Accepted(_));
    found.records().filter(|it| is_accepted(&it.what)).count()
}

#[tokio::test]
async fn an_event_whose_sender_is_gone_is_recorded_once_and_known_when_it_comes_again() {
    let broker = ObjectName {
        namespace: "shop".to_owned(),
        name: "orders".to_owned(),
    };
    for (finds_duplicates, hangs_up) in [(false, false), (false, true), (true, false), (true, true)]
    {
        let clock = Clock::anchored_at(UNIX_EPOCH);
        let opens = Arc::new(Semaphore::new(0));
        let options = HistoryOptions::default();
        let history = History::open(&broker, &options, None, clock, HistoryHandles::default());
        let history = Arc::new(history);
        let late = Arc::new(StuckChannel::late(Arc::clone(&opens)));
        let deduplication = Deduplication::open(
            &broker,
            &DeduplicationOptions::default(),
            None,
            None,
            clock,
            DeduplicationHandles::default(),
        );
        let door = TestDoor::start(Setup {
            channel: Arc::new(Recorder::new(late.clone(), Arc::clone(&history))),
            deduplication: finds_duplicates.then_some(deduplication),
            ingress: IngressOptions {
                append_timeout: Duration::from_millis(20),
                ..IngressOptions::default()
            },
            ..Setup::default()
        })
        .await;
        let mut client = door.client().await;
        client.send(post("/shop/orders", EVENT, "")).await;
        let mut looks = interval(Duration::from_millis(2));
        let appended = async {
            while late.appended() == 0 {
                looks.tick().await;
            }
        };
        timeout(PATIENCE, appended).await.expect("it is appended");
        if hangs_up {
            drop(client);
        } else {
            assert_eq!(client.answer().await.status, 503, "it took too long");
        }
        assert_eq!(accepted(&history), 0);
        opens.add_permits(1);
        let recorded = async {
            while accepted(&history) == 0 {
                looks.tick().await;
            }
        };
        timeout(PATIENCE, recorded).await.expect("it is recorded");

        opens.add_permits(1);
        let again = door.ask(post("/shop/orders", EVENT, "")).await;
        assert_eq!(again.status, 202);
        let told = finds_duplicates.then_some("1");
        assert_eq!(again.header("sluicegate-duplicates"), told);
        let stored = if finds_duplicates { 1 } else { 2 };
        assert_eq!((late.appended(), accepted(&history)), (stored, stored));
    }
}
