//! A webhook body as GitHub sends it: JSON, or a form with the JSON in `payload`. Guards the parser against deep nesting
//! (R9); nothing in here allocates more than a multiple of the body.

use memchr::memchr2;
use percent_encoding::percent_decode;
use std::borrow::Cow;
use thiserror::Error;

/// How deep a payload may nest (R9). GitHub's own stay below 10.
pub const MAX_JSON_DEPTH: usize = 64;

/// Why bytes are no payload; answer with 400.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ParseError {
    #[error("the body nests deeper than {0} levels")]
    TooDeep(usize),
    #[error("the body is neither a JSON object nor a form with a payload")]
    NoPayload,
    #[error("the body is not valid JSON: {0}")]
    NotJson(String),
}

/// Scans JSON for objects and arrays nested deeper than `max`, in one pass without parsing. Says nothing about whether
/// the rest is valid.
///
/// # Errors
/// [`ParseError::TooDeep`].
pub fn check_json_depth(body: &[u8], max: usize) -> Result<(), ParseError> {
    let (mut depth, mut rest) = (0, body);
    while let Some((&byte, behind)) = rest.split_first() {
        rest = behind;
        match byte {
            b'"' => rest = behind_string(rest),
            b'{' | b'[' if depth == max => return Err(ParseError::TooDeep(max)),
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    Ok(())
}

/// What follows the string that has just begun; nothing if it never ends.
fn behind_string(mut rest: &[u8]) -> &[u8] {
    while let Some(at) = memchr2(b'"', b'\\', rest) {
        match rest.split_at(at).1 {
            [b'"', behind @ ..] => return behind,
            [_, _, behind @ ..] => rest = behind,
            _ => break,
        }
    }
    &[]
}

/// The JSON object inside a body: the body itself, or the form field `payload`, decoded.
pub(super) fn payload_json(body: &[u8]) -> Result<Cow<'_, [u8]>, ParseError> {
    if body.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{') {
        return Ok(Cow::Borrowed(body));
    }
    let field = body.split(|&byte| byte == b'&').find_map(|pair| pair.strip_prefix(b"payload=")).ok_or(ParseError::NoPayload)?;
    let spaced: Vec<u8> = field.iter().map(|&byte| if byte == b'+' { b' ' } else { byte }).collect();
    let decoded: Vec<u8> = percent_decode(&spaced).collect();
    if decoded.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{') {
        Ok(Cow::Owned(decoded))
    } else {
        Err(ParseError::NoPayload)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn depth_counts_containers_outside_strings_only() {
        let check = |json: &str, max: usize, fits: bool| {
            assert_eq!(check_json_depth(json.as_bytes(), max).is_ok(), fits, "{json} at {max}");
        };
        check("", 0, true);
        check("3", 0, true);
        check("{}", 0, false);
        check("{}", 1, true);
        check("[[]]", 1, false);
        check("[[],[],{}]", 2, true);
        check(r#"{"a":"[[[[[["}"#, 1, true);
        check(r#"{"a":"\"[[[["}"#, 1, true);
        check(r#"{"a":"\\","b":[[]]}"#, 2, false);
        check("]]]][", 1, true);
    }

    /// What `check_json_depth` must agree with, byte by byte.
    fn plain_depth(body: &[u8]) -> usize {
        let (mut depth, mut deepest, mut in_string, mut escaped) = (0_usize, 0, false, false);
        for &byte in body {
            match (in_string, byte) {
                (true, _) if escaped => escaped = false,
                (true, b'\\') => escaped = true,
                (true, b'"') => in_string = false,
                (true, _) => {}
                (false, b'"') => in_string = true,
                (false, b'{' | b'[') => depth += 1,
                (false, b'}' | b']') => depth = depth.saturating_sub(1),
                (false, _) => {}
            }
            deepest = deepest.max(depth);
        }
        deepest
    }

    proptest! {
        #[test]
        fn the_depth_is_what_counting_byte_by_byte_finds(body in "[\\[\\]{}\"\\\\,: ax]{0,60}", max in 0_usize..8) {
            prop_assert_eq!(check_json_depth(body.as_bytes(), max).is_ok(), plain_depth(body.as_bytes()) <= max);
        }
    }

    #[test]
    fn the_payload_of_a_form_is_decoded() {
        let form = b"other=1&payload=%7B%22a%22%3A+%22x%2By%22%7D&more=2";
        assert_eq!(payload_json(form).unwrap().as_ref(), br#"{"a": "x+y"}"#);
        assert_eq!(payload_json(b"  {}").unwrap().as_ref(), b"  {}");
        for body in [&b""[..], b"[]", b"3", b"payload=", b"payload=%5B%5D", b"xpayload=%7B%7D", b"\"{}\""] {
            assert_eq!(payload_json(body), Err(ParseError::NoPayload), "{body:?}");
        }
    }

    proptest! {
        #[test]
        fn the_scan_agrees_with_a_real_parser(value in nested()) {
            let json = serde_json::to_vec(&value).unwrap();
            let depth = depth_of(&value);
            prop_assert!(check_json_depth(&json, depth).is_ok());
            prop_assert_eq!(check_json_depth(&json, depth.saturating_sub(1)).is_ok(), depth == 0);
        }
    }

    fn nested() -> impl Strategy<Value = serde_json::Value> {
        let leaf = any::<String>().prop_map(serde_json::Value::from);
        leaf.prop_recursive(8, 64, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(serde_json::Value::from),
                prop::collection::btree_map(any::<String>(), inner, 0..4).prop_map(|map| map.into_iter().collect()),
            ]
        })
    }

    fn depth_of(value: &serde_json::Value) -> usize {
        match value {
            serde_json::Value::Array(items) => 1 + items.iter().map(depth_of).max().unwrap_or(0),
            serde_json::Value::Object(map) => 1 + map.values().map(depth_of).max().unwrap_or(0),
            _ => 0,
        }
    }
}
