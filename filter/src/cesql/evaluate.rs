//! What an expression comes to for an event.
//!
//! Every part has a value, also where something went wrong; what went wrong is noted beside it. The
//! rule is one: a part that is given something erroneous comes to the zero of its type, so `1 != 1 /
//! 0` is `false` and not `true`. A part that itself meets the error says what it comes to, which is
//! that zero too unless the specification names another value.
//!
//! Two ways to go on after an error, with the same value in the end: to look at the other operands
//! for more errors, for a reader, or to stop, for a filter. Neither looks at operands that AND, OR
//! and IN need not ask.
//!
//! The work is bounded whatever the expression: see [`STEPS_MAX`].

use sluicegate_event::{AttributeType, Event};

use super::error::{ErrorKind, EvaluationError, Span};
use super::syntax::{Attribute, Kind, Node};
use super::value::{Type, Value};
use super::{Evaluation, STEPS_MAX};

mod calls;
mod operators;

/// Bytes of text that are copied or searched in the time of a step, which is at most half a microsecond.
const BYTES_PER_STEP: usize = 256;

/// Bytes of an attribute that are read, and compared with something, in that time.
const READ_BYTES_PER_STEP: usize = 4096;

/// Bytes of text that are read character by character in that time.
const CHARACTER_BYTES_PER_STEP: usize = 32;

/// Whether an evaluation goes on after an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum AfterError {
    /// It looks for more.
    GoOn,
    /// It ends.
    Stop,
}

/// Its value, and all that went wrong.
pub(crate) fn evaluate<'a>(root: &'a Node, event: &'a Event) -> Evaluation<'a> {
    let mut evaluator = Evaluator::new(event, AfterError::GoOn);
    let value = match evaluator.attempt(root) {
        Ok(value) | Err(Failure::As(value)) => value,
        Err(Failure::Zero) => Value::zero(root.zero_type()),
    };
    Evaluation {
        value,
        errors: evaluator.errors,
    }
}

/// Its value, or None at the first error. Allocates nothing but texts that are computed. `steps` is
/// what has been done already of the work allowed, and is added to.
pub(crate) fn up_to_an_error<'a>(
    root: &'a Node,
    event: &'a Event,
    steps: &mut usize,
) -> Option<Value<'a>> {
    let mut evaluator = Evaluator::new(event, AfterError::Stop);
    evaluator.steps = *steps;
    let value = evaluator.attempt(root).ok();
    *steps = evaluator.steps;
    value
}

struct Evaluator<'a> {
    event: &'a Event,
    after: AfterError,
    /// Those met so far; none where it ends at the first, of which nobody asks.
    errors: Vec<EvaluationError>,
    steps: usize,
}

/// A part has no proper value, and the reason has been noted. What stands for it matters to nobody
/// but who asked for the whole expression: what the part is given to fails with it.
#[derive(Debug)]
enum Failure<'a> {
    /// The zero of its type.
    Zero,
    /// This, by the specification.
    As(Value<'a>),
}

type Answer<'a, T = Value<'a>> = Result<T, Failure<'a>>;

impl<'a> Evaluator<'a> {
    fn new(event: &'a Event, after: AfterError) -> Self {
        Evaluator {
            event,
            after,
            errors: Vec::new(),
            steps: 0,
        }
    }

    fn attempt(&mut self, node: &'a Node) -> Answer<'a> {
        self.charge(1, node.span)?;
        match &node.kind {
            Kind::Boolean(value) => Ok(Value::Boolean(*value)),
            Kind::Integer(value) => Ok(Value::Integer(*value)),
            Kind::Text(text) => Ok(Value::String((&**text).into())),
            Kind::Attribute(attribute) => self.attribute(attribute, node.span),
            Kind::Exists(attribute) => Ok(Value::Boolean(
                self.event.attribute(&attribute.name).is_some(),
            )),
            Kind::Not(operand) => self.not(operand),
            Kind::Negate(operand) => {
                let value = self.integer(operand)?;
                let negated = value.checked_neg();
                negated
                    .map(Value::Integer)
                    .ok_or_else(|| self.fail(ErrorKind::Math, node.span))
            }
            Kind::Call(call) => self.call(call, node.span),
            Kind::Tests { subject, tests } => self.tests(subject, tests),
            Kind::Chain { first, rest } => self.chain(first, rest),
        }
    }

    /// The value of a part that another part needs, and fails without.
    fn operand(&mut self, node: &'a Node) -> Answer<'a> {
        self.attempt(node).map_err(|_| Failure::Zero)
    }

    fn integer(&mut self, node: &'a Node) -> Answer<'a, i32> {
        let value = self.operand(node)?;
        self.cast_to_integer(&value, node.span)
    }

    fn boolean(&mut self, node: &'a Node) -> Answer<'a, bool> {
        let value = self.operand(node)?;
        self.cast_to_boolean(&value, node.span)
    }

    fn attribute(&mut self, attribute: &Attribute, span: Span) -> Answer<'a> {
        let event = self.event;
        let extension = match attribute.is_core {
            true => None,
            false => event.extension(&attribute.name),
        };
        let value = match extension {
            // It may be an attribute of version 0.3 alone: `schemaurl`.
            None => event.attribute(&attribute.name).map(text),
            Some(held) => Some(match held.ty {
                AttributeType::String => text(held.value),
                AttributeType::Boolean => Value::Boolean(held.value == "true"),
                AttributeType::Integer => {
                    held.value.parse().map_or(text(held.value), Value::Integer)
                }
            }),
        };
        let value = value.ok_or_else(|| self.fail(ErrorKind::MissingAttribute, span))?;
        if let Value::String(text) = &value {
            self.charge(text.len() / READ_BYTES_PER_STEP, span)?;
        }
        Ok(value)
    }

    /// Two operands, the second looked at only where that can still tell something.
    fn both<L, R>(
        &mut self,
        left: Answer<'a, L>,
        right: impl FnOnce(&mut Self) -> Answer<'a, R>,
    ) -> Answer<'a, (L, R)> {
        if left.is_err() && self.must_stop() {
            return Err(Failure::Zero);
        }
        let right = right(self);
        Ok((left?, right?))
    }

    /// A value as one of type `ty`.
    fn cast(&mut self, value: Value<'a>, ty: Type, span: Span) -> Answer<'a> {
        match ty {
            Type::Boolean => self.cast_to_boolean(&value, span).map(Value::Boolean),
            Type::Integer => self.cast_to_integer(&value, span).map(Value::Integer),
            Type::String => Ok(Value::String(value.into_text())),
        }
    }

    fn cast_to_boolean(&mut self, value: &Value<'a>, span: Span) -> Answer<'a, bool> {
        let cast = value.to_boolean();
        cast.ok_or_else(|| self.fail(ErrorKind::Cast, span))
    }

    fn cast_to_integer(&mut self, value: &Value<'a>, span: Span) -> Answer<'a, i32> {
        self.charge_digits(value, span)?;
        let cast = value.to_integer();
        cast.ok_or_else(|| self.fail(ErrorKind::Cast, span))
    }

    /// Pays for reading a value as an integer: of a text every digit is looked at, and it may begin
    /// with any number of zeros.
    fn charge_digits(&mut self, value: &Value<'a>, span: Span) -> Answer<'a, ()> {
        match value {
            Value::String(text) => self.charge(text.len() / CHARACTER_BYTES_PER_STEP, span),
            Value::Boolean(_) | Value::Integer(_) => Ok(()),
        }
    }

    fn fail(&mut self, kind: ErrorKind, span: Span) -> Failure<'a> {
        match self.after {
            AfterError::GoOn => self.errors.push(EvaluationError { kind, span }),
            AfterError::Stop => {}
        }
        Failure::Zero
    }

    /// Takes `steps` from what one evaluation may use; without enough, all that follows fails.
    fn charge(&mut self, steps: usize, span: Span) -> Answer<'a, ()> {
        let had_enough = self.steps <= STEPS_MAX;
        self.steps = self.steps.saturating_add(steps);
        match self.steps <= STEPS_MAX {
            true => Ok(()),
            false if had_enough => Err(self.fail(ErrorKind::Generic, span)),
            false => Err(Failure::Zero),
        }
    }

    fn must_stop(&self) -> bool {
        match self.after {
            AfterError::Stop => true,
            AfterError::GoOn => self.steps > STEPS_MAX,
        }
    }
}

fn text(text: &str) -> Value<'_> {
    Value::String(text.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cesql::parser::parse;

    fn steps(text: &str, event: &Event) -> usize {
        let root = parse(text).expect("it is an expression");
        let mut evaluator = Evaluator::new(event, AfterError::GoOn);
        assert!(evaluator.attempt(&root).is_ok(), "{:?}", evaluator.errors);
        evaluator.steps
    }

    #[test]
    fn work_is_charged_by_the_text_it_touches() {
        let long = "a".repeat(64 * 1024);
        let event = Event::builder("1", "/s", "t")
            .attribute("long", &long)
            .attribute("short", "a")
            .build()
            .expect("it is valid");
        let touching = [
            ("LIKE '%x%'", BYTES_PER_STEP),
            ("LIKE '%x_%'", CHARACTER_BYTES_PER_STEP),
            ("= 'x'", READ_BYTES_PER_STEP),
        ];
        for (test, bytes) in touching {
            let more =
                steps(&format!("long {test}"), &event) - steps(&format!("short {test}"), &event);
            assert!(more >= long.len() / bytes, "{test}: {more}");
        }
        let reading = [
            ("CONCAT", BYTES_PER_STEP),
            ("LENGTH", CHARACTER_BYTES_PER_STEP),
            ("LOWER", CHARACTER_BYTES_PER_STEP),
            ("UPPER", CHARACTER_BYTES_PER_STEP),
            ("IS_INT", CHARACTER_BYTES_PER_STEP),
        ];
        for (function, bytes) in reading {
            let more = steps(&format!("{function}(long)"), &event)
                - steps(&format!("{function}(short)"), &event);
            assert!(more >= long.len() / bytes, "{function}: {more}");
        }
    }
}
