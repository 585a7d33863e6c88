//! Whether an expression can be the condition of a filter: what no event could ever meet is refused.

use super::error::{ExpressionError, Span, in_a_sentence};
use super::functions::Function;
use super::meant;
use super::syntax::{Attribute, Kind, Node, TestKind};
use super::value::Type;

pub(super) fn check(root: &Node) -> Result<(), ExpressionError> {
    check_parts(root)?;
    match root.ty() {
        None | Some(Type::Boolean) => Ok(()),
        Some(ty @ (Type::Integer | Type::String)) => Err(ExpressionError::new(
            root.span,
            format!("the expression is of type {ty}, and a filter must be Boolean"),
            "compare it with something, such as type = 'order.paid' or LENGTH(subject) > 5",
        )),
    }
}

/// Finds the first call of a function that does not exist, or name that no attribute has.
fn check_parts(node: &Node) -> Result<(), ExpressionError> {
    match &node.kind {
        Kind::Boolean(_) | Kind::Integer(_) | Kind::Text(_) => Ok(()),
        Kind::Attribute(attribute) | Kind::Exists(attribute) => {
            check_attribute(attribute, node.span)
        }
        Kind::Not(operand) | Kind::Negate(operand) => check_parts(operand),
        Kind::Call(call) => {
            if call.function.is_none() {
                let arguments = call.arguments.len();
                return Err(no_such_function(node.span, &call.name, arguments));
            }
            call.arguments.iter().try_for_each(check_parts)
        }
        Kind::Tests { subject, tests } => {
            check_parts(subject)?;
            tests.iter().try_for_each(|test| match &test.kind {
                TestKind::Like(_) => Ok(()),
                TestKind::In(set) => set.iter().try_for_each(check_parts),
            })
        }
        Kind::Chain { first, rest } => {
            check_parts(first)?;
            rest.iter()
                .try_for_each(|(_, operand)| check_parts(operand))
        }
    }
}

/// CloudEvents keeps the name `data` from every attribute.
fn check_attribute(attribute: &Attribute, span: Span) -> Result<(), ExpressionError> {
    if &*attribute.name != "data" {
        return Ok(());
    }
    let problem = "`data` is not an attribute";
    Err(ExpressionError::new(span, problem, meant::DATA))
}

fn no_such_function(span: Span, name: &str, arguments: usize) -> ExpressionError {
    match Function::arities(name) {
        Some(arities) => {
            let noun = if arguments == 1 {
                "argument"
            } else {
                "arguments"
            };
            ExpressionError::new(
                span,
                format!("{name} is given {arguments} {noun}"),
                format!("it takes {arities}"),
            )
        }
        None => ExpressionError::new(
            span,
            format!("there is no function {}", in_a_sentence(name)),
            meant::function(name)
                .unwrap_or_else(|| format!("the functions are {}", Function::names())),
        ),
    }
}
