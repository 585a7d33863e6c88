//! CloudEvents SQL 1.0: conditions on the attributes of an event, such as `type = 'order.paid' AND
//! amount > 100`.
//!
//! ```text
//! text --parse--> Expression --evaluate(event)--> a value, and what went wrong on the way
//!                            --decide(event)----> match, no match, or error: what a filter says
//! ```
//!
//! Whatever the text, [`Expression::parse`] returns an expression or says where it fails and what to
//! do; whatever the event, an expression comes to a value. Both are bounded in time and memory, and
//! neither panics.
//!
//! Where the specification leaves a choice, or its test cases say more than its text:
//!
//! - AND, OR and XOR bind alike, left to right; NOT binds tighter than `=`.
//! - Names of attributes are read in any case. Text literals are not: `'A'` is not `'a'`.
//! - `-` and `+` right before digits are their sign, except after a value: `4-1` is 3.
//! - A backslash in a text literal takes the quote after it into the text; before any other
//!   character it stands for itself.
//! - A result outside 32 bits is a math error and comes to 0.
//! - What is given something erroneous comes to the zero of its type, so an error is never turned
//!   into a match. `NOT` of what cannot be cast is `true`, with the error; so is that of an integer.
//! - IN asks its members in order, up to the first that is equal.
//! - A value that is no Boolean matches no filter, also one that could be cast.
//! - Beyond the built-in functions that the specification lists there are `INT`, `BOOL` and `STRING`,
//!   which cast, and `IS_INT` and `IS_BOOL`, which say whether that would do.
//!
//! What is deliberately absent: the data of an event, functions of one's own.

use std::fmt;
use std::sync::Arc;

use sluicegate_event::Event;

use crate::compiled::Outcome;

mod condition;
mod deciding;
mod doubts;
mod error;
mod evaluate;
mod functions;
mod like;
mod meant;
mod parser;
mod print;
pub(crate) mod syntax;
mod token;
mod value;
mod why;

pub use deciding::{Deciding, Reading};
pub use doubts::{Doubt, DoubtKind};
pub use error::{ErrorKind, EvaluationError, ExpressionError, Span};
pub use value::{Type, Value};

use syntax::Node;

/// How long the text of an expression may be, in bytes.
pub const EXPRESSION_BYTES_MAX: usize = 8 * 1024;

/// How many parentheses, functions, sets and unary operators may stand around a part of it. Chains
/// such as `a AND b AND c` may have any number of members.
pub const DEPTH_MAX: usize = 64;

/// How much work one evaluation may be, in steps: one for each part of the expression that is looked
/// at, and one more for each 32 bytes of text that must be read character by character for it, each
/// 256 that are copied or searched, and each 4096 of an attribute. That keeps every evaluation below
/// 5 ms. What would need more ends in an error of kind [`ErrorKind::Generic`]. The expressions of one
/// filter share that work.
pub const STEPS_MAX: usize = 10_000;

/// An expression, read and prepared. Cheap to clone.
///
/// ```
/// use sluicegate_event::Event;
/// use sluicegate_filter::Outcome;
/// use sluicegate_filter::cesql::{ErrorKind, Expression, Value};
///
/// let large = Expression::parse("type LIKE 'order.%' AND amount > 100")?;
/// let order = Event::builder("1", "/shop", "order.paid").attribute("amount", "250").build()?;
/// assert_eq!(large.decide(&order), Outcome::Match);
///
/// let unpriced = Event::builder("2", "/shop", "order.made").build()?;
/// assert_eq!(large.decide(&unpriced), Outcome::Error);
/// let evaluation = large.evaluate(&unpriced);
/// assert_eq!(evaluation.value, Value::Boolean(false));
/// assert_eq!(evaluation.errors[0].kind, ErrorKind::MissingAttribute);
/// assert_eq!(large.part(evaluation.errors[0].span), "amount");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Expression(Arc<Parsed>);

struct Parsed {
    text: Box<str>,
    root: Node,
}

/// What an expression comes to for an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evaluation<'a> {
    /// Its value. There is one whatever went wrong.
    pub value: Value<'a>,
    /// What went wrong, in the order in which it was met.
    pub errors: Vec<EvaluationError>,
}

impl Expression {
    /// Reads an expression. A function that does not exist is no error here, by the specification:
    /// [`Expression::check_condition`] refuses it.
    ///
    /// # Errors
    ///
    /// The first fault in the text, or that it is longer than [`EXPRESSION_BYTES_MAX`] or nests
    /// deeper than [`DEPTH_MAX`].
    pub fn parse(text: &str) -> Result<Self, ExpressionError> {
        let root = parser::parse(text)?;
        let text = text.into();
        Ok(Expression(Arc::new(Parsed { text, root })))
    }

    /// The text it was read from. Printing it gives the same expression in canonical form.
    pub fn text(&self) -> &str {
        &self.0.text
    }

    pub(crate) fn root(&self) -> &Node {
        &self.0.root
    }

    /// A part of the text; empty if `span` is not one.
    pub fn part(&self, span: Span) -> &str {
        self.0.text.get(span.start..span.end).unwrap_or_default()
    }

    /// The type of its value for any event with which no error is met; None where that depends on
    /// the event, as with an extension, which has the type it was received with.
    ///
    /// ```
    /// use sluicegate_filter::cesql::{Expression, Type};
    ///
    /// assert_eq!(Expression::parse("LENGTH(subject)")?.ty(), Some(Type::Integer));
    /// assert_eq!(Expression::parse("important")?.ty(), None);
    /// # Ok::<(), sluicegate_filter::cesql::ExpressionError>(())
    /// ```
    pub fn ty(&self) -> Option<Type> {
        self.0.root.ty()
    }

    /// Whether it can be the condition of a filter.
    ///
    /// # Errors
    ///
    /// When its value is known never to be a Boolean, when it calls a function that does not exist, or
    /// when it asks for `data`, which no attribute is called: no event would ever match.
    ///
    /// ```
    /// use sluicegate_filter::cesql::Expression;
    ///
    /// let error = Expression::parse("LENGTH(subject)")?.check_condition().unwrap_err();
    /// assert_eq!(error.problem, "the expression is of type Integer, and a filter must be Boolean");
    /// # Ok::<(), sluicegate_filter::cesql::ExpressionError>(())
    /// ```
    pub fn check_condition(&self) -> Result<(), ExpressionError> {
        condition::check(&self.0.root)
    }

    /// The parts of it that are allowed and most likely say something else than was meant.
    ///
    /// ```
    /// use sluicegate_filter::cesql::Expression;
    ///
    /// let doubts = Expression::parse("type = 'order.*'")?.doubts();
    /// assert_eq!(doubts[0].remedy, "write type LIKE 'order.%'");
    /// # Ok::<(), sluicegate_filter::cesql::ExpressionError>(())
    /// ```
    pub fn doubts(&self) -> Vec<Doubt> {
        doubts::doubts(&self.0.root, &self.0.text)
    }

    /// Its value for `event`, and everything that went wrong.
    pub fn evaluate<'a>(&'a self, event: &'a Event) -> Evaluation<'a> {
        evaluate::evaluate(&self.0.root, event)
    }

    /// Why `error`, met in an evaluation of it, came about: what was needed where a cast failed, what
    /// a result or a function ran into. None where its kind and its part say all there is.
    ///
    /// ```
    /// use sluicegate_event::Event;
    /// use sluicegate_filter::cesql::Expression;
    ///
    /// let expression = Expression::parse("type > 5")?;
    /// let event = Event::builder("1", "/shop", "order.paid").build()?;
    /// let error = expression.evaluate(&event).errors[0];
    /// assert_eq!(expression.why(&error).as_deref(), Some("`>` needs Integers"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn why(&self, error: &EvaluationError) -> Option<String> {
        why::why(&self.0.root, error)
    }

    /// The part of it that decided what it comes to for `event`: AND, OR, XOR and NOT are taken apart
    /// as long as one operand alone decides.
    ///
    /// ```
    /// use sluicegate_event::Event;
    /// use sluicegate_filter::cesql::{Expression, Value};
    ///
    /// let large = Expression::parse("type = 'order.paid' AND amount > 100")?;
    /// let order = Event::builder("1", "/shop", "order.paid").attribute("amount", "40").build()?;
    /// let deciding = large.deciding(&order);
    /// assert_eq!(large.part(deciding.span), "amount > 100");
    /// assert_eq!(deciding.value, Value::Boolean(false));
    /// assert_eq!(deciding.attributes[0].attribute, "amount");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn deciding(&self, event: &Event) -> Deciding {
        deciding::deciding(&self.0.root, event)
    }

    /// The attributes that it names, each once, as it reads them from `event`.
    pub fn readings(&self, event: &Event) -> Vec<Reading> {
        deciding::attributes(&self.0.root, event)
    }

    /// What it says of `event` as a filter: `Match` for `true` without any error. It ends at the
    /// first error. A value that is not a Boolean counts as one.
    pub fn decide(&self, event: &Event) -> Outcome {
        self.decide_within(event, &mut 0)
    }

    /// The same, for one of several expressions that share the work allowed, of which `steps` have
    /// been done.
    pub(crate) fn decide_within(&self, event: &Event, steps: &mut usize) -> Outcome {
        evaluate::up_to_an_error(&self.0.root, event, steps)
            .map_or(Outcome::Error, |value| value.outcome())
    }
}

/// Expressions are equal when they were read from the same text.
impl PartialEq for Expression {
    fn eq(&self, other: &Self) -> bool {
        self.text() == other.text()
    }
}

impl Eq for Expression {}

/// The same expression in canonical form: reading it gives an equal one, unless the space around each
/// operator has made it longer than [`EXPRESSION_BYTES_MAX`].
impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.root.fmt(f)
    }
}

impl fmt::Debug for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Expression").field(&self.text()).finish()
    }
}

#[cfg(test)]
mod tests;
