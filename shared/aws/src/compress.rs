//! Delivery bodies on their way through queues and tables: zstd, and base64 where only text may travel. What GitHub writes
//! into every payload is in a dictionary, so that it is not sent and stored with each: an issue of 11.6 KB takes 1.5 KB
//! instead of 3, in half the time. Decompression is bounded, so that no bomb explodes.

use crate::error::AwsError;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use patchbay_domain::envelope::{Body, DICTIONARY};
use std::cell::RefCell;
use std::io::Read;
use std::sync::LazyLock;
use zstd::bulk::Compressor;
use zstd::dict::DecoderDictionary;

/// No body that Lambda lets in comes near this, decompressed.
pub const MAX_DECOMPRESSED_BYTES: usize = 32 * 1024 * 1024;
const LEVEL: i32 = 1;
/// From here on a body is its own dictionary.
const DICTIONARY_HELPS_BELOW: usize = 64 * 1024;

static TO_READ: LazyLock<DecoderDictionary<'static>> = LazyLock::new(|| DecoderDictionary::copy(DICTIONARY));

thread_local! {
    /// Kept: a new one clears more memory than most bodies have.
    static SHORT: RefCell<Option<Compressor<'static>>> = const { RefCell::new(None) };
    static LONG: RefCell<Option<Compressor<'static>>> = const { RefCell::new(None) };
}

/// The body, compressed.
pub fn compress(body: &[u8]) -> Vec<u8> {
    // From memory to memory: fails only when memory itself does.
    const MEMORY: &str = "memory for compression";
    let (kept, dictionary) = if body.len() < DICTIONARY_HELPS_BELOW { (&SHORT, DICTIONARY) } else { (&LONG, &[][..]) };
    kept.with_borrow_mut(|kept| {
        let compressor = kept.get_or_insert_with(|| Compressor::with_dictionary(LEVEL, dictionary).expect(MEMORY));
        compressor.compress(body).expect(MEMORY)
    })
}

/// What `compress` was given. `TooLarge` when it would pass `MAX_DECOMPRESSED_BYTES`, `Permanent` when it is not zstd.
pub fn decompress(compressed: &[u8]) -> Result<Vec<u8>, AwsError> {
    let not_zstd = |_| AwsError::unreadable("delivery body");
    // Frames that name no dictionary are read as well.
    let decoder = zstd::stream::read::Decoder::with_prepared_dictionary(compressed, &TO_READ).map_err(not_zstd)?;
    let mut body = Vec::with_capacity(compressed.len().saturating_mul(5).min(MAX_DECOMPRESSED_BYTES));
    decoder.take(MAX_DECOMPRESSED_BYTES as u64 + 1).read_to_end(&mut body).map_err(not_zstd)?;
    if body.len() > MAX_DECOMPRESSED_BYTES { Err(AwsError::TooLarge) } else { Ok(body) }
}

/// Compressed bytes as they travel inside a queue message.
pub fn to_inline(compressed: &[u8]) -> Body {
    Body::Inline(STANDARD.encode(compressed))
}

/// The compressed bytes of an inline body. `Permanent` when the text is not base64.
pub fn from_inline(text: &str) -> Result<Vec<u8>, AwsError> {
    STANDARD.decode(text).map_err(|_| AwsError::unreadable("delivery body"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_in_comes_out() {
        for body in [b"".to_vec(), b"{\"action\":\"opened\"}".to_vec(), (0..=255).cycle().take(200_000).collect()] {
            let Body::Inline(text) = to_inline(&compress(&body)) else { panic!("inline") };
            assert_eq!(decompress(&from_inline(&text).unwrap()).unwrap(), body);
        }
    }

    #[test]
    fn the_dictionary_takes_half_of_what_github_repeats() {
        // As GitHub sends it: without spaces.
        let sample: String = include_str!("../../../events/github/issues.opened.json").lines().map(str::trim_start).collect();
        let issue = sample.replace("\": ", "\":").replace("Codertocat", "northwind").replace("Hello-World", "shop");
        let [with, without] = [compress(issue.as_bytes()), Compressor::new(LEVEL).unwrap().compress(issue.as_bytes()).unwrap()];
        assert!(with.len() * 2 < without.len(), "{} beside {}", with.len(), without.len());
        for frame in [with, without] {
            assert_eq!(decompress(&frame).unwrap(), issue.as_bytes());
        }
    }

    #[test]
    fn a_bomb_is_refused_before_it_explodes() {
        let just_fits = compress(&vec![0; MAX_DECOMPRESSED_BYTES]);
        assert_eq!(decompress(&just_fits).map(|b| b.len()), Ok(MAX_DECOMPRESSED_BYTES));
        let bomb = compress(&vec![0; MAX_DECOMPRESSED_BYTES + 1]);
        assert!(bomb.len() < 10_000);
        assert_eq!(decompress(&bomb), Err(AwsError::TooLarge));
    }

    #[test]
    fn rubbish_is_an_error() {
        assert!(matches!(decompress(b"not zstd"), Err(AwsError::Permanent(_))));
        assert!(matches!(decompress(&compress(b"cut short, cut short")[..6]), Err(AwsError::Permanent(_))));
        let (mut other, body) = (DICTIONARY.to_vec(), vec![b'x'; 100]);
        other[4] ^= 1;
        let by_another = Compressor::with_dictionary(LEVEL, &other).unwrap().compress(&body).unwrap();
        assert!(matches!(decompress(&by_another), Err(AwsError::Permanent(_))), "a dictionary that is not known");
        assert!(matches!(from_inline("%%%"), Err(AwsError::Permanent(_))));
    }
}
