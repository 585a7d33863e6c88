//! Who we are to a server, read anew at each connection: what has been exchanged or revoked meanwhile
//! is found without a restart.

use async_nats::{Auth, AuthError};
use nkeys::KeyPair;
use tokio::io::AsyncReadExt as _;

use crate::nats::options::{Identity, Secret, Source};

/// How long a secret may be. Bytes.
const SECRET_BYTES_MAX: u64 = 64 << 10;
/// What stands around each part of a file of credentials.
const TOKEN_BEGINS: &str = "BEGIN NATS USER JWT";
const SEED_BEGINS: &str = "BEGIN USER NKEY SEED";

/// What we say to a server that greeted us with `nonce`.
///
/// # Errors
///
/// When a secret cannot be read or is none; the text names where it was looked for and never what
/// stands there.
pub(super) async fn answer(identity: &Identity, nonce: &[u8]) -> Result<Auth, AuthError> {
    let mut auth = Auth::new();
    match identity {
        Identity::None => {}
        Identity::User { name, password } => {
            auth.username = Some(text(name).await?.reveal().to_owned());
            auth.password = Some(text(password).await?.reveal().to_owned());
        }
        Identity::Token(token) => auth.token = Some(text(token).await?.reveal().to_owned()),
        Identity::NkeySeed(source) => {
            let key = key(text(source).await?.reveal(), source)?;
            auth.nkey = Some(key.public_key());
            auth.signature = Some(sign(&key, nonce, source)?);
        }
        Identity::Credentials(source) => {
            let both = text(source).await?;
            let part = |begins| {
                let found = part(both.reveal(), begins);
                found.ok_or_else(|| failed(source, &format!("has no line {begins:?}")))
            };
            auth.jwt = Some(part(TOKEN_BEGINS)?.to_owned());
            let key = key(part(SEED_BEGINS)?, source)?;
            auth.signature = Some(sign(&key, nonce, source)?);
        }
    }
    Ok(auth)
}

async fn text(source: &Source) -> Result<Secret, AuthError> {
    let text = match source {
        Source::File(path) => {
            let read = async {
                let file = tokio::fs::File::open(path).await?;
                let mut text = String::new();
                file.take(SECRET_BYTES_MAX)
                    .read_to_string(&mut text)
                    .await?;
                Ok::<_, std::io::Error>(text)
            };
            read.await
                .map_err(|error| failed(source, &format!("cannot be read: {error}")))?
        }
        Source::Variable(name) => std::env::var(name).map_err(|error| {
            // Its own text would show what stands there.
            failed(
                source,
                match error {
                    std::env::VarError::NotPresent => "is not set",
                    std::env::VarError::NotUnicode(_) => "is no text",
                },
            )
        })?,
    };
    let secret = Secret::new(&text);
    if secret.reveal().is_empty() {
        return Err(failed(source, "is empty"));
    }
    Ok(secret)
}

/// The line after the one that holds `begins`.
fn part<'a>(credentials: &'a str, begins: &str) -> Option<&'a str> {
    let mut lines = credentials.lines();
    lines.find(|line| line.starts_with('-') && line.contains(begins))?;
    let line = lines.next()?.trim();
    (!line.is_empty() && !line.starts_with('-')).then_some(line)
}

fn key(seed: &str, source: &Source) -> Result<KeyPair, AuthError> {
    KeyPair::from_seed(seed.trim()).map_err(|_| failed(source, "holds no seed of a key"))
}

fn sign(key: &KeyPair, nonce: &[u8], source: &Source) -> Result<Vec<u8>, AuthError> {
    key.sign(nonce)
        .map_err(|_| failed(source, "holds a key that cannot sign"))
}

fn failed(source: &Source, what: &str) -> AuthError {
    AuthError::new(match source {
        Source::File(path) => format!("file {} {what}", path.display()),
        Source::Variable(name) => format!("variable {name} {what}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A variable that is there wherever cargo runs a test, and what it says.
    const VARIABLE: &str = "CARGO_PKG_NAME";
    const TEXT: &str = "sluicegate-channels";

    async fn said(identity: Identity) -> Result<Auth, String> {
        let auth = answer(&identity, b"nonce").await;
        auth.map_err(|error| error.to_string())
    }

    fn variable(name: &str) -> Source {
        Source::Variable(name.to_owned())
    }

    #[tokio::test]
    async fn a_token_is_what_the_variable_says() {
        let auth = said(Identity::Token(variable(VARIABLE))).await;
        assert_eq!(auth.expect("set").token.as_deref(), Some(TEXT));
    }

    #[tokio::test]
    async fn what_is_no_secret_is_named_by_its_place_alone() {
        let file = || Source::File("/nowhere/secret".into());
        let cases = [
            (
                Identity::Token(file()),
                "file /nowhere/secret cannot be read",
            ),
            (
                Identity::Token(variable("SLUICEGATE_NOT_SET")),
                "variable SLUICEGATE_NOT_SET is not set",
            ),
            (
                Identity::NkeySeed(variable(VARIABLE)),
                "variable CARGO_PKG_NAME holds no seed of a key",
            ),
            (
                Identity::Credentials(variable(VARIABLE)),
                "variable CARGO_PKG_NAME has no line \"BEGIN NATS USER JWT\"",
            ),
        ];
        for (identity, expected) in cases {
            let error = said(identity).await.err().expect("refused");
            assert!(error.contains(expected), "{error}");
            assert!(!error.contains(TEXT), "{error}");
        }
    }

    #[test]
    fn the_parts_of_credentials_are_found_with_any_line_ends() {
        let lines = [
            "-----BEGIN NATS USER JWT-----",
            "eyJ0.eyJq.sig-_",
            "------END NATS USER JWT------",
            "",
            "*** keep it ***",
            "-----BEGIN USER NKEY SEED-----",
            "SUAN",
            "------END USER NKEY SEED------",
        ];
        for end in ["\n", "\r\n"] {
            let text = lines.join(end);
            assert_eq!(part(&text, TOKEN_BEGINS), Some("eyJ0.eyJq.sig-_"));
            assert_eq!(part(&text, SEED_BEGINS), Some("SUAN"));
        }
        assert_eq!(part(&lines[..1].join("\n"), TOKEN_BEGINS), None);
        assert_eq!(part(&lines[1..4].join("\n"), TOKEN_BEGINS), None);
        let empty = [lines[0], lines[2]].join("\n");
        assert_eq!(part(&empty, TOKEN_BEGINS), None);
    }
}
