//! The books of a subscription, of which each process sees a part.
//!
//! ```text
//!   began ─────────────── handed to ─────────────── highest
//!     │  held, kept apart,     │   unread: what this process appended it knows the answers of;
//!     │  others', ended        │   of the rest the server's figures say how many may be wanted
//! ```
//!
//! What is neither of these was not wanted. The server's figures are up to a second old, and what is
//! on its way is in nobody's count, so what others hold is an estimate that gives way to what is
//! known: the books balance at every moment, and are exact when all is quiet.

use super::State;
use super::moving::Left;
use super::subscribed::Subscribed;
use crate::Books;
use crate::SubscriptionKey;
use crate::nats::control::tally::Tally;
use crate::nats::survey::Figures;

/// What is known of what was not handed out to anybody yet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Unread {
    /// What lies below, or here, was.
    from: u64,
    figures: Figures,
    key: Option<SubscriptionKey>,
    keyed_in: u64,
    /// The last event that was heard of.
    highest: u64,
}

impl State {
    /// What a server says of the consumer of that epoch.
    pub(in crate::nats) fn figures(&mut self, number: u64, epoch: u64, figures: Figures) {
        self.highest = self.highest.max(figures.last);
        if let Some(subscribed) = self.numbered(number)
            && subscribed.epoch == epoch
        {
            subscribed.take_figures(figures);
        }
    }

    /// How many of its events were not handed out to anybody yet.
    pub(super) fn unread(&self, subscribed: &Subscribed) -> u64 {
        self.count_unread(&self.unread_of(subscribed), self.highest)
    }

    /// What decides that.
    pub(super) fn unread_of(&self, subscribed: &Subscribed) -> Unread {
        Unread {
            from: subscribed.handed_to,
            figures: subscribed.figures.unwrap_or_default(),
            key: subscribed.key,
            keyed_in: subscribed.keyed_in,
            highest: self.highest,
        }
    }

    /// How many of those it had passed over that nobody had been handed, as it went on to `first`.
    pub(super) fn unread_below(&self, number: u64, first: u64, left: &Left) -> u64 {
        match self.by_number.contains_key(&number) {
            true => {
                let to = left.unread.highest.min(first.saturating_sub(1));
                self.count_unread(&left.unread, to)
            }
            false => 0,
        }
    }

    fn count_unread(&self, unread: &Unread, to: u64) -> u64 {
        let Unread {
            from,
            figures,
            key,
            keyed_in,
            ..
        } = *unread;
        let Some(all) = to.checked_sub(from) else {
            return 0;
        };
        let until = figures.last.clamp(from, to);
        let counted = self.known.count(from, until, to, key, keyed_in);
        let unknown_until = (until - from).saturating_sub(counted.known_until);
        let unknown_later = (all - (until - from)).saturating_sub(counted.known_later);
        let maybe_wanted = figures.pending.saturating_sub(counted.wanted_until);
        let unread_until = counted.wanted_until + maybe_wanted.min(unknown_until);
        unread_until + counted.wanted_later + unknown_later
    }

    pub(super) fn books(&self, subscribed: &Subscribed) -> Books {
        let tally = subscribed.tally();
        let sum = self.index.sum(subscribed.number);
        let (moved, parked) = sum.map_or((0, 0), |sum| (sum.moved, sum.parked));
        let mut books = Books {
            accepted: self.highest.saturating_sub(subscribed.began),
            replayed: tally.replayed,
            delivered: tally.delivered,
            dead_lettered: tally.dead_lettered,
            expired: tally.expired,
            discarded: tally.discarded.iter().sum(),
            parked,
            ..Books::default()
        };
        let all = books.accepted + books.replayed;
        let here = self.held_of_events(subscribed) + moved + self.unread(subscribed);
        let left = all.saturating_sub(books.states());
        books.pending = (here + subscribed.others).min(left);
        books.filtered = left - books.pending;
        // What ended is known better than what was accepted, which the last figures may not tell of.
        books.accepted = books
            .accepted
            .max(books.states().saturating_sub(books.replayed));
        books
    }

    /// What is held of the first stream; but what is kept apart by now counts there.
    fn held_of_events(&self, subscribed: &Subscribed) -> u64 {
        let number = subscribed.number;
        let held = subscribed.held.iter();
        let counts = held.filter(|(position, held)| {
            let is_kept = || held.is_stepping && self.is_kept_apart(number, **position);
            held.is_of_events() && !is_kept()
        });
        counts.count() as u64
    }
}

impl Subscribed {
    fn take_figures(&mut self, figures: Figures) {
        self.handed_to = self.handed_to.max(figures.delivered);
        if figures.pending == 0 {
            self.handed_to = self.handed_to.max(figures.last);
        }
        let held = self.held.values().filter(|held| held.is_of_events());
        let mine = held.count() as u64 + std::mem::take(&mut self.acknowledged);
        self.others = figures.unacknowledged.saturating_sub(mine);
        self.figures = Some(figures);
    }

    /// An event was handed to this process.
    pub(super) fn was_handed_out(&mut self, position: u64) {
        self.handed_to = self.handed_to.max(position);
        let Some(figures) = &mut self.figures else {
            return;
        };
        if position > figures.delivered {
            if position <= figures.last {
                figures.pending = figures.pending.saturating_sub(1);
            }
        } else if !self.held.contains_key(&position) {
            self.others = self.others.saturating_sub(1);
        }
    }

    /// What became of its events, by all that is known here.
    pub(super) fn tally(&self) -> Tally {
        let mut tally = self.stands;
        tally += self.adding.unwrap_or_default();
        tally += self.ended;
        tally
    }
}
