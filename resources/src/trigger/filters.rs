//! `spec.filters`, a list of dialects, and the older `spec.filter`.

use sluicegate_filter::spec::NESTING_MAX;
use sluicegate_filter::{Filter, FilterSpec};

use crate::metadata::no_effect;
use crate::text::{listed, nearest, quoted, visible};
use crate::yaml::{Entry, Field, Mapping, Value};
use crate::{Diagnostic, codes};

/// What one object of a list of filters may hold, exactly one at a time.
const DIALECTS: [&str; 8] = [
    "exact", "prefix", "suffix", "all", "any", "not", "cesql", "sql",
];

/// The filters in effect: `filters` when it is not empty, else `filter`. `None` when something is
/// wrong, which was reported.
pub(super) fn read_filters(spec: &mut Mapping<'_>) -> Option<Vec<FilterSpec>> {
    let legacy_field = spec.field("filter");
    let list_field = spec.field("filters");
    // Both are checked, whichever is in effect.
    let legacy = legacy_field.as_ref().map(read_legacy);
    let list = list_field.as_ref().map(|field| read_list(field, 0));
    let (legacy, list) = (legacy.unwrap_or(Some(None))?, list.unwrap_or(Some(vec![]))?);
    let filters = if list.is_empty() {
        legacy.into_iter().collect()
    } else {
        if let (Some(field), Some(_)) = (&legacy_field, &legacy) {
            no_effect(field, "`filters` is given and takes its place");
        }
        list
    };
    check_as_a_whole(&filters, list_field.or(legacy_field))?;
    Some(filters)
}

/// What only all filters of the trigger together can break, and whatever else the engine that will
/// run them does not take.
fn check_as_a_whole(filters: &[FilterSpec], field: Option<Field<'_>>) -> Option<()> {
    let error = Filter::compile(filters).err();
    if let (Some(error), Some(field)) = (&error, field) {
        field.findings().report(
            Diagnostic::error(
                codes::FILTER_SHAPE,
                format!("`spec.{}`: {}", error.path, error.problem),
            )
            .at(field.key_span())
            .help(&error.remedy),
        );
    }
    error.is_none().then_some(())
}

/// `filter: {attributes: {...}}`, where an empty value means "present".
fn read_legacy(field: &Field<'_>) -> Option<Option<FilterSpec>> {
    let mut filter = field.mapping()?;
    let attributes = filter.field("attributes");
    filter.finish();
    let Some(attributes) = attributes else {
        return Some(None);
    };
    let pairs = read_pairs(&attributes, Empty::Allowed)?;
    Some((!pairs.is_empty()).then_some(FilterSpec::Attributes(pairs)))
}

/// A list of filters; items that hold nothing in effect are left out.
fn read_list(field: &Field<'_>, depth: usize) -> Option<Vec<FilterSpec>> {
    if let Value::Mapping(entries) = &field.node().value {
        refuse_map(field, entries);
        return None;
    }
    let items = field.list()?;
    let read: Vec<Option<Option<FilterSpec>>> =
        items.iter().map(|item| read_filter(item, depth)).collect();
    let filters: Option<Vec<Option<FilterSpec>>> = read.into_iter().collect();
    Some(filters?.into_iter().flatten().collect())
}

/// One filter object with `depth` of `all`, `any` and `not` around it. The outer `None` means
/// refused; the inner that nothing is in effect.
fn read_filter(field: &Field<'_>, depth: usize) -> Option<Option<FilterSpec>> {
    if depth > NESTING_MAX {
        field.refuse(
            codes::FILTER_SHAPE,
            format!("filters nest deeper than {NESTING_MAX} levels"),
            "write it flatter: `all` in `all` and `any` in `any` can be one list",
        );
        return None;
    }
    let mut filter = field.mapping()?;
    filter.ignore(&DIALECTS);
    let written: Vec<&'static str> = DIALECTS
        .into_iter()
        .filter(|name| filter.contains(name))
        .collect();
    match written[..] {
        [] => {
            refuse_without_dialect(field, filter);
            None
        }
        [name] => {
            let dialect = filter.field(name);
            if dialect.is_none() {
                refuse_null(&filter, name);
            }
            filter.finish();
            read_dialect(name, &dialect?, depth)
        }
        _ => {
            refuse_several(field, &written);
            filter.finish();
            None
        }
    }
}

fn read_dialect(name: &str, field: &Field<'_>, depth: usize) -> Option<Option<FilterSpec>> {
    let filter = match name {
        "exact" => FilterSpec::Exact(read_pairs(field, Empty::Refused)?),
        "prefix" => FilterSpec::Prefix(read_pairs(field, Empty::Refused)?),
        "suffix" => FilterSpec::Suffix(read_pairs(field, Empty::Refused)?),
        "all" => FilterSpec::All(read_nested(field, depth)?),
        "any" => FilterSpec::Any(read_nested(field, depth)?),
        "not" => return read_not(field, depth),
        _ => return read_cesql(field),
    };
    Some(Some(filter))
}

fn read_nested(field: &Field<'_>, depth: usize) -> Option<Vec<FilterSpec>> {
    let filters = read_list(field, depth + 1)?;
    if filters.is_empty() {
        field.refuse(
            codes::FILTER_SHAPE,
            format!("`{}` must hold at least one filter", field.path()),
            format!("  - {}:\n      - exact: {{type: order.paid}}", field.name()),
        );
        return None;
    }
    Some(filters)
}

fn read_not(field: &Field<'_>, depth: usize) -> Option<Option<FilterSpec>> {
    if let Value::Sequence(items) = &field.node().value {
        field.refuse(
            codes::FILTER_SHAPE,
            format!("`{}` must be one filter; this is a list", field.name()),
            if items.len() == 1 {
                "remove the dash:\n  - not:\n      exact: {type: order.paid}"
            } else {
                "join them:\n  - not:\n      any:\n        - exact: {type: order.paid}"
            },
        );
        return None;
    }
    let filter = read_filter(field, depth + 1)?;
    Some(filter.map(|filter| FilterSpec::Not(Box::new(filter))))
}

fn read_cesql(field: &Field<'_>) -> Option<Option<FilterSpec>> {
    let text = field.string()?;
    // As Knative has it: an empty expression is no filter.
    if text.trim().is_empty() {
        return Some(None);
    }
    field.findings().report(
        Diagnostic::error(
            codes::CESQL,
            format!("the dialect `{}` is not in this version yet", field.name()),
        )
        .at(field.key_span())
        .help("use exact, prefix, suffix, all, any and not"),
    );
    None
}

/// Whether an empty value has a meaning.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Empty {
    /// The legacy filter: the attribute is present.
    Allowed,
    /// The dialects.
    Refused,
}

/// A map from attribute names to the text wanted.
fn read_pairs(field: &Field<'_>, empty: Empty) -> Option<Vec<(String, String)>> {
    let mapping = field.mapping()?;
    let read: Vec<Option<(String, String)>> = mapping
        .into_fields()
        .map(|(name, value)| {
            let is_name = check_name(name, &value);
            let text = match empty {
                Empty::Allowed => value.string(),
                Empty::Refused => read_wanted(&value),
            };
            is_name.then_some((name.to_owned(), text?.to_owned()))
        })
        .collect();
    if read.is_empty() && empty == Empty::Refused {
        field.refuse(
            codes::FILTER_SHAPE,
            format!("`{}` must hold at least one attribute", field.path()),
            format!("  - {}: {{type: order.paid}}", field.name()),
        );
        return None;
    }
    read.into_iter().collect()
}

fn read_wanted<'a>(value: &Field<'a>) -> Option<&'a str> {
    let text = value.string()?;
    if text.is_empty() {
        value.refuse(
            codes::FILTER_SHAPE,
            format!("`{}` must not be empty", value.path()),
            "to ask only whether the attribute is present, use   filter: {attributes: {NAME: \"\"}}",
        );
        return None;
    }
    Some(text)
}

/// Names of attributes as Knative takes them: `^[a-z][a-z0-9]*$`. CloudEvents also allows a digit
/// first, but such a filter would be refused in a cluster.
fn check_name(name: &str, value: &Field<'_>) -> bool {
    let is_inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let shown = quoted(name);
    let message = if name.is_empty() {
        "an attribute name must not be empty".to_owned()
    } else if name == "data" {
        format!("{shown} is not an attribute: filters see attributes only, never the data")
    } else if !name.chars().all(is_inner) {
        let carried: String = name
            .chars()
            .map(|c| c.to_ascii_lowercase())
            .filter(|c| is_inner(*c))
            .collect();
        let carried = match carried.as_str() {
            "" => "no such attribute".to_owned(),
            carried => format!("{} or nothing", quoted(carried)),
        };
        format!(
            "{shown} is not a CloudEvents attribute name: only a-z and 0-9. The event will carry {carried}; this filter can never match"
        )
    } else if name.starts_with(|c: char| c.is_ascii_digit()) {
        format!("{shown} begins with a digit, which Knative does not take in a filter")
    } else {
        return true;
    };
    value
        .findings()
        .report(Diagnostic::error(codes::ATTRIBUTE_NAME, message).at(value.key_span()));
    false
}

/// `filters` (or `all`, `any`) written as a map.
fn refuse_map(field: &Field<'_>, entries: &[Entry]) {
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
fn refuse_several(field: &Field<'_>, written: &[&str]) {
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

fn refuse_without_dialect(field: &Field<'_>, filter: Mapping<'_>) {
    let keys: Vec<&str> = match &field.node().value {
        Value::Mapping(entries) => entries.iter().map(|entry| entry.key.as_str()).collect(),
        Value::Scalar(_) | Value::Sequence(_) | Value::Refused => Vec::new(),
    };
    if keys.iter().any(|key| nearest(key, DIALECTS).is_some()) {
        filter.finish();
        return;
    }
    let names = listed(DIALECTS.into_iter().take(6), "or");
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

fn refuse_null(filter: &Mapping<'_>, name: &str) {
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
        lines.push(format!("  - {}:", visible(&entry.key)));
        match &entry.value.value {
            Value::Mapping(pairs) => {
                let pairs = pairs.iter().take(SHOWN).filter_map(pair);
                lines.extend(pairs.map(|pair| format!("      {pair}")));
            }
            Value::Scalar(_) | Value::Sequence(_) | Value::Refused => {
                lines.push("      ...".into())
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
