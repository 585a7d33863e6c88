//! The footer of a sealed segment: what reading all of it would tell, so that opening a log need
//! not.

use super::{ALIGNMENT, Fields, Identity, RECORDS_AT};

const MAGIC: [u8; 8] = *b"SLUICEND";
const FIXED: usize = 72;
const ENTRY: usize = 8;
/// The length of the footer stands in the last bytes of the file.
pub(in super::super) const LOCATOR_BYTES: usize = 8;

/// Records this far apart have an entry in the index.
pub(in super::super) const INDEX_EVERY_BYTES: u64 = 64 << 10;

/// The footer.
///
/// | Byte | Length | Field |
/// |---|---|---|
/// | 0 | 8 | `SLUICEND` |
/// | 8 | 8 | the place of this footer, which is where the records end |
/// | 16 | 8 | `end` |
/// | 24 | 8 | `next` |
/// | 32 | 8 | `records` |
/// | 40 | 8 | `earliest_ms` |
/// | 48 | 8 | `latest_ms` |
/// | 56 | 4 | `damaged` |
/// | 60 | 4 | 0 |
/// | 64 | 4 | 0 |
/// | 68 | 4 | n, the entries of the index |
/// | 72 | 8 n | the index: ordinal and place, 4 bytes each, of a record every 64 KiB |
/// | 72 + 8 n | 4 | checksum over the segment's salt and base, the place, and the bytes before |
/// | 76 + 8 n | 4 | the length of the footer, these four bytes included |
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) struct Footer {
    pub(in super::super) records_end: u64,
    /// The offset behind the last record.
    pub(in super::super) end: u64,
    /// The lowest offset that the next segment may begin with. Above `end` if the segment was
    /// sealed by recovery, since records that were torn off may have had those between.
    pub(in super::super) next: u64,
    pub(in super::super) records: u64,
    pub(in super::super) earliest_ms: i64,
    pub(in super::super) latest_ms: i64,
    /// How many places were damaged when it was sealed. If any, opening reads the whole segment.
    pub(in super::super) damaged: u32,
    pub(in super::super) index: Vec<IndexEntry>,
}

/// Where a record is, by its number in the segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) struct IndexEntry {
    pub(in super::super) ordinal: u32,
    pub(in super::super) position: u32,
}

impl Footer {
    /// How long a footer is at most in a segment with room for `capacity` bytes.
    pub(in super::super) fn bytes_max(capacity: u64) -> u64 {
        let entries = capacity / INDEX_EVERY_BYTES + 1;
        (FIXED + LOCATOR_BYTES) as u64 + entries * ENTRY as u64
    }

    pub(in super::super) fn encode(&self, identity: &Identity) -> Vec<u8> {
        let length = FIXED + self.index.len() * ENTRY + LOCATOR_BYTES;
        let short = |it: usize| u32::try_from(it).expect("a segment is shorter than 4 GiB");
        let mut bytes = Vec::with_capacity(length);
        bytes.extend(MAGIC);
        bytes.extend(self.records_end.to_le_bytes());
        bytes.extend(self.end.to_le_bytes());
        bytes.extend(self.next.to_le_bytes());
        bytes.extend(self.records.to_le_bytes());
        bytes.extend(self.earliest_ms.to_le_bytes());
        bytes.extend(self.latest_ms.to_le_bytes());
        bytes.extend(self.damaged.to_le_bytes());
        bytes.extend([0; 8]);
        bytes.extend(short(self.index.len()).to_le_bytes());
        for entry in &self.index {
            bytes.extend(entry.ordinal.to_le_bytes());
            bytes.extend(entry.position.to_le_bytes());
        }
        bytes.extend(identity.crc(self.records_end, &bytes).to_le_bytes());
        bytes.extend(short(length).to_le_bytes());
        bytes
    }

    /// Whether a footer may begin with these bytes.
    pub(in super::super) fn begins(bytes: &[u8]) -> bool {
        bytes.starts_with(&MAGIC)
    }

    /// The footer that begins with the first of `bytes`, which may go on behind it.
    pub(in super::super) fn decode(
        bytes: &[u8],
        identity: &Identity,
        position: u64,
    ) -> Option<Self> {
        let fixed = bytes.get(..FIXED)?;
        if !Self::begins(fixed) {
            return None;
        }
        let mut fields = Fields(fixed);
        fields.take::<8>();
        let mut footer = Footer {
            records_end: fields.u64(),
            end: fields.u64(),
            next: fields.u64(),
            records: fields.u64(),
            earliest_ms: fields.i64(),
            latest_ms: fields.i64(),
            damaged: fields.u32(),
            index: Vec::new(),
        };
        fields.take::<8>();
        let index_bytes = (fields.u32() as usize).checked_mul(ENTRY)?;
        let summed = bytes.get(..FIXED.checked_add(index_bytes)?)?;
        let sum = bytes[summed.len()..].first_chunk()?;
        let is_valid = footer.records_end == position
            && position >= RECORDS_AT
            && position.is_multiple_of(ALIGNMENT)
            && identity.crc(position, summed) == u32::from_le_bytes(*sum);
        if !is_valid {
            return None;
        }
        for entry in summed[FIXED..].chunks_exact(ENTRY) {
            let mut fields = Fields(entry);
            footer.index.push(IndexEntry {
                ordinal: fields.u32(),
                position: fields.u32(),
            });
        }
        Some(footer)
    }

    /// The length of the footer, by the last bytes of a file.
    pub(in super::super) fn located(locator: [u8; LOCATOR_BYTES]) -> u64 {
        let [_, _, _, _, length @ ..] = locator;
        u64::from(u32::from_le_bytes(length))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn footer(entries: u32) -> Footer {
        Footer {
            records_end: 8_192,
            end: 110,
            next: 300,
            records: 10,
            earliest_ms: -5,
            latest_ms: 5,
            damaged: 1,
            index: (0..entries)
                .map(|ordinal| IndexEntry {
                    ordinal,
                    position: ordinal * 65_536,
                })
                .collect(),
        }
    }

    #[test]
    fn a_footer_is_read_as_written_whatever_follows_it() {
        let identity = Identity::new(100, 42);
        for entries in [0, 1, 1_000] {
            let footer = footer(entries);
            let mut bytes = footer.encode(&identity);
            let locator = bytes.last_chunk().copied();
            assert_eq!(locator.map(Footer::located), Some(bytes.len() as u64));
            bytes.extend([7; 100]);
            assert_eq!(Footer::decode(&bytes, &identity, 8_192), Some(footer));
        }
    }

    #[test]
    fn no_footer_survives_a_flipped_bit_or_a_cut() {
        let identity = Identity::new(100, 42);
        let bytes = footer(3).encode(&identity);
        let summed = bytes.len() - 4;
        for bit in 0..summed * 8 {
            let mut bytes = bytes.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            let found = Footer::decode(&bytes, &identity, 8_192);
            assert_eq!(found, None, "bit {bit}");
        }
        for length in 0..summed {
            let found = Footer::decode(&bytes[..length], &identity, 8_192);
            assert_eq!(found, None, "{length} bytes");
        }
    }

    #[test]
    fn the_room_kept_for_a_footer_is_enough() {
        let capacity: u64 = 1 << 20;
        let most = u32::try_from(capacity / INDEX_EVERY_BYTES).expect("16") + 1;
        let bytes = footer(most).encode(&Identity::new(0, 0));
        assert!(bytes.len() as u64 <= Footer::bytes_max(capacity));
    }
}
