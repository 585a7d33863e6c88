//! What the functions compute.
//!
//! Positions and lengths count characters. What is a part of a text is borrowed from it.

use std::borrow::Cow;

use super::{Answer, BYTES_PER_STEP, CHARACTER_BYTES_PER_STEP, Evaluator, Failure};
use crate::cesql::error::{ErrorKind, Span};
use crate::cesql::functions::Function;
use crate::cesql::syntax::{Call, Node};
use crate::cesql::value::Value;

type Text<'a> = Cow<'a, str>;

impl<'a> Evaluator<'a> {
    pub(super) fn call(&mut self, call: &'a Call, span: Span) -> Answer<'a> {
        let Some(function) = call.function else {
            return Err(self.fail(ErrorKind::MissingFunction, span));
        };
        match (function, call.arguments.as_slice()) {
            (Function::Concat, parts) => self.join(None, parts, span),
            (Function::ConcatWithSeparator, [separator, parts @ ..]) => {
                self.join(Some(separator), parts, span)
            }
            (Function::Left | Function::Right, [text, length]) => {
                let given = self.characters(text);
                let (text, length) = self.both(given, |evaluator| evaluator.integer(length))?;
                self.side(function, text, length, span)
            }
            (Function::SubstringFrom, [text, position]) => {
                let given = self.characters(text);
                let (text, position) = self.both(given, |evaluator| evaluator.integer(position))?;
                self.substring(text, position, None, span)
            }
            (Function::Substring, [text, position, length]) => {
                let given = self.characters(text);
                let given = self.both(given, |evaluator| evaluator.integer(position));
                let ((text, position), length) =
                    self.both(given, |evaluator| evaluator.integer(length))?;
                self.substring(text, position, Some(length), span)
            }
            (_, [argument]) => self.of_one(function, argument, span),
            // `Function::find` gives none but functions that take so many arguments.
            (_, _) => Err(self.fail(ErrorKind::MissingFunction, span)),
        }
    }

    fn of_one(&mut self, function: Function, argument: &'a Node, span: Span) -> Answer<'a> {
        match function {
            Function::Length => self.length(argument, span),
            Function::Lower => {
                let text = self.characters(argument)?;
                Ok(Value::String(text.to_lowercase().into()))
            }
            Function::Upper => {
                let text = self.characters(argument)?;
                Ok(Value::String(text.to_uppercase().into()))
            }
            Function::Trim => {
                let text = self.characters(argument)?;
                Ok(Value::String(part(text, str::trim)))
            }
            Function::Abs => self.absolute(argument, span),
            Function::ToInteger => self.integer(argument).map(Value::Integer),
            Function::ToBoolean => self.boolean(argument).map(Value::Boolean),
            Function::ToString => self.text(argument).map(Value::String),
            Function::IsInteger => {
                let value = self.operand(argument)?;
                self.charge_digits(&value, argument.span)?;
                Ok(Value::Boolean(value.to_integer().is_some()))
            }
            Function::IsBoolean => {
                let value = self.operand(argument)?;
                Ok(Value::Boolean(value.to_boolean().is_some()))
            }
            Function::Concat
            | Function::ConcatWithSeparator
            | Function::Left
            | Function::Right
            | Function::SubstringFrom
            | Function::Substring => Err(self.fail(ErrorKind::MissingFunction, span)),
        }
    }

    fn length(&mut self, argument: &'a Node, span: Span) -> Answer<'a> {
        let text = self.characters(argument)?;
        match i32::try_from(text.chars().count()) {
            Ok(length) => Ok(Value::Integer(length)),
            Err(_) => Err(self.fail(ErrorKind::Math, span)),
        }
    }

    fn absolute(&mut self, argument: &'a Node, span: Span) -> Answer<'a> {
        match self.integer(argument)?.checked_abs() {
            Some(value) => Ok(Value::Integer(value)),
            None => {
                self.fail(ErrorKind::Math, span);
                Err(Failure::As(Value::Integer(i32::MAX)))
            }
        }
    }

    fn join(&mut self, separator: Option<&'a Node>, parts: &'a [Node], span: Span) -> Answer<'a> {
        let separator = match separator {
            Some(separator) => self.text(separator),
            None => Ok(Text::Borrowed("")),
        };
        let mut texts = Ok(Vec::with_capacity(parts.len()));
        for node in parts {
            let given = self.both(texts, |evaluator| evaluator.text(node));
            texts = given.map(|(mut texts, text)| {
                texts.push(text);
                texts
            });
        }
        let (separator, texts) = self.both(separator, |_| texts)?;
        let separators = separator.len() * texts.len().saturating_sub(1);
        let bytes = separators + texts.iter().map(|text| text.len()).sum::<usize>();
        self.charge(bytes / BYTES_PER_STEP, span)?;
        Ok(Value::String(texts.join(&*separator).into()))
    }

    /// The first or the last `length` characters of `text`.
    fn side(&mut self, function: Function, text: Text<'a>, length: i32, span: Span) -> Answer<'a> {
        let Ok(length) = usize::try_from(length) else {
            self.fail(ErrorKind::FunctionEvaluation, span);
            return Err(Failure::As(Value::String(text)));
        };
        let kept = part(text, |text| match function {
            Function::Left => text.get(..offset(text, length)).unwrap_or_default(),
            _ => {
                let dropped = text.chars().count().saturating_sub(length);
                text.get(offset(text, dropped)..).unwrap_or_default()
            }
        });
        Ok(Value::String(kept))
    }

    /// From `position`, which counts from 1, or from the end if it is negative; nothing from 0.
    fn substring(
        &mut self,
        text: Text<'a>,
        position: i32,
        length: Option<i32>,
        span: Span,
    ) -> Answer<'a> {
        let characters = text.chars().count();
        let distance = usize::try_from(position.unsigned_abs()).unwrap_or(usize::MAX);
        let length = length.map_or(Ok(usize::MAX), usize::try_from);
        let (true, Ok(length)) = (distance <= characters, length) else {
            return Err(self.fail(ErrorKind::FunctionEvaluation, span));
        };
        let skipped = match position {
            0 => characters,
            1.. => distance - 1,
            _ => characters - distance,
        };
        let kept = part(text, |text| {
            let rest = text.get(offset(text, skipped)..).unwrap_or_default();
            rest.get(..offset(rest, length)).unwrap_or_default()
        });
        Ok(Value::String(kept))
    }

    /// An argument as text.
    fn text(&mut self, node: &'a Node) -> Answer<'a, Text<'a>> {
        self.operand(node).map(Value::into_text)
    }

    /// An argument as text that will be read character by character.
    fn characters(&mut self, node: &'a Node) -> Answer<'a, Text<'a>> {
        let text = self.text(node)?;
        self.charge(text.len() / CHARACTER_BYTES_PER_STEP, node.span)?;
        Ok(text)
    }
}

/// Where the character stands that has `characters` before it; the end if there are not so many.
fn offset(text: &str, characters: usize) -> usize {
    let mut places = text.char_indices().map(|(place, _)| place);
    places.nth(characters).unwrap_or(text.len())
}

/// The part of `text` that `choose` chooses.
fn part<'a>(text: Text<'a>, choose: impl FnOnce(&str) -> &str) -> Text<'a> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(choose(text)),
        Cow::Owned(text) => Cow::Owned(choose(&text).to_owned()),
    }
}
