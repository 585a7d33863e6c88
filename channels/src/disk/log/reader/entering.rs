//! How a reader comes into a segment: past what is lost before it, and to a place near the record that
//! it wants.

use std::io;
use std::sync::Arc;

use super::super::super::files::{OpenFile, is_broken, read_full_at};
use super::super::error::ReadError;
use super::super::format::{Footer, IndexEntry};
use super::super::report::{Damage, DamageKind, Given};
use super::super::scan::Scan;
use super::super::segment::{Segment, State};
use super::{Place, Reader, Step};

impl Reader {
    /// Goes to where the next record is or will be.
    pub(super) fn enter(&mut self) -> Result<Step, ReadError> {
        let Some(segment) = self.shared.holding(self.next) else {
            return Ok(Step::End);
        };
        let state = segment.with(|state| state.clone());
        let lost = if state.is_unreadable {
            state.damage.first()
        } else {
            state.missing_before.as_ref()
        };
        if let Some(damage) = lost.filter(|it| self.next < it.offsets.end) {
            self.next = damage.offsets.end;
            return Ok(Step::Damaged(damage.clone()));
        }

        let path = self.shared.path(segment.base);
        let place = match self.open(&segment) {
            Ok(Some(file)) => self.place_in(&segment, file, &state),
            Ok(None) => return Ok(self.pass_over_segment(&segment, &state)),
            Err(error) if segment.with(|it| it.is_removed) => {
                drop(error);
                return Ok(Step::Again);
            }
            Err(error) => Err(error),
        };
        self.place = Some(place.map_err(|source| ReadError { path, source })?);
        Ok(Step::Again)
    }

    /// Where the next record of a segment is, or a little before it.
    fn place_in(
        &self,
        segment: &Arc<Segment>,
        file: Box<dyn OpenFile>,
        state: &State,
    ) -> io::Result<Place> {
        let mut scan = Scan::new(segment.identity, self.chunk_bytes);
        if self.passes_over {
            scan.pass_over_unreadable();
        }
        if self.next > segment.base {
            let index = if state.has_footer {
                match index_of(segment, &*file, state) {
                    Err(error) if self.passes_over && is_broken(&error) => Vec::new(),
                    index => index?,
                }
            } else {
                state.index.clone()
            };
            let is_before = |it: &IndexEntry| {
                segment.base + u64::from(it.ordinal) <= self.next
                    && u64::from(it.position) < state.readable
            };
            let behind = index.partition_point(is_before);
            if let Some(entry) = behind.checked_sub(1).and_then(|it| index.get(it)) {
                scan.go_to(*entry);
            }
        }
        Ok(Place {
            segment: Arc::clone(segment),
            file,
            scan,
            limit: state.readable,
        })
    }

    fn pass_over_segment(&mut self, segment: &Segment, state: &State) -> Step {
        let damage = Damage {
            kind: DamageKind::Records,
            segment: segment.base,
            bytes: 0..state.size_bytes,
            offsets: self.next.max(segment.base)..state.end,
            given: Given::All,
        };
        self.found(segment, &damage);
        self.next = self.next.max(state.end);
        Step::Damaged(damage)
    }
}

/// The index out of a footer. Without it the segment is read from its beginning.
fn index_of(segment: &Segment, file: &dyn OpenFile, state: &State) -> io::Result<Vec<IndexEntry>> {
    let longest = Footer::bytes_max(state.readable);
    let mut bytes = vec![0; usize::try_from(longest).unwrap_or(0)];
    let length = read_full_at(file, &mut bytes, state.readable)?;
    let footer = Footer::decode(&bytes[..length], &segment.identity, state.readable);
    Ok(footer.map(|it| it.index).unwrap_or_default())
}
