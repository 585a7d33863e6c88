//! The bad habits of peers, each with the limit that ends it and the answer that it gets.

use std::time::Duration;

/// The deadlines of a server.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) first_byte: Duration,
    pub(super) header: Duration,
    pub(super) idle: Duration,
    pub(super) body_grace: Duration,
    pub(super) write: Duration,
}

impl Limits {
    /// Those of a server that is told nothing.
    pub(super) const DEFAULT: Self = Limits {
        first_byte: Duration::from_secs(10),
        header: Duration::from_secs(10),
        idle: Duration::from_secs(75),
        body_grace: Duration::from_secs(5),
        write: Duration::from_secs(30),
    };
    /// Such as a test can wait for. They differ, so that none stands in for another.
    pub(super) const SHORT: Self = Limits {
        first_byte: Duration::from_millis(1_500),
        header: Duration::from_millis(2_500),
        idle: Duration::from_millis(4_500),
        body_grace: Duration::from_millis(1_000),
        write: Duration::from_millis(3_500),
    };

    /// As lines of `sluicegate.yaml`.
    pub(super) fn settings(&self) -> String {
        let seconds = |duration: Duration| format!("PT{}S", duration.as_secs_f64());
        format!(
            "timeouts: {{firstByte: {}, header: {}, idle: {}, bodyGrace: {}, write: {}}}\n",
            seconds(self.first_byte),
            seconds(self.header),
            seconds(self.idle),
            seconds(self.body_grace),
            seconds(self.write)
        )
    }
}

/// What a peer does, and what ends it.
#[derive(Clone, Debug)]
pub(super) struct Habit {
    pub(super) name: &'static str,
    /// Sent at once.
    pub(super) first: Vec<u8>,
    pub(super) then: Then,
    /// How long the server bears it; none when it is to refuse at once.
    pub(super) limit: Duration,
    /// The status of the answer; none when the connection is closed without one.
    pub(super) answer: Option<u16>,
}

/// How a peer goes on.
#[derive(Clone, Copy, Debug)]
pub(super) enum Then {
    /// It sends nothing more.
    Stops,
    /// It waits for its answer, and then sends this and nothing more.
    GoesOn(&'static str),
    /// It sends this byte again and again.
    Drips(u8),
    /// It shuts its side.
    Shuts,
    /// It sends what it sent first for ever, and reads nothing.
    Floods,
}

const PREFACE: &str = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// The habits of peers that hold a connection as long as they can.
pub(super) fn stalling(path: &str, limits: &Limits) -> Vec<Habit> {
    let head = head(path);
    let body = format!("{head}Content-Length: 1000\r\n\r\nhalf");
    let chunk = format!("{head}Transfer-Encoding: chunked\r\n\r\nff\r\nx");
    // Of a broker that there is not, so that no event of these peers is ever stored.
    let whole = "POST /none/none HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n";
    let header_drip = format!("{head}x-drip: ");
    #[rustfmt::skip]
    let table = [
        ("says nothing", "", Then::Stops, limits.first_byte, None),
        ("stops in its first line", "POST /a", Then::Stops, limits.header, None),
        ("stops in its headers", &head, Then::Stops, limits.header, None),
        ("drips its headers", &header_drip, Then::Drips(b'y'), limits.header, None),
        ("sends half a preface", "PRI * HTTP/2.0", Then::Stops, limits.header, None),
        ("sends a preface alone", PREFACE, Then::Stops, limits.header, None),
        ("stops in its body", &body, Then::Stops, limits.body_grace, Some(408)),
        ("drips its body", &body, Then::Drips(b'x'), limits.body_grace, Some(408)),
        ("stops in a chunk", &chunk, Then::Stops, limits.body_grace, Some(408)),
        ("idles behind its answer", whole, Then::GoesOn(""), limits.idle, Some(404)),
        ("stops in its second request", whole, Then::GoesOn("POST /a"), limits.header, Some(404)),
    ];
    table.map(habit).to_vec()
}

/// The habits of which a few peers are enough: they are refused at once, or fill the buffers of the
/// kernel.
pub(super) fn blunt(path: &str, limits: &Limits) -> Vec<Habit> {
    let head = head(path);
    let lines = "x-line: y\r\n".repeat(250);
    let many = format!("{head}{lines}\r\n");
    let long = format!("{head}x-long: {}\r\n\r\n", "y".repeat(80 << 10));
    let target = format!("POST /{} HTTP/1.1\r\nHost: x\r\n\r\n", "a".repeat(9 << 10));
    let hello = "\x16\x03\x01\x02\x00\x01\x00\x01\u{7c}\x03\x03\r\n\r\n";
    // Refused without a look at its body, which makes the answer larger than the request.
    let unread = "POST /none/none HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n".repeat(64);
    let at_once = Duration::ZERO;
    #[rustfmt::skip]
    let table = [
        ("has 250 header lines", &*many, Then::Stops, at_once, Some(431)),
        ("has a header of 80 KiB", &long, Then::Stops, at_once, Some(431)),
        ("has a target of 9 KiB", &target, Then::Stops, at_once, Some(414)),
        ("greets with TLS", hello, Then::Stops, at_once, Some(400)),
        ("shuts its side in its headers", &head, Then::Shuts, at_once, None),
        ("never reads", &unread, Then::Floods, limits.write, None),
    ];
    table.map(habit).to_vec()
}

fn habit(row: (&'static str, &str, Then, Duration, Option<u16>)) -> Habit {
    let (name, first, then, limit, answer) = row;
    Habit {
        name,
        first: first.as_bytes().to_vec(),
        then,
        limit,
        answer,
    }
}

fn head(path: &str) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nHost: x\r\nce-specversion: 1.0\r\nce-id: hostile\r\n\
         ce-source: /s\r\nce-type: t\r\n"
    )
}
