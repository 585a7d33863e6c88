//! The segments that the directory names, by what stands in their headers.

use std::io;

use super::super::super::files::{OpenFile, OpenMode, is_broken, read_full_at};
use super::super::blocks::{BLOCK_BYTES, Unreadable, read_past_bad};
use super::super::error::LogError;
use super::super::format::{Decoded, RECORDS_AT, SegmentHeader};
use super::super::removed::Removed;
use super::super::report::{Damage, DamageKind, Given};
use super::{Recovering, Span};

/// No file is longer: places in a segment take four bytes.
const LENGTH_MAX: u64 = u32::MAX as u64;

/// A segment before it was looked into.
pub(super) struct Candidate {
    pub(super) base: u64,
    /// How long its file is; 0 where the device cannot say even that.
    pub(super) length: u64,
    pub(super) header: Option<SegmentHeader>,
    /// How long it may have been made.
    pub(super) capacity_max: u64,
}

/// What a file says of itself before any record is read.
struct Look {
    length: Option<u64>,
    decoded: Decoded,
}

impl Candidate {
    /// The header, or what can be said without one.
    pub(super) fn header_or_none(&self) -> SegmentHeader {
        self.header.unwrap_or(SegmentHeader {
            base: self.base,
            continues_from: self.base,
            salt: 0,
            capacity: self.length,
            created_ms: 0,
        })
    }
}

impl Recovering<'_> {
    pub(super) fn candidates(
        &mut self,
        bases: &[u64],
        removed: &Removed,
    ) -> Result<Vec<Span>, LogError> {
        let mut candidates = Vec::new();
        for &base in bases {
            let path = self.shared.path(base);
            if removed.contains(base) {
                let gone = self.shared.files.remove(&path);
                gone.map_err(|it| LogError::harmless("remove", &path, it))?;
                continue;
            }
            let looked = self.patiently(|passes_over| self.look_into(base, passes_over));
            let Look { length, decoded } =
                looked.map_err(|it| LogError::harmless("read", &path, it))?;
            let header = match decoded {
                Decoded::Whole(header) => Some(header),
                Decoded::Half(header, at) => {
                    self.recovery.damage.push(Damage {
                        kind: DamageKind::HeaderCopy,
                        segment: base,
                        bytes: at..at + 64,
                        offsets: base..base,
                        given: Given::All,
                    });
                    Some(header)
                }
                Decoded::Lost => None,
                Decoded::Version(found) => return Err(LogError::Version { path, found }),
            };
            let capacity_max = length.map_or(LENGTH_MAX, |it| it.max(self.segment_bytes));
            candidates.push(Span::Segment(Candidate {
                base,
                length: length.unwrap_or(0),
                header,
                capacity_max: header.map_or(capacity_max, |it| it.capacity),
            }));
        }
        Ok(candidates)
    }

    /// The length of a segment's file and its header. The file is closed again: there may be more
    /// segments than files can be open.
    fn look_into(&self, base: u64, passes_over: bool) -> io::Result<Look> {
        let path = self.shared.path(base);
        let opened = self.shared.files.open(&path, OpenMode::Read);
        let opened = opened.and_then(|file| Ok((file.len()?, file)));
        let (length, file) = match opened {
            Ok(opened) => opened,
            Err(error) if passes_over && is_broken(&error) => {
                return Ok(Look {
                    length: None,
                    decoded: Decoded::Lost,
                });
            }
            Err(error) => return Err(error),
        };
        let block = read_head(&*file, passes_over)?;
        let length = Some(length);
        let decoded = SegmentHeader::decode(&block, base);
        Ok(Look { length, decoded })
    }
}

/// What stands before the first record, with zeros for whatever is passed over.
fn read_head(file: &dyn OpenFile, passes_over: bool) -> io::Result<Vec<u8>> {
    let mut block = vec![0; usize::try_from(RECORDS_AT).unwrap_or(0)];
    if !passes_over {
        let read = read_full_at(file, &mut block, 0)?;
        block.truncate(read);
        return Ok(block);
    }
    // The copies may lie in sectors of their own.
    let half = block.len() / 2;
    let mut unreadable = Unreadable::default();
    for (at, part) in (0..BLOCK_BYTES).step_by(half).zip(block.chunks_mut(half)) {
        read_past_bad(file, part, at, &mut unreadable)?;
    }
    Ok(block)
}
