//! A filter ready to be asked.
//!
//! `all`, `any` and `not` cost nothing at run time: what is left of them is the order of the
//! attribute conditions and, behind each, where to go on when it holds and where when it does not.
//!
//! ```text
//! any:                                            holds        else
//!   - exact: {type: a, source: s}    1 type = a     2            3
//!   - not: {prefix: {subject: x}}    2 source = s   match        3
//!                                    3 subject = x… no match     match
//! ```
//!
//! An expression is asked like a condition, as a whole; where it fails it leads where its miss does.
//! A condition only ever leads to one written after it, so an event is decided in at most as many
//! steps as the filter has conditions, and what is written first is asked first.

use std::sync::Arc;

use sluicegate_event::Event;

use crate::cesql::Expression;
use crate::check::check;
use crate::guard::{Guard, Need};
use crate::spec::{FilterError, FilterSpec};

mod condition;

pub(crate) use condition::Condition;
use condition::Subject;

/// What a filter says of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It wants the event.
    Match,
    /// It does not.
    NoMatch,
    /// It does not, and an expression that it was asked failed. Comparing attributes never fails.
    Error,
}

/// A compiled filter: everything that can be checked or prepared has been. Cheap to clone.
///
/// ```
/// use sluicegate_event::Event;
/// use sluicegate_filter::{Filter, FilterSpec, Outcome};
///
/// let orders = FilterSpec::Prefix(vec![("type".to_owned(), "order.".to_owned())]);
/// let filter = Filter::compile(&[FilterSpec::Not(Box::new(orders))])?;
///
/// let paid = Event::builder("1", "/shop", "order.paid").build()?;
/// let seen = Event::builder("2", "/shop", "page.seen").build()?;
/// assert_eq!(filter.evaluate(&paid), Outcome::NoMatch);
/// assert_eq!(filter.evaluate(&seen), Outcome::Match);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Filter(Arc<Compiled>);

#[derive(Debug)]
struct Compiled {
    /// Last one first, because each is made after those it leads to.
    steps: Vec<Step>,
    start: Next,
    guard: Guard,
    /// Whether a step asks an expression.
    may_fail: bool,
}

#[derive(Debug)]
struct Step {
    question: Question,
    if_it_holds: Next,
    otherwise: Next,
}

#[derive(Debug)]
enum Question {
    Attribute(Condition),
    Expression(Expression),
}

/// Where to go on.
#[derive(Clone, Copy, Debug)]
enum Next {
    /// At the step of this index.
    Step(usize),
    Accept,
    Refuse,
}

impl Filter {
    /// Checks and prepares; the specs are joined by AND, and none at all accepts every event.
    ///
    /// # Errors
    ///
    /// The first part, in the order written, that cannot be honoured: a dialect without entries,
    /// an empty value where one is needed, a name that is not `[a-z][a-z0-9]*`, an expression that
    /// no event can match, more than [`NESTING_MAX`](crate::spec::NESTING_MAX) filters around one
    /// another, more than [`NODES_MAX`](crate::spec::NODES_MAX) filters and conditions.
    pub fn compile(specs: &[FilterSpec]) -> Result<Self, FilterError> {
        check(specs)?;
        let mut steps = Vec::new();
        let start = specs.iter().rfold(Next::Accept, |then, spec| {
            assemble(spec, then, Next::Refuse, &mut steps)
        });
        let is_expression = |step: &Step| matches!(step.question, Question::Expression(_));
        Ok(Filter(Arc::new(Compiled {
            may_fail: steps.iter().any(is_expression),
            steps,
            start,
            guard: Guard::of(specs),
        })))
    }

    /// Asks the filter.
    ///
    /// An expression is not asked about an event that something else in the filter, or a comparison
    /// within the expression, excludes already: see [`FilterSet`](crate::FilterSet).
    pub fn evaluate(&self, event: &Event) -> Outcome {
        let Compiled {
            steps,
            start,
            guard,
            may_fail,
        } = &*self.0;
        // Without expressions the steps come to the same.
        if *may_fail && !guard.holds(event) {
            return Outcome::NoMatch;
        }
        let mut next = *start;
        let mut has_failed = false;
        let mut asking = Asking::new(event);
        loop {
            let step = match next {
                Next::Accept => return Outcome::Match,
                Next::Refuse if has_failed => return Outcome::Error,
                Next::Refuse => return Outcome::NoMatch,
                Next::Step(index) => &steps[index],
            };
            let outcome = asking.outcome_of(&step.question);
            has_failed |= outcome == Outcome::Error;
            next = match outcome {
                Outcome::Match => step.if_it_holds,
                Outcome::NoMatch | Outcome::Error => step.otherwise,
            };
        }
    }

    /// What an event must meet for this filter to say anything but [`Outcome::NoMatch`].
    /// What the type and the source of every event are that the filter wants, or cannot tell of: one of
    /// these holds. None where that says nothing.
    ///
    /// ```
    /// use sluicegate_filter::{Filter, FilterSpec, Need, Text};
    ///
    /// let orders = FilterSpec::Exact(vec![("type".to_owned(), "order".to_owned())]);
    /// let needs = Filter::compile(&[orders])?.needs().expect("it asks for a type");
    /// assert_eq!(needs[0].ty, Some(Text::Equals("order".into())));
    /// assert_eq!(Filter::compile(&[])?.needs(), None);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn needs(&self) -> Option<Vec<Need>> {
        self.0.guard.needs()
    }

    pub(crate) fn guard(&self) -> &Guard {
        &self.0.guard
    }
}

/// One event, and what is known of it while a filter is asked.
struct Asking<'f, 'e> {
    event: &'e Event,
    /// What was read last. Conditions on one attribute often follow one another, and reading a long
    /// value takes longer than comparing it.
    read: Option<(&'f Subject, Option<&'e str>)>,
    /// The work that the expressions have been, which they share.
    expression_steps: usize,
}

impl<'f, 'e> Asking<'f, 'e> {
    fn new(event: &'e Event) -> Self {
        Asking {
            event,
            read: None,
            expression_steps: 0,
        }
    }

    fn outcome_of(&mut self, question: &'f Question) -> Outcome {
        match question {
            Question::Attribute(condition) => match self.read(&condition.subject) {
                Some(found) if condition.test.holds(found) => Outcome::Match,
                Some(_) | None => Outcome::NoMatch,
            },
            Question::Expression(expression) => {
                expression.decide_within(self.event, &mut self.expression_steps)
            }
        }
    }

    fn read(&mut self, subject: &'f Subject) -> Option<&'e str> {
        match self.read {
            Some((read, found)) if read == subject => found,
            Some(_) | None => {
                let found = subject.of(self.event);
                self.read = Some((subject, found));
                found
            }
        }
    }
}

/// Adds the steps of `spec`, given where its match and its miss lead; says where it begins.
/// Recurses as deep as filters nest, which has been checked.
fn assemble(spec: &FilterSpec, on_match: Next, on_miss: Next, steps: &mut Vec<Step>) -> Next {
    let mut conditions =
        |entries: &[(String, String)], condition: fn(&str, &str) -> Condition| -> Next {
            entries.iter().rfold(on_match, |then, (name, value)| {
                steps.push(Step {
                    question: Question::Attribute(condition(name, value)),
                    if_it_holds: then,
                    otherwise: on_miss,
                });
                Next::Step(steps.len() - 1)
            })
        };
    match spec {
        FilterSpec::Attributes(entries) => conditions(entries, Condition::legacy),
        FilterSpec::Exact(entries) => conditions(entries, Condition::equals),
        FilterSpec::Prefix(entries) => conditions(entries, Condition::starts_with),
        FilterSpec::Suffix(entries) => conditions(entries, Condition::ends_with),
        FilterSpec::All(children) => children.iter().rfold(on_match, |then, child| {
            assemble(child, then, on_miss, steps)
        }),
        FilterSpec::Any(children) => children.iter().rfold(on_miss, |then, child| {
            assemble(child, on_match, then, steps)
        }),
        FilterSpec::Not(child) => assemble(child, on_miss, on_match, steps),
        FilterSpec::Cesql(expression) => {
            steps.push(Step {
                question: Question::Expression(expression.clone()),
                if_it_holds: on_match,
                otherwise: on_miss,
            });
            Next::Step(steps.len() - 1)
        }
    }
}

#[cfg(test)]
mod tests;
