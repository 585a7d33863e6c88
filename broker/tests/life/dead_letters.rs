//! Dead letters by the admin API: listed page by page, sent again, ended.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};

use crate::http::eventually;
use crate::program::{Folder, Server, broker, trigger};
use crate::subscriber::Subscriber;

/// What names a dead letter.
fn reference(letter: &Value) -> Value {
    let [namespace, trigger, position] =
        ["namespace", "trigger", "position"].map(|key| letter[key].clone());
    json!({"namespace": namespace, "trigger": trigger, "position": position})
}

/// All letters by pages of `limit`.
async fn pages(server: &Server, query: &str, limit: usize) -> Vec<Vec<Value>> {
    let mut pages = Vec::new();
    let mut after = String::new();
    loop {
        let path = format!("/api/v1/dead-letters?limit={limit}{query}{after}");
        let page = server.get(&path).await.json();
        pages.push(page["items"].as_array().unwrap().clone());
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => return pages,
        }
    }
}

#[tokio::test]
async fn letters_are_listed_page_by_page_redriven_and_discarded() {
    let subscriber = Subscriber::start(400, Duration::ZERO).await;
    let folder = Folder::new("");
    let [a, b] = ["a", "b"].map(|name| trigger(name, &subscriber.url));
    folder.write_manifest("a.yaml", &(broker("orders") + &a + &b));
    let server = Server::start(&folder).await;
    for id in 0..5 {
        assert_eq!(server.send(&id.to_string()).await, 202);
    }
    for name in ["a", "b"] {
        server.trigger(name, |it| it["books"]["parked"] == 5).await;
    }
    for (limit, sizes) in [
        (3, vec![3, 3, 3, 1]),
        (5, vec![5, 5]),
        (10, vec![10]),
        (11, vec![10]),
    ] {
        let pages = pages(&server, "", limit).await;
        let lengths: Vec<_> = pages.iter().map(Vec::len).collect();
        assert_eq!(lengths, sizes);
        let names = pages
            .concat()
            .iter()
            .map(|it| reference(it).to_string())
            .collect();
        let names: BTreeSet<String> = names;
        assert_eq!(names.len(), 10, "each once");
    }
    let of_b = pages(&server, "&namespace=shop&trigger=b", 2)
        .await
        .concat();
    assert_eq!(of_b.len(), 5);
    let letter = &of_b[0];
    assert_eq!(
        (&letter["trigger"], &letter["event"]["id"]),
        (&json!("b"), &json!("0"))
    );
    assert_eq!(
        (&letter["reason"]["code"], &letter["sends"]),
        (&json!(400), &json!(1))
    );
    assert!(
        pages(&server, "&namespace=elsewhere", 2)
            .await
            .concat()
            .is_empty()
    );

    subscriber.answer_with(200);
    let redrive = "/api/v1/dead-letters:redrive";
    let answer = server.post(redrive, &reference(letter)).await;
    assert_eq!((answer.status, answer.json()), (200, json!({"done": 1})));
    let discard = "/api/v1/dead-letters:discard";
    let answer = server.post(discard, &reference(&of_b[1])).await;
    assert_eq!(answer.json(), json!({"done": 1}));
    for done in ["is sent again", "was discarded"] {
        let message = format!("a dead letter {done}, by command");
        let log = server.logged(&message, 0).await;
        assert_eq!(log["trigger"], "shop/b");
    }
    let books = |it: &Value| {
        ["delivered", "discarded", "parked"].map(|state| it["books"][state].as_u64().unwrap())
    };
    server.trigger("b", |it| books(it) == [1, 1, 3]).await;
    for (path, gone) in [(redrive, letter), (discard, letter), (redrive, &of_b[1])] {
        server.post(path, &reference(gone)).await.problem(404);
    }
    let sent = subscriber.begun().iter().filter(|id| *id == "0").count();
    assert_eq!(sent, 3, "by a, by b, and by b again");
    eventually(async || (pages(&server, "", 100).await.concat().len() == 8).then_some(())).await;
}
