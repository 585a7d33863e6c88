//! Reading the data of a structured event.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::value::RawValue;

use super::members::string_text;
use crate::envelope::{Data, Draft, SpecVersion};
use crate::error::{Fault, shown};
use crate::syntax::media_type::ContentType;

/// The attribute by which version 0.3 says that `data` is a base64 string.
pub(super) const ENCODING_OF_V03: &str = "datacontentencoding";

/// The members that hold data, as they were found.
#[derive(Default)]
pub(super) struct RawData<'a> {
    pub(super) value: Option<&'a RawValue>,
    pub(super) base64: Option<&'a RawValue>,
}

/// The data that `raw` means beside the attributes in `draft`.
pub(super) fn read(raw: RawData<'_>, draft: &mut Draft<'_>, body: &Bytes) -> Result<Data, Fault> {
    match (raw.value, raw.base64, draft.spec_version()) {
        (None, None, _) => Ok(Data::Absent),
        (Some(_), Some(_), _) => Err(Fault::new(
            "data",
            "data and data_base64 are given together",
            "send one of them",
        )),
        (None, Some(value), SpecVersion::V10) => decoded("data_base64", value),
        (None, Some(_), SpecVersion::V03) => Err(Fault::new(
            "data_base64",
            "data_base64 is not known in CloudEvents 0.3",
            "send data as a base64 string with datacontentencoding base64, or use 1.0",
        )),
        (Some(value), None, SpecVersion::V03) if draft.has_extension(ENCODING_OF_V03, "base64") => {
            draft.remove_extension(ENCODING_OF_V03);
            decoded("data", value)
        }
        (Some(value), None, _) if draft.content_type().is_none_or(ContentType::is_json) => {
            Ok(Data::Json(body.slice_ref(value.get().as_bytes())))
        }
        (Some(value), None, _) => string(value, draft, body),
    }
}

fn decoded(name: &str, value: &RawValue) -> Result<Data, Fault> {
    let bytes = string_text(value).and_then(|text| STANDARD.decode(&*text).ok());
    match bytes {
        Some(bytes) => Ok(Data::Bytes(bytes.into())),
        None => Err(Fault::new(
            name,
            format!("{name} {} is not a base64 string", shown(value.get())),
            "use the standard alphabet of RFC 4648, with padding and without line breaks",
        )),
    }
}

/// Data of a type that is not JSON: the content of a string.
fn string(value: &RawValue, draft: &Draft<'_>, body: &Bytes) -> Result<Data, Fault> {
    match string_text(value) {
        Some(Cow::Borrowed(text)) => Ok(Data::Bytes(body.slice_ref(text.as_bytes()))),
        Some(Cow::Owned(text)) => Ok(Data::Bytes(text.into())),
        None => {
            let content_type = draft.content_type().map_or("", ContentType::as_str);
            Err(Fault::new(
                "data",
                format!(
                    "data {} is not a JSON string of text, as datacontenttype {} needs",
                    shown(value.get()),
                    shown(content_type)
                ),
                "write data as a JSON string or as data_base64, leave it out when there is none, \
                 or say application/json",
            ))
        }
    }
}
