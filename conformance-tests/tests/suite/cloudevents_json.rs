//! The JSON format on the way out: what its members look like, not only what they mean.

use serde_json::json;
use sluicegate_conformance::client::Request;
use sluicegate_conformance::event::{Event, Mode};
use sluicegate_conformance::subscriber::Received;

use crate::scene::Scene;

async fn scene(name: &str) -> Scene {
    Scene::new(name)
        .await
        .broker(json!({}))
        .trigger("json", json!({"delivery": {"format": "json"}}))
        .trigger("binary", json!({"delivery": {"format": "binary"}}))
        .start()
        .await
}

/// Sends an object with these members beside the required ones, and gives what both triggers got.
async fn send(scene: &Scene, members: &str) -> (String, Received) {
    let body = format!(
        "{{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"/json\",\"type\":\"t\"{members}}}"
    );
    let request = Request::post(&scene.path())
        .header("Content-Type", "application/cloudevents+json")
        .body(body);
    let answer = scene.send_request(&request).await;
    assert_eq!(answer.status(), Some(202), "{answer:?}");
    let json = scene.await_count("json", 1).await.remove(0);
    let binary = scene.await_count("binary", 1).await.remove(0);
    (String::from_utf8_lossy(&json.body).into_owned(), binary)
}

/// JF-10, CE-6: a number stays a number and a boolean a boolean; as headers they are their text.
#[tokio::test]
async fn types_of_extensions_survive() {
    let scene = scene("types").await;
    let (json, binary) = send(&scene, ",\"n\":-7,\"yes\":true,\"text\":\"7\"").await;
    let object: serde_json::Value = serde_json::from_str(&json).expect("it is JSON");
    assert_eq!(object.get("n"), Some(&json!(-7)));
    assert_eq!(object.get("yes"), Some(&json!(true)));
    assert_eq!(object.get("text"), Some(&json!("7")));
    let header = |name: &str| binary.headers.get(name);
    assert_eq!(header("ce-n").as_deref(), Some("-7"));
    assert_eq!(header("ce-yes").as_deref(), Some("true"));
}

/// CP-49, JF-6, JF-7, JF-9: JSON data leaves with the bytes it came with, in both modes.
#[tokio::test]
async fn json_data_keeps_its_text() {
    let text = "{ \"b\" : 12345678901234567890.0010 ,\n\t\"a\":[ 1E400 , \"\\u00fc\" ]}";
    let scene = scene("text").await;
    let (json, binary) = send(&scene, &format!(",\"data\":{text}")).await;
    assert!(json.contains(text), "{json}");
    assert_eq!(&binary.body[..], text.as_bytes());
}

/// JF-9: an explicit null is data, which absence is not.
#[tokio::test]
async fn null_data_is_data() {
    let scene = scene("null").await;
    let (json, binary) = send(&scene, ",\"data\":null").await;
    let object: serde_json::Map<String, serde_json::Value> =
        serde_json::from_str(&json).expect("it is an object");
    assert_eq!(object.get("data"), Some(&serde_json::Value::Null));
    assert_eq!(&binary.body[..], b"null");
}

/// JF-5: base64 without a media type is bytes of no known kind, and stays so.
#[tokio::test]
async fn base64_without_a_media_type_gets_none() {
    let scene = scene("base64").await;
    let (json, binary) = send(&scene, ",\"data_base64\":\"AAEC/w==\"").await;
    assert_eq!(&binary.body[..], b"\0\x01\x02\xff");
    assert_eq!(binary.headers.get("content-type"), None);
    assert!(
        json.contains("AAEC/w==") && !json.contains("datacontenttype"),
        "{json}"
    );
}

/// JF-4, JF-6, JF-8: what came as bytes becomes the member that its media type asks for.
#[tokio::test]
async fn bytes_become_the_member_that_their_media_type_asks_for() {
    let scene = scene("member").await;
    for (number, (media_type, data, member)) in [
        ("application/json", &b"{\"a\":1}"[..], "\"data\":{\"a\":1}"),
        ("application/vnd.x+json", b"[1]", "\"data\":[1]"),
        (
            "application/octet-stream",
            b"\xff\0",
            "\"data_base64\":\"/wA=\"",
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let id = number.to_string();
        let event = Event::new(&id, "/member", "t").with_data(media_type, data.to_vec());
        assert_eq!(scene.send(&event, Mode::Binary).await.status(), Some(202));
        let arrived = scene.await_count("json", number + 1).await;
        let request = arrived
            .iter()
            .find(|request| request.event().get("id") == id);
        let json = String::from_utf8_lossy(&request.expect("it arrived").body).into_owned();
        let packed: String = json.split_whitespace().collect();
        assert!(packed.contains(member), "{media_type}: {json}");
    }
}
