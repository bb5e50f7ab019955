//! libFuzzer's way into the reader of workflow files.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| patchbay_fuzz::workflow(data));
