//! Envelope encryption: a data key per record from KMS, AES-256-GCM under it, and the record's place authenticated.
//!
//! Format: version byte, length of the wrapped data key (2 bytes, big endian), wrapped data key, nonce (12), ciphertext
//! with tag. KMS finds the key by the wrapped data key itself, so records sealed before a rotation stay readable.

use crate::config::AwsConfig;
use crate::error::AwsError;
use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::DataKeySpec;
use patchbay_domain::ids::WorkspaceId;
use std::collections::HashMap;
use zeroize::Zeroizing;

const FORMAT: u8 = 1;

/// Where a sealed record belongs. All of it is authenticated with the content.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    pub workspace: &'a WorkspaceId,
    /// The provider whose secret it is (`github`), or `patchbay` for our own.
    pub provider: &'a str,
    pub record: &'a str,
    /// Grows when the record's secret is replaced.
    pub version: u64,
}

impl Place<'_> {
    /// Length-prefixed, so that no two places have the same bytes.
    fn aad(&self) -> Vec<u8> {
        let mut aad = Vec::new();
        for part in [self.workspace.as_str(), self.provider, self.record, &self.version.to_string()] {
            aad.extend_from_slice(&(part.len() as u64).to_be_bytes());
            aad.extend_from_slice(part.as_bytes());
        }
        aad
    }

    /// What KMS binds the data key to, and writes into CloudTrail.
    fn context(&self) -> HashMap<String, String> {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        HashMap::from([pair("workspace", self.workspace.as_str()), pair("provider", self.provider), pair("record", self.record)])
    }
}

#[derive(Clone)]
pub(super) struct Sealer {
    client: aws_sdk_kms::Client,
    key_id: String,
}

impl Sealer {
    pub(super) fn new(aws: &AwsConfig, key_id: impl Into<String>) -> Self {
        Self { client: aws.kms(), key_id: key_id.into() }
    }

    pub(super) fn key_id(&self) -> &str {
        &self.key_id
    }

    pub(super) async fn seal(&self, place: &Place<'_>, secret: &[u8]) -> Result<Vec<u8>, AwsError> {
        let request = self.client.generate_data_key().key_id(&self.key_id).key_spec(DataKeySpec::Aes256);
        let answer = request.set_encryption_context(Some(place.context())).send().await?;
        let (Some(plain), Some(wrapped)) = (answer.plaintext, answer.ciphertext_blob) else {
            return Err(AwsError::unreadable("data key"));
        };
        let key = Zeroizing::new(plain.into_inner());
        seal_with(&key, wrapped.as_ref(), &place.aad(), secret)
    }

    pub(super) async fn open(&self, place: &Place<'_>, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, AwsError> {
        let parts = Parts::of(sealed).ok_or_else(|| AwsError::unreadable("sealed record"))?;
        let request = self.client.decrypt().ciphertext_blob(Blob::new(parts.wrapped)).key_id(&self.key_id);
        let answer = request.set_encryption_context(Some(place.context())).send().await?;
        let Some(plain) = answer.plaintext else { return Err(AwsError::unreadable("data key")) };
        let key = Zeroizing::new(plain.into_inner());
        open_with(&key, &parts, &place.aad())
    }
}

struct Parts<'a> {
    wrapped: &'a [u8],
    nonce: [u8; NONCE_LEN],
    content: &'a [u8],
}

impl<'a> Parts<'a> {
    fn of(sealed: &'a [u8]) -> Option<Self> {
        let (format, rest) = sealed.split_first()?;
        let (length, rest) = rest.split_first_chunk::<2>()?;
        let (wrapped, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
        let (nonce, content) = rest.split_first_chunk::<NONCE_LEN>()?;
        (*format == FORMAT).then_some(Self { wrapped, nonce: *nonce, content })
    }
}

fn seal_with(key: &[u8], wrapped: &[u8], aad: &[u8], secret: &[u8]) -> Result<Vec<u8>, AwsError> {
    let failed = |_| AwsError::Permanent("sealing failed".into());
    let length = u16::try_from(wrapped.len()).map_err(|_| AwsError::unreadable("data key"))?;
    let key = RandomizedNonceKey::new(&AES_256_GCM, key).map_err(failed)?;
    let mut content = secret.to_vec();
    let nonce = key.seal_in_place_append_tag(Aad::from(aad), &mut content).map_err(failed)?;
    let mut sealed = vec![FORMAT];
    sealed.extend_from_slice(&length.to_be_bytes());
    sealed.extend_from_slice(wrapped);
    sealed.extend_from_slice(nonce.as_ref());
    sealed.extend_from_slice(&content);
    Ok(sealed)
}

fn open_with(key: &[u8], parts: &Parts<'_>, aad: &[u8]) -> Result<Zeroizing<Vec<u8>>, AwsError> {
    let failed = |_| AwsError::unreadable("sealed record");
    let key = RandomizedNonceKey::new(&AES_256_GCM, key).map_err(failed)?;
    let mut content = Zeroizing::new(parts.content.to_vec());
    let nonce = Nonce::assume_unique_for_key(parts.nonce);
    let length = key.open_in_place(nonce, Aad::from(aad), &mut content).map_err(failed)?.len();
    content.truncate(length);
    Ok(content)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: [u8; 32] = [7; 32];

    fn place<'a>(workspace: &'a WorkspaceId, record: &'a str, version: u64) -> Place<'a> {
        Place { workspace, provider: "github", record, version }
    }

    #[test]
    fn a_record_opens_in_its_own_place_only() {
        let (ours, theirs) = (WorkspaceId("ws_github_1".into()), WorkspaceId("ws_github_2".into()));
        let here = place(&ours, "token", 1);
        let sealed = seal_with(&KEY, b"wrapped", &here.aad(), b"secret").unwrap();
        let parts = Parts::of(&sealed).unwrap();
        assert_eq!(parts.wrapped, b"wrapped");
        assert_eq!(**open_with(&KEY, &parts, &here.aad()).unwrap(), *b"secret");
        let elsewhere =
            [place(&theirs, "token", 1), place(&ours, "other", 1), place(&ours, "token", 2), Place { provider: "gitlab", ..here }];
        for there in elsewhere {
            assert!(open_with(&KEY, &parts, &there.aad()).is_err(), "{there:?}");
        }
    }

    #[test]
    fn a_record_that_was_tampered_with_or_cut_does_not_open() {
        let workspace = WorkspaceId("ws_github_1".into());
        let aad = place(&workspace, "token", 1).aad();
        let sealed = seal_with(&KEY, b"wrapped", &aad, b"secret").unwrap();
        for index in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[index] ^= 1;
            let opened = Parts::of(&changed).map(|parts| open_with(&KEY, &parts, &aad).is_ok());
            // The wrapped key's bytes are KMS's to check.
            let wrapped = 3..3 + b"wrapped".len();
            assert!(opened != Some(true) || wrapped.contains(&index), "byte {index}");
            let cut = Parts::of(&sealed[..index]).map(|parts| open_with(&KEY, &parts, &aad).is_ok());
            assert_ne!(cut, Some(true), "cut at {index}");
        }
    }

    #[test]
    fn the_same_secret_is_never_sealed_the_same_way_twice() {
        let seal = || seal_with(&KEY, b"w", b"aad", b"secret").unwrap();
        assert_ne!(seal(), seal());
    }
}
