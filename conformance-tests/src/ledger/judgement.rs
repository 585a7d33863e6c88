//! What the judge says: a count and the first few examples of each kind of wrong.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// How many examples a finding keeps.
const EXAMPLES_MAX: usize = 10;

/// The verdict on a history.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Judgement {
    /// Events that were to be sent.
    pub sent: u64,
    /// Events answered with 202.
    pub accepted: u64,
    /// Events answered with anything else.
    pub refused: u64,
    /// Pairs that a subscriber took.
    pub delivered: u64,
    /// Pairs that a dead-letter sink took.
    pub dead_lettered: u64,
    /// Pairs in terms that the test leaves, as far as the broker counts them there.
    #[serde(default)]
    pub left: u64,
    /// Requests that subscribers and sinks got.
    pub attempts: u64,
    /// Accepted, wanted, and nowhere.
    pub lost: Findings,
    /// Taken twice or more.
    pub duplicated: Findings,
    /// How often each trigger's subscriber or sink took what it had taken before: after a crash some
    /// of that is allowed, and this says how much there was.
    #[serde(default)]
    pub extra: BTreeMap<String, u64>,
    /// Arrived other than sent.
    pub altered: Findings,
    /// Arrived though never sent, or though refused.
    pub invented: Findings,
    /// Arrived where the filter says no.
    pub misfiltered: Findings,
    /// Figures of the broker that contradict the history or themselves.
    pub imbalances: Findings,
}

/// One kind of finding.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Findings {
    /// How many.
    pub count: u64,
    /// The first few.
    pub examples: Vec<String>,
}

impl Findings {
    pub(super) fn add(&mut self, example: String) {
        self.count += 1;
        if self.examples.len() < EXAMPLES_MAX {
            self.examples.push(example);
        }
    }
}

impl Judgement {
    /// Whether there is no finding of any kind.
    pub fn is_clean(&self) -> bool {
        [
            &self.lost,
            &self.duplicated,
            &self.altered,
            &self.invented,
            &self.misfiltered,
            &self.imbalances,
        ]
        .iter()
        .all(|findings| findings.count == 0)
    }

    /// The same where crashes allow that something was taken twice; how often is in `extra`.
    pub fn is_clean_after_crashes(&self) -> bool {
        let once = Judgement {
            duplicated: Findings::default(),
            ..self.clone()
        };
        once.is_clean()
    }

    /// Fails a test on any finding, and when fewer than `floor` events were accepted: a run that
    /// sent nothing proves nothing.
    ///
    /// # Panics
    ///
    /// As said.
    pub fn assert_clean(&self, floor: u64) {
        assert!(
            self.accepted >= floor,
            "only {} events of {floor} accepted",
            self.accepted
        );
        assert!(self.is_clean(), "the ledger finds: {self:#?}");
    }
}
