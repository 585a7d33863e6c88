//! What is allowed and almost surely not meant: stars where no pattern is, and a NOT that takes less
//! than it seems to.

use super::error::{Span, in_a_sentence};
use super::like::Pattern;
use super::print::literal;
use super::syntax::{Comparison, Kind, Node, Operator, Test, TestKind};
use super::value::Value;

/// A part of an expression that most likely says something else than was meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Doubt {
    /// What about it.
    pub kind: DoubtKind,
    /// The part.
    pub span: Span,
    /// How it is read.
    pub problem: String,
    /// What to write if something else was meant.
    pub remedy: String,
}

/// What is doubtful about a part of an expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DoubtKind {
    /// A star that is a letter like any other.
    Star,
    /// A NOT that belongs to the operand after it, where the comparison behind cannot hold then.
    Negation,
}

/// All of them, in no order that matters. `text` is what `root` was read from.
pub(super) fn doubts(root: &Node, text: &str) -> Vec<Doubt> {
    let mut finder = Finder {
        text,
        found: Vec::new(),
    };
    finder.look_at(root);
    finder.found
}

struct Finder<'a> {
    text: &'a str,
    found: Vec<Doubt>,
}

impl Finder<'_> {
    /// Recurses as deep as expressions nest, which is bounded.
    fn look_at(&mut self, node: &Node) {
        match &node.kind {
            Kind::Boolean(_)
            | Kind::Integer(_)
            | Kind::Text(_)
            | Kind::Attribute(_)
            | Kind::Exists(_) => {}
            Kind::Not(operand) | Kind::Negate(operand) => self.look_at(operand),
            Kind::Call(call) => call.arguments.iter().for_each(|node| self.look_at(node)),
            Kind::Tests { subject, tests } => {
                self.look_at(subject);
                if let Some(test) = tests.first() {
                    self.test(subject, test);
                }
                for test in tests {
                    if let TestKind::In(set) = &test.kind {
                        set.iter().for_each(|node| self.look_at(node));
                    }
                }
            }
            Kind::Chain { first, rest } => {
                self.look_at(first);
                if let Some((Operator::Comparison(comparison), right)) = rest.first() {
                    self.comparison(first, *comparison, right);
                }
                rest.iter().for_each(|(_, node)| self.look_at(node));
            }
        }
    }

    fn comparison(&mut self, left: &Node, comparison: Comparison, right: &Node) {
        self.negation(left, right.span, !may_hold_of_a_boolean(comparison, right));
        let like = match comparison {
            Comparison::Equal => "LIKE",
            Comparison::NotEqual => "NOT LIKE",
            Comparison::Less
            | Comparison::LessOrEqual
            | Comparison::Greater
            | Comparison::GreaterOrEqual => return,
        };
        let (subject, value) = match (&left.kind, &right.kind) {
            (Kind::Text(text), _) => (right, text),
            (_, Kind::Text(text)) => (left, text),
            _ => return,
        };
        let remedy = |subject: &str, pattern: &str| format!("write {subject} {like} {pattern}");
        self.star(subject, value, left.span.to(right.span), remedy);
    }

    fn test(&mut self, subject: &Node, test: &Test) {
        match &test.kind {
            TestKind::Like(pattern) => {
                let may_hold = pattern.matches("true") || pattern.matches("false");
                self.negation(subject, test.span, !may_hold);
                self.star_in_a_pattern(pattern, test);
            }
            TestKind::In(set) => {
                let is_no_boolean = |node: &Node| match &node.kind {
                    Kind::Text(text) => Value::String((&**text).into()).to_boolean().is_none(),
                    _ => false,
                };
                self.negation(subject, test.span, set.iter().all(is_no_boolean));
                let (like, join) = match test.is_negated {
                    false => ("LIKE", "OR"),
                    true => ("NOT LIKE", "AND"),
                };
                let remedy = |subject: &str, pattern: &str| {
                    format!(
                        "take it out of the set, and add {subject} {like} {pattern} with {join}"
                    )
                };
                for member in set {
                    if let Kind::Text(text) = &member.kind {
                        self.star(subject, text, member.span, remedy);
                    }
                }
            }
        }
    }

    /// `value` is compared letter by letter with `subject`.
    fn star(
        &mut self,
        subject: &Node,
        value: &str,
        span: Span,
        remedy: impl Fn(&str, &str) -> String,
    ) {
        let is_marked = value.starts_with('*') || value.ends_with('*');
        if !is_marked || !matches!(subject.kind, Kind::Attribute(_) | Kind::Call(_)) {
            return;
        }
        let problem = format!(
            "`=` and IN compare letter by letter: the star in {} is no pattern",
            in_a_sentence(&literal(value))
        );
        let remedy = match (&subject.kind, value.trim_matches('*')) {
            (Kind::Attribute(attribute), "") => format!(
                "to ask only whether there is a value, write EXISTS {}",
                in_a_sentence(&attribute.name)
            ),
            (_, inner) => {
                let (front, back) = (end(value.starts_with('*')), end(value.ends_with('*')));
                let inner = inner.replace('%', "\\%").replace('_', "\\_");
                let pattern = in_a_sentence(&literal(&format!("{front}{inner}{back}")));
                remedy(&self.shown(subject.span), &pattern)
            }
        };
        self.doubt(DoubtKind::Star, span, problem, remedy);
    }

    fn star_in_a_pattern(&mut self, pattern: &Pattern, test: &Test) {
        let source = pattern.source();
        if pattern.is_open() || !source.contains('*') {
            return;
        }
        let meant = in_a_sentence(&literal(&source.replace('*', "%")));
        self.doubt(
            DoubtKind::Star,
            test.span,
            format!(
                "the star in {} stands for itself: any text is % in a pattern of LIKE",
                in_a_sentence(&literal(source))
            ),
            format!("use %: LIKE {meant}"),
        );
    }

    /// What follows `left` ends with `last`; `is_certain` where it cannot hold of a Boolean.
    fn negation(&mut self, left: &Node, last: Span, is_certain: bool) {
        let Kind::Not(operand) = &left.kind else {
            return;
        };
        // Whoever writes the parentheses means them.
        let is_bare = !self.part(left.span).starts_with('(');
        let is_core = matches!(&operand.kind, Kind::Attribute(attribute) if attribute.is_core);
        if !is_bare || !(is_certain || is_core) {
            return;
        }
        let span = left.span.to(last);
        let negated = self.shown(left.span);
        let meant = self.shown(operand.span.to(last));
        let problem = format!(
            "NOT binds tighter than a comparison: this compares ({negated}), which is true or false"
        );
        self.doubt(
            DoubtKind::Negation,
            span,
            problem,
            format!("write NOT ({meant})"),
        );
    }

    fn doubt(&mut self, kind: DoubtKind, span: Span, problem: String, remedy: String) {
        self.found.push(Doubt {
            kind,
            span,
            problem,
            remedy,
        });
    }

    fn part(&self, span: Span) -> &str {
        self.text.get(span.start..span.end).unwrap_or_default()
    }

    fn shown(&self, span: Span) -> String {
        in_a_sentence(self.part(span))
    }
}

fn end(is_open: bool) -> &'static str {
    if is_open { "%" } else { "" }
}

/// Whether a Boolean on the left could stand in `comparison` to `right` for one value and not for
/// the other. What `right` is must be known to say no.
fn may_hold_of_a_boolean(comparison: Comparison, right: &Node) -> bool {
    let is_equality = matches!(comparison, Comparison::Equal | Comparison::NotEqual);
    match &right.kind {
        Kind::Text(text) if is_equality => matches!(&**text, "true" | "false"),
        Kind::Text(text) => matches!(Value::String((&**text).into()).to_integer(), Some(0 | 1)),
        Kind::Integer(value) => matches!(value, 0 | 1),
        _ => true,
    }
}

#[cfg(test)]
mod tests;
