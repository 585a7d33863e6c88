//! Patterns of LIKE: `%` for any characters, `_` for one, a backslash before either for itself.
//!
//! A pattern is cut at its `%` into pieces of a fixed number of characters. The first must begin the
//! text and the last end it; those between are looked for from left to right, and the leftmost place
//! is always the right one, for it leaves the most to the pieces after it. So no choice is ever
//! taken back, and a character of the text is looked at once for each piece at most: twice, where
//! two pieces meet. A piece with `_` in it is looked for by following all its possible beginnings at
//! once, a bit each, 64 to a word.

/// A pattern, ready to be asked.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Pattern {
    /// As it stands in the expression, once its quotes are undone.
    source: Box<str>,
    /// What stands before the first `%`, between them, and after the last: without a `%` there is
    /// one piece.
    pieces: Box<[Piece]>,
}

#[derive(Clone, Debug, PartialEq)]
enum Piece {
    Plain(Box<str>),
    Gapped(Gapped),
}

/// Characters with gaps (None) that stand for any one.
#[derive(Clone, Debug, PartialEq)]
struct Gapped {
    characters: Box<[Option<char>]>,
    /// For each character that occurs, a bit for each place where it may stand; sorted.
    places: Box<[(char, Box<[u64]>)]>,
    /// Where any other character may stand: the gaps.
    gaps: Box<[u64]>,
}

const WORD_BITS: usize = 64;

impl Pattern {
    pub(crate) fn new(source: &str) -> Self {
        let mut pieces = vec![Vec::new()];
        let mut characters = source.chars().peekable();
        while let Some(character) = characters.next() {
            let piece = match character {
                '%' => {
                    pieces.push(Vec::new());
                    continue;
                }
                '_' => None,
                '\\' => Some(
                    characters
                        .next_if(|next| matches!(next, '%' | '_'))
                        .unwrap_or('\\'),
                ),
                _ => Some(character),
            };
            if let Some(last) = pieces.last_mut() {
                last.push(piece);
            }
        }
        Pattern {
            source: source.into(),
            pieces: pieces.into_iter().map(Piece::new).collect(),
        }
    }

    pub(crate) fn source(&self) -> &str {
        &self.source
    }

    /// Whether it holds a `%`, so that texts of any length may match.
    pub(crate) fn is_open(&self) -> bool {
        self.pieces.len() > 1
    }

    /// How much more a character of the text costs than in a plain comparison: the words to be
    /// followed for it.
    pub(crate) fn words_per_character(&self) -> usize {
        let words = self.pieces.iter().map(|piece| match piece {
            Piece::Plain(_) => 0,
            Piece::Gapped(gapped) => gapped.gaps.len(),
        });
        words.max().unwrap_or(0)
    }

    /// With what every text begins that it matches, and whether that is the whole of it.
    pub(crate) fn beginning(&self) -> (&str, bool) {
        match &*self.pieces {
            [Piece::Plain(plain)] => (plain, true),
            [Piece::Plain(plain), ..] => (plain, false),
            [] | [Piece::Gapped(_), ..] => ("", false),
        }
    }

    pub(crate) fn matches(&self, text: &str) -> bool {
        match &*self.pieces {
            [] => false,
            [only] => only.begins(text).is_some_and(str::is_empty),
            [first, middle @ .., last] => {
                let Some(mut rest) = first.begins(text) else {
                    return false;
                };
                for piece in middle {
                    match piece.find(rest) {
                        Some(after) => rest = after,
                        None => return false,
                    }
                }
                last.ends(rest)
            }
        }
    }
}

impl Piece {
    fn new(characters: Vec<Option<char>>) -> Self {
        match characters.iter().copied().collect::<Option<String>>() {
            Some(plain) => Piece::Plain(plain.into()),
            None => Piece::Gapped(Gapped::new(characters)),
        }
    }

    /// What follows the piece in a text that begins with it.
    fn begins<'t>(&self, text: &'t str) -> Option<&'t str> {
        match self {
            Piece::Plain(plain) => text.strip_prefix(&**plain),
            Piece::Gapped(gapped) => gapped.begins(text),
        }
    }

    /// What follows the leftmost occurrence.
    fn find<'t>(&self, text: &'t str) -> Option<&'t str> {
        match self {
            Piece::Plain(plain) => text.split_once(&**plain).map(|(_, after)| after),
            Piece::Gapped(gapped) => gapped.find(text),
        }
    }

    fn ends(&self, text: &str) -> bool {
        match self {
            Piece::Plain(plain) => text.ends_with(&**plain),
            Piece::Gapped(gapped) => gapped.ends(text),
        }
    }
}

impl Gapped {
    fn new(characters: Vec<Option<char>>) -> Self {
        let words = characters.len().div_ceil(WORD_BITS);
        let mut gaps = vec![0; words];
        for (place, character) in characters.iter().enumerate() {
            if character.is_none() {
                set(&mut gaps, place);
            }
        }
        let mut known: Vec<char> = characters.iter().copied().flatten().collect();
        known.sort_unstable();
        known.dedup();
        let mut places: Vec<_> = known.into_iter().map(|c| (c, gaps.clone())).collect();
        for (place, character) in characters.iter().enumerate() {
            if let Some(character) = character
                && let Ok(index) = places.binary_search_by_key(character, |(known, _)| *known)
            {
                set(&mut places[index].1, place);
            }
        }
        Gapped {
            characters: characters.into(),
            places: places
                .into_iter()
                .map(|(character, words)| (character, words.into()))
                .collect(),
            gaps: gaps.into(),
        }
    }

    fn begins<'t>(&self, text: &'t str) -> Option<&'t str> {
        let mut rest = text.chars();
        for wanted in &self.characters {
            let found = rest.next()?;
            if wanted.is_some_and(|wanted| wanted != found) {
                return None;
            }
        }
        Some(rest.as_str())
    }

    fn ends(&self, text: &str) -> bool {
        let mut rest = text.chars().rev();
        self.characters.iter().rev().all(|wanted| {
            let found = rest.next();
            found.is_some_and(|found| wanted.is_none_or(|wanted| wanted == found))
        })
    }

    /// Bit `p` of `begun` says that the piece up to its place `p` stands right before here.
    fn find<'t>(&self, text: &'t str) -> Option<&'t str> {
        let mut one_word = [0_u64];
        let mut more_words;
        let begun: &mut [u64] = if self.gaps.len() == 1 {
            &mut one_word
        } else {
            more_words = vec![0; self.gaps.len()];
            &mut more_words
        };
        let complete = self.characters.len() - 1;
        let mut rest = text.chars();
        while let Some(character) = rest.next() {
            let fitting = self.places_of(character);
            // A beginning is possible everywhere, hence the bit that comes in at the bottom.
            let mut carried = 1;
            for (word, fits) in begun.iter_mut().zip(fitting) {
                let carry = *word >> (WORD_BITS - 1);
                *word = ((*word << 1) | carried) & fits;
                carried = carry;
            }
            if begun[complete / WORD_BITS] & bit(complete) != 0 {
                return Some(rest.as_str());
            }
        }
        None
    }

    fn places_of(&self, character: char) -> &[u64] {
        match self
            .places
            .binary_search_by_key(&character, |(known, _)| *known)
        {
            Ok(index) => &self.places[index].1,
            Err(_) => &self.gaps,
        }
    }
}

fn bit(place: usize) -> u64 {
    1 << (place % WORD_BITS)
}

fn set(words: &mut [u64], place: usize) {
    words[place / WORD_BITS] |= bit(place);
}

#[cfg(test)]
mod tests;
