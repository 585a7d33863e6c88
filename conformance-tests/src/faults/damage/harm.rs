//! What is done to a file, and what it may cost.
//!
//! Where in a file an event lies is found by its id, which stands there as text; so nothing in here
//! knows the format.

use std::collections::HashMap;
use std::fs::{self, OpenOptions};
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::EVENTS;
use crate::faults::files::is_in;
use crate::faults::scene::id;
use crate::faults::verdict::Trouble;

/// Parked events that are written at once, at most: as many as one trigger has in flight.
const WRITE_MAX: u64 = 64;

/// What is done to one file.
#[derive(Clone, Debug)]
pub(super) struct Harm {
    /// Below the folder of data.
    pub(super) file: PathBuf,
    pub(super) kind: HarmKind,
}

#[derive(Clone, Debug)]
pub(super) enum HarmKind {
    /// The bit of this number in this byte.
    Flip { byte: u64, bit: u8 },
    /// The file ends here.
    Cut { length: u64 },
}

/// What harm may cost.
#[derive(Debug, Default)]
pub(super) struct MayLose {
    /// Pairs of an event and a trigger.
    pub(super) count: u64,
    /// Of which events; none named where any may be.
    pub(super) ids: Vec<String>,
    /// Where what is missing can't be told from a write that a crash has cut short.
    pub(super) is_at_the_end: bool,
}

impl MayLose {
    pub(super) fn allows(&self, example: &str) -> bool {
        self.ids.iter().any(|id| example.contains(id.as_str()))
    }
}

impl Harm {
    pub(super) fn may_lose(&self, template: &Path) -> Result<MayLose, Trouble> {
        let bytes = fs::read(template.join(&self.file))?;
        let places = places(&bytes);
        if is_in(&self.file, "kept") {
            return Ok(self.may_lose_of_kept(&places));
        }
        if !is_in(&self.file, "events") {
            // A trigger of which nothing is left in `progress` begins with the oldest event, and what was
            // parked for it is sent and parked again.
            return Ok(MayLose::default());
        }
        let hit = match self.kind {
            HarmKind::Flip { byte, .. } => hit_by_flip(&places, byte),
            HarmKind::Cut { length } => hit_by_cut(&places, length),
        };
        let last = places.iter().map(|(number, _)| *number).max();
        // Each is wanted by one trigger, or by two.
        let most = match self.kind {
            HarmKind::Flip { .. } => 1,
            HarmKind::Cut { .. } => hit.len() as u64,
        };
        Ok(MayLose {
            count: 2 * most,
            is_at_the_end: matches!(self.kind, HarmKind::Cut { .. })
                || hit.iter().any(|number| Some(*number) == last),
            ids: hit.into_iter().map(id).collect(),
        })
    }

    /// A parked event is stored whole, in one record; those of one write stand or fall together where
    /// the file ends.
    fn may_lose_of_kept(&self, places: &[Found]) -> MayLose {
        let behind = |byte: u64| {
            let behind = places.iter().filter(|(_, at)| at.end as u64 > byte);
            behind.count() as u64
        };
        let (count, is_at_the_end) = match self.kind {
            HarmKind::Flip { byte, .. } => (1, behind(byte) <= 1),
            HarmKind::Cut { length } => (behind(length) + WRITE_MAX, true),
        };
        MayLose {
            count,
            is_at_the_end,
            ids: Vec::new(),
        }
    }

    pub(super) fn apply(&self, data: &Path) -> io::Result<()> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .open(data.join(&self.file))?;
        match self.kind {
            HarmKind::Flip { byte, bit } => {
                let mut one = [0];
                file.read_exact_at(&mut one, byte)?;
                file.write_all_at(&[one[0] ^ 1 << bit], byte)
            }
            HarmKind::Cut { length } => file.set_len(length),
        }
    }
}

/// An event's number and where its id stands.
type Found = (u64, Range<usize>);

/// Every id in a file, in the order of its bytes.
fn places(bytes: &[u8]) -> Vec<Found> {
    let ids = (0..EVENTS).map(|number| (number, id(number)));
    let prefix = id(0);
    let common = prefix.len() - 10;
    let length = prefix.len();
    let by_text: HashMap<String, u64> = ids.map(|(number, text)| (text, number)).collect();
    let mut found = Vec::new();
    for (at, window) in bytes.windows(length).enumerate() {
        if window[..common] == prefix.as_bytes()[..common]
            && let Some(&number) = std::str::from_utf8(window)
                .ok()
                .and_then(|text| by_text.get(text))
        {
            found.push((number, at..at + length));
        }
    }
    found
}

/// The record that holds a byte is that of the last id before it, or of the first behind it.
fn hit_by_flip(places: &[Found], byte: u64) -> Vec<u64> {
    let before = places.iter().rfind(|(_, at)| at.start as u64 <= byte);
    let behind = places.iter().find(|(_, at)| at.end as u64 > byte);
    let mut hit: Vec<u64> = before
        .into_iter()
        .chain(behind)
        .map(|(number, _)| *number)
        .collect();
    hit.dedup();
    hit
}

/// The record that holds the last byte, and all behind it.
fn hit_by_cut(places: &[Found], length: u64) -> Vec<u64> {
    let behind = places.partition_point(|(_, at)| (at.end as u64) < length);
    let first = behind.saturating_sub(1);
    places[first..].iter().map(|(number, _)| *number).collect()
}

/// How much of a file holds something: what is behind was taken ahead.
pub(super) fn used_bytes(bytes: &[u8]) -> u64 {
    let end = bytes.iter().rposition(|&byte| byte != 0);
    end.map_or(0, |at| at as u64 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three records of a header, an id and data.
    fn file() -> Vec<u8> {
        let record = |number| format!("[head-{number}]{}[data-{number}]", id(number));
        (0..3).map(record).collect::<String>().into_bytes()
    }

    #[test]
    fn what_a_flip_hits_is_the_event_before_it_or_behind_it() {
        let bytes = file();
        let places = places(&bytes);
        assert_eq!(places.len(), 3);
        let end = bytes.len() as u64 - 1;
        assert_eq!(hit_by_flip(&places, 0), [0]);
        assert_eq!(hit_by_flip(&places, places[1].1.start as u64), [1]);
        assert_eq!(hit_by_flip(&places, places[1].1.start as u64 - 1), [0, 1]);
        assert_eq!(hit_by_flip(&places, end), [2]);
    }

    #[test]
    fn what_a_cut_hits_is_the_record_it_is_in_and_all_behind() {
        let bytes = file();
        let places = places(&bytes);
        assert_eq!(hit_by_cut(&places, 0), [0, 1, 2]);
        assert_eq!(hit_by_cut(&places, places[1].1.end as u64), [0, 1, 2]);
        assert_eq!(hit_by_cut(&places, places[2].1.start as u64), [1, 2]);
        assert_eq!(hit_by_cut(&places, bytes.len() as u64), [2]);
        assert_eq!(used_bytes(&[1, 0, 2, 0, 0]), 3);
    }
}
