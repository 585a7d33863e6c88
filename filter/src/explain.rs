//! Why filters say of an event what they say: the decision as a tree.
//!
//! ```text
//! explain(filters, event) ──► no match
//!                             ├ exact       match      type is "order.paid"
//!                             └ any         no match   decided
//!                               ├ exact     no match   region is "us", not "eu"      decided
//!                               └ cesql     no match   amount > 100 is false: …      decided
//! ```
//!
//! The outcome of the whole is that of [`Filter::evaluate`]. Below it there is one clause for each
//! filter as it was written, with what it says alone: also for those that were not asked because
//! the decision had been made.
//!
//! What it leaves out: words for people, and speed; it is for single events that somebody asks about.

use sluicegate_event::Event;

use crate::cesql::{Deciding, ErrorKind, EvaluationError, Expression, STEPS_MAX, Span, Value};
use crate::compiled::{Condition, Filter, Outcome};
use crate::spec::FilterSpec;

/// How much work the expressions of one explanation may be together, in steps. It is more than that
/// of a decision, because clauses are shown that need not be asked.
const EXPLAINED_STEPS_MAX: usize = 10 * STEPS_MAX;

/// What filters say of an event, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// What they say together: that of [`Filter::evaluate`].
    ///
    /// It can be `NoMatch` where an expression among the clauses fails: it was not asked, because
    /// something else in the filters excludes the event. It can be `Error` where each clause
    /// alone does not fail: together they are more work than allowed.
    pub outcome: Outcome,
    /// One for each filter, in the order written; they are joined by AND.
    pub clauses: Vec<Clause>,
}

/// What one filter says, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clause {
    /// The key under which a manifest writes it.
    pub dialect: &'static str,
    /// What it says alone, once all of it that can tell something is asked.
    pub outcome: Outcome,
    /// Whether what stands above says what it says because of this: the first that does not match in
    /// an `all`, the first that does in an `any`, and each of them where all were needed.
    pub decided: bool,
    /// What came of its parts.
    pub reason: Reason,
}

/// What came of the parts of a filter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Of `attributes`, `exact`, `prefix` and `suffix`, in the order written; joined by AND.
    Comparisons(Vec<Comparison>),
    /// Of the filters in an `all` or `any`, and of the one in a `not`.
    Clauses(Vec<Clause>),
    /// Of an expression.
    Expression(Box<ExpressionReason>),
}

/// One attribute, compared with what is wanted of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Comparison {
    /// Its name.
    pub attribute: String,
    /// What is wanted, as it was written. Nothing in `attributes` wants it to be there and not empty.
    pub wanted: String,
    /// The event's value, as it is compared; None where the event lacks it.
    pub found: Option<String>,
    /// Whether it is as wanted.
    pub holds: bool,
    /// As of a [`Clause`].
    pub decided: bool,
}

/// What an expression came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExpressionReason {
    /// The expression.
    pub expression: Expression,
    /// Its value. Anything but a Boolean matches nothing, and counts as a failure.
    pub value: Value<'static>,
    /// What went wrong, in the order in which it was met.
    pub errors: Vec<EvaluationError>,
    /// The part that decided.
    pub deciding: Deciding,
}

/// Explains what `filters`, which are joined by AND, say of `event`.
///
/// Filters that [`Filter::compile`] refuses are in force nowhere: their outcome is `NoMatch`, whatever
/// the clauses say.
///
/// ```
/// use sluicegate_event::Event;
/// use sluicegate_filter::cesql::Expression;
/// use sluicegate_filter::explain::{Reason, explain};
/// use sluicegate_filter::{FilterSpec, Outcome};
///
/// let filters = [
///     FilterSpec::Prefix(vec![("type".to_owned(), "order.".to_owned())]),
///     FilterSpec::Cesql(Expression::parse("region = 'eu' AND amount > 100")?),
/// ];
/// let event = Event::builder("1", "/shop", "order.paid").attribute("region", "us").build()?;
/// let explanation = explain(&filters, &event);
/// assert_eq!(explanation.outcome, Outcome::NoMatch);
///
/// let [prefix, cesql] = &explanation.clauses[..] else { panic!() };
/// assert!(prefix.outcome == Outcome::Match && !prefix.decided && cesql.decided);
/// let Reason::Expression(reason) = &cesql.reason else { panic!() };
/// assert_eq!(reason.expression.part(reason.deciding.span), "region = 'eu'");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn explain(filters: &[FilterSpec], event: &Event) -> Explanation {
    let outcome =
        Filter::compile(filters).map_or(Outcome::NoMatch, |filter| filter.evaluate(event));
    let mut explainer = Explainer { event, steps: 0 };
    let (mut clauses, asked) = explainer.clauses(filters, Joint::All);
    // What was not asked because the event is excluded cannot have decided: the first that does
    // not fail has.
    let is_excluded = outcome == Outcome::NoMatch && asked.outcome() == Outcome::Error;
    let excluding = clauses
        .iter()
        .position(|clause| clause.outcome == Outcome::NoMatch);
    if let (true, Some(excluding)) = (is_excluded, excluding) {
        for (index, clause) in clauses.iter_mut().enumerate() {
            clause.decided = index == excluding;
        }
    }
    Explanation { outcome, clauses }
}

/// How clauses are joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Joint {
    All,
    Any,
    Not,
}

/// What a part says to the one above.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Asked {
    matches: bool,
    /// Whether an expression in it that was asked failed.
    has_failed: bool,
}

impl Asked {
    fn outcome(self) -> Outcome {
        match (self.matches, self.has_failed) {
            (true, _) => Outcome::Match,
            (false, true) => Outcome::Error,
            (false, false) => Outcome::NoMatch,
        }
    }
}

struct Explainer<'a> {
    event: &'a Event,
    /// Done so far, of [`EXPLAINED_STEPS_MAX`].
    steps: usize,
}

impl Explainer<'_> {
    /// Recurses as deep as filters nest, which is bounded wherever they are read.
    fn clauses(&mut self, specs: &[FilterSpec], joint: Joint) -> (Vec<Clause>, Asked) {
        let (mut clauses, each): (Vec<Clause>, Vec<Asked>) =
            specs.iter().map(|spec| self.clause(spec)).unzip();
        let settles = |asked: &Asked| asked.matches == (joint == Joint::Any);
        let settled_by = each.iter().position(settles);
        for (index, clause) in clauses.iter_mut().enumerate() {
            clause.decided = match joint {
                Joint::All | Joint::Any => settled_by.is_none_or(|first| first == index),
                Joint::Not => true,
            };
        }
        // Those after the one that settles it are not asked.
        let asked = settled_by.map_or(&each[..], |first| &each[..=first]);
        let has_failed = asked.iter().any(|asked| asked.has_failed);
        let matches = match joint {
            Joint::All => settled_by.is_none(),
            Joint::Any => settled_by.is_some(),
            Joint::Not => each.iter().any(|asked| !asked.matches),
        };
        let asked = Asked {
            matches,
            has_failed,
        };
        (clauses, asked)
    }

    fn clause(&mut self, spec: &FilterSpec) -> (Clause, Asked) {
        let (reason, asked) = match spec {
            FilterSpec::Attributes(entries) => self.compare(entries, Condition::legacy),
            FilterSpec::Exact(entries) => self.compare(entries, Condition::equals),
            FilterSpec::Prefix(entries) => self.compare(entries, Condition::starts_with),
            FilterSpec::Suffix(entries) => self.compare(entries, Condition::ends_with),
            FilterSpec::All(children) => self.nested(children, Joint::All),
            FilterSpec::Any(children) => self.nested(children, Joint::Any),
            FilterSpec::Not(child) => self.nested(std::slice::from_ref(&**child), Joint::Not),
            FilterSpec::Cesql(expression) => self.expression(expression),
        };
        let clause = Clause {
            dialect: spec.dialect(),
            outcome: asked.outcome(),
            decided: false,
            reason,
        };
        (clause, asked)
    }

    fn nested(&mut self, children: &[FilterSpec], joint: Joint) -> (Reason, Asked) {
        let (clauses, asked) = self.clauses(children, joint);
        (Reason::Clauses(clauses), asked)
    }

    fn compare(
        &self,
        entries: &[(String, String)],
        condition: fn(&str, &str) -> Condition,
    ) -> (Reason, Asked) {
        let mut comparisons: Vec<Comparison> = entries
            .iter()
            .map(|(name, wanted)| {
                let condition = condition(name, wanted);
                Comparison {
                    attribute: name.clone(),
                    wanted: wanted.clone(),
                    found: condition.subject_of(self.event).map(str::to_owned),
                    holds: condition.holds(self.event),
                    decided: false,
                }
            })
            .collect();
        let failing = comparisons.iter().position(|comparison| !comparison.holds);
        for (index, comparison) in comparisons.iter_mut().enumerate() {
            comparison.decided = failing.is_none_or(|first| first == index);
        }
        let asked = Asked {
            matches: failing.is_none(),
            has_failed: false,
        };
        (Reason::Comparisons(comparisons), asked)
    }

    fn expression(&mut self, expression: &Expression) -> (Reason, Asked) {
        // Counts the work before it is done once more for the reader.
        let mut steps = 0;
        expression.decide_within(self.event, &mut steps);
        self.steps = self.steps.saturating_add(steps);
        let reason = match self.steps <= EXPLAINED_STEPS_MAX {
            true => ExpressionReason::of(expression, self.event),
            false => ExpressionReason::cut_short(expression),
        };
        let outcome = reason.outcome();
        let asked = Asked {
            matches: outcome == Outcome::Match,
            has_failed: outcome == Outcome::Error,
        };
        (Reason::Expression(Box::new(reason)), asked)
    }
}

impl ExpressionReason {
    /// What `expression` comes to for `event`, and why.
    pub fn of(expression: &Expression, event: &Event) -> Self {
        let evaluation = expression.evaluate(event);
        ExpressionReason {
            expression: expression.clone(),
            value: evaluation.value.into_owned(),
            errors: evaluation.errors,
            deciding: expression.deciding(event),
        }
    }

    /// What it says as a filter: an error, and a value that is not a Boolean, is a failure.
    pub fn outcome(&self) -> Outcome {
        match self.errors.is_empty() {
            true => self.value.outcome(),
            false => Outcome::Error,
        }
    }

    fn cut_short(expression: &Expression) -> Self {
        let span = Span {
            start: 0,
            end: expression.text().len(),
        };
        let kind = ErrorKind::Generic;
        ExpressionReason {
            expression: expression.clone(),
            value: Value::Boolean(false),
            errors: vec![EvaluationError { kind, span }],
            deciding: Deciding {
                span,
                value: Value::Boolean(false),
                attributes: Vec::new(),
            },
        }
    }
}

#[cfg(test)]
mod tests;
