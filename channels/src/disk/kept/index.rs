//! Where everything that lives stands in the log, and how much of each segment lives.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

use super::KeptKey;
use super::plan::{Change, Plan};

/// What a record takes up besides its payload, on average.
const RECORD_OVERHEAD_BYTES: usize = 36;

/// Where a record stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// Its offset in the log of what is kept.
    pub(super) at: u64,
    /// What it takes up there.
    pub(super) bytes: u32,
}

/// An event, and how many keep it. It stands nowhere if it is lost, and then takes up nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Held {
    at: u64,
    bytes: u32,
    keepers: u32,
}

/// Two hash tables whose slots take 25 bytes with their tags, and that are between seven sixteenths and
/// seven eighths full: 57 to 114 bytes, 76 on average, for an entry with an event of its own, and half of
/// that for each more who keeps the same event.
const _: () = assert!(
    size_of::<(u64, Held)>() == 24 && size_of::<(u64, Place)>() == 24,
    "an entry must not take more memory than is promised"
);

#[derive(Debug, Default)]
pub(super) struct Index {
    /// By the events' offsets.
    events: HashMap<u64, Held>,
    /// By subscription, and then by the events' offsets. None is empty.
    entries: HashMap<u64, HashMap<u64, Place>>,
    /// By base.
    segments: BTreeMap<u64, Use>,
}

/// What a segment is used for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Use {
    /// What its records take up.
    pub(super) all_bytes: u64,
    /// What those take up that live.
    pub(super) live_bytes: u64,
}

impl Place {
    pub(super) fn new(at: u64, payload: &[u8]) -> Self {
        let bytes = payload.len().saturating_add(RECORD_OVERHEAD_BYTES);
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        Place { at, bytes }
    }
}

impl Held {
    fn place(self) -> Option<Place> {
        let Held { at, bytes, .. } = self;
        (bytes > 0).then_some(Place { at, bytes })
    }
}

impl Index {
    pub(super) fn entries(&self) -> u64 {
        self.entries.values().map(|it| it.len() as u64).sum()
    }

    pub(super) fn has_entries_of(&self, subscription: u64) -> bool {
        self.entries.contains_key(&subscription)
    }

    pub(super) fn entry(&self, key: KeptKey) -> Option<Place> {
        self.entries
            .get(&key.subscription)?
            .get(&key.offset)
            .copied()
    }

    /// Whether anyone keeps this event, be it lost or not.
    pub(super) fn is_kept(&self, offset: u64) -> bool {
        self.events.contains_key(&offset)
    }

    /// Where an event stands, if it is kept and not lost.
    pub(super) fn event(&self, offset: u64) -> Option<Place> {
        self.events.get(&offset)?.place()
    }

    /// Does what a plan says, whose first record stands at `first`.
    pub(super) fn change(&mut self, plan: &Plan, first: u64) {
        let mut touched = Vec::new();
        for (at, &(change, bytes)) in (first..).zip(&plan.changes) {
            let place = Place { at, bytes };
            self.count(place);
            match change {
                Change::Event { offset } => self.put_event(offset, place),
                Change::Entry(key) => self.put_entry(key, place),
                Change::End(key) => {
                    self.end(key);
                    touched.push(key.offset);
                }
                Change::EndAll { subscription } => self.end_all(subscription, &mut touched),
            }
        }
        // Only now: another entry for the same event may stand behind the end of the last one.
        for offset in touched {
            self.let_go(offset);
        }
    }

    /// Knows of a segment from now on.
    pub(super) fn begin_segment(&mut self, base: u64) {
        self.segments.entry(base).or_default();
    }

    /// Forgets a segment, of which nothing lives, and gives back memory that no event needs any more.
    pub(super) fn end_segment(&mut self, base: u64) {
        self.segments.remove(&base);
        let events = self.events.len();
        if self.events.capacity() / 4 > events {
            self.events.shrink_to(events * 2);
        }
    }

    /// Counts a record, dead or alive.
    pub(super) fn count(&mut self, place: Place) {
        if let Some(segment) = self.segment(place.at) {
            segment.all_bytes += u64::from(place.bytes);
        }
    }

    pub(super) fn put_entry(&mut self, key: KeptKey, place: Place) {
        let of_subscription = self.entries.entry(key.subscription).or_default();
        match of_subscription.insert(key.offset, place) {
            Some(earlier) => self.bury(earlier),
            None => self.events.entry(key.offset).or_default().keepers += 1,
        }
        self.bear(place);
    }

    pub(super) fn put_event(&mut self, offset: u64, place: Place) {
        let held = self.events.entry(offset).or_default();
        let earlier = held.place();
        (held.at, held.bytes) = (place.at, place.bytes);
        if let Some(earlier) = earlier {
            self.bury(earlier);
        }
        self.bear(place);
    }

    /// The event's record is gone, whoever keeps it.
    pub(super) fn lose_event(&mut self, offset: u64) {
        let Some(held) = self.events.get_mut(&offset) else {
            return;
        };
        let earlier = held.place();
        held.bytes = 0;
        if let Some(earlier) = earlier {
            self.bury(earlier);
        }
    }

    fn end(&mut self, key: KeptKey) {
        let Some(of_subscription) = self.entries.get_mut(&key.subscription) else {
            return;
        };
        let ended = of_subscription.remove(&key.offset);
        if of_subscription.is_empty() {
            self.entries.remove(&key.subscription);
        }
        if let Some(place) = ended {
            self.leave(key.offset, place);
        }
    }

    fn end_all(&mut self, subscription: u64, touched: &mut Vec<u64>) {
        for (offset, place) in self.entries.remove(&subscription).unwrap_or_default() {
            self.leave(offset, place);
            touched.push(offset);
        }
    }

    /// An entry is gone, and with it one who keeps the event.
    fn leave(&mut self, offset: u64, place: Place) {
        self.bury(place);
        if let Some(held) = self.events.get_mut(&offset) {
            held.keepers -= 1;
        }
    }

    /// Lets go of an event that nobody keeps.
    fn let_go(&mut self, offset: u64) {
        if self.events.get(&offset).is_some_and(|it| it.keepers == 0) {
            self.lose_event(offset);
            self.events.remove(&offset);
        }
    }

    fn bear(&mut self, place: Place) {
        if let Some(segment) = self.segment(place.at) {
            segment.live_bytes += u64::from(place.bytes);
        }
    }

    fn bury(&mut self, place: Place) {
        if let Some(segment) = self.segment(place.at) {
            segment.live_bytes -= u64::from(place.bytes);
        }
    }

    fn segment(&mut self, at: u64) -> Option<&mut Use> {
        self.segments.range_mut(..=at).next_back().map(|(_, it)| it)
    }
}

/// What compaction asks.
impl Index {
    /// What all segments are used for together.
    pub(super) fn total(&self) -> Use {
        let mut total = Use::default();
        for segment in self.segments.values() {
            total.all_bytes += segment.all_bytes;
            total.live_bytes += segment.live_bytes;
        }
        total
    }

    /// The oldest segment, as the offsets it can hold, unless it is the newest too.
    pub(super) fn oldest(&self) -> Option<(Range<u64>, Use)> {
        let mut segments = self.segments.iter();
        let (base, oldest) = segments.next()?;
        let (end, _) = segments.next()?;
        Some((*base..*end, *oldest))
    }

    /// Entries whose records stand at these offsets, and events that do. This looks at all there are.
    pub(super) fn standing_at(&self, offsets: &Range<u64>) -> (Vec<KeptKey>, Vec<u64>) {
        let mut keys = Vec::new();
        for (subscription, entries) in &self.entries {
            let standing = entries.iter().filter(|(_, it)| offsets.contains(&it.at));
            keys.extend(standing.map(|(offset, _)| KeptKey {
                subscription: *subscription,
                offset: *offset,
            }));
        }
        let is_there = |it: &Held| it.place().is_some_and(|it| offsets.contains(&it.at));
        let events = self.events.iter().filter(|(_, it)| is_there(it));
        (keys, events.map(|(offset, _)| *offset).collect())
    }
}

#[cfg(test)]
impl Index {
    /// What does not add up, if anything does not.
    pub(super) fn audit(&self) -> Result<(), String> {
        let mut live: BTreeMap<u64, u64> = self.segments.keys().map(|it| (*it, 0)).collect();
        let mut keepers: HashMap<u64, u32> = HashMap::new();
        let entries = self.entries.values().flatten();
        let entries = entries.inspect(|(offset, _)| *keepers.entry(**offset).or_default() += 1);
        let entries: Vec<_> = entries.map(|(_, place)| *place).collect();
        let events = self.events.values().filter_map(|it| it.place());
        for place in entries.into_iter().chain(events) {
            let segment = live.range_mut(..=place.at).next_back();
            let (_, bytes) = segment.ok_or(format!("{place:?} stands in no segment"))?;
            *bytes += u64::from(place.bytes);
        }
        for (base, found) in &self.segments {
            let live_bytes = live.get(base).copied().unwrap_or_default();
            if found.live_bytes != live_bytes || found.all_bytes < live_bytes {
                return Err(format!(
                    "{live_bytes} bytes live in {base}, told is {found:?}"
                ));
            }
        }
        for (offset, held) in &self.events {
            if keepers.remove(offset) != Some(held.keepers) {
                return Err(format!(
                    "others keep the event at {offset} than {held:?} says"
                ));
            }
        }
        match keepers.into_iter().next() {
            Some((offset, _)) => Err(format!("no event is known at {offset}")),
            None => Ok(()),
        }
    }
}
