//! S3: buckets of files, by path or by virtual host, with the checksums and streamed bodies that SDKs send.
//!
//! `request` understands, `chunked` unwraps bodies, `store` keeps files, `response` speaks XML.

mod chunked;
pub(super) mod request;
pub(super) mod response;
mod store;

use super::error::AwsError;
use axum::body::Body;
use axum::response::Response;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use http::request::Parts;
use md5::{Digest, Md5};
use request::{S3Request, parse_request};
use std::collections::BTreeMap;
use std::path::Path;
use store::{Object, Store};

/// All buckets.
pub(super) struct S3 {
    store: Store,
}

impl S3 {
    /// Opens the buckets' folders, making absent ones.
    pub(super) fn open(data_dir: &Path, buckets: &[String]) -> anyhow::Result<Self> {
        Ok(Self { store: Store::open(&data_dir.join("s3"), buckets)? })
    }

    /// Does one operation. Errors become XML in the front.
    pub(super) async fn handle(&self, parts: &Parts, body: Bytes) -> Result<Response, AwsError> {
        match parse_request(parts)? {
            S3Request::Put { bucket, key } => self.put(parts, body, &bucket, &key).await,
            S3Request::Get { bucket, key } => {
                let object = self.store.find(&bucket, &key)?;
                let bytes = self.store.read(&bucket, &key).await?;
                response::object_response(&object, Body::from(bytes))
            }
            S3Request::Head { bucket, key } => response::object_response(&self.store.find(&bucket, &key)?, Body::empty()),
            S3Request::HeadBucket { bucket } => self.store.check_bucket(&bucket).map(|()| Response::new(Body::empty())),
            S3Request::Delete { bucket, key } => {
                self.store.delete(&bucket, &key).await?;
                Response::builder().status(204).body(Body::empty()).map_err(AwsError::internal)
            }
            S3Request::List { bucket, listing } => response::list_response(&bucket, &listing, &self.store.list(&bucket, &listing)?),
        }
    }

    async fn put(&self, parts: &Parts, body: Bytes, bucket: &str, key: &str) -> Result<Response, AwsError> {
        let text = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let mut checksum = text("x-amz-checksum-crc32");
        let mut bytes = body;
        if text("x-amz-content-sha256").is_some_and(|kind| kind.starts_with("STREAMING-")) {
            let decoded = chunked::decode(&bytes)?;
            let announced = text("x-amz-decoded-content-length").and_then(|length| length.parse::<usize>().ok());
            if announced.is_some_and(|length| length != decoded.body.len()) {
                return Err(AwsError::refused("IncompleteBody", "The body has not the length that its header announced"));
            }
            checksum = checksum.or_else(|| decoded.trailers.get("x-amz-checksum-crc32").cloned());
            bytes = decoded.body.into();
        }
        if text("content-md5").is_some_and(|expected| expected != BASE64_STANDARD.encode(Md5::digest(&bytes))) {
            return Err(AwsError::refused("BadDigest", "The Content-MD5 you specified did not match what we received."));
        }
        if checksum.as_ref().is_some_and(|expected| *expected != crc32(&bytes)) {
            return Err(AwsError::refused("BadDigest", "The CRC32 you specified did not match the calculated checksum."));
        }
        if text("if-none-match").is_some_and(|condition| condition == "*") && self.store.find(bucket, key).is_ok() {
            let message = "At least one of the pre-conditions you specified did not hold";
            return Err(AwsError::with_status(412, "PreconditionFailed", message));
        }
        let object = Object {
            key: key.to_owned(),
            size: bytes.len(),
            etag: store::etag(&bytes),
            content_type: text("content-type").unwrap_or_else(|| "binary/octet-stream".to_owned()),
            content_encoding: text("content-encoding").and_then(|encoding| own_encoding(&encoding)),
            crc32: checksum,
            metadata: metadata(parts),
            modified_at: jiff::Timestamp::now(),
        };
        self.store.write(bucket, object.clone(), bytes).await?;
        let response = Response::builder().header("etag", &object.etag);
        response.body(Body::empty()).map_err(AwsError::internal)
    }
}

/// The content encoding without `aws-chunked`, which belongs to the transfer.
fn own_encoding(encoding: &str) -> Option<String> {
    let own: Vec<&str> = encoding.split(',').map(str::trim).filter(|part| *part != "aws-chunked").collect();
    if own.is_empty() { None } else { Some(own.join(",")) }
}

fn metadata(parts: &Parts) -> BTreeMap<String, String> {
    let own = parts.headers.iter().filter(|(name, _)| name.as_str().starts_with("x-amz-meta-"));
    own.filter_map(|(name, value)| Some((name.to_string(), value.to_str().ok()?.to_owned()))).collect()
}

fn crc32(bytes: &[u8]) -> String {
    BASE64_STANDARD.encode(crc32fast::hash(bytes).to_be_bytes())
}
