//! What an S3 request asks for: bucket and key from the path or the virtual host, the operation from method and query.

use crate::aws::error::AwsError;
use http::Method;
use http::request::Parts;
use percent_encoding::percent_decode_str;
use std::collections::BTreeMap;

/// ListObjectsV2's parameters.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in crate::aws) struct Listing {
    pub(in crate::aws) prefix: String,
    pub(in crate::aws) delimiter: Option<String>,
    /// Names start after this: `continuation-token` or `start-after`.
    pub(in crate::aws) after: String,
    pub(in crate::aws) max_keys: usize,
}

#[derive(Debug, PartialEq, Eq)]
pub(in crate::aws) enum S3Request {
    Put { bucket: String, key: String },
    Get { bucket: String, key: String },
    Head { bucket: String, key: String },
    Delete { bucket: String, key: String },
    HeadBucket { bucket: String },
    List { bucket: String, listing: Listing },
}

impl S3Request {
    /// The operation's name.
    pub(in crate::aws) fn operation(&self) -> &'static str {
        match self {
            Self::Put { .. } => "PutObject",
            Self::Get { .. } => "GetObject",
            Self::Head { .. } => "HeadObject",
            Self::Delete { .. } => "DeleteObject",
            Self::HeadBucket { .. } => "HeadBucket",
            Self::List { .. } => "ListObjectsV2",
        }
    }

    /// `bucket` or `bucket/key`.
    pub(in crate::aws) fn resource(&self) -> String {
        match self {
            Self::Put { bucket, key } | Self::Get { bucket, key } | Self::Head { bucket, key } | Self::Delete { bucket, key } => {
                format!("{bucket}/{key}")
            }
            Self::HeadBucket { bucket } | Self::List { bucket, .. } => bucket.clone(),
        }
    }
}

/// Understands a request.
///
/// # Errors
/// `NotImplemented` for everything else that S3 can do.
pub(in crate::aws) fn parse_request(parts: &Parts) -> Result<S3Request, AwsError> {
    let query = query(parts);
    let (bucket, key) = address(parts)?;
    let foreign = query
        .keys()
        .find(|name| !matches!(name.as_str(), "x-id" | "list-type" | "prefix" | "delimiter"))
        .filter(|name| !matches!(name.as_str(), "continuation-token" | "start-after" | "max-keys" | "encoding-type" | "fetch-owner"));
    let foreign = foreign.cloned().or_else(|| {
        // A condition or checksum that is not looked at must not seem to hold.
        let headers = [
            "x-amz-copy-source",
            "range",
            "if-match",
            "if-modified-since",
            "if-unmodified-since",
            "x-amz-checksum-crc32c",
            "x-amz-checksum-crc64nvme",
            "x-amz-checksum-sha1",
            "x-amz-checksum-sha256",
        ];
        headers.iter().find(|name| parts.headers.contains_key(**name)).map(ToString::to_string)
    });
    match (&parts.method, key.is_empty(), foreign) {
        (&Method::PUT, false, None) => Ok(S3Request::Put { bucket, key }),
        (&Method::GET, false, None) => Ok(S3Request::Get { bucket, key }),
        (&Method::HEAD, false, None) => Ok(S3Request::Head { bucket, key }),
        (&Method::DELETE, false, None) => Ok(S3Request::Delete { bucket, key }),
        (&Method::HEAD, true, None) if !bucket.is_empty() => Ok(S3Request::HeadBucket { bucket }),
        (&Method::GET, true, None) if query.get("list-type").is_some_and(|kind| kind == "2") => {
            Ok(S3Request::List { bucket, listing: listing(&query)? })
        }
        (method, _, foreign) => {
            let what = format!("{method} {} {}", parts.uri.path(), foreign.unwrap_or_default());
            Err(AwsError::with_status(501, "NotImplemented", format!("s3: {} is not part of the local stack", what.trim_end())))
        }
    }
}

fn listing(query: &BTreeMap<String, String>) -> Result<Listing, AwsError> {
    let text = |name: &str| query.get(name).filter(|value| !value.is_empty()).cloned();
    let max_keys = text("max-keys").map_or(Ok(1000), |value| value.parse::<usize>());
    let max_keys = max_keys.map_err(|_| AwsError::refused("InvalidArgument", "Provided max-keys not an integer or within range"))?;
    Ok(Listing {
        prefix: text("prefix").unwrap_or_default(),
        delimiter: text("delimiter"),
        after: text("continuation-token").or_else(|| text("start-after")).unwrap_or_default(),
        max_keys: max_keys.min(1000),
    })
}

/// Bucket and key: `bucket.localhost` or `bucket.s3.…` as host, else the path's first part.
fn address(parts: &Parts) -> Result<(String, String), AwsError> {
    let host = parts.headers.get("host").and_then(|host| host.to_str().ok()).or(parts.uri.host()).unwrap_or_default();
    let host = host.split(':').next().unwrap_or_default();
    let virtual_bucket = host.strip_suffix(".localhost").or_else(|| host.split_once(".s3.").map(|(bucket, _)| bucket));
    let path = percent_decode_str(parts.uri.path()).decode_utf8();
    let path = path.map_err(|_| AwsError::refused("InvalidURI", "Couldn't parse the specified URI."))?;
    let path = path.strip_prefix('/').unwrap_or(&path);
    let (bucket, key) = match virtual_bucket {
        Some(bucket) => (bucket, path),
        None => path.split_once('/').unwrap_or((path, "")),
    };
    if key.len() > 1024 {
        return Err(AwsError::refused("KeyTooLongError", "Your key is too long"));
    }
    Ok((bucket.to_owned(), key.to_owned()))
}

fn query(parts: &Parts) -> BTreeMap<String, String> {
    let decoded = |text: &str| percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned();
    let pairs = parts.uri.query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty());
    pairs.map(|pair| pair.split_once('=').unwrap_or((pair, ""))).map(|(name, value)| (decoded(name), decoded(value))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(method: &str, uri: &str, host: &str) -> Result<S3Request, AwsError> {
        let request = http::Request::builder().method(method).uri(uri).header("host", host).body(()).unwrap();
        parse_request(&request.into_parts().0)
    }

    #[test]
    fn bucket_is_in_the_path_or_in_the_host() {
        let expected = S3Request::Put { bucket: "blobs".into(), key: "a b/c.zst".into() };
        assert_eq!(parsed("PUT", "/blobs/a%20b/c.zst?x-id=PutObject", "127.0.0.1:80").unwrap(), expected);
        assert_eq!(parsed("PUT", "/a%20b/c.zst", "blobs.localhost:80").unwrap(), expected);
        assert_eq!(parsed("PUT", "/a%20b/c.zst", "blobs.s3.us-east-1.amazonaws.com").unwrap(), expected);
    }

    #[test]
    fn what_is_not_here_is_named() {
        for (method, uri) in [("POST", "/blobs/key?uploads"), ("GET", "/blobs?versioning"), ("GET", "/blobs"), ("PUT", "/blobs")] {
            let error = parsed(method, uri, "127.0.0.1").unwrap_err();
            assert_eq!((error.status, error.code.as_str()), (501, "NotImplemented"), "{method} {uri}");
            assert!(error.message.contains(method), "{error}");
        }
    }
}
