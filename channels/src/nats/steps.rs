//! What is done with what is kept apart, as messages: each step is one batch, stored whole or not at
//! all, and stored only if what it was decided on still stands.

use std::sync::Arc;

use async_nats::HeaderMap;
use bytes::Bytes;
use sluicegate_event::Event;

use super::entry::{self, Entry};
use super::index::Place;
use super::message;
use super::names::Names;

const EXPECTED: &str = "Nats-Expected-Last-Subject-Sequence";

/// A message to be published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// Where to.
    pub subject: String,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its payload.
    pub payload: Bytes,
}

impl Outgoing {
    fn new(subject: String, (headers, payload): (HeaderMap, Bytes)) -> Self {
        Outgoing {
            subject,
            headers,
            payload,
        }
    }

    /// It is stored only if the newest message of its subject is the one of that sequence; 0 if there
    /// is none. With others in a batch: none of them is stored otherwise.
    #[must_use]
    pub fn expecting(mut self, sequence: u64) -> Self {
        self.headers.insert(EXPECTED, sequence.to_string());
        self
    }
}

/// One thing that happens to an entry.
#[derive(Clone, Debug)]
pub enum Step {
    /// It is made, or made anew: twice leaves one.
    Keep {
        /// The event, where the entry needs it kept.
        event: Option<Arc<Event>>,
        /// The entry.
        entry: Entry,
    },
    /// It is due at once: replayed, redriven, or put on its way to the sink. In the order in which such
    /// steps are stored they are handed out, as they wait for no schedule.
    Give {
        /// As it is from then on.
        entry: Entry,
        /// Where its message is now and the sequence of that, where it has one.
        from: Option<(Place, u64)>,
    },
    /// It goes back to wait: deferred again, or parked.
    Again {
        /// The event, where it was not kept until now.
        event: Option<Arc<Event>>,
        /// As it is from then on.
        entry: Entry,
        /// Where its message is now.
        place: Place,
        /// And the sequence of that.
        sequence: u64,
    },
    /// It is done with.
    End {
        /// Where its message is now.
        place: Place,
        /// And the sequence of that.
        sequence: u64,
    },
}

impl Step {
    /// The batch that does it to the entry of that subscription and position.
    pub fn messages(&self, names: &Names, number: u64, position: u64) -> Vec<Outgoing> {
        let waiting = names.waiting(number, position);
        let due = names.due(number, position);
        // In front, so that nobody reads of an entry whose event is not there yet.
        let body = |event: Option<&Arc<Event>>| {
            let event = event.map(|event| message::write(event));
            event
                .map(|written| Outgoing::new(names.body(position), written))
                .into_iter()
        };
        match self {
            Step::Keep { event, entry } => {
                let entry = Outgoing::new(waiting, entry.write(&due));
                body(event.as_ref()).chain([entry]).collect()
            }
            Step::Give { entry, from } => {
                let given = Outgoing::new(due, entry.write_due());
                match from {
                    None => vec![given],
                    Some((Place::Due, sequence)) => vec![given.expecting(*sequence)],
                    Some((Place::Waiting, sequence)) => {
                        let ended = Outgoing::new(waiting, entry::write_ended());
                        vec![given, ended.expecting(*sequence)]
                    }
                }
            }
            Step::Again {
                event,
                entry,
                place: Place::Waiting,
                sequence,
            } => {
                let entry = Outgoing::new(waiting, entry.write(&due)).expecting(*sequence);
                body(event.as_ref()).chain([entry]).collect()
            }
            Step::Again {
                event,
                entry,
                place: Place::Due,
                sequence,
            } => {
                // The new place first: at no moment is there no entry, and its event not needed.
                let entry = Outgoing::new(waiting, entry.write(&due));
                let back = Outgoing::new(due, entry::write_back()).expecting(*sequence);
                body(event.as_ref()).chain([entry, back]).collect()
            }
            Step::End { place, sequence } => {
                let subject = match place {
                    Place::Waiting => waiting,
                    Place::Due => due,
                };
                vec![Outgoing::new(subject, entry::write_ended()).expecting(*sequence)]
            }
        }
    }

    /// The message that has to stand when it is done: its place and its sequence.
    pub fn expected(&self) -> Option<(Place, u64)> {
        match self {
            Step::Keep { .. } => None,
            Step::Give { from, .. } => *from,
            Step::Again {
                place, sequence, ..
            }
            | Step::End { place, sequence } => Some((*place, *sequence)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Timestamp;
    use crate::nats::entry::{Body, EntryState, Kept};

    const NUMBER: u64 = 7;
    const POSITION: u64 = 1234;

    fn entry() -> Entry {
        Entry {
            sends: 3,
            accepted_at: Timestamp(1),
            age_since: Timestamp(2),
            body: Body::Kept,
            state: EntryState::Moved {
                due: Timestamp(3),
                replayed: false,
            },
        }
    }

    /// Each message as its subject's end, what it says, and what it expects.
    fn said(step: &Step) -> Vec<(String, Option<Kept>, Option<String>)> {
        let names = Names::new("s", "default", "orders", None);
        let messages = step.messages(&names, NUMBER, POSITION).into_iter();
        messages
            .map(|message| {
                let below = message.subject.strip_prefix(&*names.kept()).expect("kept");
                let expected = message.headers.get(EXPECTED).map(ToString::to_string);
                let kept = entry::read(&message.headers, message.payload).ok();
                (below.to_owned(), kept, expected)
            })
            .collect()
    }

    #[test]
    fn what_is_new_brings_its_event_and_expects_nothing() {
        let event = Event::builder("1", "/s", "t").build().expect("valid");
        let step = |event| Step::Keep {
            event,
            entry: entry(),
        };
        let kept = (".w.7.1234".to_owned(), Some(Kept::Entry(entry())), None);
        let body = (".b.1234".to_owned(), None, None);
        assert_eq!(said(&step(Some(Arc::new(event)))), [body, kept.clone()]);
        assert_eq!(said(&step(None)), [kept]);
    }

    #[test]
    fn what_is_given_is_due_and_waits_for_no_schedule() {
        let given = |from| Step::Give {
            entry: entry(),
            from,
        };
        let due = |expected| {
            let subject = ".d.7.1234".to_owned();
            (subject, Some(Kept::Entry(entry())), expected)
        };
        let nine = || Some("9".to_owned());
        assert_eq!(said(&given(None)), [due(None)]);
        assert_eq!(said(&given(Some((Place::Due, 9)))), [due(nine())]);
        let ended = (".w.7.1234".to_owned(), Some(Kept::Ended), nine());
        let from_waiting = said(&given(Some((Place::Waiting, 9))));
        assert_eq!(from_waiting, [due(None), ended]);
        let names = Names::new("s", "default", "orders", None);
        let messages = given(None).messages(&names, NUMBER, POSITION);
        assert!(messages[0].headers.get("Nats-Schedule").is_none());
    }

    #[test]
    fn a_change_expects_what_it_changes() {
        let expected = |sequence: u64| Some(sequence.to_string());
        let waiting = |expected| (".w.7.1234".to_owned(), Some(Kept::Entry(entry())), expected);
        let again = |place| Step::Again {
            event: None,
            entry: entry(),
            place,
            sequence: 9,
        };
        assert_eq!(said(&again(Place::Waiting)), [waiting(expected(9))]);
        let over = |subject: &str, said| (subject.to_owned(), Some(said), expected(9));
        assert_eq!(
            said(&again(Place::Due)),
            [waiting(None), over(".d.7.1234", Kept::Back)]
        );
        let event = Event::builder("1", "/s", "t").build().expect("valid");
        let with_event = Step::Again {
            event: Some(Arc::new(event)),
            entry: entry(),
            place: Place::Due,
            sequence: 9,
        };
        let body = (".b.1234".to_owned(), None, None);
        assert_eq!(
            said(&with_event),
            [body, waiting(None), over(".d.7.1234", Kept::Back)]
        );
        for (place, subject) in [(Place::Waiting, ".w.7.1234"), (Place::Due, ".d.7.1234")] {
            let end = Step::End { place, sequence: 9 };
            assert_eq!(said(&end), [over(subject, Kept::Ended)]);
        }
    }
}
