//! Passing over what cannot be read.
//!
//! It is allowed for one read, and even then a block is passed over only if it could not be read, the
//! device did something else, and it could not be read once more: a device that is away, or was for a
//! moment, costs nothing, wherever in the read it goes away or comes back.

use std::io;

use rustix::io::Errno;

use super::super::super::files::{OpenFile, OpenMode, is_broken};
use super::super::super::patience::{Advice, MOMENT, Patience};
use super::super::error::ReadError;
use super::super::scan::Found;
use super::super::segment::Segment;
use super::super::shared::Shared;
use super::{Place, Reader};

impl Reader {
    /// Lets the next read go on behind what cannot be read: blocks that the device cannot read are taken
    /// for damage; if not even the file of a segment can be opened, all of it is. This is for bad
    /// sectors, when trying again has not helped. A device that is away is found out, and the read fails.
    pub fn pass_over(&mut self) {
        self.passes_over = true;
        if let Some(place) = &mut self.place {
            place.scan.pass_over_unreadable();
        }
    }

    pub(super) fn stop_at_unreadable(&mut self) {
        self.passes_over = false;
        if let Some(place) = &mut self.place {
            place.scan.stop_at_unreadable();
        }
    }

    /// Does about a failure what [patience](super::super::super::patience) says, for whoever can do nothing
    /// else meanwhile: waits a moment, so that the next read tries again, or passes over the place.
    ///
    /// # Errors
    ///
    /// The same failure, if there is nothing to be done about it, or the device answers to nothing else
    /// either.
    pub(in super::super::super) fn overcome(
        &mut self,
        error: ReadError,
        patience: &mut Patience,
    ) -> Result<(), ReadError> {
        match patience.failed(&error.source) {
            Advice::TryAgain => self.shared.files.pause(MOMENT),
            Advice::PassOver if self.device_answers() => self.pass_over(),
            Advice::PassOver | Advice::GiveUp => return Err(error),
        }
        Ok(())
    }

    /// Whether the device does anything at all, or is away.
    pub(in super::super::super) fn device_answers(&self) -> bool {
        self.shared.device_answers().is_ok()
    }

    /// Opens the file of a segment; `None` if the device cannot, and that may be passed over.
    pub(super) fn open(&self, segment: &Segment) -> io::Result<Option<Box<dyn OpenFile>>> {
        let path = self.shared.path(segment.base);
        let open = || self.shared.files.open(&path, OpenMode::Read);
        match open() {
            Err(error) if self.passes_over && is_broken(&error) => {}
            opened => return opened.map(Some),
        }
        self.shared.device_answers()?;
        match open() {
            Err(error) if is_broken(&error) => Ok(None),
            opened => opened.map(Some),
        }
    }
}

impl Place {
    /// What is next. Blocks that were passed over for it are broken, and not only away.
    pub(super) fn next(&mut self, shared: &Shared) -> io::Result<Found> {
        let mark = self.scan.mark();
        let found = self.scan.next(&*self.file, self.limit)?;
        if self.scan.unreadable().is_empty() {
            return Ok(found);
        }
        let confirmed = shared.device_answers().and_then(|()| {
            let is_so = self.scan.unreadable().is_so_still(&*self.file)?;
            // It was away, and is there again.
            is_so.then_some(()).ok_or_else(|| Errno::IO.into())
        });
        if let Err(error) = confirmed {
            self.scan.go_back(&mark);
            return Err(error);
        }
        self.scan.forget_unreadable();
        Ok(found)
    }
}
