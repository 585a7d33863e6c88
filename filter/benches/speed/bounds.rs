//! I4: what is costliest, over an event of 64 KiB. Every evaluation stays below 5 ms, and LIKE is
//! linear in the length of the text.

use std::fmt;

use divan::counter::BytesCount;
use divan::{Bencher, black_box};
use sluicegate_event::Event;
use sluicegate_filter::cesql::{EXPRESSION_BYTES_MAX, Expression};
use sluicegate_filter::spec::NODES_MAX;
use sluicegate_filter::{FilterSpec, Outcome};

use crate::{built, compiled, scaled};

const EVENT_BYTES: usize = 64 << 10;

fn decide(bencher: Bencher<'_, '_>, text: &str, event: &Event) {
    let expression = Expression::parse(text).expect("the expression of a bench is valid");
    bencher.bench(|| black_box(&expression).decide(black_box(event)));
}

/// Over half of the text and over all of it, in which each pattern is nearly found everywhere.
#[divan::bench(args = ["%b%", "%aaaaaaab%", "%a_b%", "%a_%a_%b%"], consts = [1, 2])]
fn like<const HALVES: usize>(bencher: Bencher<'_, '_>, pattern: &str) {
    let bytes = scaled(EVENT_BYTES / 2 * HALVES);
    let event = built(Event::builder("1", "/s", "t").attribute("a", &"a".repeat(bytes)));
    let bencher = bencher.counter(BytesCount::new(bytes));
    decide(bencher, &format!("a LIKE '{pattern}'"), &event);
}

/// An expression made to be as much work as is allowed, or as fits into its text.
struct Costly {
    name: &'static str,
    /// What the attributes `a` and `b` are filled with, 64 KiB together; `b` then ends in another
    /// character.
    filling: (&'static str, &'static str),
    /// What is repeated, and what stands between.
    part: &'static str,
    link: &'static str,
    /// What stands around all of it.
    around: (&'static str, &'static str),
}

impl fmt::Display for Costly {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

const fn conditions(name: &'static str, filling: &'static str, part: &'static str) -> Costly {
    Costly {
        name,
        filling: (filling, ""),
        part,
        link: " OR ",
        around: ("", ""),
    }
}

const fn list(
    name: &'static str,
    filling: (&'static str, &'static str),
    part: &'static str,
    around: (&'static str, &'static str),
) -> Costly {
    Costly {
        name,
        filling,
        part,
        link: ",",
        around,
    }
}

const CHARACTERS: &str = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

const COSTLIEST: [Costly; 16] = [
    conditions("case", "é", "UPPER(a) = LOWER(a)"),
    conditions("case that lengthens", "ΐ", "UPPER(a) = ''"),
    conditions("length", "é", "LENGTH(a) = 0"),
    conditions("left", "é", "LEFT(a, 40000) = ''"),
    conditions("right", "é", "RIGHT(a, 1) = ''"),
    conditions("trim", " ", "TRIM(a) <> ''"),
    conditions("like", "a", "a LIKE '%aaaaaaaaaaaaaaab%'"),
    conditions("like by byte", "é", "a LIKE '%aé%'"),
    conditions("like with a gap", "é", "a LIKE '%é_a%'"),
    conditions(
        "like with many characters",
        CHARACTERS,
        "a LIKE '%_abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ012345678!%'",
    ),
    conditions("reads of a long attribute", "a", "a=''"),
    conditions("reads behind a long attribute", "a", "NOT z"),
    list("casts to an integer", ("0", ""), "a", ("1 IN (", ")")),
    list("comparisons", ("a", "a"), "b", ("a IN (", ")")),
    conditions("concatenation", "a", "CONCAT(a,a,a,a,a,a) = ''"),
    Costly {
        name: "sum",
        filling: ("", ""),
        part: "1",
        link: "+",
        around: ("", " = 0"),
    },
];

impl Costly {
    fn text(&self) -> String {
        let (before, after) = self.around;
        let room = EXPRESSION_BYTES_MAX - before.len() - after.len();
        let times = room / (self.part.len() + self.link.len());
        format!("{before}{}{after}", vec![self.part; times].join(self.link))
    }

    fn event(&self) -> Event {
        let (a, b) = self.filling;
        let bytes = scaled(EVENT_BYTES) / if b.is_empty() { 1 } else { 2 };
        let filled = |with: &str| with.repeat(bytes / with.len().max(1));
        let event = Event::builder("1", "/s", "t")
            .attribute("a", &filled(a))
            .attribute("b", &format!("{}.", filled(b)));
        built(event.attribute("z", "true"))
    }
}

#[divan::bench(args = COSTLIEST)]
fn costliest(bencher: Bencher<'_, '_>, costly: &Costly) {
    decide(bencher, &costly.text(), &costly.event());
}

/// As many conditions as a trigger may have, each of which reads all of a text: of one attribute, and
/// of two in turn.
#[divan::bench(args = [1, 2])]
fn most_conditions(bencher: Bencher<'_, '_>, attributes: usize) {
    let names = ["a", "b"];
    let conditions = scaled(NODES_MAX / 2 - 1);
    let one_of = (0..conditions).map(|number| {
        let name = names[number % attributes];
        FilterSpec::Suffix(vec![(name.to_owned(), format!("{number}x"))])
    });
    let filter = compiled(FilterSpec::Any(one_of.collect()));
    let text = "a".repeat(scaled(EVENT_BYTES) / attributes);
    let event = names.iter().take(attributes);
    let event = event.fold(Event::builder("1", "/s", "t"), |event, name| {
        event.attribute(name, &text)
    });
    let event = built(event);
    assert_eq!(filter.evaluate(&event), Outcome::NoMatch);
    bencher.bench(|| black_box(&filter).evaluate(black_box(&event)));
}
