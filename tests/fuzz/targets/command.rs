//! libFuzzer's way into the command selector.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| patchbay_fuzz::command(data));
