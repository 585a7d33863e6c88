//! What a guard says of types and sources alone, for whoever can look at nothing else.

use std::sync::Arc;

use super::{Anchor, Clause, Guard, Wanted};

/// More than so many are not worth telling apart.
const NEEDS_MAX: usize = 128;

const TYPE: &str = "type";
const SOURCE: &str = "source";

/// What an event's type and source must be. Where there are several, one of them must hold.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Need {
    /// The type.
    pub ty: Option<Text>,
    /// The source.
    pub source: Option<Text>,
}

/// What an attribute must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Text {
    /// This.
    Equals(Arc<str>),
    /// Something that begins so.
    StartsWith(Arc<str>),
}

impl Guard {
    /// Of every event that is wanted one of these holds. None where that says nothing.
    pub(crate) fn needs(&self) -> Option<Vec<Need>> {
        let best_of = |attribute: &str| {
            let is_of_it = |clause: &&Clause| clause.anchors.iter().all(|it| it.is_of(attribute));
            self.best(is_of_it)
        };
        let (types, sources) = (best_of(TYPE), best_of(SOURCE));
        match (types, sources) {
            (Some(types), Some(sources)) if types.len() * sources.len() <= NEEDS_MAX => {
                let both = types.iter().flat_map(|ty| {
                    sources.iter().map(|source| Need {
                        ty: ty.ty.clone(),
                        source: source.source.clone(),
                    })
                });
                Some(both.collect())
            }
            (Some(needs), _) | (None, Some(needs)) => Some(needs),
            // One that asks for the one here and for the other there.
            (None, None) => self.best(|clause| {
                let mut anchors = clause.anchors.iter();
                anchors.all(|it| it.is_of(TYPE) || it.is_of(SOURCE))
            }),
        }
    }

    /// The clause among these that is likely to let the fewest events pass.
    fn best(&self, is_meant: impl Fn(&&Clause) -> bool) -> Option<Vec<Need>> {
        let meant = self.clauses.iter().filter(is_meant);
        let few = meant.filter(|clause| clause.anchors.len() <= NEEDS_MAX);
        let best = few.min_by_key(|clause| (!clause.is_by_equality(), clause.anchors.len()))?;
        Some(best.anchors.iter().map(Anchor::need).collect())
    }
}

impl Anchor {
    fn is_of(&self, attribute: &str) -> bool {
        *self.attribute == *attribute
    }

    /// No event lacks its type or its source.
    fn need(&self) -> Need {
        let text = match &self.wanted {
            Wanted::Equals(text) => Text::Equals(Arc::clone(text)),
            Wanted::StartsWith(text) => Text::StartsWith(Arc::clone(text)),
        };
        if self.is_of(TYPE) {
            Need {
                ty: Some(text),
                source: None,
            }
        } else {
            Need {
                ty: None,
                source: Some(text),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cesql::Expression;
    use crate::spec::FilterSpec;

    fn exact(entries: &[(&str, &str)]) -> FilterSpec {
        FilterSpec::Exact(owned(entries))
    }

    fn prefix(entries: &[(&str, &str)]) -> FilterSpec {
        FilterSpec::Prefix(owned(entries))
    }

    fn owned(entries: &[(&str, &str)]) -> Vec<(String, String)> {
        let each = entries.iter();
        each.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    }

    /// Each need as `type|source`, a beginning with `…`.
    fn needs(specs: &[FilterSpec]) -> Option<Vec<String>> {
        let text = |text: &Option<Text>| match text {
            None => String::new(),
            Some(Text::Equals(text)) => text.to_string(),
            Some(Text::StartsWith(text)) => format!("{text}…"),
        };
        let needs = Guard::of(specs).needs()?;
        let each = needs.iter();
        Some(
            each.map(|need| format!("{}|{}", text(&need.ty), text(&need.source)))
                .collect(),
        )
    }

    #[test]
    fn what_types_and_sources_must_be_is_said_and_nothing_else() {
        let cesql = |text: &str| FilterSpec::Cesql(Expression::parse(text).expect("it is one"));
        let any = FilterSpec::Any;
        let type_or_source = || any(vec![exact(&[("type", "a")]), prefix(&[("source", "/s")])]);
        for (specs, expected) in [
            (vec![], None),
            (vec![exact(&[("subject", "x")])], None),
            (
                vec![FilterSpec::Not(Box::new(exact(&[("type", "a")])))],
                None,
            ),
            (vec![exact(&[("type", "a")])], Some(vec!["a|"])),
            (vec![prefix(&[("type", "a.")])], Some(vec!["a.…|"])),
            (
                vec![exact(&[("type", "a"), ("source", "/s"), ("subject", "x")])],
                Some(vec!["a|/s"]),
            ),
            (
                vec![prefix(&[("type", "a")]), exact(&[("type", "ab")])],
                Some(vec!["ab|"]),
            ),
            (
                vec![cesql("type IN ('a', 'b')"), exact(&[("source", "/s")])],
                Some(vec!["a|/s", "b|/s"]),
            ),
            (vec![type_or_source()], Some(vec!["a|", "|/s…"])),
            (
                vec![type_or_source(), exact(&[("source", "/t")])],
                Some(vec!["|/t"]),
            ),
            (
                vec![any(vec![
                    exact(&[("type", "a")]),
                    exact(&[("subject", "x")]),
                ])],
                None,
            ),
        ] {
            let expected = expected.map(|all| all.into_iter().map(str::to_owned).collect());
            assert_eq!(needs(&specs), expected, "{specs:?}");
        }
    }

    #[test]
    fn too_many_are_not_told_apart() {
        let types = |count: usize| {
            let each = (0..count).map(|number| exact(&[("type", &number.to_string())]));
            FilterSpec::Any(each.collect())
        };
        let sources = FilterSpec::Any(vec![exact(&[("source", "/s")]), exact(&[("source", "/t")])]);
        assert_eq!(needs(&[types(NEEDS_MAX)]).map(|it| it.len()), Some(128));
        assert_eq!(needs(&[types(NEEDS_MAX + 1)]), None);
        let some = needs(&[types(64), sources.clone()]);
        assert_eq!(some.map(|it| it.len()), Some(128));
        let of_types = needs(&[types(65), sources.clone()]).expect("some");
        assert_eq!(of_types.len(), 65, "the types alone");
        let of_sources = needs(&[types(NEEDS_MAX + 1), sources]);
        assert_eq!(of_sources, Some(vec!["|/s".to_owned(), "|/t".to_owned()]));
    }
}
