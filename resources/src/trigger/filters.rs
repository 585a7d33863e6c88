//! `spec.filters`, a list of dialects, and the older `spec.filter`.

use sluicegate_filter::spec::NESTING_MAX;
use sluicegate_filter::{Filter, FilterSpec};

use crate::metadata::no_effect;
use crate::text::quoted;
use crate::yaml::{Field, Mapping, Value};
use crate::{Diagnostic, codes};

mod cesql;
mod explain;

/// Something is wrong and was reported.
struct Refused;

/// A filter, or nothing where what is written has no effect.
type Read = Result<Option<FilterSpec>, Refused>;

/// What one object of a list of filters may hold, exactly one at a time.
const DIALECTS: [&str; 8] = [
    "exact", "prefix", "suffix", "all", "any", "not", "cesql", "sql",
];

/// The filters in effect: `filters` when it is not empty, else `filter`. `None` when something is
/// wrong, which was reported.
pub(super) fn read_filters(spec: &mut Mapping<'_>) -> Option<Vec<FilterSpec>> {
    explain::refuse_outside(spec);
    let legacy_field = spec.field("filter");
    let list_field = spec.field("filters").filter(|field| !is_empty_list(field));
    // Both are checked, whichever is in effect.
    let legacy = legacy_field.as_ref().map_or(Ok(None), read_legacy);
    let list = list_field
        .as_ref()
        .map(|field| read_list(field, 0))
        .transpose();
    let (legacy, list) = (legacy.ok()?, list.ok()?);
    if let (Some(field), Some(_), Some(_)) = (&legacy_field, &legacy, &list) {
        no_effect(field, "`filters` is given and takes its place");
    }
    let filters = list.unwrap_or_else(|| legacy.into_iter().collect());
    check_as_a_whole(&filters, list_field.or(legacy_field)).ok()?;
    Some(filters)
}

fn is_empty_list(field: &Field<'_>) -> bool {
    matches!(&field.node().value, Value::Sequence(items) if items.is_empty())
}

/// What only all filters of the trigger together can break, and whatever else the engine that will
/// run them does not take.
fn check_as_a_whole(filters: &[FilterSpec], field: Option<Field<'_>>) -> Result<(), Refused> {
    let Err(error) = Filter::compile(filters) else {
        return Ok(());
    };
    if let Some(field) = field {
        let message = format!("`spec.{}`: {}", error.path, error.problem);
        field.findings().report(
            Diagnostic::error(codes::FILTER_SHAPE, message)
                .at(field.key_span())
                .help(error.remedy),
        );
    }
    Err(Refused)
}

/// `filter: {attributes: {...}}`, where an empty value means "present".
fn read_legacy(field: &Field<'_>) -> Read {
    let mut filter = field.mapping().ok_or(Refused)?;
    let attributes = filter.field("attributes");
    explain::refuse_in_legacy(field, &filter)?;
    filter.finish();
    let Some(attributes) = attributes else {
        return Ok(None);
    };
    let pairs = read_pairs(&attributes, Empty::Allowed)?;
    warn_of_stars(&attributes);
    Ok((!pairs.is_empty()).then_some(FilterSpec::Attributes(pairs)))
}

/// A list of filters; items that hold nothing in effect are left out.
fn read_list(field: &Field<'_>, depth: usize) -> Result<Vec<FilterSpec>, Refused> {
    if let Value::Mapping(entries) = &field.node().value {
        explain::refuse_map(field, entries);
        return Err(Refused);
    }
    explain::refuse_word(field, "a list of filters")?;
    let items = field.list().ok_or(Refused)?;
    // All are read before the first refusal counts, so that each fault is reported.
    let read: Vec<Read> = items.iter().map(|item| read_filter(item, depth)).collect();
    read.into_iter().filter_map(Result::transpose).collect()
}

/// One filter object with `depth` of `all`, `any` and `not` around it.
fn read_filter(field: &Field<'_>, depth: usize) -> Read {
    if depth > NESTING_MAX {
        field.refuse(
            codes::FILTER_SHAPE,
            format!("filters nest deeper than {NESTING_MAX} levels"),
            "write it flatter: `all` in `all` and `any` in `any` can be one list",
        );
        return Err(Refused);
    }
    explain::refuse_word(field, "a map with one dialect")?;
    let mut filter = field.mapping().ok_or(Refused)?;
    // `sql` is known only to be refused: it is told to nobody who does not write it.
    filter.ignore(DIALECTS.split_last().map_or(&[], |(_, told)| told));
    let is_written = |name: &&'static str| filter.contains(name);
    let written: Vec<&'static str> = DIALECTS.into_iter().filter(is_written).collect();
    match written[..] {
        [] => {
            explain::refuse_without_dialect(field, filter);
            Err(Refused)
        }
        [name] => {
            let dialect = filter.field(name);
            if dialect.is_none() {
                explain::refuse_null(&filter, name);
            }
            filter.finish();
            read_dialect(name, &dialect.ok_or(Refused)?, depth)
        }
        _ => {
            explain::refuse_several(field, &written);
            filter.finish();
            Err(Refused)
        }
    }
}

fn read_dialect(name: &str, field: &Field<'_>, depth: usize) -> Read {
    let filter = match name {
        "exact" => {
            let pairs = read_pairs(field, Empty::Refused)?;
            warn_of_stars(field);
            FilterSpec::Exact(pairs)
        }
        "prefix" => FilterSpec::Prefix(read_pairs(field, Empty::Refused)?),
        "suffix" => FilterSpec::Suffix(read_pairs(field, Empty::Refused)?),
        "all" => FilterSpec::All(read_nested(field, depth)?),
        "any" => FilterSpec::Any(read_nested(field, depth)?),
        "not" => return read_not(field, depth),
        "cesql" => return cesql::read(field),
        _ => {
            cesql::refuse_other_name(field);
            return Err(Refused);
        }
    };
    Ok(Some(filter))
}

fn read_nested(field: &Field<'_>, depth: usize) -> Result<Vec<FilterSpec>, Refused> {
    let filters = read_list(field, depth + 1)?;
    if filters.is_empty() {
        field.refuse(
            codes::FILTER_SHAPE,
            format!("`{}` must hold at least one filter", field.path()),
            format!("  - {}:\n      - exact: {{type: order.paid}}", field.name()),
        );
        return Err(Refused);
    }
    Ok(filters)
}

fn read_not(field: &Field<'_>, depth: usize) -> Read {
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
        return Err(Refused);
    }
    let filter = read_filter(field, depth + 1)?;
    Ok(filter.map(|filter| FilterSpec::Not(Box::new(filter))))
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
fn read_pairs(field: &Field<'_>, empty: Empty) -> Result<Vec<(String, String)>, Refused> {
    let mapping = field.mapping().ok_or(Refused)?;
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
        return Err(Refused);
    }
    let pairs: Option<Vec<(String, String)>> = read.into_iter().collect();
    pairs.ok_or(Refused)
}

/// A star at an end is a letter like any other here, and hardly ever meant as one.
fn warn_of_stars(field: &Field<'_>) {
    let Some(pairs) = field.mapping() else { return };
    for (name, value) in pairs.into_fields() {
        let Some(text) = value.string() else { continue };
        let Some(help) = instead_of_a_star(name, text) else {
            continue;
        };
        let message = format!(
            "`{}` is compared letter by letter: the star in {} is no pattern",
            value.path(),
            quoted(text)
        );
        value.findings().report(
            Diagnostic::warning(codes::STAR_IS_A_LETTER, message)
                .at(value.node().span)
                .help(help),
        );
    }
}

/// What to write where `text` is meant as a pattern; nothing where no end of it is a star.
fn instead_of_a_star(name: &str, text: &str) -> Option<String> {
    let (what, dialect, part) = if text == "*" {
        return Some("to take every value, leave it out".to_owned());
    } else if let Some(start) = text.strip_suffix('*') {
        ("begins so", "prefix", start)
    } else {
        ("ends so", "suffix", text.strip_prefix('*')?)
    };
    let part = quoted(part);
    Some(format!(
        "for every value that {what}, write\n  filters:\n    - {dialect}: {{{name}: {part}}}"
    ))
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
