use std::io::Write;
use std::sync::Arc;

use parking_lot::{Condvar, Mutex};
use serde_json::Value;

use super::*;
use crate::testing::Kept;

/// What `log` leaves in the output.
fn logged(style: Style, log: impl FnOnce()) -> String {
    let kept = Kept::default();
    let (writer, guard) = Writer::start(kept.clone(), style).unwrap();
    let subscriber = tracing_subscriber::registry().with(LogLayer::new(writer, style));
    tracing::subscriber::with_default(subscriber, log);
    drop(guard);
    kept.text()
}

fn only_record(text: &str) -> Value {
    assert_eq!(text.matches('\n').count(), 1, "one line: {text:?}");
    serde_json::from_str(text).unwrap()
}

/// Values that have broken other people's logs.
fn hostile() -> Vec<String> {
    let mut values: Vec<String> = [
        "",
        "plain",
        "two\nlines\r\nand {\"level\":\"error\"}",
        "\u{1b}[31mred\u{1b}[0m \u{9b}31m",
        "\u{202e}txt.exe\u{2066} \u{200f}",
        "{} %s %n {0:?} ${jndi:x}",
        "quote \" backslash \\ slash / tab \t nul \0 del \u{7f}",
        "\u{2028}\u{2029}\u{feff}\u{85}\u{e0041}",
        "umlaut ä, emoji 🦀, cjk 水",
    ]
    .map(str::to_owned)
    .to_vec();
    values.push("x".repeat(1 << 20));
    values.push("水".repeat(1 << 18));
    values.push("\u{1b}".repeat(1 << 16));
    values.push("\n".repeat(300));
    values
}

fn may_not_appear(character: char) -> bool {
    (character.is_control() && character != '\n')
        || ('\u{2028}'..='\u{202e}').contains(&character)
        || ('\u{2066}'..='\u{2069}').contains(&character)
        || ('\u{200b}'..='\u{200f}').contains(&character)
        || ('\u{e0000}'..='\u{e007f}').contains(&character)
        || character == '\u{feff}'
}

/// Row I8: every line is one valid JSON record, values escaped and cut at 256 bytes.
#[test]
fn every_line_is_one_valid_record_whatever_the_values_are() {
    for value in hostile() {
        let error = io::Error::other(value.clone());
        let text = logged(Style::Json, || {
            tracing::warn!(
                code = value.as_str(), event_id = value.as_str(), event_type = %value,
                event_source = ?value, error = &error as &dyn std::error::Error, attempt = 3,
                "{value}"
            );
        });
        assert!(!text.contains(may_not_appear), "{text:?}");
        let record = only_record(&text);
        for (key, value) in record.as_object().unwrap() {
            let Value::String(text) = value else { continue };
            assert!(
                text.len() <= STRING_BYTES_MAX,
                "{key} has {} bytes",
                text.len()
            );
        }
        if value.len() <= STRING_BYTES_MAX {
            assert_eq!(record["event_id"], value.as_str(), "what is short is whole");
        } else {
            assert!(
                record["event_id"].as_str().unwrap().ends_with('…'),
                "a cut is marked"
            );
        }
    }
}

/// Row I8 for the other format.
#[test]
fn every_line_for_people_is_one_line_that_cannot_drive_a_terminal() {
    for value in hostile() {
        let text = logged(Style::Human { colour: false }, || {
            tracing::warn!(code = value.as_str(), event_id = %value, "{value}");
        });
        assert_eq!(text.matches('\n').count(), 1, "{text:?}");
        assert!(!text.contains(may_not_appear), "{text:?}");
    }
}

#[test]
fn a_record_has_its_keys_in_order() {
    let text = logged(Style::Json, || {
        tracing::warn!(
            namespace = "shop",
            code = "W020",
            retry_in_s = 1.6,
            last = true,
            "subscriber refused connection"
        );
    });
    let (before, after) = (
        text.find("\"code\"").unwrap(),
        text.find("\"namespace\"").unwrap(),
    );
    assert!(text.starts_with("{\"ts\":\"20") && before < after, "{text}");
    let record = only_record(&text);
    assert_eq!(record["level"], "warn");
    assert_eq!(record["code"], "W020");
    assert_eq!(record["msg"], "subscriber refused connection");
    assert_eq!(record["retry_in_s"], 1.6);
    assert_eq!(record["last"], true);
    assert!(
        record["ts"]
            .as_str()
            .unwrap()
            .parse::<jiff::Timestamp>()
            .is_ok()
    );
    assert_eq!(record.get("target"), None, "our own lines need none");
}

#[test]
fn numbers_that_json_lacks_are_text_and_own_keys_are_not_repeated() {
    let text = logged(Style::Json, || {
        tracing::info!(target: "hyper::client", ts = 1, level = "x", code = 503, big = u128::MAX,
            odd = f64::NAN, "m");
    });
    let record = only_record(&text);
    assert_eq!(record["odd"], "NaN");
    assert_eq!(record["target"], "hyper::client");
    assert_eq!(
        (&record["_ts"], &record["_level"]),
        (&1.into(), &"x".into())
    );
    assert_eq!(record["_code"], 503);
    assert_eq!(text.matches("\"ts\"").count(), 1);
}

#[test]
fn people_see_time_level_code_message_and_fields() {
    let text = logged(Style::Human { colour: false }, || {
        tracing::info!(
            code = "W021",
            trigger = "audit",
            why = "two words",
            n = 8,
            "loop"
        );
    });
    let (_time, rest) = text.split_at("12:01:07.402".len());
    assert_eq!(
        rest,
        "  info   W021  loop  trigger=audit why=\"two words\" n=8\n"
    );
}

#[test]
fn filters_are_levels_or_directives_and_others_are_refused() {
    for filter in [
        "info",
        "WARN",
        "off",
        "info,sluicegate_dispatcher=debug",
        "info, sluicegate_dispatcher=debug",
    ] {
        parse_filter(filter).unwrap_or_else(|error| panic!("{filter}: {error}"));
    }
    for (filter, named) in [
        (
            "loud",
            "\"loud\" is none of error, warn, info, debug, trace, off",
        ),
        (
            "info,sluicegate_dispatcher",
            "\"sluicegate_dispatcher\" is none of",
        ),
        ("", "\"\" is none of"),
        ("loud=very", "loud=very"),
        ("a=b=c", "a=b=c"),
    ] {
        let error = parse_filter(filter).unwrap_err().to_string();
        assert!(error.contains(named), "{filter:?}: {error}");
    }
}

/// An output that takes nothing until it is opened.
#[derive(Clone, Default)]
struct Stuck(Arc<(Mutex<bool>, Condvar)>, Kept);

impl Write for Stuck {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let (open, opened) = &*self.0;
        opened.wait_while(&mut open.lock(), |open| !*open);
        self.1.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn an_output_that_is_not_read_costs_lines_and_blocks_nobody() {
    let stuck = Stuck::default();
    let (writer, guard) = Writer::start(stuck.clone(), Style::Json).unwrap();
    let subscriber = tracing_subscriber::registry().with(LogLayer::new(writer, Style::Json));
    let lines = 20_000;
    tracing::subscriber::with_default(subscriber, || {
        for n in 0..lines {
            tracing::info!(n, "line");
        }
    });
    // All of them were taken or counted while nothing could be written.
    let (open, opened) = &*stuck.0;
    *open.lock() = true;
    opened.notify_all();
    drop(guard);
    let text = stuck.1.text();
    let records: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let lost: u64 = records
        .iter()
        .filter_map(|record| record["lost"].as_u64())
        .sum();
    let written = records
        .iter()
        .filter(|record| record["msg"] == "line")
        .count() as u64;
    assert!(lost > 0);
    assert_eq!(written + lost, lines);
}
