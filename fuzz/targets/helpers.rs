//! Feeds `claviger_fuzz::helpers`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| claviger_fuzz::helpers(input));
