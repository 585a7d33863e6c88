//! What is stored of a command before it is carried out: where the subscription will stand.
//!
//! This is worked out beside the state, which stays as it is: whoever is answered that the command
//! could not be stored sees nothing of it.

use std::collections::BTreeSet;

use super::super::super::progress::{Exception, Standing};
use super::super::Counts;
use super::super::subscribed::{Subscribed, count_discarded};
use super::{Command, Way, What};
use crate::queues::{REPLAYED_MAX, Why};
use crate::reading::PARTITION;
use crate::{BY_THE_OPERATOR, Position, Replayed};

impl Command {
    /// What is to be stored of the subscription: as if it were carried out now.
    pub(in super::super) fn foresee(
        &mut self,
        standing: &mut Standing,
        subscribed: &Subscribed,
        tail: u64,
        counts: &Counts,
    ) {
        match &mut self.what {
            What::Seek { to, way, .. } => {
                let to = counts.next_from(*to, tail);
                standing.is_idle = false;
                if to >= subscribed.cursor(tail) {
                    *way = Way::On;
                    subscribed.foresee_skip(standing, to, tail, counts);
                } else {
                    *way = Way::Back;
                    subscribed.foresee_return(standing, to, tail, counts);
                }
            }
            What::Replay {
                positions,
                at,
                given,
                replayed,
                ..
            } => {
                (*replayed, *given) = subscribed.to_replay(positions, tail, counts);
                standing.is_idle &= given.is_empty();
                standing.tally.replayed += given.len() as u64;
                let exceptions = given.iter().map(|offset| Exception {
                    offset: *offset,
                    sends: 0,
                    redriven_at_ms: at.signed_millis(),
                });
                standing.exceptions.extend(exceptions);
                standing.exceptions.sort_unstable_by_key(|it| it.offset);
            }
        }
    }
}

impl Subscribed {
    fn foresee_skip(&self, standing: &mut Standing, to: u64, tail: u64, counts: &Counts) {
        let queues = &self.queues;
        let reads_to = self.reads_to(tail);
        let fresh = queues.fresh.iter().take_while(|it| it.offset < to).count();
        let again = queues.again.range(..to).count();
        let unread = self.others_in(counts, &(reads_to..to));
        let discarded = unread + (fresh + again) as u64;
        count_discarded(&mut standing.tally, BY_THE_OPERATOR, discarded);
        let stays = |it: &Exception| it.offset >= to || !queues.again.contains_key(&it.offset);
        standing.exceptions.retain(stays);
        let next = queues.fresh.iter().find(|it| it.offset >= to);
        standing.reads_on_from = next.map_or(reads_to.max(to), |it| it.offset);
    }

    fn foresee_return(&self, standing: &mut Standing, to: u64, tail: u64, counts: &Counts) {
        let done_ahead = self.queues.fresh.front().map_or(0, |first| {
            let ahead = self.done_ahead.range(first.offset..);
            ahead.filter(|at| !self.queues.has(**at)).count()
        });
        let others = self.others_in(counts, &(to..self.cursor(tail)));
        standing.tally.replayed += done_ahead as u64 + others;
        standing.reads_on_from = to;
    }

    /// What comes of replaying these, and which are given.
    pub(super) fn to_replay(
        &self,
        positions: &[Position],
        tail: u64,
        counts: &Counts,
    ) -> (Replayed, BTreeSet<u64>) {
        let mut replayed = Replayed::default();
        let mut given = BTreeSet::new();
        let again = self.queues.again.values();
        let waiting = again.filter(|again| again.why == Why::Redriven).count();
        for position in positions {
            if waiting + given.len() >= REPLAYED_MAX {
                break;
            }
            replayed.dealt_with += 1;
            let offset = position.offset;
            let is_ours = position.partition == PARTITION && counts.has(offset);
            let is_unfinished = offset >= self.reads_to(tail) || self.queues.has(offset);
            if !is_ours {
                replayed.gone += 1;
                replayed.passed_over.push(*position);
            } else if is_unfinished {
                replayed.unfinished += 1;
                replayed.passed_over.push(*position);
            } else if !given.insert(offset) {
                replayed.unfinished += 1;
            }
        }
        replayed.given = given.len() as u64;
        (replayed, given)
    }
}
