//! Operations in words.

use crate::api::{Operation, OperationKind, OperationState};
use crate::cli::table::count;
use crate::logging::visible;

/// How much of a list of names is shown.
const NAMES_BYTES_MAX: usize = 200;

/// What was done, or in a dry run would be.
fn done(operation: &Operation) -> &'static str {
    match (operation.kind, operation.conduct.dry_run) {
        (OperationKind::Redrive, false) => "redriven",
        (OperationKind::Redrive, true) => "would be redriven",
        (OperationKind::Discard, false) => "discarded",
        (OperationKind::Discard, true) => "would be discarded",
        (OperationKind::Replay, false) => "handed out again",
        (OperationKind::Replay, true) => "would be handed out again",
        (OperationKind::Unknown, _) => "done",
    }
}

fn counts(operation: &Operation) -> String {
    let progress = &operation.progress;
    let mut words = format!("{} {}", count(progress.done), done(operation));
    for (number, what) in [
        (progress.skipped, "skipped"),
        (progress.unfinished, "not finished anyway"),
        (progress.gone, "gone"),
    ] {
        if number > 0 {
            words.push_str(&format!("   {} {what}", count(number)));
        }
    }
    words
}

/// The line in the end: `912 redriven   3 skipped   of dead letters of shop/billing`.
pub(super) fn outcome(operation: &Operation) -> String {
    let state = match operation.state {
        OperationState::Done => "",
        OperationState::Running | OperationState::Unknown => "   still running",
        OperationState::Cancelled => "   cancelled",
        OperationState::Failed => "   failed",
    };
    let what = visible(&operation.what, 1_024);
    format!("{}{state}   {what}", counts(operation))
}

/// The line while it runs.
pub(super) fn progress(operation: &Operation) -> String {
    let progress = &operation.progress;
    let left = match progress.left {
        Some(left) => format!("   {} left to look at", count(left)),
        None => format!("   {} looked at", count(progress.looked_at)),
    };
    let held_up = match &*progress.held_up_by {
        [] => String::new(),
        names => {
            let names = names.join(", ");
            format!("   waits for {}", visible(&names, NAMES_BYTES_MAX))
        }
    };
    format!("{}{left}{held_up}   (Ctrl-C cancels)", counts(operation))
}

/// What else is worth saying in the end. `last` is where a replay was to end.
pub(super) fn remarks(operation: &Operation, last: Option<&str>) -> Vec<String> {
    let mut remarks = Vec::new();
    let progress = &operation.progress;
    if progress.undecided > 0 {
        remarks.push(format!(
            "the expression of --match failed on {} of those skipped",
            count(progress.undecided)
        ));
    }
    // One that is done has met its limit there.
    if let Some(reached) = &progress.reached
        && !operation.conduct.dry_run
    {
        let reached = visible(reached, 64);
        let last = last.unwrap_or_default();
        remarks.push(format!(
            "everything before position {reached} is dealt with: --position {reached}..{last} does the \
             rest"
        ));
    }
    if operation.kind == OperationKind::Replay && progress.looked_at == 0 {
        remarks.push(
            "the broker retains no such event; one in memory keeps events only while somebody \
             waits for them"
                .to_owned(),
        );
    }
    if operation.conduct.dry_run {
        remarks.push("nothing was done: that was a dry run".to_owned());
    }
    remarks
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn operation(state: &str, progress: serde_json::Value) -> Operation {
        let operation = json!({"id": "01K", "kind": "replay", "what": "events of shop/orders",
            "conduct": {"dryRun": false}, "state": state, "startedAt": "2026-01-05T12:01:07.402Z",
            "progress": progress});
        serde_json::from_value(operation).unwrap()
    }

    #[test]
    fn an_operation_is_told_by_its_counts() {
        let counts = json!({"lookedAt": 2000, "done": 1024, "skipped": 3, "undecided": 2,
            "unfinished": 0, "gone": 1, "reached": "17", "heldUpBy": ["shop/a"]});
        let cancelled = operation("cancelled", counts.clone());
        assert_eq!(
            outcome(&cancelled),
            "1,024 handed out again   3 skipped   1 gone   cancelled   events of shop/orders"
        );
        assert_eq!(
            remarks(&cancelled, None),
            [
                "the expression of --match failed on 2 of those skipped",
                "everything before position 17 is dealt with: --position 17.. does the rest",
            ]
        );
        let mut limited = operation("done", counts.clone());
        assert_eq!(
            remarks(&limited, Some("20"))[1],
            "everything before position 17 is dealt with: --position 17..20 does the rest"
        );
        limited.conduct.dry_run = true;
        assert_eq!(
            remarks(&limited, None)[1],
            "nothing was done: that was a dry run"
        );
        assert_eq!(
            progress(&operation("running", counts)),
            "1,024 handed out again   3 skipped   1 gone   2,000 looked at   waits for shop/a   \
             (Ctrl-C cancels)"
        );
    }

    #[test]
    fn a_dry_run_and_an_empty_store_are_said_to_be_that() {
        let none = json!({"lookedAt": 0, "done": 0, "skipped": 0, "undecided": 0, "unfinished": 0,
            "gone": 0});
        let mut empty = operation("done", none);
        empty.conduct.dry_run = true;
        assert_eq!(
            outcome(&empty),
            "0 would be handed out again   events of shop/orders"
        );
        let said = remarks(&empty, None);
        assert!(
            said[0].starts_with("the broker retains no such event"),
            "{said:?}"
        );
        assert_eq!(said[1], "nothing was done: that was a dry run");
    }
}
