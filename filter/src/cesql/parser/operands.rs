//! What operators stand between: literals, attributes, functions, parentheses, and the unary
//! operators in front of them.

use super::Parser;
use crate::cesql::error::{ExpressionError, Span, in_a_sentence};
use crate::cesql::functions::Function;
use crate::cesql::syntax::{Attribute, Call, Kind, Level, Node};
use crate::cesql::token::{Keyword, Symbol, Token};

impl Parser<'_> {
    /// NOT and the minus sign, which bind tighter than anything between operands.
    pub(super) fn unary(&mut self) -> Result<Node, ExpressionError> {
        let start = self.span;
        let wrap: fn(Box<Node>) -> Kind = match self.token {
            Token::Keyword(Keyword::Not) => Kind::Not,
            Token::Symbol(Symbol::Minus) => Kind::Negate,
            _ => return self.primary(),
        };
        self.advance()?;
        if start.end == self.span.start
            && let Token::Digits(digits) = self.token
        {
            return self.integer(start, digits, "-");
        }
        self.enter()?;
        let operand = self.unary()?;
        self.depth -= 1;
        Ok(Node {
            span: start.to(operand.span),
            kind: wrap(Box::new(operand)),
        })
    }

    fn primary(&mut self) -> Result<Node, ExpressionError> {
        let span = self.span;
        let kind = match self.advance()? {
            Token::Keyword(Keyword::True) => Kind::Boolean(true),
            Token::Keyword(Keyword::False) => Kind::Boolean(false),
            Token::Text(text) => Kind::Text(text.into()),
            Token::Digits(digits) => return read_integer(span, digits, ""),
            Token::Symbol(Symbol::Plus) => return self.signed(span),
            Token::Keyword(Keyword::Exists) => return self.exists(span),
            Token::Symbol(Symbol::ParenOpen) => return self.parenthesised(span),
            Token::Name(name) if self.token == Token::Symbol(Symbol::ParenOpen) => {
                return self.call(name, span);
            }
            Token::Name(name) => Kind::Attribute(attribute(name, span)?),
            found @ (Token::Keyword(_) | Token::Symbol(_) | Token::End) => {
                return Err(missing_operand(&found, span));
            }
        };
        Ok(Node { kind, span })
    }

    fn signed(&mut self, plus: Span) -> Result<Node, ExpressionError> {
        match self.token {
            Token::Digits(digits) if plus.end == self.span.start => self.integer(plus, digits, ""),
            _ => Err(ExpressionError::new(
                plus,
                "`+` in front of a value is a sign, and must stand right before digits",
                "leave it out",
            )),
        }
    }

    /// Digits, with the sign that stood at `sign` right before them.
    fn integer(&mut self, sign: Span, digits: &str, minus: &str) -> Result<Node, ExpressionError> {
        let span = sign.to(self.span);
        self.advance()?;
        read_integer(span, digits, minus)
    }

    fn exists(&mut self, start: Span) -> Result<Node, ExpressionError> {
        let span = self.span;
        match self.advance()? {
            Token::Name(name) | Token::Digits(name) => Ok(Node {
                kind: Kind::Exists(attribute(name, span)?),
                span: start.to(span),
            }),
            Token::Text(_) | Token::Keyword(_) | Token::Symbol(_) | Token::End => {
                Err(ExpressionError::new(
                    span,
                    "EXISTS must be followed by the name of an attribute",
                    "write it without quotes and parentheses, such as EXISTS subject",
                ))
            }
        }
    }

    fn parenthesised(&mut self, open: Span) -> Result<Node, ExpressionError> {
        self.enter()?;
        let mut inner = self.chain(Level::Logic)?;
        self.depth -= 1;
        inner.span = open.to(self.close(open)?);
        Ok(inner)
    }

    fn call(&mut self, name: &str, start: Span) -> Result<Node, ExpressionError> {
        let is_name = |character: char| character.is_ascii_alphabetic() || character == '_';
        if !name.chars().all(is_name) || name.starts_with('_') {
            return Err(ExpressionError::new(
                start,
                format!("`{}` is not the name of a function", in_a_sentence(name)),
                "names of functions are letters and underscores, beginning with a letter",
            ));
        }
        let (arguments, end) = self.list()?;
        let name = name.to_ascii_uppercase().into_boxed_str();
        Ok(Node {
            span: start.to(end),
            kind: Kind::Call(Call {
                function: Function::find(&name, arguments.len()),
                name,
                arguments,
            }),
        })
    }

    /// Values in parentheses, none or more, from the parenthesis that comes next; and the one that
    /// closes them.
    pub(super) fn list(&mut self) -> Result<(Vec<Node>, Span), ExpressionError> {
        let open = self.span;
        self.advance()?;
        self.enter()?;
        let mut values = Vec::new();
        if self.token != Token::Symbol(Symbol::ParenClose) {
            values.push(self.chain(Level::Logic)?);
            while self.token == Token::Symbol(Symbol::Comma) {
                self.advance()?;
                values.push(self.chain(Level::Logic)?);
            }
        }
        self.depth -= 1;
        Ok((values, self.close(open)?))
    }

    fn close(&mut self, open: Span) -> Result<Span, ExpressionError> {
        let span = self.span;
        match self.token {
            Token::Symbol(Symbol::ParenClose) => {
                self.advance()?;
                Ok(span)
            }
            Token::End => Err(ExpressionError::new(
                open,
                "a parenthesis is not closed",
                "add `)` where it ends",
            )),
            _ => Err(ExpressionError::new(
                span,
                "`)` or an operator is missing before this",
                self.meant_operator().unwrap_or_else(|| {
                    "close the parenthesis, or say how the two values are joined".to_owned()
                }),
            )),
        }
    }
}

fn read_integer(span: Span, digits: &str, sign: &str) -> Result<Node, ExpressionError> {
    match format!("{sign}{digits}").parse() {
        Ok(value) => Ok(Node {
            kind: Kind::Integer(value),
            span,
        }),
        Err(_) => Err(ExpressionError::new(
            span,
            format!(
                "{sign}{} is not an integer of 32 bits",
                in_a_sentence(digits)
            ),
            format!(
                "integers go from {} to {}; put it in quotes to compare it as text",
                i32::MIN,
                i32::MAX
            ),
        )),
    }
}

/// Names are read in any case, as other implementations do, though attributes have no capitals.
fn attribute(name: &str, span: Span) -> Result<Attribute, ExpressionError> {
    if name.contains('_') {
        return Err(ExpressionError::new(
            span,
            format!(
                "`{}` is not the name of an attribute: no event can carry it",
                in_a_sentence(name)
            ),
            "names of attributes are letters and digits; put text in quotes",
        ));
    }
    Ok(Attribute::new(name))
}

fn missing_operand(found: &Token<'_>, span: Span) -> ExpressionError {
    let problem = match found {
        Token::End => "a value is missing at the end",
        _ => "a value is missing before this",
    };
    ExpressionError::new(
        span,
        problem,
        "write an attribute, a literal or a function, such as type, 'paid', 5 or LENGTH(subject)",
    )
}
