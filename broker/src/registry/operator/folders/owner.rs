//! Whose a folder is, as a file in it says.

use std::fmt;

use serde::{Deserialize, Serialize};
use sluicegate_resources::Metadata;

/// Whose a folder is.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Owner {
    pub(super) namespace: String,
    pub(super) name: String,
    /// Where something gives brokers uids: one that is made again is another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    uid: Option<String>,
    /// Over the others, so that damage is not taken for another broker.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    checksum: Option<String>,
}

impl Owner {
    pub(super) fn of(broker: &Metadata) -> Self {
        let owner = Owner {
            namespace: broker.name.namespace.clone(),
            name: broker.name.name.clone(),
            uid: broker.uid.clone(),
            checksum: None,
        };
        Owner {
            checksum: Some(owner.sum()),
            ..owner
        }
    }

    /// What stands in the file; else why it cannot be what was written.
    pub(super) fn read(text: &[u8]) -> Result<Self, String> {
        let owner: Owner = serde_json::from_slice(text).map_err(|it| it.to_string())?;
        match &owner.checksum {
            Some(checksum) if *checksum != owner.sum() => Err(format!(
                "its checksum is {checksum}, and would be {}",
                owner.sum()
            )),
            Some(_) | None => Ok(owner),
        }
    }

    /// What is written into the file.
    pub(super) fn text(&self) -> Vec<u8> {
        serde_json::to_vec_pretty(self).expect("names are text")
    }

    /// A uid that is not known on either side proves nothing.
    pub(super) fn is(&self, other: &Owner) -> bool {
        let is_other_uid = self.uid.is_some() && other.uid.is_some() && self.uid != other.uid;
        self.namespace == other.namespace && self.name == other.name && !is_other_uid
    }

    /// FNV-1a, which no single changed byte leaves as it was.
    fn sum(&self) -> String {
        let parts = [
            &*self.namespace,
            &*self.name,
            self.uid.as_deref().unwrap_or_default(),
        ];
        let bytes = parts.iter().flat_map(|part| part.bytes().chain([0]));
        let sum = bytes.fold(0x811c_9dc5_u32, |sum, byte| {
            (sum ^ u32::from(byte)).wrapping_mul(0x0100_0193)
        });
        format!("{sum:08x}")
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "broker {}/{}", self.namespace, self.name)?;
        match &self.uid {
            Some(uid) => write!(f, " of uid {uid}"),
            None => Ok(()),
        }
    }
}
