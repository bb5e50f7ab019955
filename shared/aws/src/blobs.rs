//! The bucket: delivery bodies too big for a message, and the results of agent tasks.
//! Encryption at rest (SSE-KMS) and lifetimes are the bucket's own settings; keys are named here and nowhere else.

use crate::config::AwsConfig;
use crate::error::AwsError;
use aws_sdk_s3::primitives::ByteStream;
use patchbay_domain::event::Provider;
use patchbay_domain::ids::{DeliveryId, RunId, WorkspaceId};

/// Nothing that Patchbay stores is larger.
pub const MAX_BLOB_BYTES: usize = 32 * 1024 * 1024;

/// The key of a delivery's body, zstd.
pub fn delivery_key(provider: Provider, delivery: &DeliveryId) -> String {
    format!("deliveries/{}/{}.zst", provider.as_str(), delivery.as_str())
}

/// The key of an attempt's stored result, JSON.
pub fn result_key(workspace: &WorkspaceId, run: &RunId, attempt: u32) -> String {
    format!("results/{workspace}/{run}/{attempt}.json")
}

/// The bucket. Cheap to clone.
#[derive(Clone)]
pub struct Blobs {
    client: aws_sdk_s3::Client,
    bucket: String,
}

impl Blobs {
    /// The bucket named `bucket` (`BLOBS_BUCKET`).
    pub fn new(aws: &AwsConfig, bucket: impl Into<String>) -> Self {
        Self { client: aws.s3(), bucket: bucket.into() }
    }

    /// Writes a blob, replacing what was there. One call.
    pub async fn put(&self, key: &str, bytes: Vec<u8>, content_type: &str) -> Result<(), AwsError> {
        if bytes.len() > MAX_BLOB_BYTES {
            return Err(AwsError::TooLarge);
        }
        let request = self.client.put_object().bucket(&self.bucket).key(key).content_type(content_type);
        request.body(ByteStream::from(bytes)).send().await?;
        Ok(())
    }

    /// The blob, or none if there is none under this key. One call. `TooLarge` over `MAX_BLOB_BYTES`.
    pub async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, AwsError> {
        let object = match self.client.get_object().bucket(&self.bucket).key(key).send().await {
            Ok(object) => object,
            Err(error) => return absent(error.into()).map(|()| None),
        };
        let length = object.content_length().unwrap_or_default();
        if usize::try_from(length).is_ok_and(|length| length > MAX_BLOB_BYTES) {
            return Err(AwsError::TooLarge);
        }
        let bytes = object.body.collect().await.map_err(|_| AwsError::Transient("the blob's body broke off".into()))?;
        Ok(Some(bytes.to_vec()))
    }

    /// Whether there is a blob under this key. One call.
    pub async fn exists(&self, key: &str) -> Result<bool, AwsError> {
        match self.client.head_object().bucket(&self.bucket).key(key).send().await {
            Ok(_) => Ok(true),
            Err(error) => absent(error.into()).map(|()| false),
        }
    }

    /// Removes a blob; none there is as good. One call.
    pub async fn delete(&self, key: &str) -> Result<(), AwsError> {
        match self.client.delete_object().bucket(&self.bucket).key(key).send().await {
            Ok(_) => Ok(()),
            Err(error) => absent(error.into()),
        }
    }
}

fn absent(error: AwsError) -> Result<(), AwsError> {
    if error == AwsError::NotFound { Ok(()) } else { Err(error) }
}
