//! What a matcher says of one event, kept until the event is stored.

use sluicegate_event::Event;
use smallvec::SmallVec;

use crate::{Claim, Matcher, SubscriptionKey};

/// What the matcher says of an event. Keys of both are ignored where they stand for no subscription.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answers {
    /// Who wants it.
    pub wanted: SmallVec<[SubscriptionKey; 4]>,
    /// Of whom the matcher cannot tell whether they do.
    pub undecided: SmallVec<[SubscriptionKey; 4]>,
}

impl Answers {
    /// Asks `matcher` of `event`.
    pub fn of(event: &Event, matcher: &dyn Matcher) -> Self {
        let mut answers = Answers::default();
        matcher.matches(event, &mut |key, claim| match claim {
            Claim::Wanted => answers.wanted.push(key),
            Claim::Undecided => answers.undecided.push(key),
        });
        answers
    }
}
