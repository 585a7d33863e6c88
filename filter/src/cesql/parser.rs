//! From text to tree, by descent: a function for each step of precedence.
//!
//! Precedence is that of the specification, which differs from SQL in two points: NOT binds tightest,
//! so `NOT a = b` is `(NOT a) = b`, and AND, OR and XOR bind alike, left to right.

use super::error::{ExpressionError, Span, in_a_sentence};
use super::like::Pattern;
use super::meant;
use super::syntax::{Arithmetic, Comparison, Kind, Level, Logic, Node, Operator, Test, TestKind};
use super::token::{Keyword, Lexer, Symbol, Token};
use super::{DEPTH_MAX, EXPRESSION_BYTES_MAX};

mod operands;

pub(crate) fn parse(text: &str) -> Result<Node, ExpressionError> {
    if text.len() > EXPRESSION_BYTES_MAX {
        let start = text.floor_char_boundary(EXPRESSION_BYTES_MAX);
        let end = text.len();
        return Err(ExpressionError::new(
            Span { start, end },
            format!("the expression is {end} bytes long; {EXPRESSION_BYTES_MAX} are allowed"),
            "divide it: triggers with the same subscriber for what OR joins, several filters in \
             one trigger for what AND joins",
        ));
    }
    let mut lexer = Lexer::new(text);
    let (token, span) = lexer.next()?;
    let mut parser = Parser {
        lexer,
        token,
        span,
        depth: 0,
    };
    let root = parser.chain(Level::Logic)?;
    match parser.token {
        Token::End => Ok(root),
        _ => Err(parser.unexpected_after_operand(text)),
    }
}

struct Parser<'a> {
    lexer: Lexer<'a>,
    /// The word that comes next.
    token: Token<'a>,
    span: Span,
    /// How many parentheses, functions, sets and unary operators stand around it.
    depth: usize,
}

impl<'a> Parser<'a> {
    /// Operands joined by operators of `level`, left to right.
    fn chain(&mut self, level: Level) -> Result<Node, ExpressionError> {
        let first = self.operand(level)?;
        let mut rest = Vec::new();
        while let Some(operator) = operator_of(&self.token).filter(|found| found.level() == level) {
            let span = self.span;
            self.advance()?;
            self.refuse_doubled(operator, span)?;
            rest.push((operator, self.operand(level)?));
        }
        let Some((_, last)) = rest.last() else {
            return Ok(first);
        };
        Ok(Node {
            span: first.span.to(last.span),
            kind: Kind::Chain {
                first: Box::new(first),
                rest,
            },
        })
    }

    /// Operators that other languages write with two characters: `==`, `=>`, `=<`.
    fn refuse_doubled(&self, operator: Operator, first: Span) -> Result<(), ExpressionError> {
        let is_pair =
            operator == Operator::Comparison(Comparison::Equal) && first.end == self.span.start;
        let (written, meant) = match self.token {
            Token::Symbol(Symbol::Equal) if is_pair => ("==", "="),
            Token::Symbol(Symbol::Greater) if is_pair => ("=>", ">="),
            Token::Symbol(Symbol::Less) if is_pair => ("=<", "<="),
            _ => return Ok(()),
        };
        Err(ExpressionError::new(
            first.to(self.span),
            format!("there is no operator `{written}`"),
            format!("write `{meant}`"),
        ))
    }

    fn operand(&mut self, level: Level) -> Result<Node, ExpressionError> {
        match level.tighter() {
            Some(tighter) => self.chain(tighter),
            None => self.tested(),
        }
    }

    /// An operand and the LIKE and IN after it.
    fn tested(&mut self) -> Result<Node, ExpressionError> {
        let subject = self.unary()?;
        let mut tests = Vec::new();
        while let Some(test) = self.test()? {
            tests.push(test);
        }
        let Some(last) = tests.last() else {
            return Ok(subject);
        };
        Ok(Node {
            span: subject.span.to(last.span),
            kind: Kind::Tests {
                subject: Box::new(subject),
                tests,
            },
        })
    }

    fn test(&mut self) -> Result<Option<Test>, ExpressionError> {
        let start = self.span;
        let is_negated = self.token == Token::Keyword(Keyword::Not);
        if is_negated {
            self.advance()?;
        }
        let (kind, end) = match self.token {
            Token::Keyword(Keyword::Like) => self.like()?,
            Token::Keyword(Keyword::In) => self.in_set()?,
            _ if is_negated => {
                return Err(ExpressionError::new(
                    start,
                    "after an operand, NOT must be followed by LIKE or IN",
                    "write `x NOT LIKE 'pattern'` or `x NOT IN (…)`, or put NOT in front",
                ));
            }
            _ => return Ok(None),
        };
        Ok(Some(Test {
            kind,
            is_negated,
            span: start.to(end),
        }))
    }

    fn like(&mut self) -> Result<(TestKind, Span), ExpressionError> {
        self.advance()?;
        let end = self.span;
        match self.advance()? {
            Token::Text(pattern) => Ok((TestKind::Like(Pattern::new(&pattern)), end)),
            _ => Err(ExpressionError::new(
                end,
                "LIKE must be followed by a pattern in quotes",
                "write it as text, such as '%.paid'; to compare with another value, use `=`",
            )),
        }
    }

    fn in_set(&mut self) -> Result<(TestKind, Span), ExpressionError> {
        self.advance()?;
        let open = self.span;
        if self.token != Token::Symbol(Symbol::ParenOpen) {
            return Err(ExpressionError::new(
                open,
                "IN must be followed by a set in parentheses",
                "write it as a list, such as ('a', 'b')",
            ));
        }
        let (set, end) = self.list()?;
        if set.is_empty() {
            return Err(ExpressionError::new(
                open.to(end),
                "the set of IN is empty",
                "put at least one value into it",
            ));
        }
        Ok((TestKind::In(set), end))
    }

    /// To the word after this one, which is returned.
    fn advance(&mut self) -> Result<Token<'a>, ExpressionError> {
        let (token, span) = self.lexer.next()?;
        self.span = span;
        Ok(std::mem::replace(&mut self.token, token))
    }

    fn enter(&mut self) -> Result<(), ExpressionError> {
        if self.depth < DEPTH_MAX {
            self.depth += 1;
            return Ok(());
        }
        Err(ExpressionError::new(
            self.span,
            format!("parentheses, functions and unary operators nest deeper than {DEPTH_MAX}"),
            "leave out parentheses that change nothing, and pairs of NOT",
        ))
    }

    /// What to write where the next word looks like an operator and is none.
    fn meant_operator(&self) -> Option<String> {
        match self.token {
            Token::Name(word) => meant::operator(word),
            _ => None,
        }
    }

    fn unexpected_after_operand(&self, text: &str) -> ExpressionError {
        let found = text.get(self.span.start..self.span.end).unwrap_or_default();
        match self.token {
            Token::Symbol(Symbol::ParenClose) => ExpressionError::new(
                self.span,
                "this parenthesis was never opened",
                "leave it out, or add `(` where it begins",
            ),
            _ => ExpressionError::new(
                self.span,
                format!("an operator is missing before {}", in_a_sentence(found)),
                self.meant_operator().unwrap_or_else(|| {
                    "join conditions with AND, OR or XOR; put text in quotes, and write \\' for a \
                     quote within it"
                        .to_owned()
                }),
            ),
        }
    }
}

fn operator_of(token: &Token<'_>) -> Option<Operator> {
    let operator = match token {
        Token::Keyword(Keyword::And) => Operator::Logic(Logic::And),
        Token::Keyword(Keyword::Or) => Operator::Logic(Logic::Or),
        Token::Keyword(Keyword::Xor) => Operator::Logic(Logic::Xor),
        Token::Symbol(Symbol::Equal) => Operator::Comparison(Comparison::Equal),
        Token::Symbol(Symbol::NotEqual) => Operator::Comparison(Comparison::NotEqual),
        Token::Symbol(Symbol::Less) => Operator::Comparison(Comparison::Less),
        Token::Symbol(Symbol::LessOrEqual) => Operator::Comparison(Comparison::LessOrEqual),
        Token::Symbol(Symbol::Greater) => Operator::Comparison(Comparison::Greater),
        Token::Symbol(Symbol::GreaterOrEqual) => Operator::Comparison(Comparison::GreaterOrEqual),
        Token::Symbol(Symbol::Plus) => Operator::Arithmetic(Arithmetic::Add),
        Token::Symbol(Symbol::Minus) => Operator::Arithmetic(Arithmetic::Subtract),
        Token::Symbol(Symbol::Star) => Operator::Arithmetic(Arithmetic::Multiply),
        Token::Symbol(Symbol::Slash) => Operator::Arithmetic(Arithmetic::Divide),
        Token::Symbol(Symbol::Percent) => Operator::Arithmetic(Arithmetic::Remainder),
        Token::Symbol(Symbol::ParenOpen | Symbol::ParenClose | Symbol::Comma)
        | Token::Keyword(
            Keyword::Not
            | Keyword::Like
            | Keyword::In
            | Keyword::Exists
            | Keyword::True
            | Keyword::False,
        )
        | Token::Digits(_)
        | Token::Text(_)
        | Token::Name(_)
        | Token::End => return None,
    };
    Some(operator)
}
