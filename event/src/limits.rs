//! How large an event may be. Each limit is configurable; the defaults are the project's promise.

/// Bounds on one event and on a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Data and attributes of one event, in bytes. Default 1 MiB; never below 64 KiB.
    pub event_bytes_max: usize,
    /// Events in a batch. Default 1,000.
    pub batch_events_max: usize,
    /// The body of a batch, in bytes. Default 4 MiB.
    pub batch_bytes_max: usize,
    /// Attributes of one event. Default 64.
    pub attributes_max: usize,
    /// One attribute's value, in bytes of its decoded text. Default 4 KiB.
    pub attribute_bytes_max: usize,
    /// All attribute names and values of one event, in bytes. Default 48 KiB.
    pub attributes_bytes_max: usize,
    /// How deep JSON may nest. Default 64.
    pub json_depth_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            event_bytes_max: 1 << 20,
            batch_events_max: 1_000,
            batch_bytes_max: 4 << 20,
            attributes_max: 64,
            attribute_bytes_max: 4 << 10,
            attributes_bytes_max: 48 << 10,
            json_depth_max: 64,
        }
    }
}

/// What the attributes of a structured event, their names and JSON's own signs may take.
const STRUCTURED_OVERHEAD_BYTES: usize = 64 << 10;

impl Limits {
    /// The body of a structured event, in bytes: it may carry its data in base64, a third longer,
    /// beside its attributes.
    pub(crate) fn structured_bytes_max(&self) -> usize {
        let data = self.event_bytes_max;
        data.saturating_add(data.div_ceil(3))
            .saturating_add(STRUCTURED_OVERHEAD_BYTES)
    }

    /// For events made within the process, whose maker answers for their size.
    pub(crate) const NONE: Limits = Limits {
        event_bytes_max: usize::MAX,
        batch_events_max: usize::MAX,
        batch_bytes_max: usize::MAX,
        attributes_max: usize::MAX,
        attribute_bytes_max: usize::MAX,
        attributes_bytes_max: usize::MAX,
        json_depth_max: usize::MAX,
    };
}
