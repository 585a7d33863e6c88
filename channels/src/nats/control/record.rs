//! The record of a subscription.
//!
//! ```text
//!   Sluicegate-Subscription: standing; number=7; epoch=2; began=1234; paused=false
//!   Sluicegate-Name: default/billing/8d1f
//! ```

use std::sync::Arc;

use async_nats::HeaderMap;
use bytes::Bytes;

use crate::nats::fields::{FieldError, Fields, FieldsText};
use crate::nats::percent::{decoded, encoded};

const SUBSCRIPTION: &str = "Sluicegate-Subscription";
const NAME: &str = "Sluicegate-Name";
const TTL: &str = "Nats-TTL";

/// How long the message stays that says that a subscription has been deleted.
const DELETED_FOR: &str = "10m";

/// What all processes know of a subscription.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its durable name.
    pub name: Arc<str>,
    /// Stands for it in subjects and consumers; never given twice.
    pub number: u64,
    /// How often it went to another place; its consumer is that of this epoch.
    pub epoch: u64,
    /// The last sequence before the first event that counts as accepted while it existed.
    pub began: u64,
    /// Whether an operator holds its events back.
    pub is_paused: bool,
}

/// What a message of the control stream says of a subscription.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recorded {
    /// That it stands so.
    Standing(Record),
    /// That it has been deleted.
    Deleted,
}

/// Why a message is no record that can be read here.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// It is no record.
    #[error("the message has no header {0}")]
    Missing(&'static str),
    /// Something is missing or is not what it must be.
    #[error("{SUBSCRIPTION}: {0}")]
    Field(#[from] FieldError),
    /// It says what is not known here.
    #[error("{SUBSCRIPTION} is {0}, which this program does not know: run the one that wrote it")]
    Unknown(Box<str>),
}

impl Record {
    /// The message that says so.
    pub fn write(&self) -> (HeaderMap, Bytes) {
        let text = FieldsText::new("standing")
            .with("number", self.number)
            .with("epoch", self.epoch)
            .with("began", self.began)
            .with("paused", self.is_paused);
        let mut headers = HeaderMap::new();
        headers.insert(SUBSCRIPTION, text.finish());
        headers.insert(NAME, encoded(&self.name));
        (headers, Bytes::new())
    }
}

/// The message that says that a subscription has been deleted. It goes by itself.
pub fn write_deleted() -> (HeaderMap, Bytes) {
    let mut headers = HeaderMap::new();
    headers.insert(SUBSCRIPTION, "deleted");
    headers.insert(TTL, DELETED_FOR);
    (headers, Bytes::new())
}

/// Reads what a message says.
///
/// # Errors
///
/// When it is no record that this program knows.
pub fn read(headers: &HeaderMap) -> Result<Recorded, RecordError> {
    let header = |name| {
        let found = headers.get(name).map(async_nats::HeaderValue::as_str);
        found.ok_or(RecordError::Missing(name))
    };
    let fields = Fields::of(header(SUBSCRIPTION)?);
    match fields.word {
        "deleted" => Ok(Recorded::Deleted),
        "standing" => Ok(Recorded::Standing(Record {
            name: decoded(header(NAME)?).into(),
            number: fields.number("number")?,
            epoch: fields.number("epoch")?,
            began: fields.number("began")?,
            is_paused: fields.flag("paused")?,
        })),
        other => Err(RecordError::Unknown(other.into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_comes_back_whatever_the_name() {
        for name in ["default/billing/8d1f", "", "é / 100% \r\n"] {
            for is_paused in [false, true] {
                let record = Record {
                    name: name.into(),
                    number: 7,
                    epoch: 0,
                    began: u64::MAX,
                    is_paused,
                };
                let (headers, _) = record.write();
                assert_eq!(read(&headers), Ok(Recorded::Standing(record)));
            }
        }
        assert_eq!(read(&write_deleted().0), Ok(Recorded::Deleted));
    }

    #[test]
    fn what_is_no_record_is_refused() {
        let read_text = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(SUBSCRIPTION, text);
            headers.insert(NAME, "a");
            read(&headers)
        };
        let whole = "standing; number=7; epoch=2; began=1; paused=true; later=1";
        assert!(read_text(whole).is_ok(), "what is not known is passed over");
        for (written, instead, field) in [
            ("number=7", "number=seven", "number"),
            ("epoch=2; ", "", "epoch"),
            ("began=1", "began=-1", "began"),
            ("paused=true", "paused=1", "paused"),
        ] {
            let refused = read_text(&whole.replace(written, instead));
            assert_eq!(refused, Err(FieldError(field).into()));
        }
        let unknown = read_text(&whole.replace("standing", "lent"));
        assert_eq!(unknown, Err(RecordError::Unknown("lent".into())));
        let nothing = read(&HeaderMap::new());
        assert_eq!(nothing, Err(RecordError::Missing(SUBSCRIPTION)));
    }
}
