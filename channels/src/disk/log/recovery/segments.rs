//! What each segment of a log holds, by its footer or by reading it.

use std::io;

use super::super::super::files::{OpenFile, OpenMode, is_broken};
use super::super::format::{Footer, SegmentHeader, records_max};
use super::super::report::{Damage, DamageKind, Given};
use super::super::segment::State;
use super::examine::{Tally, examine, footer_at_end};
use super::mend::mend;
use super::{Candidate, Recovering};

impl Recovering<'_> {
    /// What a segment holds, whose records end before the offset `until`. Without that it is the
    /// newest.
    pub(super) fn segment(
        &mut self,
        candidate: &Candidate,
        until: Option<u64>,
    ) -> io::Result<State> {
        let Some(header) = &candidate.header else {
            return Ok(self.unreadable(candidate, until));
        };
        let mode = match until {
            None => OpenMode::Write,
            Some(_) => OpenMode::Read,
        };
        let path = self.shared.path(candidate.base);
        let opened = self.patiently(|passes_over| match self.shared.files.open(&path, mode) {
            Err(error) if passes_over && is_broken(&error) => Ok(None),
            opened => opened.map(Some),
        });
        match (opened?, until) {
            (None, until) => Ok(self.unreadable(candidate, until)),
            (Some(file), None) => self.newest(candidate, header, &*file),
            (Some(file), Some(_)) => self.sealed(candidate, header, &*file),
        }
    }

    fn sealed(
        &mut self,
        candidate: &Candidate,
        header: &SegmentHeader,
        file: &dyn OpenFile,
    ) -> io::Result<State> {
        let identity = header.identity();
        let length = candidate.length;
        let footer = self.patiently(|it| footer_at_end(file, &identity, length, it))?;
        let reads_all = self.reads_all || self.marked.contains(&candidate.base);
        if let Some(footer) = footer.filter(|it| it.damaged == 0 && !reads_all) {
            self.follows = footer.next;
            return Ok(by_footer(&footer, candidate.length));
        }
        let examined = self.patiently(|it| examine(file, &identity, length, it))?;
        let has_footer = examined.footer.is_some();
        self.follows = examined.footer.as_ref().map_or(0, |it| it.next);
        let tally = examined.all();
        if !has_footer {
            self.unsure = Some((header.base, tally.end..candidate.length.max(tally.end)));
        }
        let mut state = by_tally(tally, header, candidate.length);
        if has_footer {
            state.has_footer = true;
            state.index = Vec::new();
        }
        Ok(state)
    }

    fn newest(
        &mut self,
        candidate: &Candidate,
        header: &SegmentHeader,
        file: &dyn OpenFile,
    ) -> io::Result<State> {
        let length = candidate.length;
        let identity = header.identity();
        let examined = self.patiently(|it| examine(file, &identity, length, it))?;
        let unreadable = examined.unreadable.clone();
        let mended = mend(file, header, examined, length)?;
        self.recovery.was_closed = mended.was_closed;
        self.recovery.torn_bytes = mended.torn_bytes;
        self.recovery.next = mended.next;

        let end = header.base + u64::from(mended.tally.ordinal);
        let mut state = by_tally(mended.tally, header, length);
        state.damage.extend(mended.last_write);
        let is_short = length < header.capacity;
        let missing = match unreadable.behind(state.readable) {
            Some(bytes) => Some((DamageKind::EndUnreadable, bytes)),
            None if is_short => Some((DamageKind::CutOff, length..header.capacity)),
            None => None,
        };
        if let Some((kind, bytes)) = missing.filter(|_| !mended.was_closed) {
            state.damage.push(Damage {
                kind,
                segment: header.base,
                bytes,
                offsets: end..header.offset_max(),
                given: Given::Unknown,
            });
        }
        mended.ending.finish(&mut state, file);
        Ok(state)
    }

    /// A segment without a header, or whose file cannot be opened. It is left as it is, in case someone
    /// can make sense of it.
    fn unreadable(&mut self, candidate: &Candidate, until: Option<u64>) -> State {
        let base = candidate.base;
        // The segment behind it says where this one ended, if the log knew that when it was made.
        let known = until.filter(|it| *it > base);
        let end_max = base + records_max(candidate.capacity_max);
        if until.is_none() {
            self.recovery.was_closed = false;
            self.recovery.next = self.recovery.next.max(end_max);
        }
        let end = known.unwrap_or(base);
        let damage = Damage {
            kind: DamageKind::Header,
            segment: base,
            bytes: 0..candidate.length,
            offsets: base..known.unwrap_or(end_max),
            given: match known {
                Some(_) => Given::All,
                None => Given::Unknown,
            },
        };
        State {
            end,
            size_bytes: candidate.length,
            is_sealed: true,
            is_unreadable: true,
            damage: vec![damage],
            ..State::default()
        }
    }
}

fn by_footer(footer: &Footer, length: u64) -> State {
    State {
        readable: footer.records_end,
        end: footer.end,
        records: footer.records,
        size_bytes: length,
        timestamps_ms: (footer.records > 0).then_some((footer.earliest_ms, footer.latest_ms)),
        is_sealed: true,
        has_footer: true,
        ..State::default()
    }
}

fn by_tally(tally: Tally, header: &SegmentHeader, length: u64) -> State {
    let damage = tally.invalid.iter().map(|(bytes, ordinals)| Damage {
        kind: DamageKind::Records,
        segment: header.base,
        bytes: bytes.clone(),
        offsets: header.offsets(ordinals),
        given: Given::All,
    });
    State {
        readable: tally.end,
        end: header.base + u64::from(tally.ordinal),
        records: tally.records,
        size_bytes: length,
        timestamps_ms: tally.timestamps_ms,
        is_sealed: true,
        damage: damage.collect(),
        index: tally.index,
        ..State::default()
    }
}
