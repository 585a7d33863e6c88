//! Who the broker is to its servers: at most one way of saying so, and no secret in a manifest.

use crate::codes;
use crate::text::listed;
use crate::yaml::{Field, Mapping};

use super::{NatsIdentity, SecretSource, given, read_path};

/// A secret, by the names of its two fields: where it stands in a file, and in a variable.
type Secret = [&'static str; 2];

const CREDENTIALS: Secret = ["credentialsFile", "credentialsVariable"];
const NKEY_SEED: Secret = ["nkeySeedFile", "nkeySeedVariable"];
const TOKEN: Secret = ["tokenFile", "tokenVariable"];
const USER: Secret = ["userFile", "userVariable"];
const PASSWORD: Secret = ["passwordFile", "passwordVariable"];

/// Words for which people write the secret itself.
const PLAIN: [&str; 6] = [
    "credentials",
    "nkey",
    "nkeySeed",
    "token",
    "user",
    "password",
];

/// None where it is refused.
pub(super) fn read_identity(field: &Field<'_>, nats: &mut Mapping<'_>) -> Option<NatsIdentity> {
    // Only where it is written: it is not among what is known.
    for name in PLAIN
        .into_iter()
        .filter(|name| nats.contains(name))
        .collect::<Vec<_>>()
    {
        if let Some(plain) = nats.field(name) {
            let wanted = if name == "nkey" { "nkeySeed" } else { name };
            plain.refuse(
                codes::NOT_ALLOWED,
                format!("`{}` would be a secret within a manifest", plain.path()),
                format!("name where it stands: `{wanted}File` or `{wanted}Variable`"),
            );
            return None;
        }
    }
    let all = [CREDENTIALS, NKEY_SEED, TOKEN, USER];
    let ways: Vec<&str> = all.iter().flat_map(|names| given(nats, names)).collect();
    if ways.len() > 1 {
        field.refuse(
            codes::NOT_ALLOWED,
            format!(
                "`{}` must say in one way who the broker is; this has {}",
                field.path(),
                listed(ways.iter().copied(), "and")
            ),
            format!("keep one of them, such as `{}`", ways[0]),
        );
        return None;
    }
    let credentials = secret(nats, CREDENTIALS)?;
    let seed = secret(nats, NKEY_SEED)?;
    let token = secret(nats, TOKEN)?;
    let user = secret(nats, USER)?;
    let has_both = given(nats, &PASSWORD).len() == 2;
    let password = secret(nats, PASSWORD)?;
    match (user, password) {
        (Some(name), Some(password)) if !has_both => Some(NatsIdentity::User { name, password }),
        (None, None) => {
            let credentials = credentials.map(NatsIdentity::Credentials);
            let seed = seed.map(NatsIdentity::NkeySeed);
            let token = token.map(NatsIdentity::Token);
            Some(credentials.or(seed).or(token).unwrap_or_default())
        }
        _ => {
            field.refuse(
                codes::NOT_ALLOWED,
                format!(
                    "`{}` must have one user and one password, or neither",
                    field.path()
                ),
                "write `userFile` or `userVariable`, and `passwordFile` or `passwordVariable`",
            );
            None
        }
    }
}

/// Where a secret stands, if it is named; the outer none where it is refused.
fn secret(nats: &mut Mapping<'_>, [file, variable]: Secret) -> Option<Option<SecretSource>> {
    let file = match nats.field(file) {
        None => None,
        Some(field) => Some(SecretSource::File(read_path(&field)?)),
    };
    let variable = match nats.field(variable) {
        None => None,
        Some(field) => Some(SecretSource::Variable(read_variable(&field)?)),
    };
    Some(file.or(variable))
}

fn read_variable(field: &Field<'_>) -> Option<String> {
    let text = field.text()?;
    let is_good = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let begins_well = !text.starts_with(|it: char| it.is_ascii_digit());
    if !begins_well || !text.bytes().all(is_good) {
        // It may be the secret itself.
        field.refuse(
            codes::NOT_ALLOWED,
            format!("`{}` must be the name of a variable", field.path()),
            "write a name such as NATS_TOKEN, and set the variable where the server is started",
        );
        return None;
    }
    Some(text.to_owned())
}
