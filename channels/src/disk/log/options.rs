//! How a log is kept.

/// How a log is kept.
#[derive(Clone, Debug)]
pub struct LogOptions {
    /// How long a segment's file is, 8 KiB to 1 GiB; values outside are taken as the nearest.
    /// Default 64 MiB. A batch that does not fit gets a segment as large as it needs.
    pub segment_bytes: u64,
    /// Whether opening reads every segment, to find damage before a reader does. Default false.
    pub reads_all: bool,
    /// Where the salts of segments come from, which nobody who can write a record should know.
    /// Default: seeded by the system.
    pub salts: fastrand::Rng,
}

impl Default for LogOptions {
    fn default() -> Self {
        LogOptions {
            segment_bytes: 64 << 20,
            reads_all: false,
            salts: fastrand::Rng::new(),
        }
    }
}

impl LogOptions {
    /// The same with every value within its bounds.
    pub(super) fn bounded(self) -> Self {
        LogOptions {
            segment_bytes: self.segment_bytes.clamp(8 << 10, 1 << 30) / 8 * 8,
            ..self
        }
    }
}
