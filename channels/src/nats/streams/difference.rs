//! What a stream is and should not be, in the words of its server's own configuration.

use std::collections::BTreeSet;
use std::fmt;

use async_nats::jetstream::stream::Config;
use serde_json::{Map, Value};

/// What may be as it likes: words about the stream, how its files are packed, who is told of what it
/// stores, and where it began.
const FREE: [&str; 5] = [
    "description",
    "metadata",
    "compression",
    "republish",
    "first_seq",
];

/// A setting that is not as asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// What the server calls it.
    pub field: String,
    /// What was asked for, as JSON.
    pub asked: String,
    /// What it is, as JSON.
    pub found: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Difference {
            field,
            asked,
            found,
        } = self;
        write!(f, "{field} is {found} and should be {asked}")
    }
}

/// All of them in a row.
pub(super) fn list(differences: &[Difference]) -> String {
    let each: Vec<String> = differences.iter().map(ToString::to_string).collect();
    each.join(", ")
}

/// Each setting of `found` that is not as in `asked`.
pub(super) fn between(asked: &Config, found: &Config) -> Vec<Difference> {
    let has_a_place = asked.placement.is_some();
    let [asked, found] = [asked, found].map(settings);
    let fields: BTreeSet<&String> = asked.keys().chain(found.keys()).collect();
    let each = fields.into_iter().filter_map(|field| {
        let is_free = FREE.contains(&field.as_str()) || (field == "placement" && !has_a_place);
        let of = |settings: &Map<String, Value>| settings.get(field).cloned().unwrap_or_default();
        let (asked, found) = (of(&asked), of(&found));
        (!is_free && asked != found).then(|| Difference {
            field: field.clone(),
            asked: asked.to_string(),
            found: found.to_string(),
        })
    });
    each.collect()
}

/// Without what a setting is anyway, so that a server may say it or not.
fn settings(config: &Config) -> Map<String, Value> {
    let Ok(Value::Object(settings)) = serde_json::to_value(config) else {
        return Map::new();
    };
    let said = settings.into_iter().filter(|(field, value)| {
        let is_default = match field.as_str() {
            "persist_mode" => value == "default",
            _ => value.is_null() || *value == Value::Bool(false),
        };
        !is_default
    });
    said.collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use async_nats::jetstream::stream::{Compression, PersistenceMode, Placement};

    use super::*;
    use crate::nats::names::Names;
    use crate::nats::options::StreamOptions;
    use crate::nats::streams::configs;

    fn asked() -> Config {
        let names = Names::new("s", "default", "orders", None);
        let [events, _, _] = configs(&names, &StreamOptions::default());
        events
    }

    fn found(change: impl FnOnce(&mut Config)) -> Vec<String> {
        let mut found = asked();
        change(&mut found);
        let differences = between(&asked(), &found);
        differences.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_may_be_as_it_likes_is_no_difference() {
        assert_eq!(found(|_| {}), [""; 0]);
        let differences = found(|it| {
            it.description = Some("ours".to_owned());
            it.metadata = [("owner".to_owned(), "ann".to_owned())].into();
            it.compression = Some(Compression::S2);
            it.first_sequence = Some(7);
            it.persist_mode = Some(PersistenceMode::Default);
            it.placement = Some(Placement::default());
        });
        assert_eq!(differences, [""; 0]);
    }

    #[test]
    fn each_difference_is_told_with_what_it_should_be() {
        let differences = found(|it| {
            it.max_bytes = 1_000;
            it.max_age = Duration::from_secs(1);
            it.deny_purge = true;
            it.persist_mode = Some(PersistenceMode::Async);
            it.allow_atomic_publish = false;
        });
        assert_eq!(
            differences,
            [
                "allow_atomic is null and should be true",
                "deny_purge is true and should be null",
                "max_age is 1000000000 and should be 0",
                "max_bytes is 1000 and should be -1",
                "persist_mode is \"async\" and should be null",
            ]
        );
    }
}
