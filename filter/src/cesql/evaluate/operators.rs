//! What the operators compute, LIKE and IN among them.

use super::{Answer, BYTES_PER_STEP, CHARACTER_BYTES_PER_STEP, Evaluator, Failure};
use crate::cesql::error::{ErrorKind, Span};
use crate::cesql::like::Pattern;
use crate::cesql::syntax::{Arithmetic, Comparison, Logic, Node, Operator, Test, TestKind};
use crate::cesql::value::Value;

impl<'a> Evaluator<'a> {
    /// An integer is a Boolean wherever else one is needed, but not here; and what cannot be cast
    /// counts as `false`, of which this is the opposite. Both are so in the cases that the
    /// specification comes with.
    pub(super) fn not(&mut self, operand: &'a Node) -> Answer<'a> {
        let value = match self.operand(operand)? {
            Value::Integer(_) => Err(self.fail(ErrorKind::Cast, operand.span)),
            value @ (Value::Boolean(_) | Value::String(_)) => {
                self.cast_to_boolean(&value, operand.span)
            }
        };
        match value {
            Ok(value) => Ok(Value::Boolean(!value)),
            Err(_) => Err(Failure::As(Value::Boolean(true))),
        }
    }

    /// Each operator takes what has come of those before it.
    pub(super) fn chain(&mut self, first: &'a Node, rest: &'a [(Operator, Node)]) -> Answer<'a> {
        let mut left = self.attempt(first);
        let mut span = first.span;
        for (operator, right) in rest {
            if left.is_err() && self.must_stop() {
                return Err(Failure::Zero);
            }
            self.charge(1, span)?;
            let given = left.map_err(|_| Failure::Zero);
            left = match operator {
                Operator::Logic(logic) => self.logic(*logic, given, span, right),
                Operator::Comparison(comparison) => {
                    self.comparison(*comparison, given, span, right)
                }
                Operator::Arithmetic(arithmetic) => {
                    self.arithmetic(*arithmetic, given, span, right)
                }
            };
            span = span.to(right.span);
        }
        left
    }

    fn logic(
        &mut self,
        logic: Logic,
        left: Answer<'a>,
        left_span: Span,
        right: &'a Node,
    ) -> Answer<'a> {
        let left = left.and_then(|value| self.cast_to_boolean(&value, left_span));
        // What failed counts as `false`, which settles an AND.
        match (logic, &left) {
            (Logic::And, Ok(false) | Err(_)) | (Logic::Or, Ok(true)) => {
                return left.map(Value::Boolean);
            }
            (Logic::And | Logic::Or | Logic::Xor, _) => {}
        }
        let (left, right) = self.both(left, |evaluator| evaluator.boolean(right))?;
        Ok(Value::Boolean(match logic {
            Logic::And => left && right,
            Logic::Or => left || right,
            Logic::Xor => left != right,
        }))
    }

    /// Equality is that of the type on the right; order is that of integers.
    fn comparison(
        &mut self,
        comparison: Comparison,
        left: Answer<'a>,
        left_span: Span,
        right: &'a Node,
    ) -> Answer<'a> {
        let is_equality = matches!(comparison, Comparison::Equal | Comparison::NotEqual);
        if is_equality {
            let (left, right) = self.both(left, |evaluator| evaluator.operand(right))?;
            let left = self.cast(left, right.ty(), left_span)?;
            let is_equal = left == right;
            return Ok(Value::Boolean(
                is_equal == (comparison == Comparison::Equal),
            ));
        }
        let left = left.and_then(|value| self.cast_to_integer(&value, left_span));
        let (left, right) = self.both(left, |evaluator| evaluator.integer(right))?;
        Ok(Value::Boolean(match comparison {
            Comparison::Equal => left == right,
            Comparison::NotEqual => left != right,
            Comparison::Less => left < right,
            Comparison::LessOrEqual => left <= right,
            Comparison::Greater => left > right,
            Comparison::GreaterOrEqual => left >= right,
        }))
    }

    /// A result outside 32 bits is an error, and so is division by zero.
    fn arithmetic(
        &mut self,
        arithmetic: Arithmetic,
        left: Answer<'a>,
        left_span: Span,
        right: &'a Node,
    ) -> Answer<'a> {
        let left = left.and_then(|value| self.cast_to_integer(&value, left_span));
        let (left, right_value) = self.both(left, |evaluator| evaluator.integer(right))?;
        let result = match arithmetic {
            Arithmetic::Add => left.checked_add(right_value),
            Arithmetic::Subtract => left.checked_sub(right_value),
            Arithmetic::Multiply => left.checked_mul(right_value),
            Arithmetic::Divide => left.checked_div(right_value),
            // Nothing remains of the smallest integer divided by -1, though it has no quotient.
            Arithmetic::Remainder if right_value == -1 => Some(0),
            Arithmetic::Remainder => left.checked_rem(right_value),
        };
        result
            .map(Value::Integer)
            .ok_or_else(|| self.fail(ErrorKind::Math, left_span.to(right.span)))
    }

    pub(super) fn tests(&mut self, subject: &'a Node, tests: &'a [Test]) -> Answer<'a> {
        let mut value = self.operand(subject)?;
        let mut span = subject.span;
        for test in tests {
            self.charge(1, test.span)?;
            let holds = match &test.kind {
                TestKind::Like(pattern) => self.like(value, pattern, span.to(test.span))?,
                TestKind::In(set) => self.is_in(&value, set)?,
            };
            value = Value::Boolean(holds != test.is_negated);
            span = span.to(test.span);
        }
        Ok(value)
    }

    fn like(&mut self, value: Value<'a>, pattern: &Pattern, span: Span) -> Answer<'a, bool> {
        let text = value.into_text();
        self.charge(text.len() / BYTES_PER_STEP, span)?;
        let followed = text.len() * pattern.words_per_character();
        self.charge(followed / CHARACTER_BYTES_PER_STEP, span)?;
        Ok(pattern.matches(&text))
    }

    /// Members are asked one after the other, cast to the type of what is looked for, until one is
    /// equal.
    fn is_in(&mut self, value: &Value<'a>, set: &'a [Node]) -> Answer<'a, bool> {
        let mut failed = false;
        for node in set {
            let member = self
                .operand(node)
                .and_then(|member| self.cast(member, value.ty(), node.span));
            match member {
                Ok(member) if member == *value && !failed => return Ok(true),
                Ok(_) => {}
                Err(_) if self.must_stop() => return Err(Failure::Zero),
                Err(_) => failed = true,
            }
        }
        if failed {
            Err(Failure::Zero)
        } else {
            Ok(false)
        }
    }
}
