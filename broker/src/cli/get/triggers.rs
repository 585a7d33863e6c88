//! The columns of a trigger.

use super::{ListArgs, Listed, age, condition, list_all};
use crate::api::{self, Delivering, DeliveringState, Trigger};
use crate::cli::console::Console;
use crate::cli::exit::Failure;
use crate::cli::table::count;

impl Listed for Trigger {
    const PLURAL: &'static str = "triggers";
    const COLUMNS: &'static [&'static str] = &[
        "NAMESPACE",
        "NAME",
        "BROKER",
        "FILTER",
        "SUBSCRIBER",
        "READY",
        "DELIVERING",
        "LAG",
        "OK",
        "DEAD",
    ];
    const MORE_COLUMNS: &'static [&'static str] = &[
        "ACCEPTED",
        "REPLAYED",
        "FILTERED",
        "FILTER ERRORS",
        "DELIVERED",
        "DEAD-LETTERED",
        "PARKED",
        "CANCELLED",
        "EXPIRED",
        "DISCARDED",
        "PENDING",
        "WAITING",
        "DEFERRED",
        "IN FLIGHT",
        "OLDEST",
        "REASON",
    ];

    fn name(&self) -> (&str, &str) {
        (&self.namespace, &self.name)
    }

    fn cells(&self) -> Vec<String> {
        vec![
            self.namespace.clone(),
            self.name.clone(),
            known(&self.broker),
            filter(&known(&self.filter), self.filter_errors),
            known(self.subscriber_uri.as_ref().unwrap_or(&self.subscriber)),
            condition(self.ready),
            delivering(&self.delivering),
            count(self.lag),
            count(self.books.delivered),
            // Both are dead: one sort is with the sink, the other still here.
            count(self.books.dead_lettered.saturating_add(self.books.parked)),
        ]
    }

    fn more_cells(&self) -> Vec<String> {
        let books = &self.books;
        let numbers = [
            books.accepted,
            books.replayed,
            books.filtered,
            self.filter_errors,
            books.delivered,
            books.dead_lettered,
            books.parked,
            books.cancelled,
            books.expired,
            books.discarded,
            books.pending,
            self.waiting,
            self.deferred,
            self.in_flight,
        ];
        let mut cells: Vec<String> = numbers.into_iter().map(count).collect();
        cells.push(age(self.oldest_waiting_seconds));
        cells.push(self.reason.clone().unwrap_or_else(|| "-".to_owned()));
        cells
    }

    fn when_none() -> &'static str {
        "Write one with `sluicegate new trigger NAME --type TYPE --to URL`"
    }
}

/// Of a trigger without a valid manifest not all is known.
fn known(text: &str) -> String {
    match text {
        "" => "-".to_owned(),
        text => text.to_owned(),
    }
}

/// A filter that failed says so where it stands: nothing else tells why nothing arrives.
fn filter(words: &str, errors: u64) -> String {
    match errors {
        0 => words.to_owned(),
        errors => format!("{words} ({} failed)", count(errors)),
    }
}

/// `yes`, `NO: 503`, `NO: timeout, probing`, `paused`, …: what is wrong stands out.
fn delivering(delivering: &Delivering) -> String {
    let word = match delivering.state {
        DeliveringState::Yes => "yes",
        DeliveringState::No => "NO",
        DeliveringState::Paused => "paused",
        DeliveringState::Idle => "idle",
        DeliveringState::Unknown => "unknown",
    };
    let probing = match delivering.reason {
        Some(_) => ", probing",
        None => "",
    };
    match &delivering.detail {
        Some(detail) => format!("{word}: {detail}{probing}"),
        None => word.to_owned(),
    }
}

/// Lists triggers.
pub(super) async fn list(args: &ListArgs, console: &mut Console) -> Result<(), Failure> {
    list_all::<Trigger>(api::TRIGGERS, args, console).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_keeps_a_trigger_from_delivering_is_told_in_its_cell() {
        let cell = |state, reason: Option<&str>, detail: Option<&str>| {
            delivering(&Delivering {
                state,
                reason: reason.map(str::to_owned),
                detail: detail.map(str::to_owned),
            })
        };
        let refusing = Some("SubscriberRefusing");
        assert_eq!(cell(DeliveringState::Yes, None, None), "yes");
        assert_eq!(cell(DeliveringState::No, None, Some("503")), "NO: 503");
        assert_eq!(
            cell(DeliveringState::No, refusing, Some("timeout")),
            "NO: timeout, probing"
        );
    }
}
