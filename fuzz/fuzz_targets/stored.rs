//! See [`sluicegate_fuzz::stored`].
#![no_main]

use sluicegate_fuzz::stored::{Subject, check};

libfuzzer_sys::fuzz_target!(|input: &[u8]| check(input, &Subject::OURS));
