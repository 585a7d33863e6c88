//! What a reader does about damage: passes over it, and tells of it once.

use std::fmt;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use super::super::report::{Damage, DamageKind, Given};
use super::super::segment::Segment;
use super::{Reader, Step};

type TellOf = dyn Fn(&Path, &Damage) + Send + Sync;

/// Tells of damage in a file.
#[derive(Clone)]
pub(in super::super) struct Tell(pub(super) Arc<TellOf>);

impl fmt::Debug for Tell {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Tell")
    }
}

impl Reader {
    /// Passes over damage, and tells of it unless it lies before what is read, or what was removed
    /// in the meantime only looks like it.
    pub(super) fn damaged(&mut self, bytes: Range<u64>, offsets: Range<u64>) -> Step {
        let Some(place) = &self.place else {
            return Step::Again;
        };
        if place.segment.with(|it| it.is_removed) {
            return self.leave();
        }
        if !offsets.is_empty() && offsets.end <= self.next {
            return Step::Again;
        }
        self.next = self.next.max(offsets.end);
        let damage = Damage {
            kind: DamageKind::Records,
            segment: place.segment.base,
            bytes,
            offsets,
            given: Given::All,
        };
        self.found(&place.segment, &damage);
        Step::Damaged(damage)
    }

    /// Damage that was not known when the log was opened is told of as the rest was then, once, and the
    /// segment is marked for the next opening.
    pub(super) fn found(&self, segment: &Segment, damage: &Damage) {
        if segment.note_damage(damage) && !self.is_opening {
            self.shared.mark_damaged(segment.base);
            if let Some(Tell(tell)) = &self.tell {
                tell(&self.shared.path(segment.base), damage);
            }
        }
    }
}
