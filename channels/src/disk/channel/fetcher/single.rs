//! Single events that are due and not in memory.

use std::sync::Arc;

use tokio::time::Instant;

use super::super::super::log::{Item, Reader};
use super::super::super::patience::Advice;
use super::super::super::state::{Fetch, Fetched};
use super::{Fetcher, NEAR_OFFSETS, TRY_AGAIN_AFTER, Undecoded};
use crate::{Timestamp, telemetry};

impl Fetcher {
    pub(super) fn fetch(&mut self, mut fetches: Vec<Fetch>) {
        fetches.sort_unstable_by_key(|fetch| (fetch.is_kept, fetch.key.offset));
        let mut reader: Option<Reader> = None;
        for mut fetch in fetches {
            let fetched = if fetch.is_kept {
                self.fetch_kept(&mut fetch)
            } else {
                self.fetch_event(&mut reader, &mut fetch)
            };
            match fetched {
                Ok(fetched) => self.shared.apply(|state, _| state.fetched(fetch, fetched)),
                Err(()) => {
                    self.put_off.push(fetch);
                    self.put_off_until = Instant::now() + TRY_AGAIN_AFTER;
                }
            }
        }
    }

    fn fetch_kept(&self, fetch: &mut Fetch) -> Result<Option<Fetched>, ()> {
        let kept = &self.shared.kept;
        let read = kept.event(fetch.key.offset).and_then(|event| {
            let reason = fetch.is_parked.then(|| kept.reason(fetch.key));
            Ok((event, reason.transpose()?.flatten()))
        });
        match read {
            Ok((Some(event), reason)) => Ok(Some(Fetched {
                event: Arc::new(event),
                accepted_at: None,
                reason,
            })),
            Ok((None, _)) => Ok(None),
            Err(error) => {
                telemetry::cannot_read(&error, fetch.key.offset);
                match error.advice(&mut fetch.patience, || kept.device_answers()) {
                    Advice::PassOver => Ok(None),
                    Advice::TryAgain | Advice::GiveUp => Err(()),
                }
            }
        }
    }

    fn fetch_event(
        &self,
        reader: &mut Option<Reader>,
        fetch: &mut Fetch,
    ) -> Result<Option<Fetched>, ()> {
        let offset = fetch.key.offset;
        let is_near = |it: &Reader| (it.position()..it.position() + NEAR_OFFSETS).contains(&offset);
        if !reader.as_ref().is_some_and(is_near) {
            *reader = Some(self.shared.appender().readers().reader(offset));
        }
        let Some(reader) = reader else {
            return Ok(None);
        };
        loop {
            let item = match reader.read() {
                Ok(item) => item,
                Err(error) => {
                    telemetry::cannot_read(&error, offset);
                    let answers = || reader.device_answers();
                    match fetch.patience.failed_on(&error.source, answers) {
                        Advice::PassOver => reader.pass_over(),
                        Advice::TryAgain | Advice::GiveUp => return Err(()),
                    }
                    continue;
                }
            };
            match item {
                Some(Item::Record(record)) if record.offset < offset => {}
                Some(Item::Record(record)) if record.offset == offset => {
                    let accepted_at = Some(Timestamp::from_signed_millis(record.timestamp_ms));
                    return match self.decoded(record.payload, offset) {
                        Ok(event) => Ok(Some(Fetched {
                            event: Arc::new(event),
                            accepted_at,
                            reason: None,
                        })),
                        Err(Undecoded::Lost) => Ok(None),
                        Err(Undecoded::OfALaterVersion) => Err(()),
                    };
                }
                Some(Item::Damaged(damage)) if damage.offsets.end <= offset => {}
                Some(_) | None => return Ok(None),
            }
        }
    }
}
