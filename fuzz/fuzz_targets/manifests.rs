//! See [`sluicegate_fuzz::manifests`].
#![no_main]

use sluicegate_fuzz::manifests::{Subject, check};

libfuzzer_sys::fuzz_target!(|input: &[u8]| check(input, &Subject::OURS));
