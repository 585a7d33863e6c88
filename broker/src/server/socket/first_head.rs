//! Holds the first head of a connection in a small buffer until hyper can do something with it.
//!
//! Thousands of peers that send a part of a head, or nothing, then cost hundreds of bytes each. What
//! hyper would answer at once (a head that is whole, one that is no HTTP/1.1, one that is longer than
//! is held here) goes to it at once.

use tokio::io::{AsyncReadExt, ReadBuf};

use super::WatchedSocket;

/// A peer that has sent this much gets hyper's buffers. Most heads are smaller.
const HELD_BYTES_MAX: usize = 2 << 10;

/// How much room there is for each read.
const READ_BYTES: usize = 512;

/// More lines than this fit into [`HELD_BYTES_MAX`] only where they say next to nothing.
const LINES_MAX: usize = 128;

impl WatchedSocket {
    /// Waits until the first head is whole, or until waiting for more of it would change nothing.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: what came in is held, and the next call goes on from there.
    pub(in super::super) async fn hold_first_head(&mut self) {
        while is_part_of_a_head(&self.held) && self.held.len() < HELD_BYTES_MAX {
            self.held.reserve(READ_BYTES);
            match self.stream.read_buf(&mut self.held).await {
                // Hyper reads the same end once more.
                Ok(0) | Err(_) => return,
                Ok(_) => self.watch.received(),
            }
        }
    }

    /// Whether anything came in that was not given on.
    pub(in super::super) fn holds_something(&self) -> bool {
        !self.held.is_empty()
    }

    /// Gives on what is held, and frees its buffer with the last of it.
    pub(super) fn give_held(&mut self, buffer: &mut ReadBuf<'_>) {
        let given = self.held.len().min(buffer.remaining());
        buffer.put_slice(&self.held[..given]);
        if given == self.held.len() {
            self.held = Vec::new();
        } else {
            self.held.drain(..given);
        }
    }
}

/// Whether `bytes` may become a head of HTTP/1.1 and is none yet. Asked of hyper's own parser, so that
/// both see the same end.
fn is_part_of_a_head(bytes: &[u8]) -> bool {
    let mut lines = [httparse::EMPTY_HEADER; LINES_MAX];
    let parsed = httparse::Request::new(&mut lines).parse(bytes);
    matches!(parsed, Ok(httparse::Status::Partial))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_may_still_become_a_head_is_waited_for() {
        let cases: [(&[u8], bool); 12] = [
            (b"", true),
            (b"P", true),
            (b"POST / HTTP/1.1\r\nHost: a", true),
            (b"POST / HTTP/1.1\r\nHost: a\r\n", true),
            (b"\r\nPOST / HTTP/1.1\r\n", true),
            (b"PRI * HTTP/", true),
            (b"POST / HTTP/1.1\r\nHost: a\r\n\r\n", false),
            (b"POST / HTTP/1.1\r\nHost: a\r\n\r\nbody", false),
            (b"PRI * HTTP/2.0\r\n", false),
            (b"\x16\x03\x01", false),
            (b"POST / HTTP/1.1\r\nHo st: a", false),
            (b"POST / HTTP/3", false),
        ];
        for (bytes, is_part) in cases {
            let text = String::from_utf8_lossy(bytes);
            assert_eq!(is_part_of_a_head(bytes), is_part, "{text:?}");
        }
    }
}
