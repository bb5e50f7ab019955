//! libFuzzer's way into webhook payloads.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| patchbay_fuzz::payload(data));
