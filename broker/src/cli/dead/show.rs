//! `dead show`: one dead letter with everything that is known of it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::ShowArgs;
use crate::api::{self, DeadLetterShown};
use crate::cli::arguments::push_query_value;
use crate::cli::client::AdminClient;
use crate::cli::console::Console;
use crate::cli::exit::Failure;
use crate::cli::table::count;
use crate::logging::visible;

/// How much of the data, and of an answer, is shown to people.
const DATA_BYTES_MAX: usize = 4_096;

/// How to print a dead letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Shown {
    /// Lines for people
    Text,
    /// One JSON object: the letter as it is listed, and the event
    Json,
    /// The event alone, in the JSON format of CloudEvents
    Event,
}

pub(super) async fn execute(args: &ShowArgs, console: &mut Console) -> Result<(), Failure> {
    let client = AdminClient::new(&args.server.server)?;
    let trigger = &args.letter.trigger;
    let mut path = format!(
        "{}/{}/{}/",
        api::DEAD_LETTERS,
        trigger.namespace,
        trigger.name
    );
    push_query_value(&args.letter.position, &mut path);
    let shown: DeadLetterShown = client.get(&path).await?;
    match args.output {
        Shown::Text => lines(&shown)
            .iter()
            .try_for_each(|line| console.print(line)),
        Shown::Json => {
            let json = serde_json::to_string_pretty(&shown).map_err(std::io::Error::from)?;
            console.print(json)
        }
        Shown::Event => console.print(shown.cloud_event.get()),
    }
}

fn lines(shown: &DeadLetterShown) -> Vec<String> {
    let api::DeadLetterShown {
        letter,
        cloud_event,
    } = shown;
    let event = &letter.event;
    let reason = &letter.reason;
    let mut lines = Vec::new();
    let mut line = |name: &str, text: String| {
        let text = visible(&text, DATA_BYTES_MAX).to_string();
        lines.push(format!("{name:<13}{text}"));
    };
    let name = format!(
        "{}/{}/{}",
        letter.namespace, letter.trigger, letter.position
    );
    line("dead letter", name);
    line(
        "event",
        format!("{}  from {}  id {}", event.ty, event.source, event.id),
    );
    for (name, value) in &event.attributes {
        line("", format!("{name}={value}"));
    }
    line("accepted", letter.accepted_at.to_string());
    line("parked", letter.parked_at.to_string());
    line("reason", format!("{}: {}", reason.kind, reason.detail));
    line("sends", count(letter.sends.into()));
    if let Some(dest) = &reason.dest {
        let code = reason
            .code
            .map_or_else(String::new, |code| format!("   {code}"));
        line("last sent to", format!("{dest}{code}"));
    }
    if let Some(data) = &reason.data_base64 {
        line("answer", text_of_base64(data));
    }
    if let Some(reason) = &letter.sink_waits_for {
        line("sink", format!("the next try waits ({reason})"));
    } else if let Some(at) = letter.retry_at {
        let next = match letter.due {
            true => "being tried now".to_owned(),
            false => format!("tried again at {at}"),
        };
        line("sink", next);
    }
    line("data", format!("{} bytes", count(event.data_size_bytes)));
    if let Some(data) = data(cloud_event.get()) {
        line("", data);
    }
    lines
}

/// The data as people read it, if there is any.
fn data(cloud_event: &str) -> Option<String> {
    let event: Value = serde_json::from_str(cloud_event).ok()?;
    match (event.get("data"), event.get("data_base64")) {
        (Some(Value::String(text)), _) => Some(text.clone()),
        (Some(data), _) => Some(data.to_string()),
        (None, Some(Value::String(base64))) => Some(text_of_base64(base64)),
        (None, _) => None,
    }
}

/// The text behind base64; the base64 itself where there is none.
fn text_of_base64(base64: &str) -> String {
    let decoded = STANDARD.decode(base64).ok();
    let text = decoded.and_then(|bytes| String::from_utf8(bytes).ok());
    text.unwrap_or_else(|| format!("{base64} (base64)"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_letter_is_shown_with_its_reason_and_its_data_and_cannot_drive_the_terminal() {
        let shown = json!({"letter": {
            "namespace": "shop", "trigger": "billing", "position": "17",
            "event": {"id": "1", "source": "/me", "type": "order.paid",
                "attributes": {"region": "e\u{1b}[2Ju"}, "dataSizeBytes": 8},
            "reason": {"kind": "refused", "detail": "the answer was 418", "dest": "http://b/",
                "code": 418, "dataBase64": STANDARD.encode("no\nway")},
            "sends": 1, "acceptedAt": "2026-01-05T12:01:07.402Z",
            "parkedAt": "2026-01-05T12:11:07.402Z"},
            "cloudEvent": {"id": "1", "data": {"a": 1}}});
        let shown: DeadLetterShown = serde_json::from_str(&shown.to_string()).unwrap();
        assert_eq!(
            lines(&shown).join("\n"),
            "\
dead letter  shop/billing/17
event        order.paid  from /me  id 1
             region=e\\u{1b}[2Ju
accepted     2026-01-05T12:01:07.402Z
parked       2026-01-05T12:11:07.402Z
reason       refused: the answer was 418
sends        1
last sent to http://b/   418
answer       no\\nway
data         8 bytes
             {\"a\":1}"
        );
    }

    #[test]
    fn data_is_shown_as_what_it_is() {
        for (event, shown) in [
            (json!({}), None),
            (json!({"data": "text"}), Some("text")),
            (json!({"data": [1, null]}), Some("[1,null]")),
            (json!({"data_base64": "dGV4dA=="}), Some("text")),
            (json!({"data_base64": "/w=="}), Some("/w== (base64)")),
        ] {
            assert_eq!(data(&event.to_string()).as_deref(), shown, "{event}");
        }
    }
}
