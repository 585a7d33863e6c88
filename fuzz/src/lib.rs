//! What must hold for any input, one module for each place where text from outside, or what lies in a
//! store, is read.
//!
//! A property is a function of some bytes that panics, with a sentence, when it does not hold. Two
//! kinds of runs feed it: the targets of cargo-fuzz in `fuzz_targets/`, for as long as one likes, and a
//! short run of the ordinary tests over `corpus/` (`conformance-tests/tests/fuzz`). What is put to
//! the test is a parameter, a `Subject`, so that those tests can also show that a broken one is
//! found out.
//!
//! What is deliberately absent: a bound on time, for which libFuzzer has `-timeout`, and making up
//! inputs.

pub mod cesql_evaluate;
pub mod cesql_parse;
pub mod http_binary;
pub mod http_structured;
pub mod manifests;
pub mod stored;

mod message;

/// A property with the name of its target, which is also that of its corpus.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Such as `cesql_parse`.
    pub name: &'static str,
    /// Panics unless the property holds for these bytes.
    pub check: fn(&[u8]),
}

/// Every target, with what is shipped as its subject.
pub const TARGETS: [Target; 6] = [
    Target {
        name: "cesql_parse",
        check: |input| cesql_parse::check(input, &cesql_parse::Subject::OURS),
    },
    Target {
        name: "cesql_evaluate",
        check: |input| cesql_evaluate::check(input, &cesql_evaluate::Subject::OURS),
    },
    Target {
        name: "manifests",
        check: |input| manifests::check(input, &manifests::Subject::OURS),
    },
    Target {
        name: "http_binary",
        check: |input| http_binary::check(input, &http_binary::Subject::OURS),
    },
    Target {
        name: "http_structured",
        check: |input| http_structured::check(input, &http_structured::Subject::OURS),
    },
    Target {
        name: "stored",
        check: |input| stored::check(input, &stored::Subject::OURS),
    },
];
