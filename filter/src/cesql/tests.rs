//! Reading what was printed gives the same tree, for any tree that can be read at all.

use proptest::prelude::*;

use super::functions::Function;
use super::like::Pattern;
use super::parser::parse;
use super::syntax::{
    Arithmetic, Attribute, Call, Comparison, Kind, Logic, Node, Operator, Test, TestKind,
};
use super::*;

fn node(kind: Kind) -> Node {
    Node {
        kind,
        span: Span::default(),
    }
}

fn attribute() -> impl Strategy<Value = Attribute> {
    "[a-z][a-z0-9]{0,6}"
        .prop_filter("a keyword is no attribute", |name| {
            !matches!(
                parse(name).map(|node| node.kind),
                Err(_) | Ok(Kind::Boolean(_))
            )
        })
        .prop_map(|name| Attribute::new(&name))
}

/// Texts that some literal can hold: not every backslash may stand before every quote.
fn text() -> impl Strategy<Value = String> {
    "[a-c'\"%_ é\\\\]{0,8}".prop_filter("it can be written", |text| {
        let printed = node(Kind::Text(text.as_str().into())).to_string();
        matches!(parse(&printed).map(|node| node.kind), Ok(Kind::Text(read)) if *read == **text)
    })
}

fn operators() -> impl Strategy<Value = Vec<Operator>> {
    let of = |operators: Vec<Operator>| {
        proptest::collection::vec(proptest::sample::select(operators), 1..4)
    };
    prop_oneof![
        of([Logic::And, Logic::Or, Logic::Xor]
            .map(Operator::Logic)
            .into()),
        of([
            Comparison::Equal,
            Comparison::NotEqual,
            Comparison::Less,
            Comparison::LessOrEqual,
            Comparison::Greater,
            Comparison::GreaterOrEqual,
        ]
        .map(Operator::Comparison)
        .into()),
        of([Arithmetic::Add, Arithmetic::Subtract]
            .map(Operator::Arithmetic)
            .into()),
        of([
            Arithmetic::Multiply,
            Arithmetic::Divide,
            Arithmetic::Remainder
        ]
        .map(Operator::Arithmetic)
        .into()),
    ]
}

fn tree() -> impl Strategy<Value = Node> {
    let leaf = prop_oneof![
        any::<bool>().prop_map(Kind::Boolean),
        any::<i32>().prop_map(Kind::Integer),
        (0..10).prop_map(Kind::Integer),
        text().prop_map(|text| Kind::Text(text.into())),
        attribute().prop_map(Kind::Attribute),
        attribute().prop_map(Kind::Exists),
    ]
    .prop_map(node);
    leaf.prop_recursive(6, 48, 4, |inner| {
        let some = proptest::collection::vec(inner.clone(), 1..4);
        let test = prop_oneof![
            text().prop_map(|pattern| TestKind::Like(Pattern::new(&pattern))),
            some.clone().prop_map(TestKind::In),
        ];
        let tests = proptest::collection::vec((test, any::<bool>()), 1..3);
        prop_oneof![
            inner
                .clone()
                .prop_map(|operand| Kind::Not(Box::new(operand))),
            inner
                .clone()
                .prop_map(|operand| Kind::Negate(Box::new(operand))),
            ("[A-Z][A-Z_]{2,6}_F|CONCAT|LENGTH|SUBSTRING", some).prop_map(|(name, arguments)| {
                Kind::Call(Call {
                    function: Function::find(&name, arguments.len()),
                    name: name.into(),
                    arguments,
                })
            }),
            (inner.clone(), tests).prop_map(|(subject, tests)| Kind::Tests {
                subject: Box::new(subject),
                tests: tests
                    .into_iter()
                    .map(|(kind, is_negated)| Test {
                        kind,
                        is_negated,
                        span: Span::default(),
                    })
                    .collect(),
            }),
            (
                inner.clone(),
                operators(),
                proptest::collection::vec(inner, 3)
            )
                .prop_map(|(first, operators, operands)| Kind::Chain {
                    first: Box::new(first),
                    rest: operators.into_iter().zip(operands).collect(),
                }),
        ]
        .prop_map(node)
    })
}

fn without_spans(read: Node) -> Node {
    let boxed = |operand: Box<Node>| Box::new(without_spans(*operand));
    let all = |nodes: Vec<Node>| nodes.into_iter().map(without_spans).collect();
    node(match read.kind {
        Kind::Not(operand) => Kind::Not(boxed(operand)),
        Kind::Negate(operand) => Kind::Negate(boxed(operand)),
        Kind::Call(call) => Kind::Call(Call {
            arguments: all(call.arguments),
            ..call
        }),
        Kind::Tests { subject, tests } => Kind::Tests {
            subject: boxed(subject),
            tests: tests
                .into_iter()
                .map(|test| Test {
                    kind: match test.kind {
                        TestKind::In(set) => TestKind::In(all(set)),
                        like @ TestKind::Like(_) => like,
                    },
                    span: Span::default(),
                    ..test
                })
                .collect(),
        },
        Kind::Chain { first, rest } => Kind::Chain {
            first: boxed(first),
            rest: rest
                .into_iter()
                .map(|(operator, operand)| (operator, without_spans(operand)))
                .collect(),
        },
        leaf => leaf,
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn what_is_printed_reads_as_the_same_tree(tree in tree()) {
        let printed = tree.to_string();
        let read = parse(&printed);
        prop_assert!(read.is_ok(), "{}: {:?}", printed, read);
        prop_assert_eq!(read.map(without_spans), Ok(tree), "{}", printed);
    }
}
