//! Where a replay goes on that its limit has ended.

use super::*;

/// What a limit has left is had by going on from the position that is told, and nothing else.
#[tokio::test(start_paused = true)]
async fn a_limit_says_where_to_go_on() {
    let scene = Scene::new().await;
    let mut t = scene.store.subscribe("t", 1).await;
    scene.store.append("t", 0..450).await;
    settle(&mut *t, 450).await;
    for (first, last, limit, reached) in [
        (None, None, 7, Some("7")),
        (None, None, 200, Some("200")),
        (Some("7"), None, 300, Some("307")),
        (None, Some("20"), 21, None),
        (None, Some("20"), 20, Some("20")),
        (None, Some("20"), 100, None),
        (Some("307"), None, 200, None),
    ] {
        let filter = EventFilter {
            first_position: first.map(str::to_owned),
            last_position: last.map(str::to_owned),
            ..EventFilter::default()
        };
        let conduct = Conduct {
            limit: Some(limit),
            ..Conduct::default()
        };
        let progress = run(scene.replay(&[("t", 1)], &filter, conduct)).await;
        assert_eq!(
            progress.reached.as_deref(),
            reached,
            "{first:?}..{last:?} {limit}"
        );
        assert_eq!(progress.held_up_by, [""; 0]);
        settle(&mut *t, 500).await;
    }
}
