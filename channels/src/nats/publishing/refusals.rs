//! What a server answers to a message, and what that means: the table of errors in
//! `docs/decisions/0016-nats-channel.md`.

use super::{BATCH_MESSAGES_MAX, PublishError};
use crate::AppendError;
use crate::nats::link::{Link, LinkError};
use crate::nats::message;
use crate::nats::steps::Outgoing;

/// A server's answer to a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// It is stored, and all of its batch.
    Stored {
        /// Its sequence.
        last: u64,
        /// It was there before.
        is_duplicate: bool,
    },
    /// It is not.
    Refused {
        /// The server's number for the reason.
        code: u64,
        /// Its words.
        words: String,
    },
    /// It is no answer of a stream.
    Unread,
}

/// What an answer means.
#[derive(Debug)]
pub(super) enum Judged {
    /// It is stored.
    Stored {
        /// The sequence of the last message.
        last: u64,
    },
    /// It was stored before.
    Duplicate,
    /// It is not stored.
    Refused(PublishError),
    /// It is not stored, and may be when it is sent again soon.
    Passing(PublishError),
    /// Nobody knows.
    Unknown(PublishError),
}

impl Answer {
    pub(super) fn read(payload: &[u8]) -> Self {
        let Ok(answer) = serde_json::from_slice::<serde_json::Value>(payload) else {
            return Answer::Unread;
        };
        let error = &answer["error"];
        if let (Some(code), words) = (error["err_code"].as_u64(), &error["description"]) {
            let words = words.as_str().unwrap_or_default().to_owned();
            return Answer::Refused { code, words };
        }
        match answer["seq"].as_u64() {
            Some(last @ 1..) => Answer::Stored {
                last,
                is_duplicate: answer["duplicate"].as_bool() == Some(true),
            },
            Some(0) | None => Answer::Unread,
        }
    }
}

impl Link {
    pub(super) fn judge(&self, met: Result<Answer, LinkError>, messages: &[Outgoing]) -> Judged {
        let answer = match met {
            Ok(answer) => answer,
            Err(error) => return self.judge_silence(error),
        };
        match answer {
            Answer::Stored { last, .. } => Judged::Stored { last },
            Answer::Refused { code, words } => self.judge_refusal(code, &words, messages),
            Answer::Unread => {
                Judged::Unknown(self.unreachable("the answer is none of a stream").into())
            }
        }
    }

    fn judge_silence(&self, error: LinkError) -> Judged {
        let unreachable = || self.unreachable(&error.to_string()).into();
        match error {
            LinkError::TooLarge {
                size_bytes,
                max_bytes,
            } => Judged::Refused(too_large(size_bytes, max_bytes).into()),
            LinkError::Down(_) | LinkError::TooOld(_) => Judged::Refused(unreachable()),
            // A stream without a leader.
            LinkError::NoResponders(_) => Judged::Passing(unreachable()),
            LinkError::Lost | LinkError::NoAnswer => Judged::Unknown(unreachable()),
        }
    }

    fn judge_refusal(&self, code: u64, words: &str, messages: &[Outgoing]) -> Judged {
        let retry_after = self.publishing().retry_after;
        let error = match code {
            10_071 | 10_164 => return Judged::Refused(PublishError::NotAsExpected),
            10_201 => return Judged::Duplicate,
            // Batches of others that are under way, in whose room there was none for ours.
            10_176 | 10_210 => return Judged::Passing(AppendError::Full { retry_after }.into()),
            10_054 => {
                let sizes = messages.iter();
                let sizes = sizes.map(|it| message::size_bytes(&it.headers, &it.payload));
                let size_bytes = sizes.max().unwrap_or_default();
                // What the stream takes it does not say; less than this.
                too_large(size_bytes, size_bytes.saturating_sub(1))
            }
            10_199 => too_many(messages.len()),
            10_077 => AppendError::Full { retry_after },
            10_002 | 10_023 | 10_028 | 10_047 => AppendError::NoSpace { retry_after },
            10_174 => AppendError::NotAtomic {
                events: count(messages.len()),
                remedy: "set allow_atomic on the stream".into(),
            },
            10_059 => AppendError::Broken(words.into()),
            // JetStream is there, and not ready.
            10_008 => return Judged::Passing(self.unreachable(words).into()),
            _ => self.unreachable(&format!("{words} ({code})")),
        };
        Judged::Refused(error.into())
    }
}

fn too_large(size_bytes: usize, max_bytes: usize) -> AppendError {
    AppendError::TooLarge {
        size_bytes: count(size_bytes),
        max_bytes: count(max_bytes),
    }
}

pub(super) fn too_many(messages: usize) -> AppendError {
    AppendError::TooMany {
        events: count(messages),
        events_max: count(BATCH_MESSAGES_MAX),
    }
}

fn count(of: usize) -> u64 {
    u64::try_from(of).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read_or_is_none() {
        let stored = |last, is_duplicate| Answer::Stored { last, is_duplicate };
        let cases = [
            (r#"{"stream":"s","seq":3}"#, stored(3, false)),
            (
                r#"{"stream":"s","seq":3,"duplicate":true}"#,
                stored(3, true),
            ),
            (
                r#"{"stream":"s","seq":9,"batch":"b","count":2}"#,
                stored(9, false),
            ),
            (
                r#"{"error":{"code":503,"err_code":10077,"description":"maximum bytes exceeded"},"stream":"s","seq":0}"#,
                Answer::Refused {
                    code: 10_077,
                    words: "maximum bytes exceeded".to_owned(),
                },
            ),
            (r#"{"stream":"s","seq":0}"#, Answer::Unread),
            ("", Answer::Unread),
            ("+OK", Answer::Unread),
        ];
        for (text, expected) in cases {
            assert_eq!(Answer::read(text.as_bytes()), expected, "{text}");
        }
    }
}
