//! Which trigger a name alone means: the only one of that name, for every command alike.

use std::time::Duration;

use serde_json::json;

use crate::http::eventually;
use crate::program::{Folder, Server, broker, run, trigger};
use crate::subscriber::Subscriber;

/// A name that several have means none of them, and least of all every one: what is discarded is gone.
#[tokio::test]
async fn a_name_that_two_triggers_have_is_refused_by_every_command_and_nothing_is_done() {
    let subscriber = Subscriber::start(400, Duration::ZERO).await;
    let folder = Folder::new("");
    let [a, b] = ["a", "b"].map(|name| trigger(name, &subscriber.url));
    let shop = broker("orders") + &a + &b;
    let other = (broker("orders") + &a).replace("namespace: shop", "namespace: other");
    folder.write_manifest("a.yaml", &(shop + &other));
    let server = Server::start(&folder).await;
    assert_eq!(server.send("1").await, 202);
    let letters_of = async |name: &str| {
        let path = format!("/api/v1/dead-letters?namespace=shop&trigger={name}");
        let listed = server.get(&path).await.json();
        listed["items"].as_array().unwrap().len()
    };
    for name in ["a", "b"] {
        eventually(async || (letters_of(name).await == 1).then_some(())).await;
    }
    let admin = format!("http://{}", server.admin);
    let say = async |words: &str| {
        let words: Vec<&str> = words.split(' ').collect();
        run(&folder, &[&words[..], &["--server", &admin]].concat()).await
    };
    for words in [
        "dead discard --trigger a --yes",
        "dead redrive --trigger a",
        "dead ls --trigger a",
        "dead ls a",
        "get deadletters a",
        "pause trigger a",
        "replay --to a",
    ] {
        let (code, said) = say(words).await;
        assert_ne!(code, Some(0), "{words}: {said}");
        assert!(
            said.contains("there is more than one trigger a"),
            "{words}: {said}"
        );
        let which = "say which, such as other/a or shop/a";
        assert!(said.contains(which), "{words}: {said}");
    }
    let request = json!({"discard": {"letters": {"trigger": "a"}}});
    let answer = server.post("/api/v1/operations", &request).await;
    answer.problem(400);
    assert_eq!(letters_of("a").await, 1);

    for (words, told) in [
        (
            "dead discard --trigger b --yes",
            "1 discarded   dead letters of trigger shop/b",
        ),
        (
            "dead redrive --trigger a -n shop --dry-run",
            "1 would be redriven   dead letters of trigger shop/a",
        ),
    ] {
        let (code, said) = say(words).await;
        assert_eq!(code, Some(0), "{words}: {said}");
        assert!(said.starts_with(told), "{words}: {said}");
    }
}
