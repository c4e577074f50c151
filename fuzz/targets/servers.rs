//! Feeds `claviger_fuzz::servers`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| claviger_fuzz::servers(input));
