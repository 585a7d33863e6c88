//! Filters as tests write them.

use crate::FilterSpec;
use crate::cesql::Expression;

/// The entries of a dialect that names attributes.
pub(crate) fn entries(written: &[(&str, &str)]) -> Vec<(String, String)> {
    written
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

pub(crate) fn legacy(written: &[(&str, &str)]) -> FilterSpec {
    FilterSpec::Attributes(entries(written))
}

pub(crate) fn exact(written: &[(&str, &str)]) -> FilterSpec {
    FilterSpec::Exact(entries(written))
}

pub(crate) fn prefix(written: &[(&str, &str)]) -> FilterSpec {
    FilterSpec::Prefix(entries(written))
}

pub(crate) fn suffix(written: &[(&str, &str)]) -> FilterSpec {
    FilterSpec::Suffix(entries(written))
}

pub(crate) fn cesql(text: &str) -> FilterSpec {
    FilterSpec::Cesql(Expression::parse(text).expect("the expressions of a test are valid"))
}

pub(crate) fn not(spec: FilterSpec) -> FilterSpec {
    FilterSpec::Not(Box::new(spec))
}
