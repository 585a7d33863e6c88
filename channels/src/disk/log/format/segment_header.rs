//! The header of a segment.

use std::ops::Range;

use super::{Fields, Identity, RECORDS_AT, VERSION, crc, records_max};

const MAGIC: [u8; 8] = *b"SLUICLOG";
const LENGTH: usize = 64;
const COPIES_AT: [usize; 2] = [0, 2_048];

/// What a segment says of itself, written once and synced before its file gets its name.
///
/// | Byte | Length | Field |
/// |---|---|---|
/// | 0 | 8 | `SLUICLOG` |
/// | 8 | 4 | version of the format |
/// | 12 | 4 | 0 |
/// | 16 | 8 | `base` |
/// | 24 | 8 | `continues_from` |
/// | 32 | 8 | `salt` |
/// | 40 | 8 | `capacity` |
/// | 48 | 8 | `created_ms` |
/// | 56 | 4 | 0 |
/// | 60 | 4 | checksum of the bytes before |
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) struct SegmentHeader {
    /// The offset of the first record.
    pub(in super::super) base: u64,
    /// The offset behind the last record that the log held when this segment was made. What lies
    /// between it and the base was never given to a record, so that it is not missing.
    pub(in super::super) continues_from: u64,
    /// See [`Identity`].
    pub(in super::super) salt: u64,
    /// How long the file is until it is sealed. A file that is shorter was cut by someone else.
    pub(in super::super) capacity: u64,
    /// The time of the record for which it was made, in milliseconds.
    pub(in super::super) created_ms: i64,
}

/// What came of reading the two copies of a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Decoded {
    Whole(SegmentHeader),
    /// One copy is damaged: the one at this byte.
    Half(SegmentHeader, u64),
    Lost,
    /// Not damaged, and not ours to read.
    Version(u32),
}

impl SegmentHeader {
    pub(in super::super) fn identity(&self) -> Identity {
        Identity::new(self.base, self.salt)
    }

    /// An offset that no record of this segment can have reached, whatever became of it.
    pub(in super::super) fn offset_max(&self) -> u64 {
        self.base + records_max(self.capacity)
    }

    /// The offsets of the records with these numbers.
    pub(in super::super) fn offsets(&self, ordinals: &Range<u32>) -> Range<u64> {
        self.base + u64::from(ordinals.start)..self.base + u64::from(ordinals.end)
    }

    /// All that stands before the first record.
    pub(in super::super) fn encode(&self) -> Vec<u8> {
        let mut fields = Vec::with_capacity(LENGTH);
        fields.extend(MAGIC);
        fields.extend(VERSION.to_le_bytes());
        fields.extend([0; 4]);
        fields.extend(self.base.to_le_bytes());
        fields.extend(self.continues_from.to_le_bytes());
        fields.extend(self.salt.to_le_bytes());
        fields.extend(self.capacity.to_le_bytes());
        fields.extend(self.created_ms.to_le_bytes());
        fields.extend([0; 4]);
        fields.extend(crc(&[&fields]).to_le_bytes());

        let whole = usize::try_from(RECORDS_AT).expect("it is 4,096");
        let mut block = vec![0; whole];
        for at in COPIES_AT {
            block[at..at + LENGTH].copy_from_slice(&fields);
        }
        block
    }

    /// Reads the first bytes of a file named after `base`.
    pub(in super::super) fn decode(block: &[u8], base: u64) -> Decoded {
        let copies = COPIES_AT.map(|at| block.get(at..at + LENGTH).and_then(decode_copy));
        let is_ours = |it: &SegmentHeader| it.base == base;
        match copies {
            [Some(Err(version)), _] | [_, Some(Err(version))] => Decoded::Version(version),
            [Some(Ok(first)), Some(Ok(second))] if first == second && is_ours(&first) => {
                Decoded::Whole(first)
            }
            [Some(Ok(first)), _] if is_ours(&first) => Decoded::Half(first, COPIES_AT[1] as u64),
            [_, Some(Ok(second))] if is_ours(&second) => Decoded::Half(second, COPIES_AT[0] as u64),
            [_, _] => Decoded::Lost,
        }
    }
}

/// One copy if it is undamaged; its version if that is not ours.
fn decode_copy(bytes: &[u8]) -> Option<Result<SegmentHeader, u32>> {
    let (body, sum) = bytes.split_last_chunk::<4>()?;
    if crc(&[body]) != u32::from_le_bytes(*sum) {
        return None;
    }
    let mut fields = Fields(body);
    if fields.take() != MAGIC {
        return None;
    }
    let version = fields.u32();
    if version != VERSION {
        return Some(Err(version));
    }
    fields.take::<4>();
    Some(Ok(SegmentHeader {
        base: fields.u64(),
        continues_from: fields.u64(),
        salt: fields.u64(),
        capacity: fields.u64(),
        created_ms: fields.i64(),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: SegmentHeader = SegmentHeader {
        base: 7,
        continues_from: 5,
        salt: 0x0123_4567_89ab_cdef,
        capacity: 65_536,
        created_ms: -1,
    };

    #[test]
    fn a_header_survives_any_flipped_bit_of_either_copy() {
        let block = HEADER.encode();
        assert_eq!(SegmentHeader::decode(&block, 7), Decoded::Whole(HEADER));
        for copy in COPIES_AT {
            for bit in 0..LENGTH * 8 {
                let mut block = block.clone();
                block[copy + bit / 8] ^= 1 << (bit % 8);
                let found = SegmentHeader::decode(&block, 7);
                assert_eq!(found, Decoded::Half(HEADER, copy as u64), "bit {bit}");
            }
        }
    }

    #[test]
    fn what_is_not_a_header_of_this_file_is_none() {
        let block = HEADER.encode();
        let lost = |block: &[u8], base| SegmentHeader::decode(block, base) == Decoded::Lost;
        assert!(lost(&block, 8), "another file's");
        assert!(lost(&[0; 4_096], 7), "zeros");
        assert!(lost(&[], 7), "an empty file");
        assert!(!lost(&block[..70], 7), "the second copy is cut off");
    }

    #[test]
    fn another_version_is_told_from_damage() {
        let mut block = HEADER.encode();
        for at in COPIES_AT {
            block[at + 8] = 2;
            let sum = crc(&[&block[at..at + 60]]);
            block[at + 60..at + 64].copy_from_slice(&sum.to_le_bytes());
        }
        assert_eq!(SegmentHeader::decode(&block, 7), Decoded::Version(2));
    }
}
