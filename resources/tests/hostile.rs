//! Texts that nobody means well: cut off, garbled, or made to cost much. None may panic, none may
//! take long, and none may be refused or half understood without a word.

use sluicegate_resources::{Diagnostic, parse, yaml};

const VALID: &str = "\
apiVersion: eventing.knative.dev/v1
kind: Broker
metadata:
  name: orders
  annotations: {eventing.knative.dev/broker.class: Sluicegate}
spec:
  config: {apiVersion: sluicegate.dev/v1alpha1, kind: BrokerConfig, name: fast}
  delivery: {retry: 3, backoffPolicy: linear, backoffDelay: PT0.2S, format: json}
---
apiVersion: eventing.knative.dev/v1
kind: Trigger
metadata:
  name: billing
  annotations:
    sluicegate.dev/start: \"2026-01-31T08:00:00Z\"
    knative.dev/dependency: '{\"kind\":\"A\",\"name\":\"b\",\"apiVersion\":\"v1\"}'
spec:
  broker: orders
  filters:
    - any:
        - exact: {type: order.paid}
        - not: {prefix: {source: /ü}}
  subscriber:
    ref: {apiVersion: v1, kind: Service, name: billing}
    uri: /events?a=%20
---
apiVersion: sluicegate.dev/v1alpha1
kind: BrokerConfig
metadata: {name: fast}
spec:
  channel:
    memory: {maxEvents: 1000, maxBytes: 64Mi, whenFull: refuse}
  limits: {maxHops: 8}
";

/// Reads a text, renders everything said of it, and checks that every document is either served,
/// or refused or left out with a reason.
fn read(text: &str) -> String {
    let parsed = parse(text);
    let mut said = String::new();
    for manifest in &parsed.manifests {
        let is_explained = manifest
            .diagnostics
            .iter()
            .any(|one| one.is_error() || one.code == "W102");
        assert_eq!(manifest.object.is_none(), is_explained, "{text}");
        if let Some(object) = &manifest.object {
            assert_eq!(Some(object.name()), manifest.name.as_ref(), "{text}");
            assert_eq!(object.kind(), manifest.kind, "{text}");
        }
    }
    let of_manifests = parsed.manifests.iter().flat_map(|one| &one.diagnostics);
    for diagnostic in of_manifests.chain(&parsed.diagnostics) {
        said.push_str(&Diagnostic::render(diagnostic, "f.yaml", text));
    }
    let is_harmless = said.chars().all(|c| c == '\n' || !c.is_control());
    assert!(is_harmless, "{said:?}");
    said
}

#[test]
fn the_text_that_the_others_are_made_of_is_valid() {
    let parsed = parse(VALID);
    assert!(parsed.manifests.iter().all(|one| one.object.is_some()));
    assert_eq!(parsed.manifests.len(), 3);
    assert_eq!(parsed.diagnostics, []);
}

#[test]
fn a_text_cut_off_anywhere_is_read_or_explained() {
    for (end, _) in VALID.char_indices() {
        read(VALID.get(..end).expect("a boundary"));
    }
}

#[test]
fn a_text_with_one_character_replaced_or_taken_out_is_read_or_explained() {
    let replacements = [
        "", ":", "-", "[", "]", "{", "}", "\"", "'", "&", "*", "!", "|", ">", "%", "#", "?", "@",
        "`", ",", "\t", "\n", " ", "0", "é", "\u{0}", "\u{1b}", "\u{2028}", "\u{feff}", "\r",
    ];
    for (index, (start, character)) in VALID.char_indices().enumerate() {
        let (before, rest) = VALID.split_at(start);
        let after = rest.get(character.len_utf8()..).expect("a boundary");
        // A third of them at each place is enough: neighbours get the others.
        for replacement in replacements.iter().skip(index % 3).step_by(3) {
            read(&format!("{before}{replacement}{after}"));
        }
    }
}

#[test]
fn lines_taken_out_doubled_or_moved_are_read_or_explained() {
    let lines: Vec<&str> = VALID.lines().collect();
    for first in 0..lines.len() {
        let mut without = lines.clone();
        let line = without.remove(first);
        read(&without.join("\n"));
        for second in 0..without.len() {
            let mut moved = without.clone();
            moved.insert(second, line);
            read(&moved.join("\n"));
        }
        let mut doubled = lines.clone();
        doubled.insert(first, line);
        read(&doubled.join("\n"));
    }
}

#[test]
fn texts_made_to_cost_much_cost_little() {
    // A little less, so that what is put around still lets the text be read.
    const BYTES: usize = yaml::TEXT_BYTES_MAX - 16;
    let fill = |piece: &str| piece.repeat(BYTES / piece.len());
    let header = VALID.split_inclusive("---\n").next().expect("a broker");
    for text in [
        fill("["),
        fill("{"),
        fill("- "),
        fill("? "),
        fill("a: "),
        fill("\""),
        fill("'"),
        fill("a"),
        fill(" "),
        fill("\n"),
        fill("#"),
        fill("---\n"),
        fill("a: b\n"),
        fill("a\n"),
        fill("{a: b}\n---\n"),
        fill("- a\n"),
        fill("[a]: b\n"),
        fill("&a "),
        fill("&a [*a,"),
        fill("!t "),
        fill("%TAG ! x\n"),
        fill("|\n a\n"),
        fill("\"\\x1b\","),
        format!("[{}", fill("a,")),
        format!("{{{}", fill("a: b,")),
        format!("a: &a [x]\nb: [{}]", "*a, ".repeat(200_000)),
        format!("{header}{}", "field: 1\n".repeat(40_000)),
        format!("kind: {}", fill("x")),
        (0..60_000)
            .map(|n| format!("k{n}: v\n"))
            .collect::<String>(),
        (1..1_400).fold(String::new(), |text, n| text + &" ".repeat(n / 2) + "a:\n"),
    ] {
        let parsed = parse(&text);
        // Rendering each of many findings looks for its line, so one of each document is enough.
        let of_manifests = parsed
            .manifests
            .iter()
            .filter_map(|one| one.diagnostics.last());
        for diagnostic in of_manifests.chain(&parsed.diagnostics).take(100) {
            diagnostic.render("f.yaml", &text);
        }
    }
}

#[test]
fn more_conditions_than_one_trigger_may_have_are_refused() {
    let conditions: String = (0..10_001)
        .map(|n| format!("    - exact: {{a{n}: x}}\n"))
        .collect();
    let text = format!(
        "apiVersion: eventing.knative.dev/v1\nkind: Trigger\nmetadata: {{name: t}}\nspec:\n  broker: b\n  subscriber: {{uri: http://s/}}\n  filters:\n{conditions}"
    );
    let said = read(&text);
    assert!(
        said.starts_with("error[W001]: `spec.filters[5000]")
            && said.contains("more than 10000 filters and conditions in one trigger")
            && said.contains("f.yaml:7:3"),
        "{said}"
    );
}

#[test]
fn more_findings_than_anybody_reads_are_counted() {
    let broker = "apiVersion: eventing.knative.dev/v1\nkind: Broker\nmetadata: {name: b}\n";
    let fields: String = (0..yaml::SHOWN_MAX + 7)
        .map(|n| format!("f{n}: 1\n"))
        .collect();
    let parsed = parse(&format!("{broker}{fields}"));
    let found = &parsed.manifests[0].diagnostics;
    assert_eq!(found.len(), yaml::SHOWN_MAX + 1);
    let last = found.last().expect("findings");
    assert_eq!(
        last.message,
        "7 more findings in this document are not shown"
    );
    assert!(last.is_error() && parsed.manifests[0].object.is_none());
}
