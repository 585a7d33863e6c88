//! Which part of an expression decided what it comes to.
//!
//! AND, OR, XOR and NOT are taken apart as long as one operand alone decides: of `type = 'a' AND
//! amount > 100` that is `amount > 100` where the type is right and the amount is not. Where several
//! operands were needed, such as all of an AND that is true, they decide together.

use std::collections::BTreeSet;

use sluicegate_event::Event;

use super::error::{ErrorKind, Span};
use super::evaluate::evaluate;
use super::syntax::{Attribute, Kind, Logic, Node, Operator, TestKind};
use super::value::Value;

/// The part of an expression that decided, and what it read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deciding {
    /// Where it stands in the expression's text.
    pub span: Span,
    /// What it comes to.
    pub value: Value<'static>,
    /// The attributes that it names, each once, in the order written.
    pub attributes: Vec<Reading>,
}

/// An attribute as an expression reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    /// Its name, in lower case.
    pub attribute: String,
    /// Its value; None where the event lacks it.
    pub value: Option<Value<'static>>,
}

/// Finds the part. Each turn looks at what an evaluation looks at too, and at less than the turn
/// before, so there are at most as many as the expression is deep.
pub(super) fn deciding(root: &Node, event: &Event) -> Deciding {
    let mut part = Part::whole(root);
    let is_cut_short = |error: &super::EvaluationError| error.kind == ErrorKind::Generic;
    if !evaluate(root, event).errors.iter().any(is_cut_short) {
        while let Some(smaller) = part.decided_by(event) {
            part = smaller;
        }
    }
    Deciding {
        span: part.span(),
        value: part.value(event),
        attributes: part.attributes(event),
    }
}

/// The attributes that an expression names, as it reads them.
pub(super) fn attributes(root: &Node, event: &Event) -> Vec<Reading> {
    Part::whole(root).attributes(event)
}

/// A node, or the beginning of a chain.
#[derive(Clone, Copy, Debug)]
struct Part<'a> {
    node: &'a Node,
    /// How many operands of a chain belong to it besides the first.
    operands: usize,
}

/// What operands joined by logic come to.
struct Joined<'a> {
    /// None where it failed.
    value: Option<bool>,
    decided_by: Part<'a>,
}

impl<'a> Part<'a> {
    fn whole(node: &'a Node) -> Self {
        let operands = match &node.kind {
            Kind::Chain { rest, .. } => rest.len(),
            _ => 0,
        };
        Part { node, operands }
    }

    fn is_whole(self) -> bool {
        self.operands == Part::whole(self.node).operands
    }

    /// The operand, or the beginning of the chain, that alone decides what this comes to. None where
    /// nothing less than all of it does.
    fn decided_by(self, event: &Event) -> Option<Self> {
        match &self.node.kind {
            Kind::Not(operand) => {
                let given = evaluate(operand, event);
                // What NOT itself cannot take is decided by the NOT.
                let is_taken =
                    !matches!(given.value, Value::Integer(_)) && given.value.to_boolean().is_some();
                (is_taken || !given.errors.is_empty()).then(|| Part::whole(operand))
            }
            Kind::Chain { first, rest } => {
                let part = self.join(first, rest, event)?.decided_by;
                let is_less = !std::ptr::eq(part.node, self.node) || part.operands < self.operands;
                is_less.then_some(part)
            }
            _ => None,
        }
    }

    /// Joins the operands of this part, left to right. None unless they are joined by logic.
    fn join(
        self,
        first: &'a Node,
        rest: &'a [(Operator, Node)],
        event: &Event,
    ) -> Option<Joined<'a>> {
        let mut joined = Joined {
            value: truth(first, event),
            decided_by: Part::whole(first),
        };
        for (index, (operator, right)) in rest.iter().enumerate().take(self.operands) {
            let Operator::Logic(logic) = operator else {
                return None;
            };
            let left = match (logic, joined.value) {
                // Whatever stands on the right.
                (_, None) | (Logic::And, Some(false)) | (Logic::Or, Some(true)) => continue,
                (_, Some(left)) => left,
            };
            let right_value = truth(right, event);
            let together = Part {
                node: self.node,
                operands: index + 1,
            };
            joined.decided_by = match (logic, right_value) {
                (_, None) | (Logic::And, Some(false)) | (Logic::Or, Some(true)) => {
                    Part::whole(right)
                }
                (Logic::And | Logic::Or | Logic::Xor, Some(_)) => together,
            };
            joined.value = right_value.map(|right| match logic {
                Logic::And => left && right,
                Logic::Or => left || right,
                Logic::Xor => left != right,
            });
        }
        Some(joined)
    }

    /// Without parentheses around it, where it can be told.
    fn span(self) -> Span {
        match &self.node.kind {
            Kind::Chain { first, rest } => {
                let last = rest.iter().take(self.operands).next_back();
                last.map_or(first.span, |(_, last)| first.span.to(last.span))
            }
            Kind::Tests { subject, tests } => {
                let last = tests.last();
                last.map_or(subject.span, |last| subject.span.to(last.span))
            }
            _ => self.node.span,
        }
    }

    fn value(self, event: &Event) -> Value<'static> {
        match &self.node.kind {
            Kind::Chain { first, rest } if !self.is_whole() => {
                let joined = self.join(first, rest, event);
                Value::Boolean(joined.and_then(|it| it.value).unwrap_or_default())
            }
            _ => evaluate(self.node, event).value.into_owned(),
        }
    }

    fn attributes(self, event: &Event) -> Vec<Reading> {
        let mut found = Vec::new();
        match &self.node.kind {
            Kind::Chain { first, rest } => {
                collect(first, &mut found);
                let operands = rest.iter().take(self.operands);
                operands.for_each(|(_, operand)| collect(operand, &mut found));
            }
            _ => collect(self.node, &mut found),
        }
        let mut seen = BTreeSet::new();
        found.retain(|attribute| seen.insert(&*attribute.name));
        found.into_iter().map(|it| reading(it, event)).collect()
    }
}

/// An operand as logic takes it; None where it fails or is none.
fn truth(node: &Node, event: &Event) -> Option<bool> {
    let evaluation = evaluate(node, event);
    match evaluation.errors.is_empty() {
        true => evaluation.value.to_boolean(),
        false => None,
    }
}

fn reading(attribute: &Attribute, event: &Event) -> Reading {
    let node = Node {
        kind: Kind::Attribute(attribute.clone()),
        span: Span::default(),
    };
    let evaluation = evaluate(&node, event);
    let is_there = evaluation.errors.is_empty();
    Reading {
        attribute: attribute.name.to_string(),
        value: is_there.then(|| evaluation.value.into_owned()),
    }
}

/// Adds the attributes that a part names. Recurses as deep as expressions nest, which is bounded.
fn collect<'a>(node: &'a Node, found: &mut Vec<&'a Attribute>) {
    match &node.kind {
        Kind::Boolean(_) | Kind::Integer(_) | Kind::Text(_) => {}
        Kind::Attribute(attribute) | Kind::Exists(attribute) => found.push(attribute),
        Kind::Not(operand) | Kind::Negate(operand) => collect(operand, found),
        Kind::Call(call) => call.arguments.iter().for_each(|it| collect(it, found)),
        Kind::Tests { subject, tests } => {
            collect(subject, found);
            for test in tests {
                match &test.kind {
                    TestKind::Like(_) => {}
                    TestKind::In(set) => set.iter().for_each(|it| collect(it, found)),
                }
            }
        }
        Kind::Chain { first, rest } => {
            collect(first, found);
            rest.iter().for_each(|(_, operand)| collect(operand, found));
        }
    }
}

#[cfg(test)]
mod tests;
