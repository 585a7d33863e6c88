//! Answers a channel's question "who wants this?" from the filters of a broker's triggers.

use std::sync::Arc;

use arc_swap::ArcSwap;
use sluicegate_channels::{Claim, Matcher, SubscriptionKey};
use sluicegate_event::Event;
use sluicegate_filter::{Filter, FilterSet, Outcome};

/// The filters of one broker; swapped as a whole when a trigger changes, without a pause.
#[derive(Debug, Default)]
pub struct TriggerMatcher {
    set: ArcSwap<FilterSet<SubscriptionKey>>,
    failures: Option<Arc<dyn FilterFailures>>,
}

/// Hears of filters that could not say whether they want an event.
///
/// Asked on the way of events, as often as there are events: it must not block, and be cheap.
pub trait FilterFailures: Send + Sync + std::fmt::Debug {
    /// An expression in the filter of that trigger failed, and the filter does not want the event.
    /// The event may be refused by the channel later on, and come again.
    fn failed(&self, key: SubscriptionKey, event: &Event);
}

impl TriggerMatcher {
    /// No triggers yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// No triggers yet; `failures` will be told of.
    pub fn reporting_to(failures: Arc<dyn FilterFailures>) -> Self {
        TriggerMatcher {
            failures: Some(failures),
            ..Self::default()
        }
    }

    /// As [`Matcher::matches`], for whoever asks about an event once more: nobody is told of failures,
    /// since the channel's question has told of them.
    pub fn ask(&self, event: &Event, answer: &mut dyn FnMut(SubscriptionKey, Claim)) {
        self.judge(event, answer, None);
    }

    fn judge(
        &self,
        event: &Event,
        answer: &mut dyn FnMut(SubscriptionKey, Claim),
        failures: Option<&dyn FilterFailures>,
    ) {
        self.set
            .load()
            .matches(event, |key, outcome| match outcome {
                Outcome::Match => answer(key, Claim::Wanted),
                Outcome::Error => {
                    answer(key, Claim::Undecided);
                    if let Some(failures) = failures {
                        failures.failed(key, event);
                    }
                }
                Outcome::NoMatch => {}
            });
    }

    /// Adds or replaces a trigger's filter.
    pub fn insert(&self, key: SubscriptionKey, filter: Filter) {
        self.update(|set| set.insert(key, filter.clone()));
    }

    /// Removes a trigger's filter.
    pub fn remove(&self, key: SubscriptionKey) {
        self.update(|set| {
            set.remove(key);
        });
    }

    /// Changes any number of filters at once: an event is judged by all of the changes or by none.
    /// A change costs a copy of the set, which shares with the set nearly all that it does not change.
    ///
    /// `change` may be called again, on a fresh copy, when another change came between.
    ///
    /// ```
    /// use sluicegate_channels::SubscriptionKey;
    /// use sluicegate_dispatcher::TriggerMatcher;
    /// use sluicegate_filter::Filter;
    ///
    /// let matcher = TriggerMatcher::new();
    /// let all = Filter::compile(&[])?;
    /// matcher.update(|filters| {
    ///     filters.remove(SubscriptionKey(1));
    ///     filters.insert(SubscriptionKey(2), all.clone());
    /// });
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn update(&self, change: impl Fn(&mut FilterSet<SubscriptionKey>)) {
        self.set.rcu(|set| {
            let mut set = FilterSet::clone(set);
            change(&mut set);
            Arc::new(set)
        });
    }
}

impl Matcher for TriggerMatcher {
    fn matches(&self, event: &Event, answer: &mut dyn FnMut(SubscriptionKey, Claim)) {
        self.judge(event, answer, self.failures.as_deref());
    }
}

#[cfg(test)]
mod tests {
    use parking_lot::Mutex;
    use sluicegate_filter::FilterSpec;
    use sluicegate_filter::cesql::Expression;

    use super::*;

    fn wanted(matcher: &TriggerMatcher) -> Vec<u64> {
        let event = Event::builder("1", "/test", "t").build().unwrap();
        let mut keys = Vec::new();
        matcher.matches(&event, &mut |key, claim| {
            assert_eq!(claim, Claim::Wanted);
            keys.push(key.0);
        });
        keys.sort_unstable();
        keys
    }

    #[test]
    fn changes_made_together_are_seen_together() {
        let matcher = TriggerMatcher::new();
        let all = Filter::compile(&[]).unwrap();
        matcher.insert(SubscriptionKey(1), all.clone());
        matcher.update(|set| {
            set.remove(SubscriptionKey(1));
            assert_eq!(wanted(&matcher), [1], "not before all are made");
            for key in 2..5 {
                set.insert(SubscriptionKey(key), all.clone());
            }
        });
        assert_eq!(wanted(&matcher), [2, 3, 4]);
        matcher.remove(SubscriptionKey(3));
        assert_eq!(wanted(&matcher), [2, 4]);
    }

    #[test]
    fn whoever_reads_meanwhile_sees_all_of_a_change_or_none_and_then_keeps_seeing_it() {
        const CHANGES: u64 = 2_000;
        let compiled = |spec| Filter::compile(&[spec]).unwrap();
        let entries = |value: &str| vec![("type".to_owned(), value.to_owned())];
        let kinds = [
            compiled(FilterSpec::Exact(entries("t"))),
            compiled(FilterSpec::Prefix(entries("t"))),
            compiled(FilterSpec::Suffix(entries("t"))),
        ];
        let of_kind = |kind: u64, change: u64| SubscriptionKey(kind * 1_000_000 + change);
        let put = |set: &mut FilterSet<SubscriptionKey>, change: u64| {
            for (kind, filter) in (0..).zip(&kinds) {
                set.insert(of_kind(kind, change), filter.clone());
            }
        };
        let matcher = TriggerMatcher::new();
        matcher.update(|set| {
            for number in 0..1_000 {
                let other = compiled(FilterSpec::Exact(entries(&number.to_string())));
                set.insert(SubscriptionKey(9_000_000 + number), other);
            }
            put(set, 0);
        });
        let seen = || {
            let keys = wanted(&matcher);
            let expected = [0, 1, 2].map(|kind| of_kind(kind, keys[0]).0);
            assert_eq!(keys, expected);
            keys[0]
        };
        std::thread::scope(|scope| {
            let writer = scope.spawn(|| {
                for change in 1..=CHANGES {
                    matcher.update(|set| {
                        for kind in 0..3 {
                            assert!(set.remove(of_kind(kind, change - 1)));
                        }
                        put(set, change);
                    });
                    assert_eq!(seen(), change);
                }
            });
            let mut newest = 0;
            while !writer.is_finished() {
                let found = seen();
                assert!(found >= newest, "{found} after {newest}");
                newest = found;
            }
        });
        assert_eq!(seen(), CHANGES);
    }

    #[derive(Debug, Default)]
    struct Heard(Mutex<Vec<(u64, String)>>);

    impl FilterFailures for Heard {
        fn failed(&self, key: SubscriptionKey, event: &Event) {
            self.0.lock().push((key.0, event.id().to_owned()));
        }
    }

    #[test]
    fn a_filter_that_fails_wants_nothing_and_is_told_of_once() {
        let heard = Arc::new(Heard::default());
        let matcher = TriggerMatcher::reporting_to(Arc::clone(&heard) as _);
        let cesql = |text: &str| {
            let expression = Expression::parse(text).unwrap();
            Filter::compile(&[FilterSpec::Cesql(expression)]).unwrap()
        };
        matcher.insert(SubscriptionKey(1), cesql("amount > 100"));
        matcher.insert(SubscriptionKey(2), cesql("type = 't'"));
        matcher.insert(SubscriptionKey(3), cesql("EXISTS amount"));
        let event = Event::builder("7", "/test", "t").build().unwrap();
        let mut answers = Vec::new();
        matcher.matches(&event, &mut |key, claim| answers.push((key.0, claim)));
        answers.sort_unstable_by_key(|(key, _)| *key);
        assert_eq!(answers, [(1, Claim::Undecided), (2, Claim::Wanted)]);
        let mut asked = Vec::new();
        matcher.ask(&event, &mut |key, claim| asked.push((key.0, claim)));
        asked.sort_unstable_by_key(|(key, _)| *key);
        assert_eq!(asked, answers);
        assert_eq!(*heard.0.lock(), [(1, "7".to_owned())]);
    }
}
