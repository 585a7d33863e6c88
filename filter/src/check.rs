//! Whether filters can be honoured: the first fault in the order in which they are written.
//!
//! Bounds come first: nothing looks further into a filter than its depth and size allow, so
//! whatever passes may be compiled by a plain recursion.

use std::fmt::Write as _;

use crate::spec::{FilterError, FilterSpec, NESTING_MAX, NODES_MAX};

/// Checks the filters of one trigger.
pub(crate) fn check(specs: &[FilterSpec]) -> Result<(), FilterError> {
    let mut checker = Checker {
        path: Vec::new(),
        nodes: 0,
    };
    for (index, spec) in specs.iter().enumerate() {
        // `filter.attributes` has a place of its own beside the list.
        let root = match spec {
            FilterSpec::Attributes(_) => Segment::Key("filter"),
            FilterSpec::Exact(_)
            | FilterSpec::Prefix(_)
            | FilterSpec::Suffix(_)
            | FilterSpec::All(_)
            | FilterSpec::Any(_)
            | FilterSpec::Not(_)
            | FilterSpec::Cesql(_) => Segment::Member("filters", index),
        };
        checker.path.push(root);
        checker.filter(spec, 0)?;
        checker.path.pop();
    }
    Ok(())
}

/// A step of the way from the trigger's `spec` to where the checker stands.
#[derive(Clone, Copy)]
enum Segment<'a> {
    Key(&'a str),
    Member(&'a str, usize),
}

struct Checker<'a> {
    path: Vec<Segment<'a>>,
    nodes: usize,
}

impl<'a> Checker<'a> {
    /// `depth` counts the `all`, `any` and `not` around `spec`.
    fn filter(&mut self, spec: &'a FilterSpec, depth: usize) -> Result<(), FilterError> {
        self.count()?;
        match spec {
            FilterSpec::Attributes(entries) => self.conditions(spec, entries),
            FilterSpec::Exact(entries)
            | FilterSpec::Prefix(entries)
            | FilterSpec::Suffix(entries) => {
                if entries.is_empty() {
                    return Err(self.in_key(spec.dialect()).fault(
                        format!("`{}` names no attribute", spec.dialect()),
                        "give it at least one attribute with a value; a trigger that wants \
                         every event has no filter at all",
                    ));
                }
                self.conditions(spec, entries)
            }
            FilterSpec::All(children) | FilterSpec::Any(children) => {
                self.nested(spec.dialect(), children, depth)
            }
            FilterSpec::Not(child) => {
                self.refuse_past(depth + 1)?;
                self.path.push(Segment::Key("not"));
                self.filter(child, depth + 1)?;
                self.path.pop();
                Ok(())
            }
            FilterSpec::Cesql(expression) => expression.check_condition().map_err(|error| {
                self.in_key(spec.dialect())
                    .fault(error.problem, &error.remedy)
            }),
        }
    }

    fn nested(
        &mut self,
        dialect: &'static str,
        children: &'a [FilterSpec],
        depth: usize,
    ) -> Result<(), FilterError> {
        self.refuse_past(depth + 1)?;
        if children.is_empty() {
            return Err(self.in_key(dialect).fault(
                format!("`{dialect}` holds no filter"),
                "put at least one filter into its list",
            ));
        }
        for (index, child) in children.iter().enumerate() {
            self.path.push(Segment::Member(dialect, index));
            self.filter(child, depth + 1)?;
            self.path.pop();
        }
        Ok(())
    }

    fn conditions(
        &mut self,
        spec: &'a FilterSpec,
        entries: &'a [(String, String)],
    ) -> Result<(), FilterError> {
        self.path.push(Segment::Key(spec.dialect()));
        let may_be_empty = matches!(spec, FilterSpec::Attributes(_));
        for (name, value) in entries {
            self.count()?;
            if name.is_empty() {
                return Err(self.fault(
                    "an attribute name is empty",
                    "name the attribute to compare, such as `type`",
                ));
            }
            self.path.push(Segment::Key(name));
            if !is_name(name) {
                return Err(self.fault(
                    format!("{name:?} is not an attribute name: no event can carry it"),
                    "use lower-case letters and digits, beginning with a letter",
                ));
            }
            if value.is_empty() && !may_be_empty {
                return Err(self.fault(
                    format!("the value of `{name}` is empty"),
                    "give the text to compare with; only `filter.attributes` takes an empty \
                     value, for an attribute that need only be present",
                ));
            }
            self.path.pop();
        }
        self.path.pop();
        Ok(())
    }

    fn refuse_past(&self, depth: usize) -> Result<(), FilterError> {
        if depth <= NESTING_MAX {
            return Ok(());
        }
        Err(self.fault(
            format!("filters nest deeper than {NESTING_MAX}"),
            "flatten them: an `all` directly within an `all`, or an `any` within an `any`, can \
             be written as one list, and a `not` of a `not` left out",
        ))
    }

    fn count(&mut self) -> Result<(), FilterError> {
        self.nodes += 1;
        if self.nodes <= NODES_MAX {
            return Ok(());
        }
        Err(self.fault(
            format!("more than {NODES_MAX} filters and conditions in one trigger"),
            "divide them among several triggers with the same subscriber",
        ))
    }

    fn in_key(&mut self, key: &'static str) -> &Self {
        self.path.push(Segment::Key(key));
        self
    }

    fn fault(&self, problem: impl Into<String>, remedy: &str) -> FilterError {
        let mut path = String::new();
        for segment in &self.path {
            if !path.is_empty() {
                path.push('.');
            }
            match segment {
                Segment::Key(key) => path.push_str(key),
                Segment::Member(key, index) => {
                    write!(path, "{key}[{index}]").expect("writing into a String cannot fail");
                }
            }
        }
        FilterError {
            path,
            problem: problem.into(),
            remedy: remedy.to_owned(),
        }
    }
}

/// Knative's rule, which is narrower than that of CloudEvents: no digit in front.
fn is_name(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_lowercase())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
}

#[cfg(test)]
mod tests;
