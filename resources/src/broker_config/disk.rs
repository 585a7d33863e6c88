//! `disk`: the bounds of a channel on disk.

use std::num::NonZeroU64;

use crate::codes;
use crate::text::quoted;
use crate::yaml::{Field, Value};

/// Bounds of a channel on disk. That each batch is synced before any of it is acknowledged
/// (`fsync: batch`) is no choice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DiskConfig {
    /// `bufferBytes`: events held in memory, of those that are not settled. Default 64 MiB.
    pub buffer_bytes: NonZeroU64,
    /// `reserveBytes`: kept aside so that a full disk drains. Default 64 MiB.
    pub reserve_bytes: u64,
    /// `minFreeBytes`: below it no events are taken. Default 512 MiB.
    pub free_bytes_min: u64,
    /// `minFreePercent`: of the file system, below it no events are taken; 0 to 50. Default 5.
    pub free_percent_min: u8,
    /// `segmentBytes`: a file of the log of events. Default 64 MiB.
    pub segment_bytes: NonZeroU64,
}

impl Default for DiskConfig {
    fn default() -> Self {
        const BYTES: NonZeroU64 = NonZeroU64::new(64 << 20).expect("not zero");
        DiskConfig {
            buffer_bytes: BYTES,
            reserve_bytes: 64 << 20,
            free_bytes_min: 512 << 20,
            free_percent_min: 5,
            segment_bytes: BYTES,
        }
    }
}

const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

/// Words that people know from other programs for less than a sync of each batch.
const LESS: [&str; 6] = ["never", "none", "no", "off", "interval", "os"];

pub(super) fn read_disk(field: &Field<'_>) -> Option<DiskConfig> {
    if matches!(field.node().value, Value::Refused) {
        return None;
    }
    let mut disk = field.mapping()?;
    let default = DiskConfig::default();
    if let Some(field) = disk.field("fsync") {
        check_fsync(&field);
    }
    let mut bytes = |name, range| disk.field(name).and_then(|it| it.quantity(range));
    let buffer_bytes = bytes("bufferBytes", MIB..=64 * GIB);
    let reserve_bytes = bytes("reserveBytes", 0..=64 * GIB);
    let free_bytes_min = bytes("minFreeBytes", 0..=1 << 50);
    let segment_bytes = bytes("segmentBytes", 64 << 10..=GIB);
    let free_percent_min = disk
        .field("minFreePercent")
        .and_then(|it| u8::try_from(it.integer(0..=50)?).ok());
    disk.finish();
    let or = |given: Option<u64>, default| given.and_then(NonZeroU64::new).unwrap_or(default);
    Some(DiskConfig {
        buffer_bytes: or(buffer_bytes, default.buffer_bytes),
        reserve_bytes: reserve_bytes.unwrap_or(default.reserve_bytes),
        free_bytes_min: free_bytes_min.unwrap_or(default.free_bytes_min),
        free_percent_min: free_percent_min.unwrap_or(default.free_percent_min),
        segment_bytes: or(segment_bytes, default.segment_bytes),
    })
}

/// `batch` is all there is: less would acknowledge what a power cut takes, and more is not to be had.
fn check_fsync(field: &Field<'_>) {
    let Some(text) = field.text().filter(|text| *text != "batch") else {
        return;
    };
    let why = match text {
        "always" => {
            "with `batch`, too, nothing is acknowledged before it is synced; one sync serves all \
             who wait"
        }
        text if LESS.contains(&text) => {
            "an acknowledged event would not survive a power cut; use `memory` for events that \
             may be lost"
        }
        _ => "each batch is synced before any of it is acknowledged",
    };
    let message = format!(
        "`{}` must be `batch`; this is {}",
        field.path(),
        quoted(text)
    );
    field.refuse(codes::NOT_ALLOWED, message, why);
}
