//! What to keep of the last write of a log that was not closed.
//!
//! A power cut lets any of its sectors arrive. What is whole is kept, for it may have been
//! acknowledged; records that belong together are kept together or not at all. What is behind the
//! last that is kept is the torn tail. Stretches before that are closed by fillers.

use std::collections::VecDeque;
use std::ops::Range;

use super::examine::{Kind, Piece};

/// What becomes of the last write.
#[derive(Debug, PartialEq, Eq, Default)]
pub(super) struct Verdict {
    /// Kept, in their order, holes not included.
    pub(super) kept: Vec<Piece>,
    /// Stretches between those, to be closed.
    pub(super) closed: Vec<Closed>,
    /// Records behind those, whole and yet not kept, which must not come back.
    pub(super) cut: Option<Range<u64>>,
}

/// A stretch in the middle of the last write where nothing is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Closed {
    pub(super) bytes: Range<u64>,
    pub(super) ordinals: Range<u32>,
}

/// Decides about the pieces, where `ordinal` is the number of the first record among them.
pub(super) fn judge(pieces: VecDeque<Piece>, ordinal: u32) -> Verdict {
    let keep = whole_groups(&pieces);
    let mut verdict = Verdict::default();
    let mut ordinal = ordinal;
    let mut dropped: Option<Range<u64>> = None;
    for (piece, keep) in pieces.into_iter().zip(keep) {
        if !keep {
            let start = dropped.map_or(piece.bytes.start, |it| it.start);
            dropped = Some(start..piece.bytes.end);
            continue;
        }
        if let Kind::Record(header) = &piece.kind {
            if let Some(bytes) = dropped.take() {
                let ordinals = ordinal..header.ordinal;
                verdict.closed.push(Closed { bytes, ordinals });
            }
            ordinal = header.ordinal + 1;
        }
        verdict.kept.push(piece);
    }
    verdict.cut = dropped;
    verdict
}

/// For each piece whether it is kept. A filler is where a record follows it.
fn whole_groups(pieces: &VecDeque<Piece>) -> Vec<bool> {
    let mut keep = vec![false; pieces.len()];
    let mut at = 0;
    while at < pieces.len() {
        let last = end_of_group(pieces, at);
        let whole = last.is_some();
        let last = last.unwrap_or(at);
        keep[at..=last].fill(whole);
        at = last + 1;
    }
    keep
}

/// The last piece of the group that begins with this one, if all of it is there.
fn end_of_group(pieces: &VecDeque<Piece>, first: usize) -> Option<usize> {
    let header = |at: usize| match &pieces.get(at)?.kind {
        Kind::Record(header) => Some(header),
        Kind::Filler | Kind::Invalid(_) => None,
    };
    let mut at = first;
    let mut before = header(first).filter(|it| !it.is_joined)?;
    while before.has_more {
        at += 1;
        before = header(at).filter(|it| it.is_joined && it.ordinal == before.ordinal + 1)?;
    }
    Some(at)
}

#[cfg(test)]
mod tests {
    use super::super::super::format::RecordHeader;
    use super::*;

    /// `a` stands for itself, `(` begins a group, `-` goes on with it, `)` ends it, `x` is invalid,
    /// `f` a filler. Each takes 100 bytes.
    fn pieces(picture: &str) -> VecDeque<Piece> {
        let mut ordinal = 0;
        let piece = |(at, letter): (usize, char)| {
            let header = |is_joined, has_more| RecordHeader {
                payload_bytes: 68,
                has_more,
                is_joined,
                is_filler: false,
                ordinal,
                unsynced_bytes: 0,
                timestamp_ms: 0,
                payload_crc: 0,
            };
            let kind = match letter {
                'a' => Kind::Record(header(false, false)),
                '(' => Kind::Record(header(false, true)),
                '-' => Kind::Record(header(true, true)),
                ')' => Kind::Record(header(true, false)),
                'f' => Kind::Filler,
                _ => Kind::Invalid(ordinal..ordinal + 1),
            };
            ordinal += 1;
            let start = 100 * at as u64;
            let bytes = start..start + 100;
            Piece { bytes, kind }
        };
        picture.chars().enumerate().map(piece).collect()
    }

    #[test]
    fn whole_records_and_groups_are_kept_and_nothing_else() {
        let cases = [
            ("", "", "what was whole", "", 0),
            ("aaa", "aaa", "all of it", "", 0),
            ("ax", "a", "a torn record at the end", "", 1),
            ("axa", "aa", "a hole", "1", 0),
            ("axxa", "aa", "a wide hole", "1+2", 0),
            ("a()a", "a()a", "a group", "", 0),
            ("a(--)", "a(--)", "a long group", "", 0),
            ("a(-", "a", "a group without its end", "", 2),
            ("a(x)a", "aa", "a group without its middle", "1+2+3", 0),
            ("x)a", "a", "a group without its beginning", "0+1", 0),
            ("(xa()", "a()", "the beginning of a group", "0+1", 0),
            ("(a", "a", "a group whose next record is not of it", "0", 0),
            ("xxx", "", "nothing", "", 3),
            ("af", "a", "a filler at the end", "", 1),
            ("axfa", "aa", "a filler that is closed once more", "1+2", 0),
        ];
        for (picture, kept, what, closed, cut) in cases {
            let pieces = pieces(picture);
            let letter = |piece: &Piece| {
                let at = usize::try_from(piece.bytes.start / 100).expect("it is small");
                picture.as_bytes()[at] as char
            };
            let verdict = judge(pieces, 0);
            let found: String = verdict.kept.iter().map(letter).collect();
            assert_eq!(found, kept, "{what}: {picture}");
            let places = verdict.closed.iter().map(|it| {
                let places = it
                    .bytes
                    .clone()
                    .step_by(100)
                    .map(|at| (at / 100).to_string());
                places.collect::<Vec<_>>().join("+")
            });
            assert_eq!(places.collect::<Vec<_>>().join(" "), closed, "{what}");
            let length = verdict.cut.map_or(0, |it| it.end - it.start);
            assert_eq!(length, cut * 100, "{what}: {picture}");
        }
    }
}
