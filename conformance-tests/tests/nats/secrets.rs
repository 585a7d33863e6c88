//! What stands in files before a server or a client that wants secrets is started: certificates, keys
//! and credentials, made anew for each test, so that none is kept with the sources.

use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use nkeys::KeyPair;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, KeyPair as TlsKey};
use serde_json::json;
use sluicegate_channels::nats::options::Source;
use sluicegate_conformance::harness::scratch_folder;
use sluicegate_conformance::nats::Settings;

/// A folder of secrets, gone with the value.
pub(crate) struct Secrets {
    folder: PathBuf,
}

impl Drop for Secrets {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.folder).ok();
    }
}

impl Secrets {
    pub(crate) fn new() -> Self {
        Secrets {
            folder: scratch_folder("secrets").expect("a scratch folder can be made"),
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Writes `text` into the file of that name.
    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, text).expect("a scratch folder can be written to");
        path
    }

    /// The same as where a secret stands.
    pub(crate) fn source(&self, name: &str, text: &str) -> Source {
        Source::File(self.write(name, text))
    }

    /// An authority (`ca.pem`), and a certificate each for a server on loopback (`server.pem`) and for a
    /// client (`client.pem`), their keys in `.key` beside them.
    pub(crate) fn certificates(&self) {
        let key = || TlsKey::generate().expect("a key");
        let named = |name: &str, subjects: &[&str]| {
            let subjects: Vec<String> = subjects.iter().map(|it| (*it).to_owned()).collect();
            let mut params = CertificateParams::new(subjects).expect("names of ours");
            params.distinguished_name.push(DnType::CommonName, name);
            params
        };
        let ca_key = key();
        let mut params = named("tests", &[]);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let ca = params.self_signed(&ca_key).expect("signed");
        self.write("ca.pem", &ca.pem());
        for (name, subjects) in [("server", &["127.0.0.1"][..]), ("client", &["client"])] {
            let key = key();
            let signed = named(name, subjects).signed_by(&key, &ca, &ca_key);
            self.write(&format!("{name}.pem"), &signed.expect("signed").pem());
            self.write(&format!("{name}.key"), &key.serialize_pem());
        }
    }

    /// Credentials of a user in an account with JetStream, and the settings of a server that trusts
    /// their operator.
    pub(crate) fn credentials(&self) -> (Settings, PathBuf) {
        let [operator, system, account, user] = [
            KeyPair::new_operator(),
            KeyPair::new_account(),
            KeyPair::new_account(),
            KeyPair::new_user(),
        ];
        let token = |name: &str, of: &KeyPair, by: &KeyPair, claims: serde_json::Value| {
            let header = json!({"typ": "JWT", "alg": "ed25519-nkey"});
            let body = json!({
                "jti": name, "iat": 1_700_000_000, "iss": by.public_key(), "name": name,
                "sub": of.public_key(), "nats": claims,
            });
            let encode = |part: serde_json::Value| URL_SAFE_NO_PAD.encode(part.to_string());
            let text = format!("{}.{}", encode(header), encode(body));
            let signature = by.sign(text.as_bytes()).expect("it has a seed");
            format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))
        };
        let limits = |room: i64| {
            json!({
                "subs": -1, "data": -1, "payload": -1, "imports": -1, "exports": -1,
                "wildcards": true, "conn": -1, "leaf": -1,
                "mem_storage": room, "disk_storage": room, "streams": room, "consumer": room,
            })
        };
        let of_account = |room| json!({"type": "account", "version": 2, "limits": limits(room)});
        let operators = token(
            "operator",
            &operator,
            &operator,
            json!({"type": "operator", "version": 2, "system_account": system.public_key()}),
        );
        let systems = token("system", &system, &operator, of_account(0));
        let accounts = token("account", &account, &operator, of_account(-1));
        let users = token(
            "user",
            &user,
            &account,
            json!({"type": "user", "version": 2, "subs": -1, "data": -1, "payload": -1}),
        );
        let settings = Settings::new().top(&format!(
            "operator: {operators}\nsystem_account: {}\nresolver: MEMORY\n\
             resolver_preload {{\n  {}: {systems}\n  {}: {accounts}\n}}",
            system.public_key(),
            system.public_key(),
            account.public_key(),
        ));
        let seed = user.seed().expect("it has one");
        let path = self.write(
            "user.creds",
            &format!(
                "-----BEGIN NATS USER JWT-----\n{users}\n------END NATS USER JWT------\n\n\
                 -----BEGIN USER NKEY SEED-----\n{seed}\n------END USER NKEY SEED------\n"
            ),
        );
        (settings, path)
    }

    /// Each line of the file, for a test that looks for it where it must not be.
    pub(crate) fn lines(path: &Path) -> Vec<String> {
        let text = fs::read_to_string(path).expect("written by us");
        let lines = text.lines().filter(|line| line.len() > 20);
        lines
            .filter(|line| !line.starts_with('-'))
            .map(str::to_owned)
            .collect()
    }
}
