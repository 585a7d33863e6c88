use clap::Parser;
use sluicegate_resources::{Object, parse};

use super::*;
use crate::cli::{Cli, Verb};
use crate::testing::{Kept, TempDir};

/// What the command line `new …` prints.
fn printed(words: &[&str]) -> Result<String, Failure> {
    let cli = Cli::try_parse_from(["sluicegate", "new"].iter().chain(words)).unwrap();
    let Verb::New(args) = cli.verb else {
        panic!("not new: {words:?}")
    };
    let out = Kept::default();
    execute(&args, &mut Console::plain(out.clone(), std::io::sink()))?;
    Ok(out.text())
}

/// The only object in `text`, which must be valid without any remark but the one that a trigger
/// without a filter deserves.
fn only_object(text: &str) -> Object {
    let parsed = parse(text);
    assert_eq!(parsed.diagnostics, [], "{text}");
    let [manifest] = parsed.manifests.as_slice() else {
        panic!("not one document: {text}")
    };
    let codes: Vec<_> = manifest.diagnostics.iter().map(|it| it.code).collect();
    let takes_all = text.contains("kind: Trigger") && !text.contains("filters:");
    assert_eq!(codes, if takes_all { &["W104"][..] } else { &[] }, "{text}");
    manifest
        .object
        .clone()
        .unwrap_or_else(|| panic!("invalid: {text}"))
}

#[test]
fn the_trigger_of_the_first_five_minutes_reads_well() {
    let text = printed(&[
        "trigger",
        "hello",
        "--type",
        "demo.*",
        "--to",
        "http://localhost:3000",
        "--stdout",
    ]);
    assert_eq!(
        text.unwrap(),
        "\
apiVersion: eventing.knative.dev/v1
kind: Trigger
metadata:
  name: hello
spec:
  broker: default
  filters:
    - prefix:
        type: demo.
  subscriber:
    uri: http://localhost:3000
"
    );
}

/// Every subset of the optional flags, with values that are hard on YAML.
#[test]
fn whatever_is_written_is_valid_without_a_remark() {
    let optional: &[&[&str]] = &[
        &["--namespace", "shop"],
        &["--broker", "orders"],
        &["--type", "it's: \"odd\" #1"],
        &["--source", "/shop/*"],
        &["--cesql", "subject = \"it's: #1\"\n  AND amount > 100"],
        &["--dead-letter", "http://localhost:3009/a?b=c&d=%20"],
        &["--retry", "5", "--backoff", "linear"],
        &["--backoff-delay", "1500ms"],
        &["--timeout", "PT5S"],
    ];
    for subset in 0_u32..1 << optional.len() {
        let mut words = vec![
            "trigger",
            "hello",
            "--to",
            "http://localhost:3000/x",
            "--stdout",
        ];
        for (bit, flags) in optional.iter().enumerate() {
            if subset & (1 << bit) != 0 {
                words.extend_from_slice(flags);
            }
        }
        let text = printed(&words).unwrap_or_else(|failure| panic!("{words:?}: {failure}"));
        let Object::Trigger(trigger) = only_object(&text) else {
            panic!("no trigger: {text}")
        };
        let filters = ["--type", "--source", "--cesql"]
            .iter()
            .filter(|flag| words.contains(flag))
            .count();
        assert_eq!(trigger.filters.len(), filters, "{text}");
        assert_eq!(
            trigger.metadata.name.namespace == "shop",
            words.contains(&"--namespace")
        );
        assert_eq!(trigger.delivery.retry.is_some(), words.contains(&"--retry"));
        assert_eq!(
            trigger.delivery.dead_letter_sink.is_some(),
            words.contains(&"--dead-letter")
        );
        if words.contains(&"--backoff-delay") {
            assert_eq!(
                trigger.delivery.backoff_delay,
                Some(std::time::Duration::from_millis(1500))
            );
        }
    }
}

#[test]
fn an_expression_that_cannot_be_a_filter_is_not_written() {
    for (expression, shown) in [
        ("amount >", "amount >\n        ^\nnext:  write an attribute"),
        ("LENGTH(subject)", "type Integer"),
        ("MATCHES(type, 'a')", "there is no function MATCHES"),
        (" ", "leave --cesql out"),
    ] {
        let words = ["trigger", "large", "--to", "http://a/", "--stdout"];
        let words = [&words[..], &["--cesql", expression]].concat();
        let refused = printed(&words).unwrap_err();
        assert_eq!(refused.exit(), Exit::Usage, "{expression}");
        assert!(refused.to_string().contains(shown), "{refused}");
    }
}

#[test]
fn brokers_are_valid_with_and_without_delivery() {
    for words in [
        &["broker", "orders", "--stdout"][..],
        &[
            "broker",
            "orders",
            "-n",
            "shop",
            "--retry",
            "3",
            "--timeout",
            "2s",
            "--stdout",
        ][..],
    ] {
        let text = printed(words).unwrap();
        let Object::Broker(broker) = only_object(&text) else {
            panic!("no broker: {text}")
        };
        assert_eq!(broker.metadata.name.name, "orders");
        assert_eq!(broker.delivery.retry.is_some(), words.contains(&"--retry"));
    }
}

#[test]
fn a_file_is_written_once_and_replaced_only_when_forced() {
    let folder = TempDir::new();
    let dir = folder.path().join("made/by/new");
    let dir_text = dir.to_str().unwrap();
    let words = ["broker", "orders", "--dir", dir_text];
    let path = dir.join("orders.yaml");
    assert_eq!(
        printed(&words).unwrap(),
        format!("wrote {}\n", path.display())
    );
    std::fs::write(&path, "# mine\n").unwrap();
    let failure = printed(&words).unwrap_err();
    assert_eq!(failure.exit(), Exit::Failed);
    assert!(failure.next().unwrap().contains("--force"));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "# mine\n");
    printed(&["broker", "orders", "--dir", dir_text, "--force"]).unwrap();
    assert!(
        std::fs::read_to_string(&path)
            .unwrap()
            .contains("kind: Broker")
    );
}

#[test]
fn what_no_manifest_may_say_is_refused_before_anything_is_written() {
    let failure = printed(&[
        "trigger", "hello", "--to", "http://x", "--type", "", "--stdout",
    ])
    .expect_err("an empty type can match nothing");
    assert_eq!(failure.exit(), Exit::Usage);
    assert!(failure.next().is_some());
}

#[test]
fn a_url_with_a_fragment_is_refused_with_the_manifests_own_words() {
    let words = [
        "trigger",
        "hello",
        "--to",
        "http://localhost:3000/#top",
        "--stdout",
    ];
    let failure = printed(&words).unwrap_err();
    assert!(failure.message().unwrap().contains("fragment"), "{failure}");
    assert!(failure.next().unwrap().contains('#'), "{failure}");
}

#[test]
fn a_star_that_would_be_a_letter_is_refused_with_what_to_write() {
    for (flag, value, remedy) in [
        ("--type", "a*b", "write --type 'a*'"),
        ("--type", "demo.**", "write --type 'demo.*'"),
        ("--source", "*/shop", "`suffix`"),
        ("--source", "*a*", "`suffix`"),
    ] {
        let words = ["trigger", "t", flag, value, "--to", "http://x", "--stdout"];
        let failure = printed(&words).unwrap_err();
        assert_eq!(failure.exit(), Exit::Usage);
        assert!(failure.message().unwrap().contains(flag), "{failure}");
        assert!(failure.next().unwrap().contains(remedy), "{failure}");
    }
}

#[test]
fn a_count_of_retries_that_makes_no_sense_is_met_with_the_range() {
    for count in ["-1", "many", "2147483648"] {
        let words = ["sluicegate", "new", "broker", "b", "--retry", count];
        let error = Cli::try_parse_from(words).unwrap_err().to_string();
        assert!(error.contains("from 0 (no retry) to 2147483647"), "{error}");
    }
}

#[test]
fn a_filter_that_is_most_likely_not_meant_is_written_and_told() {
    let words = [
        "sluicegate",
        "new",
        "trigger",
        "hello",
        "--to",
        "http://a/",
        "--stdout",
        "--cesql",
    ];
    for (cesql, told) in [
        ("type LIKE 'order.*'", "use %: LIKE 'order.%'"),
        ("type LIKE 'order.%'", ""),
    ] {
        let cli = Cli::try_parse_from(words.iter().chain([&cesql])).unwrap();
        let Verb::New(args) = cli.verb else { panic!() };
        let (out, talk) = (Kept::default(), Kept::default());
        execute(&args, &mut Console::plain(out.clone(), talk.clone())).unwrap();
        assert!(out.text().contains(cesql), "{}", out.text());
        assert!(talk.text().contains(told), "{}", talk.text());
        assert_eq!(talk.text().is_empty(), told.is_empty());
    }
}
