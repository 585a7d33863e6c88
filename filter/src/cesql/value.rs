//! Values, their types, and the casts between them.

use std::borrow::Cow;
use std::fmt;

use crate::compiled::Outcome;

/// The type of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Type {
    /// `true` or `false`
    Boolean,
    /// A signed integer of 32 bits.
    Integer,
    /// Text. Every attribute that is neither of the others counts as text, times and URIs too.
    String,
}

impl Type {
    /// The name that the specification gives it.
    pub fn as_str(self) -> &'static str {
        match self {
            Type::Boolean => "Boolean",
            Type::Integer => "Integer",
            Type::String => "String",
        }
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What an expression comes to. Text is borrowed from the event or the expression where it stands
/// there already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// `true` or `false`
    Boolean(bool),
    /// A signed integer of 32 bits.
    Integer(i32),
    /// Text.
    String(Cow<'a, str>),
}

impl<'a> Value<'a> {
    /// What stands for a value of type `ty` that could not be computed: `false`, `0`, `''`.
    pub(crate) fn zero(ty: Type) -> Self {
        match ty {
            Type::Boolean => Value::Boolean(false),
            Type::Integer => Value::Integer(0),
            Type::String => Value::String(Cow::Borrowed("")),
        }
    }

    /// What a filter says by it, where nothing went wrong: only a Boolean decides.
    pub(crate) fn outcome(&self) -> Outcome {
        match self {
            Value::Boolean(true) => Outcome::Match,
            Value::Boolean(false) => Outcome::NoMatch,
            Value::Integer(_) | Value::String(_) => Outcome::Error,
        }
    }

    /// Its type.
    pub fn ty(&self) -> Type {
        match self {
            Value::Boolean(_) => Type::Boolean,
            Value::Integer(_) => Type::Integer,
            Value::String(_) => Type::String,
        }
    }

    /// The same value, borrowing nothing.
    pub fn into_owned(self) -> Value<'static> {
        match self {
            Value::Boolean(value) => Value::Boolean(value),
            Value::Integer(value) => Value::Integer(value),
            Value::String(text) => Value::String(Cow::Owned(text.into_owned())),
        }
    }

    /// Cast to a Boolean: 0 is `false` and any other integer `true`; of texts, those that spell
    /// `true` or `false` in any case.
    pub(crate) fn to_boolean(&self) -> Option<bool> {
        match self {
            Value::Boolean(value) => Some(*value),
            Value::Integer(value) => Some(*value != 0),
            Value::String(text) if text.eq_ignore_ascii_case("true") => Some(true),
            Value::String(text) if text.eq_ignore_ascii_case("false") => Some(false),
            Value::String(_) => None,
        }
    }

    /// Cast to an Integer: `true` is 1; of texts, decimal digits with or without a sign, within 32
    /// bits.
    pub(crate) fn to_integer(&self) -> Option<i32> {
        match self {
            Value::Boolean(value) => Some(i32::from(*value)),
            Value::Integer(value) => Some(*value),
            Value::String(text) => text.parse().ok(),
        }
    }

    /// Cast to a String, which never fails.
    pub(crate) fn into_text(self) -> Cow<'a, str> {
        match self {
            Value::Boolean(true) => Cow::Borrowed("true"),
            Value::Boolean(false) => Cow::Borrowed("false"),
            Value::Integer(value) => Cow::Owned(value.to_string()),
            Value::String(text) => text,
        }
    }
}

/// Its text, as a cast to a String gives it.
impl fmt::Display for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Boolean(value) => value.fmt(f),
            Value::Integer(value) => value.fmt(f),
            Value::String(text) => text.fmt(f),
        }
    }
}
