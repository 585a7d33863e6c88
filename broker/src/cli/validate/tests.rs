use clap::Parser;
use serde_json::Value;

use super::*;
use crate::cli::{Cli, Verb};
use crate::testing::{Kept, TempDir};

const BROKER: &str = "\
apiVersion: eventing.knative.dev/v1
kind: Broker
metadata: {name: orders, namespace: shop}
";

/// A trigger in the namespace `shop`.
fn trigger(name: &str, broker: &str, subscriber: &str) -> String {
    format!(
        "apiVersion: eventing.knative.dev/v1
kind: Trigger
metadata: {{name: {name}, namespace: shop}}
spec:
  broker: {broker}
  filters: [{{exact: {{type: order.paid}}}}]
  subscriber: {subscriber}
"
    )
}

/// Validates a folder of these files; `{dir}` in `words` stands for it.
fn validated(files: &[(&str, &str)], words: &[&str]) -> (Result<(), Failure>, String) {
    let folder = TempDir::new();
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    let dir = folder.path().to_str().unwrap();
    let words = words.iter().map(|word| word.replace("{dir}", dir));
    let all = ["sluicegate", "validate"]
        .map(str::to_owned)
        .into_iter()
        .chain(words);
    let Verb::Validate(args) = Cli::try_parse_from(all).unwrap().verb else {
        panic!()
    };
    let out = Kept::default();
    let done = execute(&args, &mut Console::plain(out.clone(), std::io::sink()));
    let text = out.text();
    (done, text)
}

#[test]
fn what_is_valid_is_counted() {
    let billing = trigger("billing", "orders", "{uri: http://billing/}");
    let files = [
        ("a.yaml", BROKER),
        ("b.yaml", billing.as_str()),
        ("notes.txt", "not: [yaml"),
    ];
    let (done, out) = validated(&files, &["{dir}"]);
    assert_eq!(done, Ok(()), "{out}");
    assert_eq!(out, "✓ 2 files, 1 broker, 1 trigger\n");
}

#[test]
fn what_is_invalid_is_shown_with_its_place_and_exits_3() {
    let missing = trigger("billing", "order", "{uri: http://billing/}");
    let twice = format!("{BROKER}---\n{BROKER}");
    for (text, code, line) in [
        (BROKER.replace("metadata:", "metadatum:"), "W0", ":3:"),
        (format!("{BROKER}---\n{missing}"), "W006", ":9:"),
        (twice, "W0", ":7:"),
        ("kind: [".to_owned(), "W011", "a.yaml:"),
    ] {
        let (done, out) = validated(&[("a.yaml", &text)], &["{dir}/a.yaml"]);
        assert_eq!(done.unwrap_err().exit(), Exit::InvalidManifests, "{out}");
        assert!(out.starts_with("✗ 1 file"), "{out}");
        assert!(out.contains(&format!("error[{code}")), "{out}");
        assert!(out.contains("a.yaml"), "{out}");
        assert!(out.contains(line), "{line}: {out}");
    }
}

#[test]
fn warnings_fail_only_when_denied() {
    let billing = trigger("billing", "orders", "{uri: http://billing/}");
    let star = format!("{BROKER}---\n{}", billing.replace("order.paid", "order.*"));
    let (done, out) = validated(&[("a.yaml", &star)], &["{dir}"]);
    assert_eq!(done, Ok(()), "{out}");
    assert!(
        out.starts_with("✓ 1 file") && out.ends_with("1 warning, 0 errors\n"),
        "{out}"
    );
    let (done, _) = validated(&[("a.yaml", &star)], &["{dir}", "--deny-warnings"]);
    assert_eq!(done.unwrap_err().exit(), Exit::InvalidManifests);
}

#[test]
fn the_broker_that_dev_has_by_itself_is_missed_only_where_settings_are_given() {
    let audit = "\
apiVersion: eventing.knative.dev/v1
kind: Trigger
metadata: {name: audit}
spec: {broker: default, filters: [{exact: {type: t}}], subscriber: {uri: http://audit/}}
";
    let files = [("a.yaml", audit), ("s.conf", "")];
    let (done, out) = validated(&files, &["{dir}", "--deny-warnings"]);
    assert_eq!(done, Ok(()), "{out}");
    assert_eq!(out, "✓ 1 file, 0 brokers, 1 trigger\n");
    let (done, out) = validated(&files, &["{dir}", "--config", "{dir}/s.conf"]);
    assert_eq!(done, Ok(()), "{out}");
    assert!(out.contains("sluicegate new broker default"), "{out}");
}

#[test]
fn references_are_resolved_by_the_settings_alone() {
    let reference = "{ref: {apiVersion: v1, kind: Service, name: billing}}";
    let manifest = format!("{BROKER}---\n{}", trigger("billing", "orders", reference));
    let files = |settings| [("m.yaml", manifest.as_str()), ("sluicegate.conf", settings)];
    let with = ["{dir}/m.yaml", "--config", "{dir}/sluicegate.conf"];
    let (done, out) = validated(&files(""), &["{dir}/m.yaml"]);
    assert_eq!(done, Ok(()), "in a cluster the cluster answers: {out}");
    let (done, out) = validated(&files("listen: 127.0.0.1:0\n"), &with);
    assert_eq!(done.unwrap_err().exit(), Exit::InvalidManifests);
    assert!(out.contains("W007"), "{out}");
    let mapped = "resolve: {v1/Service/shop/billing: \"http://localhost:3001\"}\n";
    let (done, out) = validated(&files(mapped), &with);
    assert_eq!(done, Ok(()), "{out}");
}

#[test]
fn settings_that_are_invalid_are_findings_too() {
    let files = [("a.yaml", BROKER), ("s.conf", "listne: 127.0.0.1:0\n")];
    let (done, out) = validated(&files, &["--config", "{dir}/s.conf"]);
    assert_eq!(done.unwrap_err().exit(), Exit::InvalidManifests);
    assert!(out.contains("listne") && out.contains("s.conf:1:"), "{out}");
}

#[test]
fn json_is_one_object_with_every_finding() {
    let missing = trigger("billing", "order", "{uri: http://billing/}");
    let (done, out) = validated(&[("a.yaml", &missing)], &["{dir}", "-o", "json"]);
    assert_eq!(done.unwrap_err().exit(), Exit::InvalidManifests);
    let report: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(
        (&report["files"], &report["errors"]),
        (&1.into(), &1.into())
    );
    let finding = &report["findings"][0];
    assert_eq!(
        (&finding["code"], &finding["severity"]),
        (&"W006".into(), &"error".into())
    );
    assert_eq!(finding["line"], 5);
    assert_eq!(
        finding["object"],
        serde_json::json!({"kind": "Trigger", "namespace": "shop", "name": "billing"})
    );
    let rendered = finding["rendered"].as_str().unwrap();
    assert!(
        rendered.starts_with("error[W006]: ") && rendered.contains('^'),
        "{rendered}"
    );
    assert!(finding["file"].as_str().unwrap().ends_with("a.yaml"));
}

#[test]
fn a_broken_expression_is_shown_with_carets_and_a_remedy_in_every_format() {
    let broken = "apiVersion: eventing.knative.dev/v1\nkind: Trigger\n\
        metadata: {name: large, namespace: shop}\nspec:\n  broker: orders\n  filters:\n    \
        - cesql: |\n        type = 'order.paid'\n          AND source LIKE region\n  \
        subscriber: {uri: http://billing/}\n";
    let carets = "\n9 |           AND source LIKE region\n  |                           ^^^^^^\n";
    let (done, out) = validated(&[("a.yaml", broken)], &["{dir}"]);
    assert_eq!(done.unwrap_err().exit(), Exit::InvalidManifests);
    assert!(out.contains("error[W003]: cesql does not parse: "), "{out}");
    assert!(
        out.contains("a.yaml:9:27\n") && out.contains(carets),
        "{out}"
    );
    assert!(
        out.contains("\nhelp: write it as text, such as '%.paid'"),
        "{out}"
    );

    let (_, out) = validated(&[("a.yaml", broken)], &["{dir}", "-o", "json"]);
    let report: Value = serde_json::from_str(&out).unwrap();
    let finding = &report["findings"][0];
    assert_eq!(finding["code"], "W003");
    assert_eq!(finding["line"], 9);
    assert_eq!(finding["column"], 27);
    assert_eq!(finding["length"], 6);
    assert!(
        finding["help"]
            .as_str()
            .unwrap()
            .starts_with("write it as text")
    );
    assert!(
        finding["rendered"].as_str().unwrap().contains(carets),
        "{out}"
    );
}

#[test]
fn nothing_to_check_is_no_success() {
    for words in [
        &["{dir}"][..],
        &["{dir}/nowhere.yaml"][..],
        &["--config", "{dir}/none"][..],
    ] {
        let (done, out) = validated(&[("notes.txt", "")], words);
        let failure = done.unwrap_err();
        assert_eq!(failure.exit(), Exit::Usage, "{words:?}");
        assert!(failure.next().is_some() && out.is_empty(), "{words:?}");
    }
}

#[test]
fn a_link_to_nothing_in_a_folder_is_a_warning_about_that_link() {
    let folder = TempDir::new();
    let link = folder.path().join("gone.yaml");
    std::os::unix::fs::symlink("nowhere", &link).unwrap();
    let dir = folder.path().to_str().unwrap();
    let (done, out) = validated(&[], &[dir]);
    assert_eq!(done, Ok(()), "{out}");
    let told = "warn[W101]: the file is a link to something that is not there";
    for words in [told, link.to_str().unwrap(), "1 warning, 0 errors"] {
        assert!(out.contains(words), "{words}: {out}");
    }
    let (denied, _) = validated(&[], &[dir, "--deny-warnings"]);
    assert_eq!(denied.unwrap_err().exit(), Exit::InvalidManifests);
}

#[test]
fn a_file_that_is_no_text_is_an_error_about_that_file() {
    let folder = TempDir::new();
    std::fs::write(folder.path().join("a.yaml"), [0xff, 0xfe]).unwrap();
    let source = Source::of((
        PathBuf::from("a.yaml"),
        read_file(&folder.path().join("a.yaml")),
    ));
    let report = examine::examine(&[source], None);
    assert_eq!(report.count(Severity::Error), 1);
    assert!(report.findings[0].diagnostic.message.contains("UTF-8"));
}

#[test]
fn settings_may_name_a_folder_that_is_still_to_come() {
    let files = [("s.conf", "manifests: ./later\n")];
    let (done, out) = validated(&files, &["--config", "{dir}/s.conf"]);
    assert_eq!(done, Ok(()), "{out}");
}

/// What `run` does not start with.
#[test]
fn a_broker_in_memory_is_no_broker_for_production() {
    let config = "apiVersion: sluicegate.dev/v1alpha1
kind: BrokerConfig
metadata: {name: small, namespace: shop}
spec: {channel: {memory: {}}}
";
    let broker = format!(
        "{BROKER}spec: {{config: {{apiVersion: sluicegate.dev/v1alpha1, kind: BrokerConfig, name: small}}}}\n"
    );
    for (profile, disk, exit) in [
        ("profile: production\n", false, Some(Exit::InvalidManifests)),
        ("profile: production\n", true, None),
        ("", false, None),
    ] {
        let config = match disk {
            true => config.replace("memory: {}", "disk: {}"),
            false => config.to_owned(),
        };
        let settings = format!("manifests: ./m\ndata: ./data\n{profile}");
        let objects = format!("{broker}---\n{config}");
        let files = [
            ("settings.txt", settings.as_str()),
            ("a.yaml", objects.as_str()),
        ];
        let (done, out) = validated(&files, &["--config", "{dir}/settings.txt", "{dir}"]);
        assert_eq!(
            done.err().map(|it| it.exit()),
            exit,
            "{profile}{disk}: {out}"
        );
        assert_eq!(
            out.contains("keeps events in memory only"),
            exit.is_some(),
            "{out}"
        );
        assert!(exit.is_none() || out.contains("a.yaml:4:"), "{out}");
    }
}
