//! What an event must meet for an expression to be true of it, or to fail on it.

use super::{ANCHORS_MAX, Anchor, Clause, Wanted, best_of};
use crate::cesql::Value;
use crate::cesql::syntax::{Attribute, Comparison, Kind, Logic, Node, Operator, Test, TestKind};

/// Adds clauses that hold of every event on which `node` is true.
pub(super) fn collect(node: &Node, clauses: &mut Vec<Clause>) {
    match &node.kind {
        Kind::Chain { first, rest } => chain(first, rest, clauses),
        Kind::Tests { subject, tests } => clauses.extend(test(subject, tests)),
        Kind::Boolean(_)
        | Kind::Integer(_)
        | Kind::Text(_)
        | Kind::Attribute(_)
        | Kind::Exists(_)
        | Kind::Not(_)
        | Kind::Negate(_)
        | Kind::Call(_) => {}
    }
}

/// Operators of one precedence are applied left to right, so the operands after the last OR or XOR
/// must all be true, and so must what comes of those up to there.
fn chain(first: &Node, rest: &[(Operator, Node)], clauses: &mut Vec<Clause>) {
    if let [(Operator::Comparison(Comparison::Equal), right)] = rest {
        clauses.extend(equality(&first.kind, &right.kind).map(Clause::one));
        return;
    }
    let is_and = |(operator, _): &(Operator, Node)| *operator == Operator::Logic(Logic::And);
    let ands = rest
        .iter()
        .rev()
        .take_while(|member| is_and(member))
        .count();
    let (before, joined) = rest.split_at(rest.len() - ands);
    let first = match before {
        [] if joined.is_empty() => return,
        [] => Some(first),
        [.., (Operator::Logic(Logic::Or), _)] => {
            clauses.extend(either(first, before));
            None
        }
        _ => None,
    };
    let joined = joined.iter().map(|(_, operand)| operand);
    all(first.into_iter().chain(joined), clauses);
}

/// Adds the clauses of operands that AND joins. Behind an `EXISTS region` nothing fails for want of a
/// region: such an event is no match before that is asked.
fn all<'n>(operands: impl Iterator<Item = &'n Node>, clauses: &mut Vec<Clause>) {
    let mut present: Vec<&str> = Vec::new();
    for operand in operands {
        let from = clauses.len();
        collect(operand, clauses);
        let anchors = clauses[from..].iter_mut().flat_map(|it| &mut it.anchors);
        for anchor in anchors.filter(|anchor| present.contains(&&*anchor.attribute)) {
            anchor.or_absent = false;
        }
        if let Kind::Exists(attribute) = &operand.kind {
            present.push(&attribute.name);
        }
    }
}

/// One clause for `first operator … OR operand`. Each operand of an OR may stand alone; what was
/// joined before by AND or XOR is not taken apart, and nothing is known of it.
fn either(first: &Node, rest: &[(Operator, Node)]) -> Option<Clause> {
    let is_or = |(operator, _): &(Operator, Node)| *operator == Operator::Logic(Logic::Or);
    if !rest.iter().all(is_or) {
        return None;
    }
    let operands = std::iter::once(first).chain(rest.iter().map(|(_, operand)| operand));
    let one_of_each: Option<Vec<Clause>> = operands
        .map(|operand| {
            let mut clauses = Vec::new();
            collect(operand, &mut clauses);
            best_of(clauses)
        })
        .collect();
    one_of_each.and_then(Clause::either)
}

/// `attribute = 'text'`: what stands on the left is cast to the type on the right, so an extension
/// is compared as text only where it stands on the left.
fn equality(left: &Kind, right: &Kind) -> Option<Anchor> {
    let (attribute, text) = match (left, right) {
        (Kind::Attribute(attribute), Kind::Text(text)) => (attribute, text),
        (Kind::Text(text), Kind::Attribute(attribute)) if attribute.is_core => (attribute, text),
        _ => return None,
    };
    Some(anchor(attribute, Wanted::Equals((&**text).into())))
}

/// `attribute LIKE 'text%'` and `attribute IN ('a', 'b')`. Members of a set are cast to the type of the
/// attribute, which may be any where the attribute is an extension.
fn test(subject: &Node, tests: &[Test]) -> Option<Clause> {
    let (Kind::Attribute(attribute), [test]) = (&subject.kind, tests) else {
        return None;
    };
    match &test.kind {
        _ if test.is_negated => None,
        TestKind::Like(pattern) => {
            let (text, is_whole) = pattern.beginning();
            match (text, is_whole) {
                (text, true) => Some(Wanted::Equals(text.into())),
                ("", false) => None,
                (text, false) => Some(Wanted::StartsWith(text.into())),
            }
            .map(|wanted| Clause::one(anchor(attribute, wanted)))
        }
        TestKind::In(set) if set.len() <= ANCHORS_MAX => {
            let anchors: Option<Vec<Anchor>> = set
                .iter()
                .map(|member| match &member.kind {
                    Kind::Text(text) if attribute.is_core || is_itself_when_cast(text) => {
                        Some(anchor(attribute, Wanted::Equals((&**text).into())))
                    }
                    _ => None,
                })
                .collect();
            anchors.and_then(Clause::any)
        }
        TestKind::In(_) => None,
    }
}

/// Whether a value of any type that equals `text`, cast to that type, is written like it: `'07'` is 7,
/// and `'TRUE'` is `true`.
fn is_itself_when_cast(text: &str) -> bool {
    let value = Value::String(text.into());
    let integer = value.to_integer().map(|number| number.to_string());
    let boolean = value.to_boolean().map(|truth| truth.to_string());
    let mut casts = integer.into_iter().chain(boolean);
    casts.all(|cast| cast == text)
}

fn anchor(attribute: &Attribute, wanted: Wanted) -> Anchor {
    Anchor {
        attribute: (&*attribute.name).into(),
        wanted,
        or_absent: !attribute.is_always_there(),
    }
}
