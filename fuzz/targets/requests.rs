//! Feeds `claviger_fuzz::requests`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| claviger_fuzz::requests(input));
