//! What somebody most likely meant who wrote what another language has and this one has not.

use super::functions::Function;
use crate::nearest::nearest;

const BEGINNING: &str = "write x LIKE 'text%' for what begins so";
const END: &str = "write x LIKE '%text' for what ends so";
const WITHIN: &str = "write x LIKE '%text%' for what holds it";
const PATTERN: &str = "write x LIKE 'pattern', in which % is any text and _ one character";
const PRESENCE: &str = "write EXISTS x where it must be there, NOT EXISTS x where it must not";

/// Words that are written as operators or as functions elsewhere, in upper case.
fn known_elsewhere(word: &str) -> Option<&'static str> {
    Some(match word {
        "IS" | "ISNULL" | "IS_NULL" | "NOTNULL" | "DEFINED" | "HAS" => PRESENCE,
        "BETWEEN" => "write x >= 1 AND x <= 5",
        "STARTSWITH" | "STARTS_WITH" | "BEGINSWITH" | "BEGINS_WITH" | "STARTS" | "BEGINS"
        | "HASPREFIX" | "HAS_PREFIX" | "PREFIX" => BEGINNING,
        "ENDSWITH" | "ENDS_WITH" | "ENDS" | "HASSUFFIX" | "HAS_SUFFIX" | "SUFFIX" => END,
        "CONTAINS" | "INCLUDES" | "INSTR" => WITHIN,
        "MATCHES" | "MATCH" | "REGEXP" | "REGEXP_LIKE" | "RLIKE" | "REGEX" | "GLOB" => PATTERN,
        "ILIKE" => "write LOWER(x) LIKE 'pattern', with the pattern in small letters",
        "EQUALS" | "EQ" => "write `=`",
        "LEN" | "SIZE" | "CHAR_LENGTH" | "CHARLENGTH" => "did you mean LENGTH?",
        "SUBSTR" => "did you mean SUBSTRING?",
        "LCASE" | "TOLOWER" | "TO_LOWER" | "LOWERCASE" => "did you mean LOWER?",
        "UCASE" | "TOUPPER" | "TO_UPPER" | "UPPERCASE" => "did you mean UPPER?",
        "CAST" | "INTEGER" | "NUMBER" | "TO_INT" | "TOINT" => "write INT(x), BOOL(x) or STRING(x)",
        _ => return None,
    })
}

/// What to write for a word that stands where an operator belongs.
pub(super) fn operator(word: &str) -> Option<String> {
    const OPERATORS: [&str; 6] = ["AND", "OR", "XOR", "NOT", "LIKE", "IN"];
    let upper = word.to_ascii_uppercase();
    known_elsewhere(&upper)
        .map(str::to_owned)
        .or_else(|| near(&upper, OPERATORS))
}

/// What to write for a function that there is not.
pub(super) fn function(upper: &str) -> Option<String> {
    known_elsewhere(upper)
        .map(str::to_owned)
        .or_else(|| near(upper, Function::each_name()))
}

fn near(upper: &str, names: impl IntoIterator<Item = &'static str>) -> Option<String> {
    // A letter is near to every word of two.
    let name = nearest(upper, names).filter(|_| upper.len() > 1)?;
    Some(format!("did you mean {name}?"))
}

/// What to write for a character that no word of the language begins with, behind `before`.
pub(super) fn character(character: char, before: &str) -> &'static str {
    match character {
        '!' => "write `!=` or `<>` for \"not equal\", and `NOT` before a condition",
        '&' => "write AND",
        '|' => "write OR",
        '.' => behind_a_point(before),
        '#' => "an expression has no comments: put them into the file around it",
        ';' => "leave it out: a filter is one expression",
        ':' => "write `=` to compare",
        '~' => PATTERN,
        '[' | ']' | '{' | '}' => "a set stands in parentheses: x IN ('a', 'b')",
        '‘' | '’' | '‚' | '“' | '”' | '„' | '«' | '»' | '`' | '´' => {
            "put text between straight quotes, ' or \", and names between none"
        }
        _ => "put text in quotes; names are letters and digits",
    }
}

fn behind_a_point(before: &str) -> &'static str {
    let is_word = |c: char| c.is_ascii_alphanumeric();
    let word = before.rsplit(|c| !is_word(c)).next().unwrap_or_default();
    if word.eq_ignore_ascii_case("data") {
        DATA
    } else if word.bytes().all(|byte| byte.is_ascii_digit()) {
        "an integer has no fraction; put text in quotes"
    } else {
        "put text in quotes: 'order.paid'; a name has no parts, and the data is never seen"
    }
}

/// What to do where somebody asks for the data of an event.
pub(super) const DATA: &str = "filters see attributes only, never the data: let the producer set \
                               what is asked for as an attribute, such as amount";
