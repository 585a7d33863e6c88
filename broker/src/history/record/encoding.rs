//! Records into bytes.

use sluicegate_channels::Position;

use super::bytes::{put_number, put_text};
use super::{
    ACCEPTED, ATTEMPT, COMMANDED, Command, DELETED, ENDED, End, GAP, Gap, GapCause, Judged, Mark,
    REPLIED, What,
};

impl What<'_> {
    /// Adds the record to `out`.
    pub fn encode(&self, mark: Mark, out: &mut Vec<u8>) {
        let start = out.len();
        let kind = match self {
            What::Accepted(_) => ACCEPTED,
            What::Attempt(_) => ATTEMPT,
            What::Replied(_) => REPLIED,
            What::Ended(_) => ENDED,
            What::Commanded(_) => COMMANDED,
            What::Deleted(_) => DELETED,
            What::Gap(_) => GAP,
        };
        out.extend_from_slice(&[0, 0, kind]);
        out.extend_from_slice(&mark.id.to_le_bytes());
        out.extend_from_slice(&mark.source.to_le_bytes());
        self.encode_fields(out);
        let length = out.len() - start;
        let length = u16::try_from(length).expect("a record has a few texts, each cut at 1 KiB");
        out[start..start + 2].copy_from_slice(&length.to_le_bytes());
    }

    fn encode_fields(&self, out: &mut Vec<u8>) {
        match self {
            What::Accepted(it) => {
                put_position(it.position, out);
                put_number(it.at.0, out);
                put_number(it.took_us, out);
                put_number(it.data_bytes, out);
                put_number(u64::from(it.is_reply), out);
                match it.judged {
                    None => put_number(0, out),
                    Some(Judged { wanted, undecided }) => {
                        put_number(u64::from(wanted) + 1, out);
                        put_number(u64::from(undecided), out);
                    }
                }
                for text in [it.id, it.source, it.ty, it.content_type] {
                    put_text(text, out);
                }
            }
            What::Attempt(it) => {
                put_position(it.position, out);
                put_number(it.at.0, out);
                put_number(it.took_us, out);
                put_number(u64::from(it.n), out);
                put_number(u64::from(it.is_to_sink), out);
                put_number(it.status.map_or(0, u64::from), out);
                put_number(it.next_in_ms.map_or(0, |it| it.saturating_add(1)), out);
                for text in [it.trigger, it.reason, it.detail] {
                    put_text(text, out);
                }
            }
            What::Replied(it) => {
                put_position(it.position, out);
                put_number(it.at.0, out);
                put_position(it.first, out);
                put_number(u64::from(it.events), out);
                put_text(it.trigger, out);
            }
            What::Ended(it) => {
                put_position(it.position, out);
                put_number(it.at.0, out);
                match it.end {
                    End::DeadLettered => put_number(0, out),
                    End::Parked { retry_at: None } => put_number(1, out),
                    End::Discarded => put_number(2, out),
                    End::Parked { retry_at: Some(at) } => {
                        put_number(3, out);
                        put_number(at.0, out);
                    }
                }
                for text in [it.trigger, it.reason, it.detail] {
                    put_text(text, out);
                }
            }
            What::Commanded(it) => {
                put_position(it.position, out);
                put_number(it.at.0, out);
                let command = match it.command {
                    Command::Redrive => 0,
                    Command::Discard => 1,
                    Command::Replay => 2,
                };
                put_number(command, out);
                put_text(it.trigger, out);
                put_text(it.operation, out);
                if let Some(letter) = it.letter {
                    put_number(letter.parked_at.0, out);
                    put_text(letter.reason, out);
                }
            }
            What::Deleted(it) => {
                put_number(it.at.0, out);
                put_number(it.cancelled, out);
                put_text(it.trigger, out);
            }
            What::Gap(it) => {
                put_number(it.from.0, out);
                put_number(it.to.0, out);
                put_number(it.records, out);
                let cause = match it.cause {
                    GapCause::LeftOut => 0,
                    GapCause::Crash => 1,
                    GapCause::Damage => 2,
                };
                put_number(cause, out);
            }
        }
    }
}

impl Gap {
    /// Adds the record to `out`.
    pub fn encode(self, out: &mut Vec<u8>) {
        What::Gap(self).encode(Mark::NONE, out);
    }
}

fn put_position(position: Position, out: &mut Vec<u8>) {
    put_number(u64::from(position.partition), out);
    put_number(position.offset, out);
}
