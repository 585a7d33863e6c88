//! From a `tracing` event to a line in the writer's queue.

use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

use super::record::{Record, Style};
use super::writer::Writer;

/// Renders each event and hands it to the writer.
#[derive(Debug)]
pub(super) struct LogLayer {
    writer: Writer,
    style: Style,
}

impl LogLayer {
    pub(super) fn new(writer: Writer, style: Style) -> Self {
        LogLayer { writer, style }
    }
}

impl<S: Subscriber> Layer<S> for LogLayer {
    fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
        let mut record = Record::new(event.metadata());
        event.record(&mut record);
        self.writer
            .put(record.render(jiff::Timestamp::now(), self.style));
    }
}
