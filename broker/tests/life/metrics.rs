//! `/metrics`: well formed, without doubles, and one with the books of the API (G0).

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::program::{Folder, Server, broker, trigger};
use crate::subscriber::Subscriber;

/// Each series with its value, having checked the form of the text.
fn parse(text: &str) -> BTreeMap<String, f64> {
    let mut series = BTreeMap::new();
    let (mut helped, mut typed, mut closed) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    let mut family = String::new();
    for line in text.lines() {
        let words: Vec<_> = line.splitn(4, ' ').collect();
        match words.as_slice() {
            ["#", "HELP", name, help] => {
                assert!(
                    !help.is_empty() && helped.insert((*name).to_owned()),
                    "{line}"
                );
                assert!(closed.insert(std::mem::replace(&mut family, (*name).to_owned())));
            }
            ["#", "TYPE", name, kind] => {
                assert_eq!(*name, family, "after its HELP");
                assert!(matches!(*kind, "counter" | "gauge" | "histogram"), "{line}");
                assert_eq!(*kind == "counter", name.ends_with("_total"), "{line}");
                assert!(typed.insert((*name).to_owned()), "{line}");
            }
            _ => {
                let (name, value) = line.rsplit_once(' ').unwrap();
                assert!(name.starts_with(&family), "{line} stands under {family}");
                let value: f64 = value.parse().expect(line);
                let earlier = series.insert(name.to_owned(), value);
                assert_eq!(earlier, None, "twice: {line}");
            }
        }
    }
    assert_eq!(helped, typed);
    assert!(helped.iter().all(|name| name.starts_with("sluicegate_")));
    series
}

#[tokio::test]
async fn the_books_are_those_of_the_api_and_balance() {
    let good = Subscriber::start(200, Duration::ZERO).await;
    let bad = Subscriber::start(400, Duration::ZERO).await;
    let folder = Folder::new("");
    let manifests = [
        broker("orders"),
        trigger("good", &good.url),
        trigger("bad", &bad.url),
        trigger("other", &good.url).replace("type: t", "type: other"),
        trigger("sunk", &bad.url).replace(
            "retry: 0",
            &format!("retry: 0, deadLetterSink: {{uri: \"{}\"}}", good.url),
        ),
        trigger("gone", &good.url),
    ];
    folder.write_manifest("a.yaml", &manifests.concat());
    let server = Server::start(&folder).await;
    for id in 0..7 {
        assert_eq!(server.send(&id.to_string()).await, 202);
    }
    let expected = [
        ("good", "delivered"),
        ("bad", "parked"),
        ("other", "filtered"),
        ("sunk", "deadLettered"),
    ];
    for (name, state) in expected {
        let listed = server.trigger(name, |it| it["books"][state] == 7).await;
        let series = parse(&server.get("/metrics").await.body);
        let mut sum = 0.0;
        for (key, count) in listed["books"].as_object().unwrap() {
            let state = if key == "deadLettered" {
                "dead_lettered"
            } else {
                key
            };
            let name = format!(
                "sluicegate_trigger_events{{namespace=\"shop\",trigger=\"{name}\",state=\"{state}\"}}"
            );
            assert_eq!(series[&name], count.as_f64().unwrap(), "{name}");
            sum += if key == "accepted" {
                0.0
            } else {
                series[&name]
            };
        }
        assert_eq!(sum, listed["books"]["accepted"].as_f64().unwrap(), "{name}");
    }
    // Deleted and made again: still one series each.
    folder.write_manifest("a.yaml", &manifests[..5].concat());
    let gone = async || {
        let listed = server.get("/api/v1/triggers").await.body;
        (!listed.contains("\"gone\"")).then_some(())
    };
    crate::http::eventually(gone).await;
    folder.write_manifest("a.yaml", &manifests.concat());
    server.trigger("gone", |_| true).await;
    let series = parse(&server.get("/metrics").await.body);
    let name = "sluicegate_trigger_events{namespace=\"shop\",trigger=\"gone\",state=\"accepted\"}";
    assert_eq!(series[name], 7.0);
    let dead = "sluicegate_dead_letters{namespace=\"shop\",trigger=\"bad\"}";
    assert_eq!(series[dead], 7.0, "those that lie there now");
    let dead =
        "sluicegate_dead_letters_total{namespace=\"shop\",trigger=\"bad\",reason=\"refused\"}";
    assert_eq!(series[dead], 7.0, "those that ever came");
    let answer = server.get("/metrics").await;
    let kind = answer.header("content-type").unwrap();
    assert_eq!(kind, "text/plain; version=0.0.4; charset=utf-8");
}
