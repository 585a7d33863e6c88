//! An expression in its canonical text: keywords in upper case, one space between words, single
//! quotes where they can be, no parentheses but those it needs.

use std::fmt;

use super::syntax::{Arithmetic, Comparison, Kind, Level, Logic, Node, Operator, Test, TestKind};

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            Kind::Boolean(true) => f.write_str("TRUE"),
            Kind::Boolean(false) => f.write_str("FALSE"),
            Kind::Integer(value) => write!(f, "{value}"),
            Kind::Text(text) => quote(f, text),
            Kind::Attribute(attribute) => f.write_str(&attribute.name),
            Kind::Exists(attribute) => write!(f, "EXISTS {}", attribute.name),
            Kind::Not(operand) => {
                f.write_str("NOT ")?;
                put(f, operand, operand.is_compound())
            }
            Kind::Negate(operand) => {
                // Right before digits it would be their sign. Parentheses would keep it from them
                // too, but the deepest expression has none to spare.
                let is_unsigned = matches!(operand.kind, Kind::Integer(0..));
                f.write_str(if is_unsigned { "- " } else { "-" })?;
                put(f, operand, operand.is_compound())
            }
            Kind::Call(call) => {
                f.write_str(&call.name)?;
                list(f, &call.arguments)
            }
            Kind::Tests { subject, tests } => {
                put(f, subject, subject.is_compound())?;
                tests.iter().try_for_each(|test| write!(f, " {test}"))
            }
            Kind::Chain { first, rest } => {
                let level = self.level();
                let is_looser =
                    |operand: &Node| operand.level().is_some_and(|of| Some(of) <= level);
                put(f, first, is_looser(first))?;
                rest.iter().try_for_each(|(operator, operand)| {
                    write!(f, " {} ", operator.as_str())?;
                    put(f, operand, is_looser(operand))
                })
            }
        }
    }
}

impl Node {
    /// Whether it must stand in parentheses to be an operand of what binds tightest.
    fn is_compound(&self) -> bool {
        matches!(self.kind, Kind::Tests { .. } | Kind::Chain { .. })
    }

    /// The level of a chain; anything else binds tighter than all of them.
    fn level(&self) -> Option<Level> {
        match &self.kind {
            Kind::Chain { rest, .. } => rest.first().map(|(operator, _)| operator.level()),
            Kind::Boolean(_)
            | Kind::Integer(_)
            | Kind::Text(_)
            | Kind::Attribute(_)
            | Kind::Exists(_)
            | Kind::Not(_)
            | Kind::Negate(_)
            | Kind::Call(_)
            | Kind::Tests { .. } => None,
        }
    }
}

impl fmt::Display for Test {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_negated {
            f.write_str("NOT ")?;
        }
        match &self.kind {
            TestKind::Like(pattern) => {
                f.write_str("LIKE ")?;
                quote(f, pattern.source())
            }
            TestKind::In(set) => {
                f.write_str("IN ")?;
                list(f, set)
            }
        }
    }
}

impl Operator {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Operator::Logic(Logic::And) => "AND",
            Operator::Logic(Logic::Or) => "OR",
            Operator::Logic(Logic::Xor) => "XOR",
            Operator::Comparison(Comparison::Equal) => "=",
            Operator::Comparison(Comparison::NotEqual) => "!=",
            Operator::Comparison(Comparison::Less) => "<",
            Operator::Comparison(Comparison::LessOrEqual) => "<=",
            Operator::Comparison(Comparison::Greater) => ">",
            Operator::Comparison(Comparison::GreaterOrEqual) => ">=",
            Operator::Arithmetic(Arithmetic::Add) => "+",
            Operator::Arithmetic(Arithmetic::Subtract) => "-",
            Operator::Arithmetic(Arithmetic::Multiply) => "*",
            Operator::Arithmetic(Arithmetic::Divide) => "/",
            Operator::Arithmetic(Arithmetic::Remainder) => "%",
        }
    }
}

fn put(f: &mut fmt::Formatter<'_>, node: &Node, in_parentheses: bool) -> fmt::Result {
    if in_parentheses {
        write!(f, "({node})")
    } else {
        write!(f, "{node}")
    }
}

fn list(f: &mut fmt::Formatter<'_>, nodes: &[Node]) -> fmt::Result {
    f.write_str("(")?;
    for (index, node) in nodes.iter().enumerate() {
        if index > 0 {
            f.write_str(", ")?;
        }
        write!(f, "{node}")?;
    }
    f.write_str(")")
}

fn quote(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    f.write_str(&literal(text))
}

/// A literal that reads as `text`. Whatever was read from one can be written as one: only the quote
/// of which kind may have to be the other.
pub(super) fn literal(text: &str) -> String {
    let literal = quoted(text, '\'').or_else(|| quoted(text, '"'));
    literal.unwrap_or_default()
}

/// None if `text` holds a backslash that would take hold of a quote: it cannot be written with this
/// kind.
fn quoted(text: &str, quote: char) -> Option<String> {
    let mut literal = String::from(quote);
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        if character == quote {
            literal.push('\\');
        }
        literal.push(character);
        if character == '\\' {
            literal.push(characters.next().filter(|next| *next != quote)?);
        }
    }
    literal.push(quote);
    Some(literal)
}
