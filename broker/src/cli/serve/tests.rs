use std::sync::mpsc::sync_channel;

use tokio::time::Instant;

use super::*;

#[test]
fn a_thread_that_hangs_does_not_hold_up_the_end() {
    let (release, hung) = sync_channel::<()>(1);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    let began = Instant::now();
    let done = to_the_end(runtime, async move {
        let (started, is_started) = tokio::sync::oneshot::channel();
        tokio::task::spawn_blocking(move || {
            started.send(()).ok();
            // As a resolver that gets no answer; a broken end of the runtime fails, and hangs not.
            hung.recv_timeout(Duration::from_secs(20)).ok();
        });
        is_started.await
    });
    assert!(done.is_ok());
    assert!(began.elapsed() < Duration::from_secs(10));
    drop(release);
}
