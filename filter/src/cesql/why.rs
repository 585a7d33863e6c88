//! Why a part of an expression fails, told from what stands around it: an evaluation notes only the
//! part, so that failing costs nothing.

use super::error::{ErrorKind, EvaluationError};
use super::functions::Function;
use super::syntax::{Arithmetic, Comparison, Kind, Node, Operator, TestKind};
use super::value::Type;

/// What `error`, met in an evaluation of `root`, comes from; None where its kind says all.
pub(super) fn why(root: &Node, error: &EvaluationError) -> Option<String> {
    match error.kind {
        ErrorKind::Cast => parent(root, error, &needed),
        ErrorKind::Math => parent(root, error, &|node, error| {
            math(node, error).map(str::to_owned)
        }),
        ErrorKind::FunctionEvaluation => parent(root, error, &|node, error| {
            function(node, error).map(str::to_owned)
        }),
        ErrorKind::Parse
        | ErrorKind::MissingAttribute
        | ErrorKind::MissingFunction
        | ErrorKind::Generic => None,
    }
}

/// What `tell` says of the first node that it knows something of. Recurses as deep as expressions
/// nest, which is bounded.
fn parent(
    node: &Node,
    error: &EvaluationError,
    tell: &dyn Fn(&Node, &EvaluationError) -> Option<String>,
) -> Option<String> {
    if error.span.start < node.span.start || node.span.end < error.span.end {
        return None;
    }
    let within = |node: &Node| parent(node, error, tell);
    tell(node, error).or_else(|| match &node.kind {
        Kind::Boolean(_)
        | Kind::Integer(_)
        | Kind::Text(_)
        | Kind::Attribute(_)
        | Kind::Exists(_) => None,
        Kind::Not(operand) | Kind::Negate(operand) => within(operand),
        Kind::Call(call) => call.arguments.iter().find_map(within),
        Kind::Tests { subject, tests } => within(subject).or_else(|| {
            tests.iter().find_map(|test| match &test.kind {
                TestKind::Like(_) => None,
                TestKind::In(set) => set.iter().find_map(within),
            })
        }),
        Kind::Chain { first, rest } => {
            within(first).or_else(|| rest.iter().find_map(|(_, operand)| within(operand)))
        }
    })
}

/// Who needs the operand that could not be cast, and as what.
fn needed(node: &Node, error: &EvaluationError) -> Option<String> {
    let is_it = |operand: &Node| operand.span == error.span;
    match &node.kind {
        Kind::Not(operand) if is_it(operand) => {
            Some("NOT needs a Boolean, and binds tighter than a comparison".to_owned())
        }
        Kind::Negate(operand) if is_it(operand) => Some("`-` needs an Integer".to_owned()),
        Kind::Call(call) if call.arguments.iter().any(is_it) => {
            let ty = match call.function {
                Some(Function::ToBoolean) => Type::Boolean,
                _ => Type::Integer,
            };
            Some(format!("{} needs {}", call.name, with_article(ty)))
        }
        Kind::Tests { subject, tests } => {
            let is_member = tests.iter().any(|test| match &test.kind {
                TestKind::Like(_) => false,
                TestKind::In(set) => set.iter().any(is_it),
            });
            is_member.then(|| match subject.ty() {
                Some(ty) => format!("IN needs {}, as on its left", with_article(ty)),
                None => "IN needs the type of what is on its left".to_owned(),
            })
        }
        Kind::Chain { first, rest } => {
            let mut left = first.span;
            rest.iter().find_map(|(operator, right)| {
                let needs = (left == error.span || is_it(right)).then(|| of(*operator, right));
                left = left.to(right.span);
                needs
            })
        }
        _ => None,
    }
}

fn of(operator: Operator, right: &Node) -> String {
    let name = operator.as_str();
    match operator {
        Operator::Logic(_) => format!("{name} needs Booleans"),
        Operator::Comparison(Comparison::Equal | Comparison::NotEqual) => match right.ty() {
            Some(ty) => format!("`{name}` needs {}, as on its right", with_article(ty)),
            None => format!("`{name}` needs the type of what is on its right"),
        },
        Operator::Comparison(_) | Operator::Arithmetic(_) => format!("`{name}` needs Integers"),
    }
}

fn with_article(ty: Type) -> &'static str {
    match ty {
        Type::Boolean => "a Boolean",
        Type::Integer => "an Integer",
        Type::String => "a String",
    }
}

fn math(node: &Node, error: &EvaluationError) -> Option<&'static str> {
    const LEAVES: &str = "the result has no 32 bits";
    match &node.kind {
        Kind::Negate(_) | Kind::Call(_) if node.span == error.span => Some(LEAVES),
        Kind::Chain { first, rest } => rest.iter().find_map(|(operator, right)| {
            let is_it = first.span.to(right.span) == error.span;
            let Operator::Arithmetic(arithmetic) = operator else {
                return None;
            };
            is_it.then_some(match (arithmetic, &right.kind) {
                // The smallest integer divided by -1 is one too many.
                (Arithmetic::Divide, Kind::Integer(-1)) => LEAVES,
                (Arithmetic::Divide | Arithmetic::Remainder, _) => "it divides by zero",
                _ => LEAVES,
            })
        }),
        _ => None,
    }
}

fn function(node: &Node, error: &EvaluationError) -> Option<&'static str> {
    let Kind::Call(call) = &node.kind else {
        return None;
    };
    let function = call.function.filter(|_| node.span == error.span)?;
    match function {
        Function::Left | Function::Right => Some("the length is negative"),
        Function::SubstringFrom => Some("the position is outside of the text"),
        Function::Substring => Some("the position is outside of the text, or the length negative"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use sluicegate_event::Event;

    use crate::cesql::Expression;

    #[test]
    fn an_error_is_told_by_who_needed_the_part() {
        let event = Event::builder("1", "/shop", "order.paid")
            .build()
            .expect("it is valid");
        for (text, why) in [
            ("NOT type = 'a'", "NOT needs a Boolean"),
            ("-type = 1", "`-` needs an Integer"),
            ("type > 5", "`>` needs Integers"),
            ("1 < 2 AND (5 + type) = 1", "`+` needs Integers"),
            ("type AND TRUE", "AND needs Booleans"),
            ("type = 5", "`=` needs an Integer"),
            ("type != TRUE", "`!=` needs a Boolean"),
            ("1 IN (2, type)", "IN needs an Integer"),
            ("BOOL(type)", "BOOL needs a Boolean"),
            ("LEFT(type, type) = 'a'", "LEFT needs an Integer"),
            ("1 / 0 = 1", "divides by zero"),
            ("1 % 0 = 1", "divides by zero"),
            ("(-2147483648) / -1 = 1", "no 32 bits"),
            ("2147483647 + 1 = 1", "no 32 bits"),
            ("SUBSTRING(type, 99) = 'a'", "the position is outside"),
            ("LEFT(type, -1) = 'a'", "the length is negative"),
            ("subject = 'a'", ""),
        ] {
            let expression = Expression::parse(text).expect("it is an expression");
            let evaluation = expression.evaluate(&event);
            let told = evaluation
                .errors
                .first()
                .and_then(|error| expression.why(error));
            match why {
                "" => assert_eq!(told, None, "{text}"),
                _ => assert!(
                    told.as_ref().is_some_and(|told| told.contains(why)),
                    "{text}: {told:?}"
                ),
            }
        }
    }
}
