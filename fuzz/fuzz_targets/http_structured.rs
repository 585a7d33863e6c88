//! See [`sluicegate_fuzz::http_structured`].
#![no_main]

use sluicegate_fuzz::http_structured::{Subject, check};

libfuzzer_sys::fuzz_target!(|input: &[u8]| check(input, &Subject::OURS));
