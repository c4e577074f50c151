//! Feeds `claviger_fuzz::words`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| claviger_fuzz::words(input));
