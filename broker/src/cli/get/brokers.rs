//! The columns of a broker.

use super::{ListArgs, Listed, age, condition, list_all};
use crate::api::{self, Broker};
use crate::cli::console::Console;
use crate::cli::exit::Failure;
use crate::cli::table::count;

impl Listed for Broker {
    const PLURAL: &'static str = "brokers";
    const COLUMNS: &'static [&'static str] = &[
        "NAMESPACE",
        "NAME",
        "READY",
        "CHANNEL",
        "TRIGGERS",
        "EVENTS",
        "BYTES",
        "OLDEST",
        "URL",
    ];
    const MORE_COLUMNS: &'static [&'static str] = &[
        "MAX EVENTS",
        "MAX BYTES",
        "DURABILITY",
        "ON DISK",
        "FREE",
        "LOST",
        "RETAINED",
        "REASON",
    ];

    fn name(&self) -> (&str, &str) {
        (&self.namespace, &self.name)
    }

    fn cells(&self) -> Vec<String> {
        vec![
            self.namespace.clone(),
            self.name.clone(),
            condition(self.ready),
            self.channel.clone(),
            count(self.triggers),
            count(self.events),
            count(self.bytes),
            age(self.oldest_age_seconds),
            self.url.clone(),
        ]
    }

    fn more_cells(&self) -> Vec<String> {
        let bound = |max: Option<u64>| max.map_or_else(|| "-".to_owned(), count);
        let disk = self.disk.as_ref();
        vec![
            bound(self.events_max),
            bound(self.bytes_max),
            self.durability.clone(),
            bound(disk.map(|it| it.stored_bytes)),
            bound(disk.map(|it| it.free_bytes)),
            disk.map_or_else(|| "-".to_owned(), |it| it.lost().to_string()),
            age(disk.and_then(|it| it.oldest_retained_age_seconds)),
            self.reason.clone().unwrap_or_else(|| "-".to_owned()),
        ]
    }

    fn when_none() -> &'static str {
        "Write one with `sluicegate new broker NAME`"
    }
}

/// Lists brokers.
pub(super) async fn list(args: &ListArgs, console: &mut Console) -> Result<(), Failure> {
    list_all::<Broker>(api::BROKERS, args, console).await
}
