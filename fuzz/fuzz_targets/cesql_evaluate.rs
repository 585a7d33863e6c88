//! See [`sluicegate_fuzz::cesql_evaluate`].
#![no_main]

use sluicegate_fuzz::cesql_evaluate::{Subject, check};

libfuzzer_sys::fuzz_target!(|input: &[u8]| check(input, &Subject::OURS));
