//! An expression as a tree, checked and prepared.
//!
//! Operators of one precedence that follow one another are one node, however many they are, and so
//! are tests applied one after the other. What is left to nest is what nests in the text, which is
//! bounded: that is why walking or dropping a tree may recurse.

use super::error::Span;
use super::functions::Function;
use super::like::Pattern;
use super::value::Type;

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Node {
    pub(crate) kind: Kind,
    /// With the parentheses around it.
    pub(crate) span: Span,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Kind {
    Boolean(bool),
    Integer(i32),
    Text(Box<str>),
    Attribute(Attribute),
    Exists(Attribute),
    Not(Box<Node>),
    Negate(Box<Node>),
    Call(Call),
    /// `subject LIKE … NOT IN …`, left to right.
    Tests {
        subject: Box<Node>,
        tests: Vec<Test>,
    },
    /// `first operator operand operator operand …`, all of one precedence, left to right.
    Chain {
        first: Box<Node>,
        rest: Vec<(Operator, Node)>,
    },
}

/// An attribute of the event, by its name in lower case.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Attribute {
    pub(crate) name: Box<str>,
    /// One that CloudEvents defines, whose value is text whatever it was received as.
    pub(crate) is_core: bool,
}

impl Attribute {
    pub(crate) fn new(name: &str) -> Self {
        let name = name.to_ascii_lowercase().into_boxed_str();
        let is_core = matches!(
            &*name,
            "specversion"
                | "id"
                | "source"
                | "type"
                | "datacontenttype"
                | "dataschema"
                | "subject"
                | "time"
        );
        Attribute { name, is_core }
    }

    /// Whether no event lacks it.
    pub(crate) fn is_always_there(&self) -> bool {
        matches!(&*self.name, "specversion" | "id" | "source" | "type")
    }
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Call {
    /// In upper case.
    pub(crate) name: Box<str>,
    /// None if there is no such function with as many arguments.
    pub(crate) function: Option<Function>,
    pub(crate) arguments: Vec<Node>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Test {
    pub(crate) kind: TestKind,
    pub(crate) is_negated: bool,
    pub(crate) span: Span,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum TestKind {
    Like(Pattern),
    In(Vec<Node>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operator {
    Logic(Logic),
    Comparison(Comparison),
    Arithmetic(Arithmetic),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Logic {
    And,
    Or,
    Xor,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arithmetic {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
}

/// How tightly operators bind, loosest first. Unary operators, LIKE and IN bind tighter than all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    Logic,
    Comparison,
    Sum,
    Product,
}

impl Level {
    /// The next one that binds tighter.
    pub(crate) fn tighter(self) -> Option<Level> {
        match self {
            Level::Logic => Some(Level::Comparison),
            Level::Comparison => Some(Level::Sum),
            Level::Sum => Some(Level::Product),
            Level::Product => None,
        }
    }
}

impl Operator {
    pub(crate) fn level(self) -> Level {
        match self {
            Operator::Logic(_) => Level::Logic,
            Operator::Comparison(_) => Level::Comparison,
            Operator::Arithmetic(Arithmetic::Add | Arithmetic::Subtract) => Level::Sum,
            Operator::Arithmetic(
                Arithmetic::Multiply | Arithmetic::Divide | Arithmetic::Remainder,
            ) => Level::Product,
        }
    }

    fn returns(self) -> Type {
        match self {
            Operator::Logic(_) | Operator::Comparison(_) => Type::Boolean,
            Operator::Arithmetic(_) => Type::Integer,
        }
    }
}

impl Node {
    /// The type of its value whenever no error is met. None where that depends on the event: an
    /// extension has the type it was received with.
    pub(crate) fn ty(&self) -> Option<Type> {
        match &self.kind {
            Kind::Boolean(_) | Kind::Exists(_) | Kind::Not(_) | Kind::Tests { .. } => {
                Some(Type::Boolean)
            }
            Kind::Integer(_) | Kind::Negate(_) => Some(Type::Integer),
            Kind::Text(_) => Some(Type::String),
            Kind::Attribute(attribute) => attribute.is_core.then_some(Type::String),
            Kind::Call(call) => Some(call.function.map_or(Type::Boolean, Function::returns)),
            Kind::Chain { rest, .. } => rest.last().map(|(operator, _)| operator.returns()),
        }
    }

    /// The type of the zero that stands for it where it has no value: that of what it computes. An
    /// attribute that is missing has no type, and then the specification takes a Boolean.
    pub(crate) fn zero_type(&self) -> Type {
        match &self.kind {
            Kind::Attribute(_) => Type::Boolean,
            _ => self.ty().unwrap_or(Type::Boolean),
        }
    }
}
