//! The MD5 digests with which SQS confirms what it stored.

use super::message::MessageAttribute;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use md5::{Digest, Md5};
use std::collections::BTreeMap;

/// Lower-case hex MD5 of the body's bytes.
pub(super) fn md5_of_body(body: &str) -> String {
    hex::encode(Md5::digest(body.as_bytes()))
}

/// The digest of the attributes in SQS's own encoding (name, type, transport byte, value, each with its length);
/// `None` without attributes, as AWS leaves the member out.
pub(super) fn md5_of_attributes(attributes: &BTreeMap<String, MessageAttribute>) -> Option<String> {
    if attributes.is_empty() {
        return None;
    }
    let mut digest = Md5::new();
    for (name, attribute) in attributes {
        put(&mut digest, name.as_bytes());
        put(&mut digest, attribute.data_type.as_bytes());
        match (&attribute.string_value, &attribute.binary_value) {
            (Some(text), _) => {
                digest.update([1]);
                put(&mut digest, text.as_bytes());
            }
            (None, binary) => {
                digest.update([2]);
                put(&mut digest, &BASE64_STANDARD.decode(binary.as_deref().unwrap_or_default()).unwrap_or_default());
            }
        }
    }
    Some(hex::encode(digest.finalize()))
}

fn put(digest: &mut Md5, bytes: &[u8]) {
    digest.update(u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes());
    digest.update(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_those_of_sqs() {
        assert_eq!(md5_of_body("This is a test message"), "fafb00f5732ab283681e124bf8747ed1");
        // A digest that AWS answered for this attribute, as moto's tests record it.
        let attribute = MessageAttribute { data_type: "Number".into(), string_value: Some("1493147359900".into()), binary_value: None };
        let attributes = BTreeMap::from([("timestamp".to_owned(), attribute)]);
        assert_eq!(md5_of_attributes(&attributes).as_deref(), Some("235c5c510d26fb653d073faed50ae77c"));
        assert_eq!(md5_of_attributes(&BTreeMap::new()), None);
    }
}
