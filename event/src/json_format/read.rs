use bytes::Bytes;

use crate::envelope::Event;
use crate::error::DecodeError;
use crate::limits::Limits;

pub(crate) fn event(_: &Bytes, _: &Limits) -> Result<Event, DecodeError> {
    unimplemented!()
}

pub(crate) fn batch(_: &Bytes, _: &Limits) -> Result<Vec<Event>, DecodeError> {
    unimplemented!()
}
