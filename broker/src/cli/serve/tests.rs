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

#[test]
fn dev_keeps_events_where_it_is_told_to_and_else_in_memory() {
    let config = |data: Option<&str>| {
        let overrides = Overrides {
            data: data.map(Into::into),
            ..Overrides::default()
        };
        lay_over(of_dev(data.is_some()), overrides).unwrap()
    };
    let told = config(Some("/srv/events"));
    assert_eq!(told.data.as_deref(), Some(Path::new("/srv/events")));
    assert_eq!(told.default_channel.kind(), "disk");
    let plain = config(None);
    assert_eq!((plain.data, plain.default_channel.kind()), (None, "memory"));
}
