//! HTTP to one service of another emulator: calls of this process's own in AWS's JSON protocols, and requests passed on.

use crate::aws::REGION;
use crate::aws::error::AwsError;
use crate::aws::request::target_prefix;
use anyhow::Context as _;
use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, EXPECT, HOST, HeaderName, TRANSFER_ENCODING};
use http::request::Parts;
use http::{HeaderMap, Method};
use serde_json::{Map, Value};
use std::time::Duration;

/// Longer than the longest poll.
const TIMEOUT: Duration = Duration::from_secs(30);
/// What belongs to one connection, or is made anew. The token would name who called: DynamoDB Local keeps a database per
/// caller, and all functions share one here.
const NOT_PASSED_ON: [HeaderName; 5] = [HOST, CONTENT_LENGTH, TRANSFER_ENCODING, CONNECTION, EXPECT];
const TOKEN: &str = "x-amz-security-token";
/// Letters and digits only: DynamoDB Local refuses any other access key id.
const ACCESS_KEY: &str = "LOCALPATCHBAY";

#[derive(Clone)]
pub(super) struct Client {
    service: &'static str,
    /// Without a slash at the end.
    url: String,
    http: reqwest::Client,
}

impl Client {
    pub(super) fn new(service: &'static str, url: &str) -> anyhow::Result<Self> {
        let url = url.trim_end_matches('/').to_owned();
        anyhow::ensure!(url.starts_with("http://"), "{url} is no address of an AWS emulator: it must begin with http://");
        let http = reqwest::Client::builder().no_proxy().timeout(TIMEOUT).build().context("no HTTP client")?;
        Ok(Self { service, url, http })
    }

    /// One operation in the service's JSON protocol. Errors are the service's own.
    pub(super) async fn call(&self, operation: &str, input: &Value) -> Result<Value, AwsError> {
        let target = format!("{}.{operation}", target_prefix(self.service).unwrap_or_default());
        let version = if matches!(self.service, "sqs" | "dynamodb") { "1.0" } else { "1.1" };
        let request = self.request(Method::POST, "/").header("x-amz-target", target);
        let request = request.header(CONTENT_TYPE, format!("application/x-amz-json-{version}")).body(input.to_string());
        let answer = request.send().await.map_err(|error| self.silent(&error))?;
        let status = answer.status().as_u16();
        let kind = answer.headers().get("x-amzn-errortype").and_then(|kind| kind.to_str().ok()).map(str::to_owned);
        let body = answer.bytes().await.map_err(|error| self.silent(&error))?;
        if status != 200 {
            return Err(refusal(status, kind.as_deref(), &body));
        }
        if body.is_empty() { Ok(Value::Null) } else { serde_json::from_slice(&body).map_err(AwsError::internal) }
    }

    /// A request without a body to a path; the answer's status.
    pub(super) async fn plain(&self, method: Method, path: &str) -> Result<u16, AwsError> {
        let answer = self.request(method, path).send().await.map_err(|error| self.silent(&error))?;
        Ok(answer.status().as_u16())
    }

    /// Passes a request on.
    pub(super) async fn forward(&self, parts: &Parts, body: Bytes) -> Result<Response, AwsError> {
        let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
        let mut headers = HeaderMap::new();
        for (name, value) in parts.headers.iter().filter(|(name, _)| !NOT_PASSED_ON.contains(name) && name.as_str() != TOKEN) {
            headers.append(name, value.clone());
        }
        headers.insert(AUTHORIZATION, self.authorization().parse().map_err(AwsError::internal)?);
        let request = self.http.request(parts.method.clone(), format!("{}{path}", self.url)).headers(headers);
        let answer = request.body(body).send().await.map_err(|error| self.silent(&error))?;
        let mut response = Response::new(Body::empty());
        *response.status_mut() = answer.status();
        for (name, value) in answer.headers().iter().filter(|(name, _)| !NOT_PASSED_ON.contains(name)) {
            response.headers_mut().append(name, value.clone());
        }
        // The length of an answer to HEAD is the object's, not the body's.
        if parts.method == Method::HEAD
            && let Some(length) = answer.headers().get(CONTENT_LENGTH)
        {
            response.headers_mut().insert(CONTENT_LENGTH, length.clone());
        }
        *response.body_mut() = Body::from(answer.bytes().await.map_err(|error| self.silent(&error))?);
        Ok(response)
    }

    fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let now = jiff::Timestamp::now().strftime("%Y%m%dT%H%M%SZ").to_string();
        self.http.request(method, format!("{}{path}", self.url)).header(AUTHORIZATION, self.authorization()).header("x-amz-date", now)
    }

    /// Credentials without a signature.
    fn authorization(&self) -> String {
        let scope = format!("{ACCESS_KEY}/20260101/{REGION}/{}/aws4_request", self.service);
        format!("AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0")
    }

    fn silent(&self, error: &reqwest::Error) -> AwsError {
        AwsError::with_status(503, "ServiceUnavailable", format!("{} at {} did not answer: {error}", self.service, self.url))
    }
}

/// The error that a service's JSON names.
fn refusal(status: u16, kind: Option<&str>, body: &[u8]) -> AwsError {
    let mut members: Map<String, Value> = serde_json::from_slice(body).unwrap_or_default();
    let mut text = |names: [&str; 2]| names.iter().find_map(|name| Some(members.remove(*name)?.as_str()?.to_owned()));
    let code = text(["__type", "code"]).or_else(|| kind.map(str::to_owned)).unwrap_or_else(|| "UnknownError".to_owned());
    // `com.amazonaws.dynamodb.v20120810#ResourceInUseException`, `ResourceInUseException:http://…`
    let code = code.rsplit('#').next().unwrap_or(&code).split(':').next().unwrap_or_default().to_owned();
    let message = text(["message", "Message"]).unwrap_or_default();
    AwsError { status, code, message, extra: members }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_errors_name_is_read_in_every_spelling() {
        let check = |kind: Option<&str>, body: &str| refusal(400, kind, body.as_bytes()).to_string();
        let expected = "ResourceInUseException: exists";
        assert_eq!(check(None, r#"{"__type":"com.amazonaws.dynamodb.v20120810#ResourceInUseException","Message":"exists"}"#), expected);
        assert_eq!(check(Some("ResourceInUseException:http://x/"), r#"{"message":"exists"}"#), expected);
        assert_eq!(check(None, "<html>"), "UnknownError: ");
    }
}
