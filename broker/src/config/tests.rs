//! Every key with what it takes and what it refuses, and what a refusal looks like.

use std::num::NonZeroU64;

use sluicegate_resources::{Diagnostic, MemoryConfig, WhenExpired, WhenFull};

use super::*;
use crate::testing::TempDir;

fn parse(text: &str) -> Result<Config, ConfigError> {
    Config::parse(text, "sluicegate.yaml", Path::new("/etc/sluicegate"))
}

/// What is wrong with `text`, as people read it and as data.
#[track_caller]
fn faults(text: &str) -> (String, Vec<Diagnostic>) {
    match parse(text) {
        Err(ConfigError::Invalid {
            rendered,
            diagnostics,
        }) => (rendered, diagnostics),
        other => panic!("{text}: {other:?}"),
    }
}

/// The default, but for what `change` makes of it.
fn with(change: impl FnOnce(&mut Config)) -> Config {
    let mut config = Config {
        manifests: PathBuf::from("/etc/sluicegate/sluicegate"),
        data: Some(PathBuf::from("/etc/sluicegate/./data")),
        ..Config::default()
    };
    change(&mut config);
    config.sender.limits = config.limits;
    config
}

/// A key by its path, the value that a test writes, and what that sets.
type Case = (&'static str, &'static str, fn(&mut Config));

const CASES: &[Case] = &[
    ("listen", "0.0.0.0:9000", |it| {
        it.listen = ([0, 0, 0, 0], 9000).into()
    }),
    ("listen", "localhost:9000", |it| {
        it.listen = ([127, 0, 0, 1], 9000).into()
    }),
    ("url", "https://events.example.com/in/", |it| {
        it.url = Some("https://events.example.com/in".to_owned());
    }),
    ("admin.listen", "127.0.0.1:0", |it| {
        it.admin.listen = ([127, 0, 0, 1], 0).into()
    }),
    ("admin.allowedHosts", "[a.shop.svc, b]", |it| {
        it.admin.allowed_hosts = vec!["a.shop.svc".to_owned(), "b".to_owned()];
    }),
    ("manifests", "./shop", |it| {
        it.manifests = "/etc/sluicegate/./shop".into()
    }),
    ("manifests", "/srv/shop", |it| {
        it.manifests = "/srv/shop".into()
    }),
    ("data", "../data", |it| {
        it.data = Some("/etc/sluicegate/../data".into())
    }),
    ("profile", "standard", |_| {}),
    ("profile", "production", |it| {
        it.profile = Profile::Production
    }),
    ("ingress.durabilityHeader", "true", |it| {
        it.has_durability_header = true;
    }),
    ("defaultChannel", "disk", |_| {}),
    ("defaultChannel", "{disk: {fsync: batch}}", |_| {}),
    (
        "defaultChannel",
        "{disk: {bufferBytes: 8Mi, minFreePercent: 0}}",
        |it| {
            it.default_channel = ChannelConfig::Disk(DiskConfig {
                buffer_bytes: NonZeroU64::new(8 << 20).unwrap(),
                free_percent_min: 0,
                ..DiskConfig::default()
            });
        },
    ),
    // Who keeps events in memory needs no folder.
    ("defaultChannel", "memory", |it| {
        it.default_channel = ChannelConfig::Memory(MemoryConfig::default());
        it.data = None;
    }),
    (
        "defaultChannel",
        "{memory: {maxEvents: 7, whenFull: refuse}}",
        |it| {
            it.default_channel = ChannelConfig::Memory(MemoryConfig {
                events_max: NonZeroU64::new(7).unwrap(),
                when_full: WhenFull::Refuse,
                ..MemoryConfig::default()
            });
            it.data = None;
        },
    ),
    ("retention.maxAge", "P1D", |it| {
        it.retention.age_max = Some(SECOND * 24 * 60 * 60);
    }),
    ("deadLetters.maxAge", "P1D", |it| {
        it.dead_letters.age_max = Some(SECOND * 24 * 60 * 60);
    }),
    ("deadLetters.maxAge", "PT0S", |it| {
        it.dead_letters.age_max = Some(Duration::ZERO);
    }),
    ("deadLetters.whenExpired", "discard", |it| {
        it.dead_letters.when_expired = Some(WhenExpired::Discard);
    }),
    ("retention.maxBytes", "10Gi", |it| {
        it.retention.bytes_max = Some(10 << 30)
    }),
    (
        "resolve",
        "{v1/Service/shop/a: \"http://localhost:1\"}",
        |it| {
            let entry = (
                "v1/Service/shop/a".to_owned(),
                "http://localhost:1".to_owned(),
            );
            it.resolve = ResolveMap::new(vec![entry]).unwrap();
        },
    ),
    ("limits.eventBytes", "2Mi", |it| {
        it.limits.event_bytes_max = 2 << 20
    }),
    ("limits.batchBytes", "8Mi", |it| {
        it.limits.batch_bytes_max = 8 << 20
    }),
    ("limits.batchEvents", "50", |it| {
        it.limits.batch_events_max = 50
    }),
    ("limits.attributes", "30", |it| {
        it.limits.attributes_max = 30
    }),
    ("limits.attributeBytes", "1Ki", |it| {
        it.limits.attribute_bytes_max = 1 << 10
    }),
    ("limits.attributesBytes", "32Ki", |it| {
        it.limits.attributes_bytes_max = 32 << 10
    }),
    ("limits.jsonDepth", "20", |it| it.limits.json_depth_max = 20),
    ("limits.requestBytesInFlight", "1Gi", |it| {
        it.request_bytes_in_flight_max = 1 << 30
    }),
    ("limits.headerBytes", "32Ki", |it| {
        it.server.head_bytes_max = 32 << 10
    }),
    ("limits.headerLines", "100", |it| {
        it.server.head_lines_max = 100
    }),
    ("limits.uriBytes", "4Ki", |it| {
        it.server.uri_bytes_max = 4 << 10
    }),
    ("limits.connections", "9", |it| {
        it.server.connections_max = 9
    }),
    ("limits.connectionsPerAddress", "3", |it| {
        it.server.connections_per_peer_max = Some(3);
    }),
    ("limits.maxHops", "255", |it| it.hops_max = 255),
    ("limits.maxPendingAge", "P1D", |it| {
        it.pending_age_max = SECOND * 24 * 60 * 60
    }),
    ("limits.maxPendingAge", "PT0S", |it| {
        it.pending_age_max = Duration::ZERO
    }),
    ("timeouts.firstByte", "PT1S", |it| {
        it.server.first_byte_timeout = SECOND
    }),
    ("timeouts.header", "PT1S", |it| {
        it.server.header_timeout = SECOND
    }),
    ("timeouts.idle", "PT1S", |it| {
        it.server.idle_timeout = SECOND
    }),
    ("timeouts.bodyGrace", "PT1S", |it| {
        it.server.body_grace = SECOND
    }),
    ("timeouts.write", "PT1S", |it| {
        it.server.write_timeout = SECOND
    }),
    ("timeouts.bodyBytesPerSecond", "2Ki", |it| {
        it.server.body_bytes_per_second_min = 2 << 10;
    }),
    ("delivery.connectTimeout", "PT1S", |it| {
        it.sender.connect_timeout = SECOND
    }),
    ("delivery.idleTimeout", "PT1S", |it| {
        it.sender.idle_timeout = SECOND
    }),
    ("delivery.idleConnectionsPerHost", "0", |it| {
        it.sender.idle_per_host_max = 0
    }),
    ("delivery.responseBytes", "1Ki", |it| {
        it.sender.body_bytes_max = 1 << 10
    }),
    ("delivery.bytesInFlight", "1Mi", |it| {
        it.delivery_bytes_in_flight_max = 1 << 20
    }),
    ("delivery.probeInterval", "PT1S", |it| {
        it.probe_every = SECOND
    }),
    ("shutdown.grace", "PT1S", |it| it.shutdown_grace = SECOND),
    ("shutdown.lameDuck", "PT1S", |it| it.lame_duck = SECOND),
];

const SECOND: Duration = Duration::from_secs(1);

/// `a.b` and `v` as the text `a:\n  b: v\n`.
fn write(key: &str, value: &str) -> String {
    match key.split_once('.') {
        Some((section, key)) => format!("{section}:\n  {key}: {value}\n"),
        None => format!("{key}: {value}\n"),
    }
}

#[test]
fn every_key_sets_what_it_names_and_nothing_else() {
    for (key, value, change) in CASES {
        let text = write(key, value);
        assert_eq!(parse(&text).unwrap(), with(change), "{text}");
    }
}

#[test]
fn a_value_out_of_range_or_of_the_wrong_kind_is_refused_at_its_place() {
    let wrong: &[(&str, &[&str])] = &[
        ("profile", &["prod", "Production", "\"\"", "5", "[]"]),
        ("ingress.durabilityHeader", &["maybe", "1", "[]"]),
        (
            "listen",
            &[
                "8080",
                "here:80",
                "127.0.0.1",
                "127.0.0.1:99999",
                "[]",
                "\"\"",
            ],
        ),
        (
            "url",
            &[
                "events.example.com",
                "ftp://a",
                "http://a?b=c",
                "http://a@b",
                "/",
                "[]",
            ],
        ),
        ("admin", &["127.0.0.1:1", "[]"]),
        ("admin.listen", &["8081", "{}"]),
        ("admin.allowedHosts", &["a", "[1]", "[[a]]"]),
        ("manifests", &["[a]", "{}"]),
        ("data", &["[a]", "{}"]),
        (
            "defaultChannel",
            &[
                "tape",
                "nats",
                "kafka",
                "{}",
                "{disk: {fsync: never}}",
                "1",
                "[]",
            ],
        ),
        ("retention", &["7", "[]"]),
        ("retention.maxAge", &["7d", "P1M", "PT0S"]),
        ("retention.maxBytes", &["0", "10GB"]),
        ("deadLetters", &["7", "[]"]),
        ("deadLetters.maxAge", &["30d", "P1M", "-PT1S"]),
        ("deadLetters.whenExpired", &["forget", "1"]),
        ("limits.maxPendingAge", &["7d", "never"]),
        (
            "resolve",
            &[
                "a",
                "{Service: \"http://a\"}",
                "{v1/Service/a/b: here}",
                "[]",
            ],
        ),
        (
            "limits.eventBytes",
            &["63Ki", "2Gi", "1MB", "-1", "many", "1.5"],
        ),
        ("limits.batchBytes", &["1", "2Gi"]),
        ("limits.batchEvents", &["0", "1000001", "1Ki", "x"]),
        ("limits.attributes", &["7", "10001"]),
        ("limits.attributeBytes", &["255", "2Mi"]),
        ("limits.attributesBytes", &["1023", "17Mi"]),
        ("limits.jsonDepth", &["7", "1001"]),
        ("limits.requestBytesInFlight", &["1023Ki", "65Gi"]),
        ("limits.headerBytes", &["8191", "2Mi"]),
        ("limits.headerLines", &["15", "10001"]),
        ("limits.uriBytes", &["255", "65Ki"]),
        ("limits.connections", &["0", "10000001"]),
        ("limits.connectionsPerAddress", &["0", "none"]),
        ("limits.maxHops", &["0", "256"]),
        ("timeouts.firstByte", &["PT0S", "PT2H", "10s", "10"]),
        ("timeouts.header", &["PT0S", "PT2H", "P1M"]),
        ("timeouts.idle", &["PT0S", "PT2H"]),
        ("timeouts.bodyGrace", &["PT0S", "PT2H"]),
        ("timeouts.write", &["PT0S", "PT2H"]),
        ("timeouts.bodyBytesPerSecond", &["0", "2Gi"]),
        ("delivery.connectTimeout", &["PT0S", "PT2H"]),
        ("delivery.idleTimeout", &["PT0S", "PT2H"]),
        ("delivery.idleConnectionsPerHost", &["100001", "-1"]),
        ("delivery.responseBytes", &["1023", "2Gi"]),
        ("delivery.bytesInFlight", &["63Ki", "65Gi"]),
        ("delivery.probeInterval", &["PT0.09S", "PT11M", "30"]),
        ("shutdown.grace", &["PT2H", "20", "-PT1S"]),
        ("shutdown.lameDuck", &["PT2H", "5s"]),
        ("limits", &["1"]),
        ("timeouts", &["PT1S"]),
        ("delivery", &["[]"]),
        ("shutdown", &["PT1S"]),
    ];
    for (key, values) in wrong {
        for value in *values {
            let text = write(key, value);
            let (rendered, diagnostics) = faults(&text);
            assert_eq!(diagnostics.len(), 1, "{text}{rendered}");
            let line = if key.contains('.') { 2 } else { 1 };
            assert_eq!(diagnostics[0].span.unwrap().line, line, "{text}{rendered}");
            let last = key.rsplit('.').next().unwrap();
            assert!(rendered.contains(last), "{text}{rendered}");
            assert!(
                rendered.contains(&format!("sluicegate.yaml:{line}:")),
                "{rendered}"
            );
        }
    }
    // Each key of the other table is in this one.
    for (key, ..) in CASES {
        assert!(
            wrong.iter().any(|(it, _)| it == key),
            "{key} is never refused"
        );
    }
}

#[test]
fn an_unknown_key_is_refused_and_the_nearest_known_one_named() {
    for (text, meant) in [
        ("lisen: 127.0.0.1:1\n", "`listen`"),
        ("admin: {listenn: 127.0.0.1:1}\n", "`listen`"),
        ("admin: {allowedHost: [a]}\n", "`allowedHosts`"),
        ("default_channel: memory\n", "`defaultChannel`"),
        ("limits: {eventByte: 1Mi}\n", "`eventBytes`"),
        ("timeouts: {headers: PT1S}\n", "`header`"),
        ("delivery: {connectTimeouts: PT1S}\n", "`connectTimeout`"),
        ("shutdown: {lameduck: PT1S}\n", "`lameDuck`"),
    ] {
        let (rendered, diagnostics) = faults(text);
        assert_eq!(diagnostics.len(), 1, "{rendered}");
        let told = format!("did you mean {meant}?");
        assert!(rendered.contains(&told), "{text}{rendered}");
    }
    let (rendered, _) = faults("colour: red\n");
    assert!(
        rendered.contains("`colour`") && rendered.contains("`manifests`"),
        "{rendered}"
    );
}

#[test]
fn several_faults_are_told_at_once_in_the_order_of_the_lines() {
    let text = "listen: here\nlimits:\n  maxHops: 0\n  colour: red\nshutdown:\n  grace: 5s\n";
    let (rendered, diagnostics) = faults(text);
    let lines: Vec<_> = diagnostics.iter().map(|it| it.span.unwrap().line).collect();
    assert_eq!(lines, [1, 3, 4, 6], "{rendered}");
    for excerpt in [
        "1 | listen: here",
        "3 |   maxHops: 0",
        "6 |   grace: 5s",
        "PT5S",
    ] {
        assert!(rendered.contains(excerpt), "{excerpt}: {rendered}");
    }
}

#[test]
fn nothing_written_means_every_default() {
    for text in ["", "\n", "# nothing\n", "---\n", "{}\n"] {
        assert_eq!(parse(text).unwrap(), with(|_| {}), "{text:?}");
    }
}

#[test]
fn what_is_not_one_document_of_settings_is_refused() {
    for (text, told) in [
        ("listen: 127.0.0.1:1\n---\ndata: x\n", "one document"),
        ("[a]\n", "must be a map"),
        ("memory\n", "must be a map"),
        ("listen: [\n", "sluicegate.yaml"),
        ("listen: 127.0.0.1:1\nlisten: 127.0.0.1:2\n", "listen"),
        ("listen: &a 127.0.0.1:1\nurl: *a\n", "sluicegate.yaml"),
    ] {
        let (rendered, _) = faults(text);
        assert!(rendered.contains(told), "{text}{rendered}");
    }
}

#[test]
fn a_channel_that_this_version_lacks_is_refused_with_what_there_is() {
    for channel in ["nats", "kafka"] {
        for text in [
            format!("defaultChannel: {channel}\n"),
            format!("defaultChannel: {{{channel}: {{}}}}\n"),
        ] {
            let (rendered, diagnostics) = faults(&text);
            assert_eq!(diagnostics[0].code, "W017", "{rendered}");
            assert!(
                rendered.contains(channel) && rendered.contains("disk"),
                "{rendered}"
            );
        }
    }
}

#[test]
fn paths_are_relative_to_the_file_and_a_file_that_cannot_be_read_is_named() {
    let dir = TempDir::new();
    let file = dir.path().join("sluicegate.yaml");
    let error = Config::load(&file).unwrap_err();
    assert!(matches!(error, ConfigError::Unreadable { .. }), "{error}");
    assert!(
        error.to_string().contains(&file.display().to_string()),
        "{error}"
    );
    std::fs::write(&file, "manifests: shop\n").unwrap();
    assert_eq!(
        Config::load(&file).unwrap().manifests,
        dir.path().join("shop")
    );
    std::fs::write(&file, [0xff]).unwrap();
    let error = Config::load(&file).unwrap_err().to_string();
    assert!(error.contains("UTF-8"), "{error}");
}

#[test]
fn settings_that_do_not_go_together_are_refused_at_the_one_that_is_written() {
    for (text, line, told) in [
        (
            "limits:\n  requestBytesInFlight: 1Mi\n  eventBytes: 2Mi\n  batchBytes: 1Mi\n",
            2,
            &[
                "`limits.requestBytesInFlight`",
                "`limits.eventBytes`",
                "raise `limits.requestBytesInFlight` to 2Mi",
            ][..],
        ),
        (
            "limits:\n  eventBytes: 1Mi\n  requestBytesInFlight: 2Mi\n",
            3,
            &["`limits.batchBytes`, which is 4Mi by default", "to 4Mi"],
        ),
        (
            "limits:\n  eventBytes: 16Mi\n  batchBytes: 16Mi\n",
            2,
            &["`limits.eventBytes` is 16Mi", "of up to 16320Ki"],
        ),
        (
            "limits:\n  batchBytes: 512Mi\n",
            2,
            &["256Mi by default", "`limits.batchBytes`, which is 512Mi:"],
        ),
        (
            "limits:\n  eventBytes: 64Ki\n  attributesBytes: 65537\n",
            2,
            &["`limits.attributesBytes`, which is 65537"],
        ),
        (
            "limits:\n  eventBytes: 64Ki\ndefaultChannel:\n  memory:\n    maxBytes: 80000\n",
            5,
            &["leaves room for 64000", "80 %", "to 80Ki or more"],
        ),
        (
            "defaultChannel:\n  memory: {maxBytes: 1Mi}\n",
            2,
            &["which is 1Mi by default", "to 1280Ki or more"],
        ),
        (
            "profile: production\ndefaultChannel: memory\n",
            2,
            &["`profile` is `production`", "lost with the process"],
        ),
        (
            "listen: 127.0.0.1:9000\nadmin:\n  listen: localhost:9000\n",
            3,
            &["`listen`", "`admin.listen`", "a port of its own"],
        ),
        (
            "listen: 127.0.0.1:8081\n",
            1,
            &["(127.0.0.1:8081) must not be the same address"],
        ),
        ("listen: 0.0.0.0:8081\n", 1, &["0.0.0.0:8081"]),
    ] {
        let (rendered, diagnostics) = faults(text);
        assert_eq!(diagnostics.len(), 1, "{rendered}");
        assert_eq!(diagnostics[0].code, "W016", "{rendered}");
        assert_eq!(diagnostics[0].span.unwrap().line, line, "{rendered}");
        for words in told.iter().chain(&["^", "help: "]) {
            assert!(rendered.contains(words), "{words}: {rendered}");
        }
    }
}

#[test]
fn settings_that_just_go_together_are_taken() {
    for text in [
        "limits: {requestBytesInFlight: 4Mi}\n",
        "limits: {eventBytes: 16320Ki}\n",
        "limits: {eventBytes: 32Mi}\ndefaultChannel: {memory: {}}\n",
        "limits: {eventBytes: 64Ki, attributesBytes: 64Ki}\n",
        "limits: {eventBytes: 64Ki}\ndefaultChannel: {memory: {maxBytes: 80Ki}}\n",
        "listen: 127.0.0.1:0\nadmin: {listen: 127.0.0.1:0}\n",
        "profile: production\n",
        "profile: production\ndefaultChannel: disk\n",
        "profile: standard\ndefaultChannel: memory\n",
        "listen: 127.0.0.2:9000\nadmin: {listen: 127.0.0.1:9000}\n",
    ] {
        assert!(parse(text).is_ok(), "{text}{:?}", parse(text));
    }
}

#[test]
fn an_address_that_is_a_port_or_a_section_that_is_an_address_is_shown_as_it_is_written() {
    for (text, written) in [
        ("listen: 9000\n", "help: write it like 127.0.0.1:9000"),
        ("listen: \":9000\"\n", "help: write it like 127.0.0.1:9000"),
        ("listen: '9000'\n", "help: write it like 127.0.0.1:9000"),
        ("listen: 99999\n", "quotes"),
        (
            "admin: 127.0.0.1:9001\n",
            "help: admin: {listen: 127.0.0.1:9001}",
        ),
        ("admin: 9001\n", "help: admin: {listen: 127.0.0.1:9001}"),
        ("admin: here\n", "help: admin: {listen: 127.0.0.1:8081}"),
    ] {
        let (rendered, diagnostics) = faults(text);
        assert_eq!(diagnostics.len(), 1, "{rendered}");
        assert!(rendered.contains(written), "{text}{rendered}");
    }
}
