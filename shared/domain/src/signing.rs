//! What Patchbay signs with when it calls others: a key for each repository, and the tokens with which they call back. All of
//! it is derived from one secret of the deployment, so that nothing has to be stored. Who may read that secret is the
//! template's to say; how a call is made is `app`'s.

use crate::ids::{ConnectionId, RunId, WorkspaceId, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// The deployment's secret for signatures and tokens. Its `Debug` says nothing.
#[derive(Clone)]
pub struct SigningSecret(Vec<u8>);

/// The key that signs the calls made for one repository.
#[derive(Clone)]
pub struct RepositoryKey([u8; 32]);

impl std::fmt::Debug for SigningSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SigningSecret(…)")
    }
}

impl std::fmt::Debug for RepositoryKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RepositoryKey(…)")
    }
}

impl SigningSecret {
    /// The secret with this text; `None` if it is too short to be one (under 32 bytes).
    pub fn new(text: &str) -> Option<Self> {
        (text.len() >= 32).then(|| Self(text.as_bytes().to_vec()))
    }

    /// The key of a repository, by its number at the forge: it survives a new name, and is another for another installation.
    pub fn repository_key(&self, connection: &ConnectionId, repository: u64) -> RepositoryKey {
        RepositoryKey(keyed(&self.0, &digest(&["step-signing", connection.as_str(), &repository.to_string()])))
    }

    /// The token with which the receiver of a step's call calls back, the same on every try: 64 hex digits.
    pub fn callback_token(&self, workspace: &WorkspaceId, run: &RunId, step: usize) -> String {
        hex::encode(keyed(&self.0, &digest(&["step-callback", workspace.as_str(), run.as_str(), &step.to_string()])))
    }
}

impl RepositoryKey {
    /// As Standard Webhooks writes a symmetric secret: `whsec_` and base64. What the receiver is given.
    pub fn as_secret(&self) -> String {
        format!("whsec_{}", STANDARD.encode(self.0))
    }

    /// The value of `webhook-signature`: `v1,` and the base64 of HMAC-SHA256 over `<id>.<timestamp>.<body>`
    /// (<https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>).
    pub fn sign(&self, id: &str, timestamp: i64, body: &str) -> String {
        format!("v1,{}", STANDARD.encode(keyed(&self.0, &format!("{id}.{timestamp}.{body}"))))
    }
}

#[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
fn keyed(key: &[u8], message: &str) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("a key of any length");
    mac.update(message.as_bytes());
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret() -> SigningSecret {
        SigningSecret::new(&"s".repeat(64)).unwrap()
    }

    #[test]
    fn a_signature_is_the_one_that_the_standards_own_libraries_make() {
        // The example of the specification's libraries: whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw.
        let key: Vec<u8> = STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let signed = keyed(&key, "msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330.{\"test\": 2432232314}");
        assert_eq!(STANDARD.encode(signed), "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn every_repository_and_installation_has_a_key_of_its_own() {
        let of = |installation, repository| {
            secret().repository_key(&ConnectionId::of_installation("github", installation), repository).as_secret()
        };
        assert_eq!(of(1, 2), of(1, 2));
        assert!(of(1, 2) != of(1, 3) && of(1, 2) != of(2, 2));
        assert_eq!(STANDARD.decode(of(1, 2).strip_prefix("whsec_").unwrap()).unwrap().len(), 32);
    }

    #[test]
    fn a_token_is_for_one_step_of_one_run() {
        let of = |account, run: &str, step| secret().callback_token(&WorkspaceId::of_account("github", account), &RunId(run.into()), step);
        assert_eq!((of(1, "run_a", 0), of(1, "run_a", 0).len()), (of(1, "run_a", 0), 64));
        assert!(of(1, "run_a", 0) != of(1, "run_a", 1) && of(1, "run_a", 0) != of(1, "run_b", 0) && of(1, "run_a", 0) != of(2, "run_a", 0));
    }

    #[test]
    fn a_secret_that_is_none_is_refused_and_one_is_never_shown() {
        assert!(SigningSecret::new("").is_none() && SigningSecret::new(&"x".repeat(31)).is_none());
        assert!(!format!("{:?} {:?}", secret(), secret().repository_key(&ConnectionId("c".into()), 1)).contains("ss"));
    }
}
