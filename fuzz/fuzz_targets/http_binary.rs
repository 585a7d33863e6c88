//! See [`sluicegate_fuzz::http_binary`].
#![no_main]

use sluicegate_fuzz::http_binary::{Subject, check};

libfuzzer_sys::fuzz_target!(|input: &[u8]| check(input, &Subject::OURS));
