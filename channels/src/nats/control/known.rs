//! What the audience has heard, by subject, so that it hears of nothing twice and of nothing that is
//! over.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::Audience;
use super::record::Record;
use super::tally::Tally;
use crate::SubscriptionStatus;

/// What a message says.
#[derive(Debug)]
pub(super) enum Said {
    Standing(Record),
    Deleted,
    Tally { number: u64, stands: Tally },
}

/// See the [module](self).
#[derive(Debug, Default)]
pub(super) struct Known(HashMap<String, Heard>);

#[derive(Debug)]
struct Heard {
    sequence: u64,
    what: What,
}

#[derive(Debug)]
enum What {
    Subscription(Arc<str>),
    Gone,
    Tally(Tally),
}

impl Known {
    /// Tells what that message says, unless something later is known. Gives how a subscription stood
    /// that is gone by this.
    pub(super) fn tell(
        &mut self,
        audience: &dyn Audience,
        subject: &str,
        sequence: u64,
        said: Said,
    ) -> Option<SubscriptionStatus> {
        let heard = self.0.get(subject);
        if heard.is_some_and(|heard| heard.sequence >= sequence) {
            return None;
        }
        let mut status = None;
        let what = match said {
            Said::Standing(record) => {
                audience.recorded(&record);
                What::Subscription(record.name)
            }
            Said::Deleted => {
                if let Some(What::Subscription(name)) = heard.map(|heard| &heard.what) {
                    status = audience.deleted(name);
                }
                What::Gone
            }
            Said::Tally { number, stands } => {
                audience.tallied(number, stands);
                What::Tally(stands)
            }
        };
        self.0.insert(subject.to_owned(), Heard { sequence, what });
        status
    }

    /// Something was added by this process, which stands then as that message says, unless something
    /// later is known.
    pub(super) fn tell_added(
        &mut self,
        audience: &dyn Audience,
        subject: &str,
        sequence: u64,
        (number, stands): (u64, Tally),
    ) {
        let later = self.0.get(subject).and_then(|heard| match &heard.what {
            What::Tally(stands) if heard.sequence > sequence => Some(*stands),
            What::Tally(_) | What::Subscription(_) | What::Gone => None,
        });
        audience.added(number, later.unwrap_or(stands));
        if later.is_none() {
            let what = What::Tally(stands);
            self.0.insert(subject.to_owned(), Heard { sequence, what });
        }
    }

    /// All of the stream was read up to that sequence, and only these subjects are there.
    pub(super) fn only(&mut self, audience: &dyn Audience, there: &HashSet<String>, up_to: u64) {
        self.0.retain(|subject, heard| {
            let is_there = heard.sequence > up_to || there.contains(subject);
            if let What::Subscription(name) = &heard.what
                && !is_there
            {
                drop(audience.deleted(name));
            }
            is_there
        });
    }
}

#[cfg(test)]
mod tests {
    use parking_lot::Mutex;

    use super::*;

    #[derive(Default)]
    struct Heard(Mutex<Vec<String>>);

    impl Audience for Heard {
        fn recorded(&self, record: &Record) {
            let paused = if record.is_paused { " paused" } else { "" };
            self.0.lock().push(format!("{}{paused}", record.name));
        }

        fn deleted(&self, name: &str) -> Option<SubscriptionStatus> {
            self.0.lock().push(format!("{name} gone"));
            None
        }

        fn tallied(&self, number: u64, stands: Tally) {
            self.0
                .lock()
                .push(format!("{number}: {}", stands.delivered));
        }

        fn added(&self, number: u64, stands: Tally) {
            let delivered = stands.delivered;
            self.0.lock().push(format!("{number}: {delivered}, ours"));
        }
    }

    fn standing(is_paused: bool) -> Said {
        Said::Standing(Record {
            name: "a".into(),
            number: 1,
            epoch: 0,
            began: 0,
            is_paused,
        })
    }

    fn tally(delivered: u64) -> Tally {
        Tally {
            delivered,
            ..Tally::default()
        }
    }

    fn heard(tell: impl FnOnce(&mut Known, &dyn Audience)) -> Vec<String> {
        let audience = Heard::default();
        tell(&mut Known::default(), &audience);
        audience.0.into_inner()
    }

    #[test]
    fn what_is_over_is_not_told() {
        let told = heard(|known, audience| {
            known.tell(audience, "s", 2, standing(true));
            known.tell(audience, "s", 1, standing(false));
            known.tell(audience, "s", 2, standing(false));
            known.tell(audience, "s", 3, Said::Deleted);
            known.tell(audience, "s", 2, standing(true));
            known.tell(audience, "s", 4, Said::Deleted);
            known.tell(audience, "other", 5, Said::Deleted);
        });
        assert_eq!(told, ["a paused", "a gone"]);
    }

    #[test]
    fn what_is_not_there_any_more_is_gone_unless_it_is_newer() {
        let told = heard(|known, audience| {
            known.tell(audience, "s", 5, standing(false));
            known.only(audience, &HashSet::new(), 4);
            known.only(audience, &HashSet::from(["s".to_owned()]), 9);
            known.only(audience, &HashSet::new(), 5);
            known.only(audience, &HashSet::new(), 6);
        });
        assert_eq!(told, ["a", "a gone"]);
    }

    #[test]
    fn what_was_added_here_stands_as_the_latest_says() {
        let told = heard(|known, audience| {
            let stands = tally(7);
            known.tell_added(audience, "t", 5, (1, stands));
            known.tell(audience, "t", 5, Said::Tally { number: 1, stands });
            let stands = tally(9);
            known.tell(audience, "t", 7, Said::Tally { number: 1, stands });
            known.tell_added(audience, "t", 6, (1, tally(8)));
        });
        assert_eq!(told, ["1: 7, ours", "1: 9", "1: 9, ours"]);
    }
}
