//! GitHub's webhook signature: HMAC-SHA-256 over the exact raw bytes, compared in constant time (R1), against every
//! active secret (R3). Pure functions; reading headers and bodies is the caller's.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use thiserror::Error;

/// The prefix of `X-Hub-Signature-256`. SHA-1 signatures (`sha1=`, `X-Hub-Signature`) are refused.
const PREFIX: &str = "sha256=";

/// Why a request is not authentic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum SignatureError {
    #[error("no signature")]
    Missing,
    #[error("not a sha256 signature")]
    Malformed,
    #[error("the signature does not match")]
    Mismatch,
    /// Nothing to compare with: fail closed.
    #[error("no webhook secret is configured")]
    NoSecret,
}

/// Checks `X-Hub-Signature-256` over the raw `body` against each active secret.
///
/// Every secret is tried, whichever matches, so that the time taken does not tell which one it was. Empty secrets count
/// as none.
///
/// # Errors
/// [`SignatureError`]: answer all of them with 401 and store nothing; [`SignatureError::NoSecret`] is our own fault.
pub fn verify_signature(body: &[u8], signature_256: Option<&str>, secrets: &[impl AsRef<[u8]>]) -> Result<(), SignatureError> {
    if secrets.iter().all(|secret| secret.as_ref().is_empty()) {
        return Err(SignatureError::NoSecret);
    }
    let signature = signature_256.ok_or(SignatureError::Missing)?;
    let digits = signature.strip_prefix(PREFIX).ok_or(SignatureError::Malformed)?;
    let mut expected = [0_u8; 32];
    hex::decode_to_slice(digits, &mut expected).map_err(|_| SignatureError::Malformed)?;
    let matching = secrets
        .iter()
        .map(AsRef::as_ref)
        .filter(|secret| !secret.is_empty())
        .filter(|secret| keyed(secret, body).verify_slice(&expected).is_ok())
        .count();
    if matching > 0 { Ok(()) } else { Err(SignatureError::Mismatch) }
}

/// The value of `X-Hub-Signature-256` as GitHub would send it; for tests and `patchbay send`.
pub fn sign(body: &[u8], secret: &[u8]) -> String {
    format!("{PREFIX}{}", hex::encode(keyed(secret, body).finalize().into_bytes()))
}

fn keyed(secret: &[u8], body: &[u8]) -> Hmac<Sha256> {
    #[expect(clippy::expect_used, reason = "HMAC takes keys of any length; new_from_slice never fails")]
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("HMAC takes any key");
    mac.update(body);
    mac
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SECRET: &str = "It's a Secret to Everybody";
    const BODY: &[u8] = b"Hello, World!";
    /// From GitHub's documentation, "Validating webhook deliveries".
    const SIGNATURE: &str = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";

    fn check(signature: Option<&str>, secrets: &[&str], expected: Result<(), SignatureError>) {
        assert_eq!(verify_signature(BODY, signature, secrets), expected, "{signature:?} with {secrets:?}");
    }

    #[test]
    fn only_the_documented_signature_passes_and_each_flaw_has_its_name() {
        use SignatureError::{Malformed, Mismatch, Missing, NoSecret};
        let digits = SIGNATURE.strip_prefix("sha256=").unwrap();
        check(Some(SIGNATURE), &[SECRET], Ok(()));
        check(Some(&format!("sha256={}", digits.to_uppercase())), &[SECRET], Ok(()));
        check(Some(SIGNATURE), &["new", SECRET], Ok(()));
        check(Some(SIGNATURE), &[SECRET, "old"], Ok(()));
        check(Some(SIGNATURE), &["new", "old"], Err(Mismatch));
        check(Some(&SIGNATURE.replace("757107", "757108")), &[SECRET], Err(Mismatch));
        check(None, &[SECRET], Err(Missing));
        check(Some(""), &[SECRET], Err(Malformed));
        check(Some("sha256="), &[SECRET], Err(Malformed));
        check(Some(digits), &[SECRET], Err(Malformed));
        check(Some(&SIGNATURE[..70]), &[SECRET], Err(Malformed));
        check(Some(&format!("{SIGNATURE}00")), &[SECRET], Err(Malformed));
        check(Some("sha256=zz7107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"), &[SECRET], Err(Malformed));
        check(Some("sha1=7d38cdd689735b008b3c702edd92eea23791c5f6"), &[SECRET], Err(Malformed));
        check(Some(&format!("SHA256={digits}")), &[SECRET], Err(Malformed));
        check(Some(SIGNATURE), &[], Err(NoSecret));
        check(Some(SIGNATURE), &["", ""], Err(NoSecret));
        check(None, &[], Err(NoSecret));
    }

    #[test]
    fn an_empty_secret_beside_a_real_one_opens_nothing() {
        check(Some(&sign(BODY, b"")), &["", SECRET], Err(SignatureError::Mismatch));
    }

    #[test]
    fn signing_gives_the_documented_signature() {
        assert_eq!(sign(BODY, SECRET.as_bytes()), SIGNATURE);
    }

    proptest! {
        #[test]
        fn what_is_signed_verifies_and_nothing_else_does(body: Vec<u8>, other: Vec<u8>, secret in prop::collection::vec(any::<u8>(), 1..80)) {
            let signature = sign(&body, &secret);
            prop_assert_eq!(verify_signature(&body, Some(&signature), &[&secret]), Ok(()));
            prop_assert_eq!(verify_signature(&other, Some(&signature), &[&secret]).is_ok(), other == body);
        }

        #[test]
        fn no_header_makes_it_panic(header: String) {
            prop_assert!(verify_signature(BODY, Some(&header), &[SECRET]).is_err());
        }
    }
}
