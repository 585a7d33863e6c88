//! The words of the language, each with its place in the text.

use super::error::{ExpressionError, Span};
use super::meant;

/// A word. Keywords are known in any case; `<>` and `!=` are the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Token<'a> {
    /// Decimal digits, without a sign.
    Digits(&'a str),
    /// A text literal, its quotes and escapes undone.
    Text(String),
    /// Letters, digits and underscores: the name of an attribute or of a function.
    Name(&'a str),
    Keyword(Keyword),
    Symbol(Symbol),
    End,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keyword {
    And,
    Or,
    Xor,
    Not,
    Like,
    In,
    Exists,
    True,
    False,
}

const KEYWORDS: [(&str, Keyword); 9] = [
    ("AND", Keyword::And),
    ("OR", Keyword::Or),
    ("XOR", Keyword::Xor),
    ("NOT", Keyword::Not),
    ("LIKE", Keyword::Like),
    ("IN", Keyword::In),
    ("EXISTS", Keyword::Exists),
    ("TRUE", Keyword::True),
    ("FALSE", Keyword::False),
];

impl Keyword {
    fn of(word: &str) -> Option<Keyword> {
        let (_, keyword) = KEYWORDS
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(word))?;
        Some(*keyword)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Symbol {
    ParenOpen,
    ParenClose,
    Comma,
    Plus,
    Minus,
    Star,
    Slash,
    Percent,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// Longer ones first, for the first that fits is taken.
const SYMBOLS: [(&str, Symbol); 15] = [
    ("!=", Symbol::NotEqual),
    ("<>", Symbol::NotEqual),
    ("<=", Symbol::LessOrEqual),
    (">=", Symbol::GreaterOrEqual),
    ("<", Symbol::Less),
    (">", Symbol::Greater),
    ("=", Symbol::Equal),
    ("(", Symbol::ParenOpen),
    (")", Symbol::ParenClose),
    (",", Symbol::Comma),
    ("+", Symbol::Plus),
    ("-", Symbol::Minus),
    ("*", Symbol::Star),
    ("/", Symbol::Slash),
    ("%", Symbol::Percent),
];

/// Divides a text into words, one at a time.
pub(crate) struct Lexer<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Lexer<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Lexer { text, at: 0 }
    }

    /// The next word; `End` for ever after the last.
    pub(crate) fn next(&mut self) -> Result<(Token<'a>, Span), ExpressionError> {
        let rest = self.rest().trim_start_matches([' ', '\t', '\r', '\n']);
        self.at = self.text.len() - rest.len();
        let Some(first) = rest.chars().next() else {
            return Ok((Token::End, self.take(0)));
        };
        if let Some((name, symbol)) = SYMBOLS.iter().find(|(name, _)| rest.starts_with(name)) {
            return Ok((Token::Symbol(*symbol), self.take(name.len())));
        }
        match first {
            '\'' | '"' => self.text_literal(first),
            _ if is_word(first) => Ok(self.word()),
            _ => Err(self.stray(first)),
        }
    }

    fn word(&mut self) -> (Token<'a>, Span) {
        let rest = self.rest();
        let length = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
        let word = rest.get(..length).unwrap_or_default();
        let token = match Keyword::of(word) {
            Some(keyword) => Token::Keyword(keyword),
            None if word.bytes().all(|byte| byte.is_ascii_digit()) => Token::Digits(word),
            None => Token::Name(word),
        };
        (token, self.take(length))
    }

    /// A backslash keeps its meaning except before the quote that delimits the literal: it is for
    /// LIKE to read. It always belongs to the character after it, so `'\\'` ends where it seems to.
    fn text_literal(&mut self, quote: char) -> Result<(Token<'a>, Span), ExpressionError> {
        let mut literal = String::new();
        let mut characters = self.rest().char_indices().skip(1);
        while let Some((index, character)) = characters.next() {
            match character {
                _ if character == quote => {
                    return Ok((Token::Text(literal), self.take(index + quote.len_utf8())));
                }
                '\\' => {
                    let Some((_, escaped)) = characters.next() else {
                        break;
                    };
                    if escaped != quote {
                        literal.push('\\');
                    }
                    literal.push(escaped);
                }
                _ => literal.push(character),
            }
        }
        let length = self.rest().len();
        Err(ExpressionError::new(
            self.take(length),
            format!("a text that begins with {quote} does not end"),
            format!("close it with {quote}; within it, write \\{quote} for {quote}"),
        ))
    }

    fn stray(&mut self, character: char) -> ExpressionError {
        let before = self.text.get(..self.at).unwrap_or_default();
        let remedy = meant::character(character, before);
        let shown = character.escape_debug();
        ExpressionError::new(
            self.take(character.len_utf8()),
            format!("`{shown}` has no meaning here"),
            remedy,
        )
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn take(&mut self, length: usize) -> Span {
        let start = self.at;
        self.at += length;
        Span {
            start,
            end: self.at,
        }
    }
}

fn is_word(character: char) -> bool {
    character.is_ascii_alphanumeric() || character == '_'
}
