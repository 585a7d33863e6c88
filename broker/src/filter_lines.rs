//! An explanation as lines, one for each node of its tree. Knows no colour.

use sluicegate_filter::Outcome;
use sluicegate_filter::explain::{Clause, Comparison, Explanation, ExpressionReason, Reason};

use crate::logging::visible;
use crate::reasons;

/// How much of an expression is shown, in bytes.
const EXPRESSION_BYTES_MAX: usize = 400;

/// How many errors of an expression are told.
const ERRORS_MAX: usize = 4;

/// A node of the tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    /// How many nodes stand around it.
    pub(crate) depth: usize,
    /// What it says; None for a remark about the line above.
    pub(crate) outcome: Option<Outcome>,
    /// What is asked.
    pub(crate) text: String,
    /// What was found, where that says more.
    pub(crate) found: String,
    /// Whether the outcome of the whole stems from it.
    pub(crate) has_decided: bool,
    /// Whether it decided alone, of several that could have.
    pub(crate) has_decided_alone: bool,
}

/// What of the tree around a node matters to it.
#[derive(Clone, Copy)]
struct Around {
    depth: usize,
    has_decided: bool,
}

/// The lines of an explanation, in the order in which its filters are written.
pub(crate) fn lines(explanation: &Explanation) -> Vec<Line> {
    let mut lines = Vec::new();
    let around = Around {
        depth: 0,
        has_decided: true,
    };
    if explanation.clauses.is_empty() {
        let all = Decided {
            here: true,
            alone: false,
        };
        lines.push(line(
            around,
            Outcome::Match,
            "no filter: takes every event",
            all,
        ));
    }
    add_clauses(&explanation.clauses, true, around, &mut lines);
    let fails = |clause: &Clause| clause.outcome == Outcome::Error;
    if explanation.outcome == Outcome::NoMatch && explanation.clauses.iter().any(fails) {
        lines.push(remark(
            around,
            "(not counted as a failure: what else is wanted excludes this event, so the expression \
             is not asked)"
                .to_owned(),
        ));
    }
    lines
}

/// Whether a node decided.
#[derive(Clone, Copy)]
struct Decided {
    /// And all above it did.
    here: bool,
    /// And others beside it did not.
    alone: bool,
}

/// What to say of each of `siblings`, of which some decided what stands above them.
fn decided(siblings: &[bool], around: Around) -> Vec<Decided> {
    let is_choice = siblings.contains(&false);
    let each = siblings.iter().map(|decided| Decided {
        here: around.has_decided && *decided,
        alone: around.has_decided && *decided && is_choice,
    });
    each.collect()
}

/// `are_all_wanted` says how the clauses are joined.
fn add_clauses(clauses: &[Clause], are_all_wanted: bool, around: Around, lines: &mut Vec<Line>) {
    let siblings: Vec<bool> = clauses.iter().map(|clause| clause.decided).collect();
    for (clause, decided) in clauses.iter().zip(decided(&siblings, around)) {
        match &clause.reason {
            // Comparisons of one clause are all wanted too: they can stand for it.
            Reason::Comparisons(each) if are_all_wanted || each.len() <= 1 => {
                add_comparisons(clause, each, around, decided, lines);
            }
            Reason::Comparisons(_) | Reason::Clauses(_) | Reason::Expression(_) => {
                add_clause(clause, around, decided, lines);
            }
        }
    }
}

/// Recurses as deep as filters nest, which is bounded.
fn add_clause(clause: &Clause, around: Around, decided: Decided, lines: &mut Vec<Line>) {
    let below = Around {
        depth: around.depth + 1,
        has_decided: decided.here,
    };
    match &clause.reason {
        Reason::Comparisons(comparisons) => {
            lines.push(line(around, clause.outcome, clause.dialect, decided));
            let each = Decided {
                alone: false,
                ..decided
            };
            add_comparisons(clause, comparisons, below, each, lines);
        }
        Reason::Clauses(children) => {
            lines.push(line(around, clause.outcome, clause.dialect, decided));
            add_clauses(children, clause.dialect == "all", below, lines);
        }
        Reason::Expression(reason) => {
            let text = without_line_breaks(reason.expression.text());
            let text = format!("cesql  {}", visible(&text, EXPRESSION_BYTES_MAX));
            lines.push(line(around, clause.outcome, &text, decided));
            lines.extend(
                why(reason)
                    .into_iter()
                    .map(|why| remark(here(around, decided), why)),
            );
        }
    }
}

fn here(around: Around, decided: Decided) -> Around {
    Around {
        has_decided: decided.here,
        ..around
    }
}

/// The comparisons of a clause, which decided what stands above it as `of_clause` says.
fn add_comparisons(
    clause: &Clause,
    comparisons: &[Comparison],
    around: Around,
    of_clause: Decided,
    lines: &mut Vec<Line>,
) {
    if comparisons.is_empty() {
        let text = format!("{} of nothing: takes every event", clause.dialect);
        lines.push(line(around, clause.outcome, &text, of_clause));
    }
    let around = here(around, of_clause);
    let siblings: Vec<bool> = comparisons.iter().map(|it| it.decided).collect();
    for (comparison, decided) in comparisons.iter().zip(decided(&siblings, around)) {
        let outcome = if comparison.holds {
            Outcome::Match
        } else {
            Outcome::NoMatch
        };
        let alone = Decided {
            alone: decided.alone || (decided.here && of_clause.alone),
            ..decided
        };
        let mut line = line(around, outcome, &wanted(clause.dialect, comparison), alone);
        line.found = found(comparison);
        lines.push(line);
    }
}

/// `exact source="/shop"`
fn wanted(dialect: &str, comparison: &Comparison) -> String {
    let name = &comparison.attribute;
    match (dialect, comparison.wanted.as_str()) {
        ("attributes", "") => format!("attributes {name} is there and not empty"),
        (_, wanted) => format!("{dialect} {name}={}", reasons::quoted(wanted)),
    }
}

/// `event has "/sluicegate/cli"`, unless what is wanted says it already.
fn found(comparison: &Comparison) -> String {
    match &comparison.found {
        _ if comparison.holds && comparison.found.as_ref() == Some(&comparison.wanted) => {
            String::new()
        }
        Some(found) => format!("event has {}", reasons::quoted(found)),
        None => format!("event has no {}", comparison.attribute),
    }
}

/// Why an expression says what it says.
fn why(reason: &ExpressionReason) -> Vec<String> {
    let part = reason.expression.part(reason.deciding.span);
    let subject = if part == reason.expression.text() {
        "the expression".to_owned()
    } else {
        visible(part, EXPRESSION_BYTES_MAX).to_string()
    };
    if reason.errors.is_empty() {
        let decided = Some(reasons::decided(reason)).filter(|words| !words.is_empty());
        return decided
            .into_iter()
            .chain(reasons::no_boolean(reason))
            .collect();
    }
    let reads_as = format!(
        "{subject} reads as {}",
        reasons::value(&reason.deciding.value)
    );
    let told = reason.errors.iter().take(ERRORS_MAX);
    let mut told: Vec<String> = told
        .map(|error| {
            let words = reasons::error(reason, error);
            format!("{words} ({}; {reads_as})", error.kind.as_str())
        })
        .collect();
    if let more @ 1.. = reason.errors.len().saturating_sub(ERRORS_MAX) {
        told.push(format!("and {more} more"));
    }
    told
}

fn without_line_breaks(text: &str) -> String {
    text.lines().map(str::trim).collect::<Vec<_>>().join(" ")
}

fn line(around: Around, outcome: Outcome, text: &str, decided: Decided) -> Line {
    Line {
        depth: around.depth,
        outcome: Some(outcome),
        text: text.to_owned(),
        found: String::new(),
        has_decided: decided.here,
        has_decided_alone: decided.alone,
    }
}

fn remark(around: Around, text: String) -> Line {
    Line {
        depth: around.depth,
        outcome: None,
        text,
        found: String::new(),
        has_decided: around.has_decided,
        has_decided_alone: false,
    }
}
