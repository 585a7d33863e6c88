//! The functions of the language: their names, what they take, and what they return.
//!
//! A function is told apart by its name, in any case, and by the number of its arguments. What they
//! compute stands with the evaluation.

use super::value::Type;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Function {
    Length,
    Concat,
    ConcatWithSeparator,
    Lower,
    Upper,
    Trim,
    Left,
    Right,
    /// `SUBSTRING(text, position)`
    SubstringFrom,
    /// `SUBSTRING(text, position, length)`
    Substring,
    Abs,
    ToInteger,
    ToBoolean,
    ToString,
    IsInteger,
    IsBoolean,
}

struct Signature {
    name: &'static str,
    arguments_min: usize,
    /// None where any number more may follow.
    arguments_max: Option<usize>,
    function: Function,
}

const fn exactly(name: &'static str, arguments: usize, function: Function) -> Signature {
    Signature {
        name,
        arguments_min: arguments,
        arguments_max: Some(arguments),
        function,
    }
}

const fn at_least(name: &'static str, arguments: usize, function: Function) -> Signature {
    Signature {
        name,
        arguments_min: arguments,
        arguments_max: None,
        function,
    }
}

const SIGNATURES: [Signature; 16] = [
    exactly("LENGTH", 1, Function::Length),
    at_least("CONCAT", 0, Function::Concat),
    at_least("CONCAT_WS", 1, Function::ConcatWithSeparator),
    exactly("LOWER", 1, Function::Lower),
    exactly("UPPER", 1, Function::Upper),
    exactly("TRIM", 1, Function::Trim),
    exactly("LEFT", 2, Function::Left),
    exactly("RIGHT", 2, Function::Right),
    exactly("SUBSTRING", 2, Function::SubstringFrom),
    exactly("SUBSTRING", 3, Function::Substring),
    exactly("ABS", 1, Function::Abs),
    exactly("INT", 1, Function::ToInteger),
    exactly("BOOL", 1, Function::ToBoolean),
    exactly("STRING", 1, Function::ToString),
    exactly("IS_INT", 1, Function::IsInteger),
    exactly("IS_BOOL", 1, Function::IsBoolean),
];

impl Function {
    /// The function of that name, in upper case, that takes as many arguments.
    pub(crate) fn find(name: &str, arguments: usize) -> Option<Self> {
        let signature = SIGNATURES.iter().find(|signature| {
            signature.name == name
                && signature.arguments_min <= arguments
                && signature.arguments_max.is_none_or(|max| arguments <= max)
        })?;
        Some(signature.function)
    }

    /// How many arguments functions of that name take, in words; None if there are none.
    pub(crate) fn arities(name: &str) -> Option<String> {
        let arities: Vec<String> = SIGNATURES
            .iter()
            .filter(|signature| signature.name == name)
            .map(|signature| match signature.arguments_max {
                Some(max) => max.to_string(),
                None => format!("{} or more", signature.arguments_min),
            })
            .collect();
        (!arities.is_empty()).then(|| arities.join(" or "))
    }

    /// The name of each function; once more for each number of arguments.
    pub(crate) fn each_name() -> impl Iterator<Item = &'static str> {
        SIGNATURES.iter().map(|signature| signature.name)
    }

    /// The names of all functions, in a sentence.
    pub(crate) fn names() -> String {
        let mut names: Vec<_> = Function::each_name().collect();
        names.dedup();
        names.join(", ")
    }

    pub(crate) fn returns(self) -> Type {
        match self {
            Function::Length | Function::Abs | Function::ToInteger => Type::Integer,
            Function::ToBoolean | Function::IsInteger | Function::IsBoolean => Type::Boolean,
            Function::Concat
            | Function::ConcatWithSeparator
            | Function::Lower
            | Function::Upper
            | Function::Trim
            | Function::Left
            | Function::Right
            | Function::SubstringFrom
            | Function::Substring
            | Function::ToString => Type::String,
        }
    }
}
