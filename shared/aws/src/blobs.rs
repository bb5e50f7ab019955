//! The bucket: delivery bodies too big for a message, and the results of agent tasks.
//! Encryption at rest (SSE-KMS) and lifetimes are the bucket's own settings; keys are named here and nowhere else.

use crate::config::AwsConfig;
use crate::error::AwsError;
use crate::s3::{Bucket, Failed};
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
    bucket: Bucket,
}

impl Blobs {
    /// The bucket named `bucket` (`BLOBS_BUCKET`).
    pub fn new(aws: &AwsConfig, bucket: &str) -> Self {
        Self { bucket: aws.bucket(bucket, MAX_BLOB_BYTES) }
    }

    /// Writes a blob, replacing what was there. One call.
    pub async fn put(&self, key: &str, bytes: Vec<u8>, content_type: &str) -> Result<(), AwsError> {
        if bytes.len() > MAX_BLOB_BYTES {
            return Err(AwsError::TooLarge);
        }
        Ok(self.bucket.put(key, bytes, content_type).await?)
    }

    /// The blob, or none if there is none under this key. One call. `TooLarge` over `MAX_BLOB_BYTES`.
    pub async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, AwsError> {
        there(self.bucket.get(key).await)
    }

    /// Whether there is a blob under this key. One call.
    pub async fn exists(&self, key: &str) -> Result<bool, AwsError> {
        Ok(there(self.bucket.head(key).await)?.is_some())
    }

    /// Removes a blob; none there is as good. One call.
    pub async fn delete(&self, key: &str) -> Result<(), AwsError> {
        there(self.bucket.delete(key).await).map(drop)
    }
}

/// What S3 answered, or none where it says that there is none.
fn there<T>(answer: Result<T, Failed>) -> Result<Option<T>, AwsError> {
    match answer.map_err(AwsError::from) {
        Ok(found) => Ok(Some(found)),
        Err(AwsError::NotFound) => Ok(None),
        Err(error) => Err(error),
    }
}
