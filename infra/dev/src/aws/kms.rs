//! KMS: symmetric keys in files, AES-256-GCM, the encryption context as additional data.

use super::disk;
use super::error::{Answer, AwsError};
use anyhow::Context;
use aws_lc_rs::aead::{AES_256_GCM, Aad, Nonce, RandomizedNonceKey};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;

const KEY_BYTES: usize = 32;
const NONCE_BYTES: usize = 12;
/// The first byte of every ciphertext.
const FORMAT: u8 = 1;
/// What Encrypt takes at most.
const MAX_PLAINTEXT: usize = 4096;

/// All keys.
pub(super) struct Kms {
    keys: BTreeMap<String, RandomizedNonceKey>,
}

impl Kms {
    /// Reads or makes one key file per listed key.
    pub(super) fn open(data_dir: &Path, ids: &[String]) -> anyhow::Result<Self> {
        let folder = data_dir.join("kms");
        std::fs::create_dir_all(&folder)?;
        let mut keys = BTreeMap::new();
        for id in ids {
            anyhow::ensure!(id.len() < 256 && !id.contains('/'), "{id}: no key id");
            let path = folder.join(format!("{id}.key"));
            let material = match disk::load(&path)? {
                Some(material) => material,
                None => {
                    let material = random(KEY_BYTES)?;
                    disk::save(&path, &material)?;
                    material
                }
            };
            let key = RandomizedNonceKey::new(&AES_256_GCM, &material).with_context(|| format!("{}: no key", path.display()))?;
            keys.insert(id.clone(), key);
        }
        Ok(Self { keys })
    }

    pub(super) fn handle(&self, operation: &str, input: &Value) -> Answer {
        match operation {
            "GenerateDataKey" => self.generate(input),
            "Encrypt" => self.encrypt(input),
            "Decrypt" => self.decrypt(input),
            "DescribeKey" => {
                let (id, _) = self.key(input)?;
                let metadata = json!({
                    "KeyId": id, "Arn": arn(id), "AWSAccountId": super::ACCOUNT, "Enabled": true, "KeyState": "Enabled",
                    "KeyUsage": "ENCRYPT_DECRYPT", "KeySpec": "SYMMETRIC_DEFAULT", "Origin": "AWS_KMS", "KeyManager": "CUSTOMER",
                });
                Ok(json!({"KeyMetadata": metadata}))
            }
            other => Err(AwsError::unknown_operation("kms", other)),
        }
    }

    fn generate(&self, input: &Value) -> Answer {
        let (id, key) = self.key(input)?;
        let length = match (input["KeySpec"].as_str(), input["NumberOfBytes"].as_u64()) {
            (Some("AES_256"), None) => 32,
            (Some("AES_128"), None) => 16,
            (None, Some(length @ 1..=1024)) => usize::try_from(length).map_err(AwsError::internal)?,
            _ => return Err(AwsError::refused("ValidationException", "Please specify either number of bytes or key spec.")),
        };
        let plaintext = random(length)?;
        let blob = seal(id, key, &plaintext, &context(input)?)?;
        Ok(json!({"KeyId": arn(id), "Plaintext": BASE64_STANDARD.encode(plaintext), "CiphertextBlob": BASE64_STANDARD.encode(blob)}))
    }

    fn encrypt(&self, input: &Value) -> Answer {
        let (id, key) = self.key(input)?;
        let plaintext = blob(input, "Plaintext")?;
        if plaintext.is_empty() || plaintext.len() > MAX_PLAINTEXT {
            return Err(AwsError::refused("ValidationException", format!("Plaintext must have 1 to {MAX_PLAINTEXT} bytes")));
        }
        let sealed = seal(id, key, &plaintext, &context(input)?)?;
        Ok(json!({"KeyId": arn(id), "CiphertextBlob": BASE64_STANDARD.encode(sealed), "EncryptionAlgorithm": "SYMMETRIC_DEFAULT"}))
    }

    fn decrypt(&self, input: &Value) -> Answer {
        let invalid = || AwsError::refused("InvalidCiphertextException", "");
        let sealed = blob(input, "CiphertextBlob")?;
        let (id, sealed) = split(&sealed).ok_or_else(invalid)?;
        let key = self.keys.get(id).ok_or_else(|| no_such_key(id))?;
        if !input["KeyId"].is_null() && self.key(input)?.0 != id {
            let message = "The key ID in the request does not identify a CMK that can perform this operation.";
            return Err(AwsError::refused("IncorrectKeyException", message));
        }
        let (nonce, sealed) = sealed.split_first_chunk::<NONCE_BYTES>().ok_or_else(invalid)?;
        let mut buffer = sealed.to_vec();
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let plaintext = key.open_in_place(nonce, Aad::from(context(input)?), &mut buffer).map_err(|_| invalid())?;
        let plaintext = BASE64_STANDARD.encode(plaintext);
        Ok(json!({"KeyId": arn(id), "Plaintext": plaintext, "EncryptionAlgorithm": "SYMMETRIC_DEFAULT"}))
    }

    /// The key that `KeyId` names: id, `alias/<id>` or ARN.
    fn key(&self, input: &Value) -> Result<(&str, &RandomizedNonceKey), AwsError> {
        let given = input["KeyId"].as_str().unwrap_or_default();
        let id = given.rsplit('/').next().unwrap_or(given);
        self.keys.get_key_value(id).map(|(id, key)| (id.as_str(), key)).ok_or_else(|| no_such_key(given))
    }
}

/// format ‖ length of the id ‖ id ‖ nonce ‖ ciphertext and tag
fn seal(id: &str, key: &RandomizedNonceKey, plaintext: &[u8], context: &[u8]) -> Result<Vec<u8>, AwsError> {
    let mut buffer = plaintext.to_vec();
    let nonce = key.seal_in_place_append_tag(Aad::from(context), &mut buffer).map_err(AwsError::internal)?;
    let length = u8::try_from(id.len()).map_err(AwsError::internal)?;
    Ok([&[FORMAT, length][..], id.as_bytes(), nonce.as_ref(), &buffer].concat())
}

fn split(sealed: &[u8]) -> Option<(&str, &[u8])> {
    let ([FORMAT, length], rest) = sealed.split_first_chunk::<2>()? else { return None };
    let (id, rest) = rest.split_at_checked(usize::from(*length))?;
    Some((std::str::from_utf8(id).ok()?, rest))
}

/// The encryption context in one canonical form; order does not matter, as at AWS.
fn context(input: &Value) -> Result<Vec<u8>, AwsError> {
    let context: BTreeMap<String, String> = match &input["EncryptionContext"] {
        Value::Null => BTreeMap::new(),
        given => serde_json::from_value(given.clone()).map_err(|error| AwsError::refused("ValidationException", error.to_string()))?,
    };
    serde_json::to_vec(&context).map_err(AwsError::internal)
}

fn blob(input: &Value, member: &str) -> Result<Vec<u8>, AwsError> {
    let text = input[member].as_str().unwrap_or_default();
    BASE64_STANDARD.decode(text).map_err(|error| AwsError::refused("SerializationException", format!("{member}: {error}")))
}

fn random(length: usize) -> Result<Vec<u8>, AwsError> {
    let mut bytes = vec![0; length];
    getrandom::fill(&mut bytes).map_err(AwsError::internal)?;
    Ok(bytes)
}

/// The id of the key that sealed the `CiphertextBlob` of a call.
pub(super) fn key_of(input: &Value) -> Option<String> {
    let sealed = blob(input, "CiphertextBlob").ok()?;
    split(&sealed).map(|(id, _)| id.to_owned())
}

pub(super) fn arn(id: &str) -> String {
    format!("arn:aws:kms:{}:{}:key/{id}", super::REGION, super::ACCOUNT)
}

fn no_such_key(id: &str) -> AwsError {
    AwsError::refused("NotFoundException", format!("Key '{id}' does not exist"))
}
