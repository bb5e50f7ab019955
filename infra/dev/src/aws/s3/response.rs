//! S3's answers: objects with their headers, listings and errors as XML.

use super::request::Listing;
use super::store::{Object, Page};
use crate::aws::error::AwsError;
use axum::body::Body;
use axum::response::Response;
use std::fmt::Write;

/// GetObject's and HeadObject's answer.
pub(super) fn object_response(object: &Object, body: Body) -> Result<Response, AwsError> {
    let modified = object.modified_at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
    let mut response = Response::builder()
        .header("etag", &object.etag)
        .header("last-modified", modified)
        .header("content-type", &object.content_type)
        .header("content-length", object.size);
    let optional = [("content-encoding", &object.content_encoding), ("x-amz-checksum-crc32", &object.crc32)];
    for (name, value) in optional {
        if let Some(value) = value {
            response = response.header(name, value);
        }
    }
    for (name, value) in &object.metadata {
        response = response.header(name, value);
    }
    response.body(body).map_err(AwsError::internal)
}

/// ListObjectsV2's answer.
pub(super) fn list_response(bucket: &str, listing: &Listing, page: &Page) -> Result<Response, AwsError> {
    let mut xml = String::from("<ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">");
    let mut element = |name: &str, value: &str| {
        // Writing to a String cannot fail.
        let _ = write!(xml, "<{name}>{}</{name}>", escape(value));
    };
    element("Name", bucket);
    element("Prefix", &listing.prefix);
    element("MaxKeys", &listing.max_keys.to_string());
    element("KeyCount", &(page.objects.len() + page.prefixes.len()).to_string());
    element("IsTruncated", if page.next.is_some() { "true" } else { "false" });
    if let Some(next) = &page.next {
        element("NextContinuationToken", next);
    }
    for object in &page.objects {
        let (key, etag) = (escape(&object.key), escape(&object.etag));
        let modified = object.modified_at.strftime("%Y-%m-%dT%H:%M:%S.000Z");
        let size = object.size;
        let _ = write!(
            xml,
            "<Contents><Key>{key}</Key><LastModified>{modified}</LastModified><ETag>{etag}</ETag><Size>{size}</Size>\
             <StorageClass>STANDARD</StorageClass></Contents>"
        );
    }
    for prefix in &page.prefixes {
        let _ = write!(xml, "<CommonPrefixes><Prefix>{}</Prefix></CommonPrefixes>", escape(prefix));
    }
    xml.push_str("</ListBucketResult>");
    Response::builder().header("content-type", "application/xml").body(Body::from(xml)).map_err(AwsError::internal)
}

/// An error as S3 tells it.
pub(in crate::aws) fn error_response(error: &AwsError) -> Response {
    let (code, message) = (escape(&error.code), escape(&error.message));
    let xml = format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code><Message>{message}</Message></Error>");
    let mut response = Response::new(Body::from(xml));
    *response.status_mut() = http::StatusCode::from_u16(error.status).unwrap_or(http::StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(http::header::CONTENT_TYPE, http::HeaderValue::from_static("application/xml"));
    response
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            c if c.is_control() => {
                let _ = write!(escaped, "&#{};", u32::from(c));
            }
            c => escaped.push(c),
        }
    }
    escaped
}
