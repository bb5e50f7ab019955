//! libFuzzer's way into models' Markdown.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| patchbay_fuzz::markdown(data));
