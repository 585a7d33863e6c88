//! The walls between crates, held against what cargo knows of them and against their sources.
//!
//! A wall that nobody checks is a wish. Each test names what it found and where, so that whoever
//! breaks a wall on purpose knows which line to change here, and what to explain.

mod map;
mod sources;
mod tidy;
mod workspace;

use std::collections::BTreeSet;

use sources::code_of;
use workspace::Workspace;

/// What each crate may use of the others outside its tests. Arrows point one way.
const ALLOWED: &[(&str, &[&str])] = &[
    ("sluicegate-event", &[]),
    ("sluicegate-filter", &["sluicegate-event"]),
    ("sluicegate-channels", &["sluicegate-event"]),
    (
        "sluicegate-resources",
        &["sluicegate-event", "sluicegate-filter"],
    ),
    (
        "sluicegate-dispatcher",
        &[
            "sluicegate-channels",
            "sluicegate-event",
            "sluicegate-filter",
            "sluicegate-resources",
        ],
    ),
    (
        "sluicegate",
        &[
            "sluicegate-channels",
            "sluicegate-dispatcher",
            "sluicegate-event",
            "sluicegate-filter",
            "sluicegate-resources",
        ],
    ),
    (
        "sluicegate-conformance",
        &["sluicegate", "sluicegate-channels", "sluicegate-event"],
    ),
];

/// Crates that do no I/O, own no clock and are not async.
const PURE: &[&str] = &[
    "sluicegate-event",
    "sluicegate-filter",
    "sluicegate-resources",
];

#[test]
fn every_crate_uses_only_what_lies_below_it() {
    let workspace = Workspace::read();
    let members: BTreeSet<&str> = workspace.members().map(|member| &*member.name).collect();
    let described: BTreeSet<&str> = ALLOWED.iter().map(|(name, _)| *name).collect();
    assert_eq!(
        members, described,
        "ALLOWED describes each crate of the workspace"
    );

    for (name, allowed) in ALLOWED {
        for used in workspace.uses(name) {
            let is_ours = members.contains(used);
            assert!(
                !is_ours || allowed.contains(&used),
                "{name} must not use {used}"
            );
        }
    }
}

#[test]
fn nothing_depends_on_the_conformance_tests() {
    for member in Workspace::read().members() {
        for dependency in &member.dependencies {
            assert_ne!(
                dependency.name, "sluicegate-conformance",
                "in {}",
                member.name
            );
        }
    }
}

#[test]
fn pure_crates_reach_no_runtime_no_network_and_no_randomness() {
    let unwanted = |name: &str| {
        let exactly = [
            "async-std",
            "axum",
            "fastrand",
            "h2",
            "hyper",
            "hyper-util",
            "mio",
            "notify",
            "rand",
            "reqwest",
            "smol",
            "socket2",
            "tokio",
            "tower",
            "tracing-subscriber",
        ];
        exactly.contains(&name) || name.starts_with("tokio-") || name.starts_with("futures")
    };
    let workspace = Workspace::read();
    for name in PURE {
        let reached = workspace.reaches(name);
        assert!(
            reached.contains("bytes"),
            "the graph of {name} has been read: {reached:?}"
        );
        let found: Vec<_> = reached.into_iter().filter(|name| unwanted(name)).collect();
        assert_eq!(found, [""; 0], "what {name} reaches");
    }
}

#[test]
fn pure_crates_name_no_io_no_clock_and_no_async() {
    let words = [
        "std::env",
        "std::fs",
        "std::process",
        "std::thread",
        "TcpListener",
        "TcpStream",
        "UdpSocket",
        "Instant::",
        "SystemTime",
        "::now()",
        "async ",
        ".await",
    ];
    for name in PURE {
        assert_eq!(found_in(name, &words), [""; 0]);
    }
}

#[test]
fn channels_name_no_filter_no_trigger_and_no_http_status() {
    let words = [
        "sluicegate_filter",
        "Filter",
        "Trigger",
        "StatusCode",
        "http::",
    ];
    assert_eq!(found_in("sluicegate-channels", &words), [""; 0]);
}

#[test]
fn only_the_kubernetes_crate_links_a_kubernetes_client() {
    let is_client = |name: &str| name.starts_with("kube") || name == "k8s-openapi";
    let workspace = Workspace::read();
    for member in workspace.members() {
        if member.name != "sluicegate-kubernetes" {
            let found: Vec<_> = workspace
                .uses(&member.name)
                .filter(|used| is_client(used))
                .collect();
            assert_eq!(found, [""; 0], "what {} uses", member.name);
        }
    }
    let reached = workspace.reaches("sluicegate-dispatcher");
    assert!(
        reached.contains("tokio"),
        "the graph has been read: {reached:?}"
    );
    assert!(
        !reached.into_iter().any(is_client),
        "the dispatcher cannot name Kubernetes"
    );
}

#[test]
fn only_channels_and_tests_link_a_nats_client_and_only_where_it_is_asked_for() {
    let mut linking = Vec::new();
    let workspace = Workspace::read();
    for member in workspace.members() {
        let clients = member.dependencies.iter();
        for client in clients.filter(|it| ["async-nats", "nats"].contains(&&*it.name)) {
            assert!(client.optional, "{} builds it always", member.name);
            linking.push(&*member.name);
        }
    }
    linking.sort_unstable();
    assert_eq!(linking, ["sluicegate-channels", "sluicegate-conformance"]);
}

/// Each place in the code of a crate, outside comments and tests, where one of `words` stands.
fn found_in(name: &str, words: &[&str]) -> Vec<String> {
    let sources = code_of(&Workspace::read().member(name).folder().join("src"));
    assert!(!sources.is_empty(), "{name} has sources");
    let mut found = Vec::new();
    for source in sources {
        for (number, line) in source.lines() {
            if words.iter().any(|word| line.contains(word)) {
                found.push(format!("{}:{number}: {line}", source.path.display()));
            }
        }
    }
    found
}
