//! Starts that are refused: before anything listens, and with an exit code and a remedy (G16, L3).

use std::net::TcpListener;

use crate::http::ask;
use crate::program::{Folder, Server, broker, run, trigger};

const INVALID: &str = "apiVersion: eventing.knative.dev/v1\nkind: Broker\n\
    metadata: {namespace: shop, name: bad}\nspec: {sped: 1}\n---\n";

#[tokio::test]
async fn bad_settings_exit_78_before_anything_listens() {
    // Were the door opened first, the port in use would be what is told.
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let manifest = "a.yaml";
    for (settings, told) in [
        (
            format!("listen: {address}\nmanifest: x\n"),
            "did you mean `manifests`?",
        ),
        (
            format!("listen: {address}\nadmin: {{listen: here}}\n"),
            "127.0.0.1:8080",
        ),
        (format!("listen: {address}\n: [\n"), "not YAML"),
    ] {
        let folder = Folder::new("");
        folder.write("sluicegate.yaml", &settings);
        folder.write_manifest(manifest, &broker("orders"));
        let (code, text) = run(&folder, &["run", "--log-format", "human"]).await;
        assert_eq!(code, Some(78), "{text}");
        assert!(text.contains(told), "{text}");
        assert!(!text.contains("cannot listen"), "{text}");
    }
    let folder = Folder::new("");
    let (code, text) = run(&folder, &["run", "--config", "nowhere.yaml"]).await;
    assert_eq!(code, Some(78), "{text}");
    assert!(text.contains("nowhere.yaml"), "{text}");
}

#[tokio::test]
async fn a_port_in_use_is_told_with_the_flag_that_takes_another() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for flag in ["--listen", "--admin-listen"] {
        let folder = Folder::new("");
        let (code, text) = run(&folder, &["run", flag, &address]).await;
        assert_eq!(code, Some(1), "{text}");
        assert!(
            text.contains(&address) && text.contains(&format!("{flag} ")),
            "{text}"
        );
    }
}

#[tokio::test]
async fn a_data_folder_has_one_server() {
    let folder = Folder::new("data: data\n");
    let mut first = Server::start(&folder).await;
    let (code, text) = run(&folder, &["run"]).await;
    assert_eq!(code, Some(78), "{text}");
    assert!(
        text.contains("in use by another sluicegate (pid "),
        "{text}"
    );
    first.signal("TERM").await;
    first.ended().await;
    Server::start(&folder).await;
}

#[tokio::test]
async fn an_invalid_manifest_leaves_the_others_served_and_a_strict_start_refuses_it() {
    let folder = Folder::new("");
    folder.write_manifest("a.yaml", &(broker("orders") + INVALID));
    let server = Server::start(&folder).await;
    assert_eq!(server.send("1").await, 202);
    let ready = server.get("/readyz?verbose=1").await;
    assert_eq!(ready.status, 200);
    assert!(
        ready.body.contains("[+]broker shop/orders ok"),
        "{}",
        ready.body
    );
    assert!(
        ready.body.contains("[-]manifests 1 error"),
        "{}",
        ready.body
    );
    assert!(
        ready.body.contains("unknown field `spec.sped`"),
        "{}",
        ready.body
    );
    assert!(ready.body.ends_with("ready\n"), "{}", ready.body);

    let (code, text) = run(&folder, &["run", "--strict"]).await;
    assert_eq!(code, Some(3), "{text}");
    assert!(text.contains("spec.sped"), "{text}");
}

#[tokio::test]
async fn a_check_judges_settings_and_manifests_and_listens_nowhere() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let folder = Folder::new("");
    let check = ["run", "--check", "--listen", &address];
    folder.write_manifest("a.yaml", &broker("orders"));
    let (code, text) = run(&folder, &check).await;
    assert_eq!(code, Some(0), "{text}");
    folder.write_manifest("a.yaml", INVALID);
    let (code, text) = run(&folder, &check).await;
    assert_eq!(code, Some(3), "{text}");
    assert!(text.contains("spec.sped"), "{text}");
    folder.write("sluicegate.yaml", "lisen: 1\n");
    assert_eq!(run(&folder, &check).await.0, Some(78));
}

#[tokio::test]
async fn what_is_accepted_once_it_is_ready_reaches_every_valid_trigger() {
    let subscriber = crate::subscriber::Subscriber::start(200, std::time::Duration::ZERO).await;
    let folder = Folder::new("");
    let triggers: String = (0..50)
        .map(|number| trigger(&format!("t{number}"), &subscriber.url))
        .collect();
    folder.write_manifest("a.yaml", &(broker("orders") + &triggers));
    let server = Server::start(&folder).await;
    assert_eq!(server.get("/readyz").await.status, 200);
    assert_eq!(
        ask(server.admin, "GET", "/livez", &[], "").await.body,
        "ok\n"
    );
    assert_eq!(server.send("1").await, 202);
    subscriber.was_sent(50).await;
}
