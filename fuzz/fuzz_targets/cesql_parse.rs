//! See [`sluicegate_fuzz::cesql_parse`].
#![no_main]

use sluicegate_fuzz::cesql_parse::{Subject, check};

libfuzzer_sys::fuzz_target!(|input: &[u8]| check(input, &Subject::OURS));
