//! Each way to say who we are, what a server that does not take it makes of us, and that no secret is
//! shown on the way.

use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use nkeys::KeyPair;
use parking_lot::Mutex;
use sluicegate_channels::nats::link::Link;
use sluicegate_channels::nats::options::{Identity, NatsOptions, Source, Tls};
use sluicegate_conformance::nats::{NatsServer, Settings};
use tokio::time::{Instant, sleep};
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::util::SubscriberInitExt as _;

use super::{PATIENCE, ask, connected, open, options, trouble, until_up};
use crate::secrets::Secrets;

/// A variable that is there wherever cargo runs a test, and what it says.
const VARIABLE: &str = "CARGO_PKG_NAME";
const ITS_TEXT: &str = "sluicegate-conformance";

async fn start(settings: Settings) -> NatsServer {
    Box::pin(NatsServer::start(settings)).await
}

async fn is_answered(link: &Link) {
    let answer = ask(link, PATIENCE).await.expect("answered");
    assert!(answer["limits"].is_object(), "{answer}");
}

/// Whoever is `good` is let in, and whoever is `bad` is not and learns why.
async fn is_told_apart(settings: Settings, good: Identity, bad: &[Identity]) {
    let server = start(settings).await;
    let of = |identity: &Identity| NatsOptions {
        identity: identity.clone(),
        ..options(&server)
    };
    is_answered(&connected(&of(&good)).await).await;
    for identity in bad {
        let link = open(&of(identity)).await;
        trouble(&link, "authorization violation").await;
    }
}

#[tokio::test]
async fn a_user_has_a_password() {
    let secrets = Secrets::new();
    let user = |name: &str, password: &str| Identity::User {
        name: secrets.source(name, name),
        password: secrets.source(&format!("{name}-{password}"), &format!("{password}\n")),
    };
    let settings = Settings::new().top("authorization { user: ann, password: hunter2 }");
    let bad = [
        user("ann", "hunter3"),
        user("bob", "hunter2"),
        Identity::None,
    ];
    is_told_apart(settings, user("ann", "hunter2"), &bad).await;
}

#[tokio::test]
async fn a_token_may_stand_in_a_variable() {
    let secrets = Secrets::new();
    let settings = Settings::new().top(&format!("authorization {{ token: \"{ITS_TEXT}\" }}"));
    let good = Identity::Token(Source::Variable(VARIABLE.to_owned()));
    let bad = [Identity::Token(secrets.source("token", "another"))];
    is_told_apart(settings, good, &bad).await;
}

#[tokio::test]
async fn a_key_signs_with_its_seed() {
    let secrets = Secrets::new();
    let [ann, bob] = [KeyPair::new_user(), KeyPair::new_user()];
    let settings = Settings::new().top(&format!(
        "authorization {{ users: [ {{ nkey: {} }} ] }}",
        ann.public_key()
    ));
    let of = |name: &str, key: &KeyPair| {
        Identity::NkeySeed(secrets.source(name, &key.seed().expect("it has one")))
    };
    is_told_apart(settings, of("ann", &ann), &[of("bob", &bob)]).await;
}

#[tokio::test]
async fn credentials_are_a_file() {
    let secrets = Secrets::new();
    let (settings, good) = secrets.credentials();
    let others = Secrets::new();
    let (_, bad) = others.credentials();
    let of = |path: &Path| Identity::Credentials(Source::File(path.to_owned()));
    is_told_apart(settings, of(&good), &[of(&bad), Identity::None]).await;
}

#[tokio::test]
async fn connections_are_secured_and_certificates_shown() {
    let secrets = Secrets::new();
    secrets.certificates();
    let file = |name: &str| secrets.path(name);
    let settings = |more: &str| {
        Settings::new().top(&format!(
            "tls {{\n  cert_file: \"{}\"\n  key_file: \"{}\"\n  ca_file: \"{}\"\n{more}}}",
            file("server.pem").display(),
            file("server.key").display(),
            file("ca.pem").display()
        ))
    };
    let trusting = Tls {
        authorities: Some(file("ca.pem")),
        ..Tls::default()
    };
    let showing = Tls {
        certificate: Some((file("client.pem"), file("client.key"))),
        ..trusting.clone()
    };
    let of = |server: &NatsServer, tls: Tls| NatsOptions {
        tls,
        ..options(server)
    };

    let mut server = start(settings("")).await;
    is_answered(&connected(&of(&server, trusting.clone())).await).await;
    let strangers = open(&of(&server, Tls::default())).await;
    trouble(&strangers, "certificate").await;

    server.restart_with(settings("  verify: true\n")).await;
    is_answered(&connected(&of(&server, showing.clone())).await).await;
    let hiding = open(&of(&server, trusting)).await;
    trouble(&hiding, "127.0.0.1").await;

    server
        .restart_with(settings("  handshake_first: true\n"))
        .await;
    let first = Tls {
        is_first: true,
        ..showing.clone()
    };
    is_answered(&connected(&of(&server, first)).await).await;

    // One that is to be secured and is not.
    server.restart_with(Settings::new()).await;
    let required = Tls {
        is_required: true,
        ..showing
    };
    let link = open(&of(&server, required)).await;
    trouble(&link, "127.0.0.1").await;
}

#[tokio::test]
async fn a_password_that_was_exchanged_is_found_without_a_restart() {
    let secrets = Secrets::new();
    let settings = |password: &str| {
        Settings::new().top(&format!(
            "authorization {{ user: ann, password: {password} }}"
        ))
    };
    let mut server = start(settings("first")).await;
    let options = NatsOptions {
        identity: Identity::User {
            name: secrets.source("name", "ann"),
            password: secrets.source("password", "first"),
        },
        ..options(&server)
    };
    let link = connected(&options).await;
    server.restart_with(settings("second")).await;
    trouble(&link, "authorization violation").await;
    secrets.write("password", "second");
    until_up(&link).await;
    is_answered(&link).await;

    fs::remove_file(secrets.path("password")).expect("it is there");
    server.restart_with(settings("second")).await;
    trouble(&link, "password cannot be read").await;
}

/// All that is logged, at every level.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn secrets_are_neither_logged_nor_shown() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(LevelFilter::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    // While there is but one, whether it listens is decided by whichever test's thread comes first to
    // a place that logs.
    let _another = tracing_subscriber::fmt()
        .with_max_level(LevelFilter::OFF)
        .finish()
        .set_default();
    // This test's thread runs all of its tasks.
    let logging = subscriber.set_default();
    let secrets = Secrets::new();
    let (settings, credentials) = secrets.credentials();
    let seed = KeyPair::new_user().seed().expect("it has one");
    let identities = [
        Identity::User {
            name: secrets.source("name", "ann"),
            password: secrets.source("password", "correct-horse-battery"),
        },
        Identity::Token(secrets.source("token", "correct-horse-battery")),
        Identity::NkeySeed(secrets.source("seed", &seed)),
        Identity::Credentials(Source::File(credentials.clone())),
    ];
    let mut hidden = Secrets::lines(&credentials);
    hidden.push(seed);
    hidden.push("correct-horse-battery".to_owned());

    let server = start(settings).await;
    let mut shown = String::new();
    for identity in identities {
        let options = NatsOptions {
            identity,
            ..options(&server)
        };
        let link = open(&options).await;
        let deadline = Instant::now() + PATIENCE;
        while link.health().trouble.is_none() && !link.health().is_up {
            assert!(Instant::now() < deadline, "neither refused nor let in");
            sleep(Duration::from_millis(10)).await;
        }
        shown.push_str(&format!("{options:?} {link:?} {:?}\n", link.health()));
    }
    drop(logging);
    let logged = String::from_utf8_lossy(&log.0.lock()).into_owned();
    assert!(logged.contains("async_nats"), "the client was listened to");
    assert!(hidden.len() >= 4, "{hidden:?}");
    for secret in hidden {
        assert!(!shown.contains(&secret), "{secret} is shown");
        assert!(!logged.contains(&secret), "{secret} is logged");
    }
}
