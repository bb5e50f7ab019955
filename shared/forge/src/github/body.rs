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
    walk(body, max, |_, _| {}).map(drop)
}

/// The text of an object's member, if the object has it; the last, if several have this name. One pass without parsing:
/// strings and brackets are followed through the whole body, and what stands between them is left to whoever reads it.
///
/// # Errors
/// [`ParseError::TooDeep`]; [`ParseError::NoPayload`] for what is not one object by its strings and brackets.
pub fn member<'b>(body: &'b [u8], name: &str, max: usize) -> Result<Option<&'b [u8]>, ParseError> {
    let (mut objects, mut last, mut begins, mut found, mut stray) = (0, &[][..], None, None, false);
    let end = walk(body, max, |depth, piece| match (depth, piece) {
        (0, Piece::Byte(b'{', _)) => objects += 1,
        (0, Piece::Byte(byte, _)) => stray |= !byte.is_ascii_whitespace(),
        (0, Piece::String(_)) => stray = true,
        (1, Piece::String(text)) => last = text,
        (1, Piece::Byte(b':', at)) => begins = (last == name.as_bytes()).then_some(at + 1),
        (1, Piece::Byte(b',' | b'}', at)) => found = begins.take().and_then(|begins| body.get(begins..at)).or(found),
        _ => {}
    })?;
    if objects == 1 && !stray && end == (End { depth: 0, in_string: false }) { Ok(found) } else { Err(ParseError::NoPayload) }
}

/// What `walk` meets: a string's inside, or a byte outside of strings with its place.
enum Piece<'b> {
    String(&'b [u8]),
    Byte(u8, usize),
}

/// Where `walk` ends.
#[derive(PartialEq)]
struct End {
    depth: usize,
    in_string: bool,
}

/// Shows every piece together with how many containers are open around it, a bracket before it opens or closes its own.
fn walk<'b>(body: &'b [u8], max: usize, mut see: impl FnMut(usize, Piece<'b>)) -> Result<End, ParseError> {
    let (mut depth, mut at) = (0_usize, 0);
    while let Some(&byte) = body.get(at) {
        at += 1;
        if byte == b'"' {
            let Some(end) = end_of_string(body, at) else { return Ok(End { depth, in_string: true }) };
            see(depth, Piece::String(&body[at..end]));
            at = end + 1;
            continue;
        }
        see(depth, Piece::Byte(byte, at - 1));
        match byte {
            b'{' | b'[' if depth == max => return Err(ParseError::TooDeep(max)),
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    Ok(End { depth, in_string: false })
}

/// Where the string ends whose inside begins here: its closing quote. `None` if it never ends.
fn end_of_string(body: &[u8], mut from: usize) -> Option<usize> {
    loop {
        let at = from + memchr2(b'"', b'\\', body.get(from..)?)?;
        if body[at] == b'"' {
            return Some(at);
        }
        from = at + 2;
    }
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
    fn a_member_is_found_at_the_top_only_and_what_is_no_object_has_none() {
        let of = |json: &'static str| member(json.as_bytes(), "a", 3).map(|found| found.map(|text| str::from_utf8(text).unwrap()));
        assert_eq!(of(r#"{"b":{"a":1},"a":{"id":[7]}}"#), Ok(Some(r#"{"id":[7]}"#)));
        assert_eq!(of("\n{ \"a\" : 1 , \"c\":\"a\" }\n"), Ok(Some(" 1 ")));
        assert_eq!(of(r#"{"a":1,"a":2}"#), Ok(Some("2")));
        for none in [r#"{}"#, r#"{"b":"a"}"#, r#"{"b":"\"a\":1"}"#, r#"{"\"a":1}"#, r#"{"b":["a",1]}"#] {
            assert_eq!(of(none), Ok(None), "{none}");
        }
        for broken in ["", " ", "a", "[]", "{", r#"{"a"#, r#"{"a":1"#, "{}}{", "{}{}", "{} x", r#""a":1"#, r#"{}"""#] {
            assert_eq!(of(broken), Err(ParseError::NoPayload), "{broken}");
        }
        assert_eq!(of(r#"{"a":[[[]]]}"#), Err(ParseError::TooDeep(3)));
    }

    proptest! {
        #[test]
        fn a_member_is_what_a_real_parser_finds(object in prop::collection::btree_map("[a-c\"\\\\]{0,2}", nested(), 0..5), name in "[a-c]") {
            for json in [serde_json::to_vec(&object).unwrap(), serde_json::to_vec_pretty(&object).unwrap()] {
                let found = member(&json, &name, usize::MAX).unwrap();
                let read = found.map(|text| serde_json::from_slice::<serde_json::Value>(text).unwrap());
                prop_assert_eq!(read.as_ref(), object.get(&name));
            }
        }

        #[test]
        fn whatever_a_real_parser_takes_for_an_object_is_one(body in "[\\[\\]{}\"\\\\,:1 a]{0,12}") {
            if serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(&body).is_ok() {
                prop_assert!(member(body.as_bytes(), "a", 64).is_ok());
            }
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
