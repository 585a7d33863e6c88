use sluicegate_channels::Books;

use super::super::Work;
use super::super::pace::{Stopper, halting};
use super::super::tests::{Store, park, settle};
use super::*;
use crate::api::{LetterFilter, OperationProgress, When};

/// Letters of these subscriptions of the store.
fn letters(store: &Store, end: End, filter: LetterFilter, names: &[&str]) -> Letters {
    let now = store.clock.now();
    let lying = names.iter().map(|name| Lying {
        trigger: ObjectName {
            namespace: "shop".to_owned(),
            name: (*name).to_owned(),
        },
        channel: Arc::clone(&store.channel) as Arc<dyn Channel>,
        subscription: (*name).into(),
        parked: store.books(name).parked,
        history: None,
    });
    Letters {
        end,
        choice: LetterChoice::read(&filter, now).unwrap(),
        conduct: Conduct::default(),
        parked_until: now,
        lying: lying.collect(),
        look_soon: LookSoon::default(),
    }
}

/// Redrives all of `t`.
pub(in super::super) fn redrive_all(store: &Store, conduct: Conduct) -> Work {
    Work::Letters(Letters {
        conduct,
        ..letters(store, End::Redrive, LetterFilter::default(), &["t"])
    })
}

/// Runs it to its end.
async fn run(letters: Letters) -> OperationProgress {
    let (_stopper, halt): (Stopper, _) = halting();
    let progress = Progress::default();
    letters.run("op1", &progress, halt).await.unwrap();
    progress.read()
}

fn counts(progress: &OperationProgress) -> [u64; 4] {
    [
        progress.looked_at,
        progress.done,
        progress.skipped,
        progress.gone,
    ]
}

#[tokio::test(start_paused = true)]
async fn what_a_filter_chooses_is_dealt_with_and_nothing_else() {
    let store = Store::new();
    let mut end = store.subscribe("t", 1).await;
    store.append("t", 0..200).await;
    park(&mut *end, 150, "exhausted").await;
    park(&mut *end, 50, "refused").await;
    let filter = LetterFilter {
        reasons: vec!["exhausted".to_owned()],
        expression: Some("amount >= 100".to_owned()),
        ..LetterFilter::default()
    };
    let progress = run(letters(&store, End::Discard, filter, &["t"])).await;
    assert_eq!(counts(&progress), [200, 50, 150, 0]);
    assert_eq!((progress.undecided, progress.left), (0, Some(0)));
    let books = store.books("t");
    assert_eq!((books.discarded, books.parked), (50, 150));
    let left: Vec<String> = (0..100).chain(150..200).map(|id| id.to_string()).collect();
    assert_eq!(store.parked("t").await, left);
}

#[tokio::test(start_paused = true)]
async fn what_is_left_is_no_more_than_the_limit_leaves() {
    let store = Store::new();
    let mut end = store.subscribe("t", 1).await;
    store.append("t", 0..200).await;
    park(&mut *end, 200, "exhausted").await;
    let mut letters = letters(&store, End::Discard, LetterFilter::default(), &["t"]);
    letters.conduct.per_second = Some(10.0);
    letters.conduct.limit = Some(50);
    let progress = Progress::default();
    let told = progress.clone();
    let (_stopper, halt): (Stopper, _) = halting();
    let run = tokio::spawn(async move { letters.run("op1", &told, halt).await });
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    let midway = progress.read();
    assert!((1..50).contains(&midway.done), "{midway:?}");
    assert_eq!(midway.left, Some(50 - midway.done));
    run.await.unwrap().unwrap();
    let ended = progress.read();
    assert_eq!((ended.done, ended.left), (50, Some(0)));
}

#[tokio::test(start_paused = true)]
async fn an_expression_that_fails_chooses_nothing_and_that_is_counted() {
    let store = Store::new();
    let mut end = store.subscribe("t", 1).await;
    store.append("t", 0..3).await;
    park(&mut *end, 3, "exhausted").await;
    let filter = LetterFilter {
        expression: Some("nowhere > 1".to_owned()),
        ..LetterFilter::default()
    };
    let progress = run(letters(&store, End::Discard, filter, &["t"])).await;
    assert_eq!(counts(&progress), [3, 0, 3, 0]);
    assert_eq!((progress.undecided, store.books("t").parked), (3, 3));
}

#[tokio::test(start_paused = true)]
async fn what_fails_again_or_is_parked_later_is_left_alone() {
    let store = Store::new();
    let mut end = store.subscribe("t", 1).await;
    store.append("t", 0..10).await;
    park(&mut *end, 10, "exhausted").await;
    let all = letters(&store, End::Redrive, LetterFilter::default(), &["t"]);
    let slow = Letters {
        conduct: Conduct {
            per_second: Some(1.0),
            ..Conduct::default()
        },
        ..all
    };
    let subscriber = async {
        // Every one of them fails again, and new ones fail too.
        for round in 0..10 {
            tokio::time::sleep(std::time::Duration::from_secs(1)).await;
            store.append("t", 100 + round..101 + round).await;
            park(&mut *end, 2, "exhausted").await;
        }
    };
    let (progress, ()) = tokio::join!(run(slow), subscriber);
    assert_eq!(counts(&progress), [10, 10, 0, 0]);
    assert_eq!(store.books("t").parked, 20);
}

#[tokio::test(start_paused = true)]
async fn a_limit_and_a_dry_run_are_kept_to() {
    let store = Store::new();
    let mut ends = [store.subscribe("t", 1).await, store.subscribe("u", 2).await];
    for (name, end) in ["t", "u"].into_iter().zip(&mut ends) {
        store.append(name, 0..100).await;
        park(&mut **end, 100, "exhausted").await;
    }
    let with = |conduct| Letters {
        conduct,
        ..letters(&store, End::Redrive, LetterFilter::default(), &["t", "u"])
    };
    for (limit, dry_run, done) in [
        (Some(130), true, 130),
        (None, true, 200),
        (Some(130), false, 130),
    ] {
        let conduct = Conduct {
            limit,
            dry_run,
            per_second: None,
        };
        let progress = run(with(conduct)).await;
        assert_eq!(progress.done, done, "{limit:?} {dry_run}");
        let parked = store.books("t").parked + store.books("u").parked;
        assert_eq!(parked, if dry_run { 200 } else { 70 });
    }
    assert_eq!(
        settle(&mut *ends[0], 200).await.len(),
        100,
        "the oldest of the first trigger first"
    );
    let first_of_u: Vec<String> = (0..30).map(|id| id.to_string()).collect();
    assert_eq!(settle(&mut *ends[1], 200).await, first_of_u);
}

#[tokio::test(start_paused = true)]
async fn what_ended_meanwhile_is_gone_and_what_is_older_is_not_meant() {
    let store = Store::new();
    let mut end = store.subscribe("t", 1).await;
    store.append("t", 0..4).await;
    park(&mut *end, 2, "exhausted").await;
    tokio::time::sleep(std::time::Duration::from_secs(100)).await;
    park(&mut *end, 2, "exhausted").await;
    let since = |seconds| LetterFilter {
        since: Some(When::Ago(std::time::Duration::from_secs(seconds))),
        ..LetterFilter::default()
    };
    let recent = letters(&store, End::Discard, since(50), &["t"]);
    assert_eq!(counts(&run(recent).await), [4, 2, 2, 0]);
    // Two of them at the same time: each letter is ended by one, and gone for the other.
    let both = [0, 1].map(|_| letters(&store, End::Discard, since(1_000), &["t"]));
    let [a, b] = both.map(run);
    let (a, b) = tokio::join!(a, b);
    assert_eq!(a.done + b.done, 2, "{a:?} {b:?}");
    let books = store.books("t");
    let expected = Books {
        accepted: 4,
        discarded: 4,
        ..Books::default()
    };
    assert_eq!(books, expected);
}
