//! What a broker's streams and subjects are called in NATS, whatever the broker is called.
//!
//! ```text
//!   sluicegate.default.orders.e.…     events, in the stream sluicegate_default_orders
//!   sluicegate.default.orders.k.…     what is kept apart, in sluicegate_default_orders_kept
//!   sluicegate.default.orders.c.…     who subscribes, in sluicegate_default_orders_control
//! ```
//!
//! Letters, digits and hyphens stay as they are, so that ordinary names can be read in NATS' own
//! tools. What else a name holds is written `=` and two hex digits a byte; no two names are called
//! alike. A token that would be too long ends in a digest.

use std::fmt::Write as _;

/// How long a token may be. Subjects travel with each message, and a server closes the connection
/// of a client whose control line is longer than it takes (4 KiB by default).
pub const TOKEN_BYTES_MAX: usize = 64;

/// What stands before the digest of what was cut off. No byte is ever written so.
const CUT: &str = "=~";
const DIGEST_BYTES: usize = 16;

/// A broker's names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names {
    root: String,
    stream: String,
}

/// What a subject of the stream of what is kept apart stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeptSubject {
    /// An event, kept whole.
    Body {
        /// Where it stands in the stream of events.
        position: u64,
    },
    /// How an event waits for a subscription.
    Waiting {
        /// The subscription's.
        number: u64,
        /// The event's.
        position: u64,
    },
    /// An event that is due for a subscription.
    Due {
        /// The subscription's.
        number: u64,
        /// The event's.
        position: u64,
    },
}

impl Names {
    /// The names of `namespace/broker` below `prefix`, one token by which several installations
    /// share an account. `stream` is the name of the events' stream where it is to have another.
    pub fn new(prefix: &str, namespace: &str, broker: &str, stream: Option<&str>) -> Self {
        let [prefix, namespace, broker] = [prefix, namespace, broker].map(token);
        let own = || format!("{prefix}_{namespace}_{broker}");
        Names {
            stream: stream.map_or_else(own, str::to_owned),
            root: format!("{prefix}.{namespace}.{broker}"),
        }
    }

    // ---- streams ----

    /// The stream of events.
    pub fn events_stream(&self) -> &str {
        &self.stream
    }

    /// The stream of what is kept apart: moved deferrals, parked events, replays.
    pub fn kept_stream(&self) -> String {
        format!("{}_kept", self.stream)
    }

    /// The stream of who subscribes and what became of their events.
    pub fn control_stream(&self) -> String {
        format!("{}_control", self.stream)
    }

    // ---- subjects ----

    /// What the stream of events takes, and the beginning of each event's subject.
    pub fn events(&self) -> String {
        format!("{}.e", self.root)
    }

    /// What the stream of what is kept apart takes is everything below this.
    pub fn kept(&self) -> String {
        format!("{}.k", self.root)
    }

    /// What the control stream takes is everything below this.
    pub fn control(&self) -> String {
        format!("{}.c", self.root)
    }

    /// What no event is published at: all that is handed out to whoever wants nothing.
    pub fn no_events(&self) -> String {
        format!("{}.e.none", self.root)
    }

    /// Where the event of `position` is kept whole, once for all who need it.
    pub fn body(&self, position: u64) -> String {
        format!("{}.k.b.{position}", self.root)
    }

    /// Where it stands how the event of `position` waits for the subscription of that number: moved
    /// until it is due, or parked.
    pub fn waiting(&self, number: u64, position: u64) -> String {
        format!("{}.k.w.{number}.{position}", self.root)
    }

    /// Where the server puts what waited once it is due.
    pub fn due(&self, number: u64, position: u64) -> String {
        format!("{}.k.d.{number}.{position}", self.root)
    }

    /// All that is due for the subscription of that number.
    pub fn all_due(&self, number: u64) -> String {
        format!("{}.k.d.{number}.*", self.root)
    }

    /// All that is kept apart for the subscription of that number.
    pub fn all_kept(&self, number: u64) -> String {
        format!("{}.k.*.{number}.*", self.root)
    }

    /// What a subject of the stream of what is kept apart stands for.
    pub fn read_kept(&self, subject: &str) -> Option<KeptSubject> {
        let below = subject.strip_prefix(&*self.root)?.strip_prefix(".k.")?;
        let number = |text: &str| text.parse().ok();
        let mut tokens = below.split('.');
        let kind = tokens.next()?;
        let first = number(tokens.next()?)?;
        let second = tokens.next().map(number);
        if tokens.next().is_some() {
            return None;
        }
        match (kind, second) {
            ("b", None) => Some(KeptSubject::Body { position: first }),
            ("w", Some(Some(position))) => Some(KeptSubject::Waiting {
                number: first,
                position,
            }),
            ("d", Some(Some(position))) => Some(KeptSubject::Due {
                number: first,
                position,
            }),
            _ => None,
        }
    }

    /// The record of the subscription of that name.
    pub fn subscription(&self, name: &str) -> String {
        format!("{}.c.s.{}", self.root, token(name))
    }

    /// What became of the events of the subscription of that number.
    pub fn tally(&self, number: u64) -> String {
        format!("{}.c.t.{number}", self.root)
    }

    /// Whose tally a subject of the control stream stands for; none where it stands for something else.
    pub fn read_tally(&self, subject: &str) -> Option<u64> {
        let number = subject.strip_prefix(&*self.root)?.strip_prefix(".c.t.")?;
        number.parse().ok()
    }

    /// The last number that was given to a subscription.
    pub fn last_number(&self) -> String {
        format!("{}.c.n", self.root)
    }
}

/// The consumer of a subscription's events. A subscription that goes to another place gets another
/// consumer, of the next epoch: a server lets nobody move one.
pub fn consumer(number: u64, epoch: u64) -> String {
    format!("t{number}-{epoch}")
}

/// The consumer of what is due for a subscription.
pub fn due_consumer(number: u64) -> String {
    format!("t{number}-due")
}

/// What a consumer of that name hands out of a broker's streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConsumerName {
    /// The events of a subscription.
    Events {
        /// The subscription's.
        number: u64,
        /// Its place.
        epoch: u64,
    },
    /// What is due for a subscription.
    Due {
        /// The subscription's.
        number: u64,
    },
}

/// Whose consumer it is; none where it is no subscription's.
pub fn read_consumer(name: &str) -> Option<ConsumerName> {
    let (number, which) = name.strip_prefix('t')?.split_once('-')?;
    let number = number.parse().ok()?;
    let found = match which {
        "due" => ConsumerName::Due { number },
        epoch => ConsumerName::Events {
            number,
            epoch: epoch.parse().ok()?,
        },
    };
    // Not one that is only read alike.
    let is_ours = match found {
        ConsumerName::Events { number, epoch } => consumer(number, epoch) == name,
        ConsumerName::Due { number } => due_consumer(number) == name,
    };
    is_ours.then_some(found)
}

/// `text` as one token of a subject, and as part of a stream's name. Different texts have different
/// tokens but for those whose digests are equal.
pub fn token(text: &str) -> String {
    let whole = spelled(text);
    if whole.len() <= TOKEN_BYTES_MAX {
        return whole;
    }
    let mut kept = TOKEN_BYTES_MAX - CUT.len() - DIGEST_BYTES;
    // Not within a byte that is written in three.
    while whole.as_bytes()[kept - 2..kept].contains(&b'=') {
        kept -= 1;
    }
    let start = whole.split_at(kept).0;
    format!("{start}{}", cut(text))
}

/// Stands for `text` where it is too long.
pub(super) fn cut(text: &str) -> String {
    format!("{CUT}{:016x}", digest(text))
}

/// `text` with every byte spelled out that has a meaning in a subject, in a stream's name or on a
/// disk. Nothing at all is `=`, since no token is empty.
pub(super) fn spelled(text: &str) -> String {
    if text.is_empty() {
        return "=".to_owned();
    }
    let mut spelled = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || byte == b'-' {
            spelled.push(char::from(byte));
        } else {
            write!(spelled, "={byte:02X}").expect("a String takes all");
        }
    }
    spelled
}

/// FNV-1a, which is the same in every version and on every machine: subjects are stored.
pub(super) fn digest(text: &str) -> u64 {
    const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0100_0000_01b3;
    text.bytes().fold(OFFSET, |digest, byte| {
        (digest ^ u64::from(byte)).wrapping_mul(PRIME)
    })
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn ordinary_names_can_be_read() {
        let names = Names::new("sluicegate", "default", "orders", None);
        assert_eq!(names.events_stream(), "sluicegate_default_orders");
        assert_eq!(names.kept_stream(), "sluicegate_default_orders_kept");
        assert_eq!(names.control_stream(), "sluicegate_default_orders_control");
        assert_eq!(names.events(), "sluicegate.default.orders.e");
        assert_eq!(names.waiting(3, 70), "sluicegate.default.orders.k.w.3.70");
        assert_eq!(names.due(3, 70), "sluicegate.default.orders.k.d.3.70");
        assert_eq!(names.tally(3), "sluicegate.default.orders.c.t.3");
        assert_eq!(names.read_tally(&names.tally(3)), Some(3));
        assert_eq!(names.read_tally(&names.last_number()), None);
        let name = "default/billing/8d1f";
        assert_eq!(
            names.subscription(name),
            "sluicegate.default.orders.c.s.default=2Fbilling=2F8d1f"
        );
        let adopted = Names::new("sluicegate", "default", "orders", Some("ORDERS"));
        assert_eq!(adopted.events_stream(), "ORDERS");
        assert_eq!(adopted.kept_stream(), "ORDERS_kept");
    }

    #[test]
    fn a_consumer_is_known_by_its_name() {
        let (number, epoch) = (7, 2);
        let events = ConsumerName::Events { number, epoch };
        assert_eq!(read_consumer(&consumer(number, epoch)), Some(events));
        let due = ConsumerName::Due { number };
        assert_eq!(read_consumer(&due_consumer(number)), Some(due));
        for other in [
            "t7", "t7-", "t-2", "t07-2", "t7-02", "t7-2-3", "x7-2", "tail-1", "",
        ] {
            assert_eq!(read_consumer(other), None);
        }
    }

    #[test]
    fn what_is_kept_is_known_by_its_subject() {
        let names = Names::new("s", "default", "k", None);
        let (number, position) = (3, u64::MAX);
        let body = KeptSubject::Body { position };
        assert_eq!(names.read_kept(&names.body(position)), Some(body));
        let waiting = KeptSubject::Waiting { number, position };
        assert_eq!(
            names.read_kept(&names.waiting(number, position)),
            Some(waiting)
        );
        let due = KeptSubject::Due { number, position };
        assert_eq!(names.read_kept(&names.due(number, position)), Some(due));
        for other in ["b", "b.x", "b.1.2", "w.1", "w.1.x", "w.1.2.3", "x.1.2", ""] {
            assert_eq!(names.read_kept(&format!("{}.{other}", names.kept())), None);
        }
        assert_eq!(names.read_kept("s.default.other.k.b.1"), None);
    }

    #[test]
    fn no_two_names_are_called_alike_and_none_has_a_meaning_in_nats() {
        let odd = [
            "", "=", "a", "A", "a.b", "a=2Eb", "a_b", "a b", "a*", "a>", "*", ">", "é", "a/b",
            "a\\b", "$JS", "..", "=~", "a\tb", "a\r\nb", "\u{0}",
        ];
        let long = [
            "x".repeat(64),
            "x".repeat(65),
            "x".repeat(66),
            "é".repeat(40),
        ];
        let texts: Vec<&str> = odd.into_iter().chain(long.iter().map(|it| &**it)).collect();
        let mut seen = HashSet::new();
        for text in &texts {
            let token = token(text);
            let is_safe = |byte| byte == b'=' || byte == b'-' || byte == b'~';
            assert!(
                token
                    .bytes()
                    .all(|byte| is_safe(byte) || byte.is_ascii_alphanumeric()),
                "{token}"
            );
            assert!((1..=TOKEN_BYTES_MAX).contains(&token.len()), "{token}");
            assert!(seen.insert(token.clone()), "{text:?} is called {token} too");
        }
        let mut streams = HashSet::new();
        for namespace in &texts {
            for broker in &texts {
                let names = Names::new("s", namespace, broker, None);
                assert!(names.kept_stream().len() <= 255);
                assert!(streams.insert(names.events_stream().to_owned()));
            }
        }
        for (first, second) in [(("a_b", "c"), ("a", "b_c")), (("a", "b_kept"), ("a", "b"))] {
            let [first, second] =
                [first, second].map(|(namespace, broker)| Names::new("s", namespace, broker, None));
            assert_ne!(first.events_stream(), second.events_stream());
            assert_ne!(first.events_stream(), second.kept_stream());
        }
    }

    /// What is stored under these names must be found again.
    #[test]
    fn names_are_what_they_were() {
        assert_eq!(
            token(&"x".repeat(65)),
            format!("{}=~{:016x}", "x".repeat(46), digest(&"x".repeat(65)))
        );
        assert_eq!(digest(""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(digest("a"), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(
            token(&"é".repeat(40)),
            format!("{}{}", "=C3=A9".repeat(7) + "=C3", cut(&"é".repeat(40)))
        );
    }
}
