//! Events that must be accepted and arrive as they were sent.

mod generated;
mod handwritten;

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::client::Request;
use crate::event::{Event, Mode, is_json};

pub use generated::{batch_members, generated};
pub use handwritten::handwritten;

/// One event as it goes onto the wire, and what it means.
#[derive(Clone, Debug)]
pub struct Valid {
    /// What is special about it, for a failure's report; unique.
    pub name: String,
    /// The mode it is sent in.
    pub mode: Mode,
    /// The request.
    pub request: Request,
    /// What it means. Its id is the name of nothing else in the run.
    pub event: Event,
}

impl Valid {
    /// Whether `arrived` is this event, delivered in `mode`.
    ///
    /// Two differences are the specification's own: JSON data that came without a media type gets
    /// one where the mode needs it (JF-7), and white space around JSON data is no part of a JSON
    /// value once it stands in one.
    ///
    /// # Errors
    ///
    /// A sentence with the first difference.
    pub fn compare(&self, arrived: &Event, mode: Mode) -> Result<(), String> {
        let sent = &self.event;
        let attributes = self.expected_attributes(arrived, mode);
        if attributes != arrived.attributes {
            return Err(format!(
                "sent {attributes:?}, arrived {:?}",
                arrived.attributes
            ));
        }
        let (before, after) = (bytes(sent), bytes(arrived));
        let equal = if self.mode == mode {
            before == after
        } else {
            let json = sent
                .attributes
                .get("datacontenttype")
                .is_none_or(|ty| is_json(ty));
            before == after || (json && before.trim_ascii() == after)
        };
        if equal {
            return Ok(());
        }
        let show = |data: Bytes| data.slice(..data.len().min(200)).escape_ascii().to_string();
        let (before, after) = (show(before), show(after));
        Err(format!("data differs: sent {before}, arrived {after}"))
    }

    fn expected_attributes(&self, arrived: &Event, mode: Mode) -> BTreeMap<String, String> {
        let mut attributes = self.event.attributes.clone();
        let untyped_json = self.mode == Mode::Structured
            && mode == Mode::Binary
            && self.event.data.is_some()
            && !attributes.contains_key("datacontenttype");
        if untyped_json && arrived.get("datacontenttype") == "application/json" {
            attributes.insert("datacontenttype".to_owned(), "application/json".to_owned());
        }
        attributes
    }
}

/// No data and empty data are the same thing to HTTP.
fn bytes(event: &Event) -> Bytes {
    event.data.clone().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::http1::Reader;

    #[tokio::test]
    async fn there_are_enough_events_and_each_reads_as_what_it_means() {
        let mut cases = handwritten("/");
        cases.extend(generated("/", 7, 250));
        assert!(cases.len() >= 300, "{}", cases.len());
        let ids: HashSet<_> = cases.iter().map(|case| case.event.get("id")).collect();
        assert_eq!(ids.len(), cases.len());
        for case in &cases {
            let bytes = case.request.to_bytes();
            let request = Reader::new(&bytes[..]).request().await.unwrap().unwrap();
            // What a peer writes is stricter than what a broker must read: quoted strings and bare
            // UTF-8 are told by the table itself.
            if let Ok((mode, event)) = Event::read(&request.headers, &request.body)
                && !case.name.contains("quoted")
            {
                assert_eq!((mode, &event), (case.mode, &case.event), "{}", case.name);
            }
        }
    }

    #[test]
    fn the_same_seed_makes_the_same_events() {
        let ids = |seed| {
            generated("/", seed, 50)
                .into_iter()
                .map(|case| case.event)
                .collect::<Vec<_>>()
        };
        assert_eq!(ids(1), ids(1));
        assert_ne!(ids(1), ids(2));
    }

    #[test]
    fn a_difference_is_found() {
        let case = handwritten("/").remove(0);
        let altered = case.event.clone().with("subject", "altered");
        assert!(case.compare(&case.event, case.mode).is_ok());
        assert!(case.compare(&altered, case.mode).is_err());
        let altered = case.event.clone().with_data("application/json", "{}");
        assert!(case.compare(&altered, case.mode).is_err());
    }
}
