//! libFuzzer's way into change sets.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| patchbay_fuzz::change_set(data));
