//! Feeds `claviger_fuzz::gates`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| claviger_fuzz::gates(input));
