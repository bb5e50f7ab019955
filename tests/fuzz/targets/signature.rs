//! libFuzzer's way into the webhook signature check.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| patchbay_fuzz::signature(data));
