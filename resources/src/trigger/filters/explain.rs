//! Filters of the wrong shape, explained with the shape that was probably meant.

use sluicegate_filter::cesql::{Expression, Type};

use crate::text::{listed, nearest, visible};
use crate::trigger::filters::{DIALECTS, Refused};
use crate::yaml::{Entry, Field, Mapping, Value};
use crate::{Diagnostic, codes};

/// `filters` (or `all`, `any`) written as a map.
pub(super) fn refuse_map(field: &Field<'_>, entries: &[Entry]) {
    let name = field.name();
    let mut finding = Diagnostic::error(
        codes::FILTER_SHAPE,
        format!("`{name}` must be a list of dialects; this is a map"),
    )
    .at(field.span());
    if let Some(first) = entries.first() {
        finding = finding
            .at(first.key_span)
            .label("put a dash before each dialect")
            .help(as_list(entries));
    }
    field.findings().report(finding);
}

/// Two dialects in one object.
pub(super) fn refuse_several(field: &Field<'_>, written: &[&str]) {
    let Value::Mapping(entries) = &field.node().value else {
        return;
    };
    let second = entries
        .iter()
        .filter(|entry| written.contains(&entry.key.as_str()))
        .nth(1);
    field.findings().report(
        Diagnostic::error(
            codes::FILTER_SHAPE,
            format!(
                "a filter has one dialect; this has {}",
                listed(written.iter().copied(), "and")
            ),
        )
        .at(second.map_or(field.span(), |entry| entry.key_span))
        .label("put a dash before each dialect")
        .help(as_list(entries)),
    );
}

/// An object that holds none of the dialects.
pub(super) fn refuse_without_dialect(field: &Field<'_>, filter: Mapping<'_>) {
    let keys: Vec<&str> = match &field.node().value {
        Value::Mapping(entries) => entries.iter().map(|entry| entry.key.as_str()).collect(),
        Value::Scalar(_) | Value::Sequence(_) | Value::Refused => Vec::new(),
    };
    if keys.iter().any(|key| nearest(key, DIALECTS).is_some()) {
        filter.finish();
        return;
    }
    let names = listed(DIALECTS.into_iter().take(7), "or");
    field.refuse(
        codes::FILTER_SHAPE,
        format!("a filter needs a dialect: {names}"),
        perhaps_exact(field),
    );
}

/// Somebody who forgets the dialect writes attributes where it belongs.
fn perhaps_exact(field: &Field<'_>) -> String {
    let pairs: Option<Vec<String>> = match &field.node().value {
        Value::Mapping(entries) if !entries.is_empty() => entries.iter().map(pair).collect(),
        Value::Mapping(_) | Value::Scalar(_) | Value::Sequence(_) | Value::Refused => None,
    };
    let pairs = pairs.unwrap_or_else(|| vec!["type: order.paid".to_owned()]);
    format!("  - exact: {{{}}}", pairs.join(", "))
}

/// A text where a filter or a list of them belongs: most likely an expression.
pub(super) fn refuse_word(field: &Field<'_>, expected: &str) -> Result<(), Refused> {
    let Value::Scalar(scalar) = &field.node().value else {
        return Ok(());
    };
    if !scalar.is_string() {
        return Ok(());
    }
    let help = match Expression::parse(&scalar.text).is_ok_and(is_condition) {
        true => format!("  - cesql: |\n      {}", visible(&scalar.text)),
        false => "  - exact: {type: order.paid}".to_owned(),
    };
    field.wrong_type(expected, Some(help));
    Err(Refused)
}

fn is_condition(expression: Expression) -> bool {
    expression.ty() == Some(Type::Boolean)
}

/// A dialect in the older `filter`.
pub(super) fn refuse_in_legacy(field: &Field<'_>, filter: &Mapping<'_>) -> Result<(), Refused> {
    let Some(dialect) = DIALECTS.into_iter().find(|name| filter.contains(name)) else {
        return Ok(());
    };
    field.refuse(
        codes::FILTER_SHAPE,
        format!("`filter` holds `attributes` alone; `{dialect}` belongs under `filters`"),
        format!("  filters:\n    - {dialect}: ..."),
    );
    Err(Refused)
}

/// A dialect right under `spec`.
pub(super) fn refuse_outside(spec: &mut Mapping<'_>) {
    for name in DIALECTS {
        if !spec.contains(name) {
            continue;
        }
        let place = spec
            .field(name)
            .map_or(spec.span(), |field| field.key_span());
        let message = format!("`{}` belongs under `filters`", spec.path_of(name));
        spec.findings().report(
            Diagnostic::error(codes::FILTER_SHAPE, message)
                .at(place)
                .help(format!("  filters:\n    - {name}: ...")),
        );
    }
}

/// A dialect with nothing behind it.
pub(super) fn refuse_null(filter: &Mapping<'_>, name: &str) {
    filter.findings().report(
        Diagnostic::error(
            codes::FILTER_SHAPE,
            format!("`{}` is empty", filter.path_of(name)),
        )
        .at(filter.span())
        .help(format!("give it what it asks for, or remove `{name}`")),
    );
}

/// The entries of a map as the list of dialects that was meant.
fn as_list(entries: &[Entry]) -> String {
    /// Enough to show how; a long filter need not be repeated.
    const SHOWN: usize = 4;
    let mut lines = Vec::new();
    for entry in entries.iter().take(SHOWN) {
        let dialect = visible(&entry.key);
        match &entry.value.value {
            Value::Mapping(pairs) => {
                lines.push(format!("  - {dialect}:"));
                let pairs = pairs.iter().take(SHOWN).filter_map(pair);
                lines.extend(pairs.map(|pair| format!("      {pair}")));
            }
            Value::Scalar(_) => lines.push(format!("  - {dialect}: ...")),
            Value::Sequence(_) | Value::Refused => {
                lines.extend([format!("  - {dialect}:"), "      ...".to_owned()]);
            }
        }
    }
    lines.join("\n")
}

fn pair(entry: &Entry) -> Option<String> {
    match &entry.value.value {
        Value::Scalar(scalar) => Some(format!(
            "{}: {}",
            visible(&entry.key),
            visible(&scalar.text)
        )),
        Value::Sequence(_) | Value::Mapping(_) | Value::Refused => None,
    }
}
