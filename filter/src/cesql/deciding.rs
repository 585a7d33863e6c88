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
mod tests {
    use super::super::Expression;
    use super::*;

    /// `part=value` of what decided, then each attribute that it read.
    fn decided(text: &str) -> String {
        let event = Event::builder("1", "/shop", "order.paid")
            .attribute("amount", "40")
            .attribute("region", "eu")
            .build()
            .expect("it is valid");
        let expression = Expression::parse(text).expect("it is an expression");
        let deciding = expression.deciding(&event);
        let evaluation = expression.evaluate(&event);
        if evaluation.errors.is_empty() && !text.contains("NOT") {
            // One operand alone decides what the whole comes to, so both are the same.
            assert_eq!(deciding.value, evaluation.value, "{text}");
        }
        let mut shown = format!("{}={}", expression.part(deciding.span), deciding.value);
        for Reading { attribute, value } in deciding.attributes {
            let value = value.map_or("absent".to_owned(), |value| value.to_string());
            shown.push_str(&format!(", {attribute} {value}"));
        }
        shown
    }

    #[test]
    fn the_smallest_part_that_decides_alone_is_named() {
        for (text, expected) in [
            ("amount > 100", "amount > 100=false, amount 40"),
            (
                "type = 'order.paid' AND amount > 100",
                "amount > 100=false, amount 40",
            ),
            (
                "type = 'b' AND amount > 100",
                "type = 'b'=false, type order.paid",
            ),
            (
                "type = 'b' OR amount < 100 OR region = 'eu'",
                "amount < 100=true, amount 40",
            ),
            (
                "TRUE AND (region = 'uk' OR NOT (amount < 100))",
                "region = 'uk' OR NOT (amount < 100)=false, region eu, amount 40",
            ),
            (
                "TRUE AND NOT (amount < 100)",
                "amount < 100=true, amount 40",
            ),
            ("NOT NOT (amount = 40)", "amount = 40=true, amount 40"),
            ("NOT EXISTS region", "EXISTS region=true, region eu"),
            (
                "region = 'eu' AND amount = 40",
                "region = 'eu' AND amount = 40=true, region eu, amount 40",
            ),
            (
                "region = 'uk' OR amount = 41",
                "region = 'uk' OR amount = 41=false, region eu, amount 40",
            ),
            (
                "region = 'eu' XOR amount = 41",
                "region = 'eu' XOR amount = 41=true, region eu, amount 40",
            ),
            // What comes of those before decides, together.
            (
                "region = 'eu' AND amount = 40 OR type = 'x'",
                "region = 'eu' AND amount = 40=true, region eu, amount 40",
            ),
            (
                "region = 'uk' OR amount = 41 AND type = 'x'",
                "region = 'uk' OR amount = 41=false, region eu, amount 40",
            ),
            (
                "amount IN (1, amount) AND region = 'uk' AND amount = 41",
                "region = 'uk'=false, region eu",
            ),
            ("1 + 2 * 3", "1 + 2 * 3=7"),
            (
                "CONCAT(region, REGION)",
                "CONCAT(region, REGION)=eueu, region eu",
            ),
        ] {
            assert_eq!(decided(text), expected, "{text}");
        }
    }

    #[test]
    fn what_fails_decides() {
        for (text, expected) in [
            (
                "type = 'order.paid' AND price > 100",
                "price > 100=false, price absent",
            ),
            (
                "price > 100 OR type = 'order.paid'",
                "price > 100=false, price absent",
            ),
            (
                "type = 'order.paid' XOR price > 100",
                "price > 100=false, price absent",
            ),
            ("NOT (price > 100)", "price > 100=false, price absent"),
            ("NOT 5 AND TRUE", "NOT 5=true"),
            ("TRUE AND region", "region=eu, region eu"),
            ("region OR TRUE", "region=eu, region eu"),
        ] {
            assert_eq!(decided(text), expected, "{text}");
        }
    }

    #[test]
    fn an_evaluation_that_was_cut_short_is_not_taken_apart() {
        let long = "a".repeat(4_000);
        let event = Event::builder("1", "/s", "t")
            .attribute("long", &long)
            .build()
            .expect("it is valid");
        let test = "LENGTH(UPPER(CONCAT(long, long, long, long))) > 1";
        let text = vec![test; 100].join(" AND ");
        let expression = Expression::parse(&text).expect("it is an expression");
        let errors = expression.evaluate(&event).errors;
        assert_eq!(errors[0].kind, ErrorKind::Generic);
        let span = expression.deciding(&event).span;
        assert_eq!(expression.part(span), text);
    }
}
