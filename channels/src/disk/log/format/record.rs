//! The header of a record.

use super::{ALIGNMENT_BYTES, Fields, Identity, PAYLOAD_BYTES_MAX, RECORD_HEADER_BYTES};

const MORE: u32 = 1 << 31;
const JOINED: u32 = 1 << 30;
const FILLER: u32 = 1 << 29;
const LENGTH: u32 = FILLER - 1;

/// What stands before a payload.
///
/// | Byte | Length | Field |
/// |---|---|---|
/// | 0 | 4 | the segment's marker |
/// | 4 | 4 | the payload's length in bytes (29 bits), and above it the three flags |
/// | 8 | 4 | `ordinal`: the record's offset less the segment's base |
/// | 12 | 4 | `unsynced_bytes` |
/// | 16 | 8 | `timestamp_ms` |
/// | 24 | 4 | `payload_crc` |
/// | 28 | 4 | checksum over the segment's salt and base, the record's place, and the bytes before |
///
/// The header has a checksum of its own, so that a damaged payload costs one record: the next is
/// found by the length. The payload's is covered by it, hence bound to the place and the offset too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) struct RecordHeader {
    pub(in super::super) payload_bytes: u32,
    /// The next record belongs with this one: both are kept or neither.
    pub(in super::super) has_more: bool,
    /// This record belongs with the one before.
    pub(in super::super) is_joined: bool,
    /// No record but a stretch where a crash tore the last write: passed over without a word.
    pub(in super::super) is_filler: bool,
    pub(in super::super) ordinal: u32,
    /// How many bytes before this place had been written and not synced when this record was
    /// written. What lies before those was durable, so if it is invalid it is damaged, not torn.
    pub(in super::super) unsynced_bytes: u32,
    pub(in super::super) timestamp_ms: i64,
    pub(in super::super) payload_crc: u32,
}

impl RecordHeader {
    /// How long the record is with its header and its padding.
    pub(in super::super) fn record_bytes(&self) -> u64 {
        RECORD_HEADER_BYTES as u64 + u64::from(self.payload_bytes).next_multiple_of(8)
    }

    pub(in super::super) fn encode(
        &self,
        identity: &Identity,
        position: u64,
    ) -> [u8; RECORD_HEADER_BYTES] {
        let flag = |is_set, flag| if is_set { flag } else { 0 };
        let length = self.payload_bytes
            | flag(self.has_more, MORE)
            | flag(self.is_joined, JOINED)
            | flag(self.is_filler, FILLER);
        let mut bytes = [0; RECORD_HEADER_BYTES];
        bytes[..4].copy_from_slice(&identity.marker.to_le_bytes());
        bytes[4..8].copy_from_slice(&length.to_le_bytes());
        bytes[8..12].copy_from_slice(&self.ordinal.to_le_bytes());
        bytes[12..16].copy_from_slice(&self.unsynced_bytes.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.timestamp_ms.to_le_bytes());
        bytes[24..28].copy_from_slice(&self.payload_crc.to_le_bytes());
        let sum = identity.crc(position, &bytes[..28]);
        bytes[28..].copy_from_slice(&sum.to_le_bytes());
        bytes
    }

    /// The header at `position`, if one is there.
    pub(in super::super) fn decode(
        bytes: &[u8; RECORD_HEADER_BYTES],
        identity: &Identity,
        position: u64,
    ) -> Option<Self> {
        let mut fields = Fields(bytes);
        if fields.u32() != identity.marker {
            return None;
        }
        let length = fields.u32();
        let header = RecordHeader {
            payload_bytes: length & LENGTH,
            has_more: length & MORE != 0,
            is_joined: length & JOINED != 0,
            is_filler: length & FILLER != 0,
            ordinal: fields.u32(),
            unsynced_bytes: fields.u32(),
            timestamp_ms: fields.i64(),
            payload_crc: fields.u32(),
        };
        let is_valid = fields.u32() == identity.crc(position, &bytes[..28])
            && (header.is_filler || header.payload_bytes as usize <= PAYLOAD_BYTES_MAX)
            && u64::from(header.unsynced_bytes) <= position;
        is_valid.then_some(header)
    }
}

/// A payload's length with the zeros that follow it.
pub(in super::super) fn padded(payload_bytes: usize) -> usize {
    payload_bytes.next_multiple_of(ALIGNMENT_BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: RecordHeader = RecordHeader {
        payload_bytes: 1_000,
        has_more: true,
        is_joined: false,
        is_filler: false,
        ordinal: 3,
        unsynced_bytes: 64,
        timestamp_ms: 1_800_000_000_000,
        payload_crc: 0xdead_beef,
    };

    #[test]
    fn a_header_is_read_at_its_place_in_its_segment_and_nowhere_else() {
        let ours = Identity::new(100, 42);
        let bytes = HEADER.encode(&ours, 4_096);
        assert_eq!(RecordHeader::decode(&bytes, &ours, 4_096), Some(HEADER));
        let elsewhere = [
            (Identity::new(100, 43), 4_096, "another salt"),
            (Identity::new(101, 42), 4_096, "another base"),
            (ours, 4_104, "another place"),
        ];
        for (identity, position, what) in elsewhere {
            let found = RecordHeader::decode(&bytes, &identity, position);
            assert_eq!(found, None, "{what}");
        }
    }

    #[test]
    fn no_header_survives_a_flipped_bit() {
        let ours = Identity::new(100, 42);
        let bytes = HEADER.encode(&ours, 4_096);
        for bit in 0..bytes.len() * 8 {
            let mut bytes = bytes;
            bytes[bit / 8] ^= 1 << (bit % 8);
            let found = RecordHeader::decode(&bytes, &ours, 4_096);
            assert_eq!(found, None, "bit {bit}");
        }
    }

    #[test]
    fn zeros_are_never_a_record() {
        for salt in 0..1_000 {
            let found =
                RecordHeader::decode(&[0; RECORD_HEADER_BYTES], &Identity::new(0, salt), 4_096);
            assert_eq!(found, None, "salt {salt}");
        }
    }
}
