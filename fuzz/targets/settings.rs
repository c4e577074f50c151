//! Feeds `claviger_fuzz::settings`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| claviger_fuzz::settings(input));
