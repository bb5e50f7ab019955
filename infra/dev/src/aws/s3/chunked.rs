//! The `aws-chunked` body: chunks with sizes and signatures, then trailers that carry the checksum.

use crate::aws::error::AwsError;
use std::collections::BTreeMap;

/// What was in the wrapping.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Decoded {
    pub(super) body: Vec<u8>,
    /// Names in lower case.
    pub(super) trailers: BTreeMap<String, String>,
}

/// Unwraps a body. Signatures are not checked.
///
/// # Errors
/// `IncompleteBody` when it breaks off or is not in this form.
pub(super) fn decode(bytes: &[u8]) -> Result<Decoded, AwsError> {
    let broken = || AwsError::refused("IncompleteBody", "The aws-chunked body is broken");
    let (mut rest, mut body) = (bytes, Vec::with_capacity(bytes.len()));
    loop {
        let (line, after) = line(rest).ok_or_else(broken)?;
        let size = line.split(';').next().unwrap_or_default().trim();
        let size = usize::from_str_radix(size, 16).map_err(|_| broken())?;
        rest = after;
        if size == 0 {
            return Ok(Decoded { body, trailers: trailers(rest) });
        }
        let (chunk, after) = rest.split_at_checked(size).ok_or_else(broken)?;
        body.extend_from_slice(chunk);
        rest = after.strip_prefix(b"\r\n").ok_or_else(broken)?;
    }
}

fn line(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let end = bytes.windows(2).position(|pair| pair == b"\r\n")?;
    let (line, rest) = bytes.split_at(end);
    Some((std::str::from_utf8(line).ok()?, rest.get(2..)?))
}

fn trailers(mut rest: &[u8]) -> BTreeMap<String, String> {
    let mut trailers = BTreeMap::new();
    while let Some((text, after)) = line(rest) {
        rest = after;
        if let Some((name, value)) = text.split_once(':') {
            trailers.insert(name.trim().to_ascii_lowercase(), value.trim().to_owned());
        }
    }
    trailers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_joined_and_trailers_read() {
        let signed = b"4;chunk-signature=ab\r\nWiki\r\n5\r\npedia\r\n0\r\nx-amz-checksum-crc32:AAAA\r\nx-amz-trailer-signature:ff\r\n\r\n";
        let decoded = decode(signed).unwrap();
        assert_eq!(decoded.body, b"Wikipedia");
        assert_eq!(decoded.trailers["x-amz-checksum-crc32"], "AAAA");
    }

    #[test]
    fn broken_bodies_are_refused() {
        for broken in [&b""[..], b"4\r\nWi", b"4\r\nWikiX", b"zz\r\n", b"ffffffffffffffffff\r\nx", b"5\r\nWiki\r\n"] {
            assert_eq!(decode(broken).unwrap_err().code, "IncompleteBody", "{broken:?}");
        }
    }
}
