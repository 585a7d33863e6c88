use super::*;
use crate::yaml::{self, Findings};

fn read(text: &str) -> (Option<NatsConfig>, String) {
    let documents = yaml::documents(&format!("nats: {text}\n"));
    let document = documents.list.first().expect("there is one");
    let findings = Findings::default();
    let mut mapping = Mapping::of(document, &findings).expect("a mapping");
    let field = mapping.field("nats").expect("it is there");
    let config = read_nats(&field);
    let told = findings.into_sorted();
    let each = told.iter().map(|it| format!("{it:?}"));
    (config, each.collect::<Vec<_>>().join("\n"))
}

fn good(text: &str) -> NatsConfig {
    let (config, told) = read(text);
    assert_eq!(told, "", "{text}");
    config.expect("nothing is refused")
}

#[test]
fn servers_are_enough_and_everything_can_be_said() {
    let least = good("{servers: ['nats://a:4222']}");
    assert_eq!(least.servers, ["nats://a:4222"]);
    assert_eq!((least.replicas, least.is_in_files), (1, true));
    assert_eq!(least.prefix, "sluicegate");
    assert_eq!(least.identity, NatsIdentity::None);
    assert_eq!(least.tls, None);

    let most = good(
        "{servers: ['tls://a', 'nats://[::1]:4222'], discoverServers: false, streamName: ORDERS, \
         prefix: mine, replicas: 3, storage: memory, maxBytes: 1Gi, maxMessages: 1000, maxAge: P1D, \
         placement: {cluster: east, tags: [ssd]}, duplicateWindow: PT30S, \
         monitoring: ['http://a:8222'], userFile: /run/user, passwordVariable: NATS_PASSWORD, \
         tls: {ca: /etc/ca.pem, certificate: /etc/crt.pem, key: /etc/key.pem, first: true}}",
    );
    let expected = NatsConfig {
        servers: vec!["tls://a".to_owned(), "nats://[::1]:4222".to_owned()],
        discovers_servers: false,
        stream_name: Some("ORDERS".to_owned()),
        prefix: "mine".to_owned(),
        replicas: 3,
        is_in_files: false,
        bytes_max: Some(1 << 30),
        events_max: Some(1_000),
        age_max: Some(Duration::from_secs(86_400)),
        placement: NatsPlacement {
            cluster: Some("east".to_owned()),
            tags: vec!["ssd".to_owned()],
        },
        duplicate_window: Duration::from_secs(30),
        monitoring: vec!["http://a:8222".to_owned()],
        identity: NatsIdentity::User {
            name: SecretSource::File("/run/user".into()),
            password: SecretSource::Variable("NATS_PASSWORD".to_owned()),
        },
        tls: Some(NatsTls {
            authorities: Some("/etc/ca.pem".into()),
            certificate: Some(("/etc/crt.pem".into(), "/etc/key.pem".into())),
            is_first: true,
        }),
    };
    assert_eq!(most, expected);
}

#[test]
fn one_secret_says_who_the_broker_is() {
    for (text, expected) in [
        (
            "credentialsFile: /a",
            NatsIdentity::Credentials(SecretSource::File("/a".into())),
        ),
        (
            "nkeySeedVariable: SEED",
            NatsIdentity::NkeySeed(SecretSource::Variable("SEED".to_owned())),
        ),
        (
            "tokenFile: /t",
            NatsIdentity::Token(SecretSource::File("/t".into())),
        ),
    ] {
        let config = good(&format!("{{servers: ['nats://a'], {text}}}"));
        assert_eq!(config.identity, expected);
    }
}

#[test]
fn each_fault_names_field_and_remedy_and_no_secret() {
    for (text, says) in [
        ("{}", "servers"),
        ("{servers: []}", "at least one"),
        ("{servers: ['http://hunter2']}", "nats:// or tls://"),
        ("{servers: ['nats://ann:hunter2@a']}", "passwordFile"),
        ("{servers: ['nats://a', 'nats://hunter2@a']}", "servers[1]"),
        ("{servers: ['nats://']}", "must name a host"),
        ("{servers: ['nats://a:0']}", "must name a host"),
        ("{servers: ['nats://a/b']}", "must name a host"),
        ("{servers: ['nats://a'], replicas: 6}", "replicas"),
        ("{servers: ['nats://a'], replica: 3}", "replicas"),
        (
            "{servers: ['nats://a'], storage: disk}",
            "`file` or `memory`",
        ),
        ("{servers: ['nats://a'], streamName: 'a.b'}", "streamName"),
        ("{servers: ['nats://a'], prefix: 'a.b'}", "hyphens"),
        (
            "{servers: ['nats://a'], duplicateWindow: PT1S}",
            "duplicateWindow",
        ),
        ("{servers: ['nats://a'], monitoring: ['a:8222']}", "http://"),
        ("{servers: ['nats://a'], token: hunter2}", "tokenFile"),
        (
            "{servers: ['nats://a'], tokenVariable: 'hunter2!'}",
            "name of a variable",
        ),
        (
            "{servers: ['nats://a'], tokenFile: hunter}",
            "absolute path",
        ),
        (
            "{servers: ['nats://a'], tokenFile: /a, userFile: /b}",
            "one way",
        ),
        (
            "{servers: ['nats://a'], tokenFile: /a, tokenVariable: A}",
            "one way",
        ),
        ("{servers: ['nats://a'], userFile: /b}", "passwordFile"),
        ("{servers: ['nats://a'], passwordFile: /b}", "userFile"),
        (
            "{servers: ['nats://a'], userFile: /a, passwordFile: /b, passwordVariable: B}",
            "one user and one password",
        ),
        ("{servers: ['nats://a'], tls: {certificate: /a}}", "`key`"),
        ("{servers: ['nats://a'], tls: {ca: a}}", "absolute path"),
        ("{servers: ['nats://a'], placement: {region: a}}", "region"),
    ] {
        let (_, told) = read(text);
        assert!(told.contains(says), "{text}: {told}");
        assert!(!told.contains("hunter2"), "{told}");
    }
}
