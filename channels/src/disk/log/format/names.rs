//! The names of files in a log's directory.

use std::ops::Range;
use std::path::{Path, PathBuf};

/// Locked by whoever has the log open.
pub(in super::super) const LOCK: &str = "lock";
/// Room for the next segment.
pub(in super::super) const SPARE: &str = "spare";

/// What a name says its file is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) enum Named {
    Segment(u64),
    Removed(Range<u64>),
    /// A mark: damage was found in this segment.
    Damaged(u64),
    Spare,
    /// Nothing that the log reads: its lock, or not its own.
    Other,
}

impl Named {
    pub(in super::super) fn parse(name: &str) -> Self {
        if name == SPARE {
            return Named::Spare;
        }
        if let Some(base) = name.strip_suffix(".log").and_then(offset) {
            return Named::Segment(base);
        }
        if let Some(base) = name.strip_suffix(".bad").and_then(offset) {
            return Named::Damaged(base);
        }
        let range = name.strip_suffix(".removed").and_then(|range| {
            let (from, to) = range.split_once('-')?;
            Some(offset(from)?..offset(to)?)
        });
        range.map_or(Named::Other, Named::Removed)
    }
}

pub(crate) fn segment_path(dir: &Path, base: u64) -> PathBuf {
    dir.join(format!("{base:020}.log"))
}

pub(in super::super) fn removed_path(dir: &Path, range: &Range<u64>) -> PathBuf {
    dir.join(format!("{:020}-{:020}.removed", range.start, range.end))
}

pub(in super::super) fn damaged_path(dir: &Path, base: u64) -> PathBuf {
    dir.join(format!("{base:020}.bad"))
}

/// Twenty digits, as every u64 fits in: a name has one way to be written.
fn offset(digits: &str) -> Option<u64> {
    let is_ours = digits.len() == 20 && digits.bytes().all(|it| it.is_ascii_digit());
    is_ours.then(|| digits.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_written() {
        let name = |path: PathBuf| {
            let name = path.file_name().and_then(|it| it.to_str());
            name.expect("it is text").to_owned()
        };
        let dir = Path::new("/log");
        for base in [0, 7, u64::MAX] {
            let segment = name(segment_path(dir, base));
            assert_eq!(Named::parse(&segment), Named::Segment(base));
            let damaged = name(damaged_path(dir, base));
            assert_eq!(Named::parse(&damaged), Named::Damaged(base));
            let range = 3..base;
            let removed = name(removed_path(dir, &range));
            assert_eq!(Named::parse(&removed), Named::Removed(range));
        }
        assert_eq!(Named::parse(SPARE), Named::Spare);
    }

    #[test]
    fn names_that_are_not_ours_are_left_alone() {
        let others = [
            LOCK,
            "lost+found",
            "1.log",
            "+0000000000000000001.log",
            "99999999999999999999.log",
            "00000000000000000001.log.bak",
            "00000000000000000001.removed",
            "00000000000000000001-2.removed",
        ];
        for name in others {
            assert_eq!(Named::parse(name), Named::Other, "{name}");
        }
    }
}
