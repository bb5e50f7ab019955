//! The one loopback endpoint: understands a request, counts it, lets the service answer, renders the answer.

use super::calls::{Call, CallLedger};
use super::dynamo::Dynamo;
use super::ecs::Ecs;
use super::error::{Answer, AwsError};
use super::foreign::Foreign;
use super::iam::Iam;
use super::kms::Kms;
use super::request::parse_call;
use super::s3::S3;
use super::secrets::Secrets;
use super::sqs::Sqs;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::response::Response;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::request::Parts;
use serde_json::Value;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// More than any operation may carry; S3 alone gets near.
const MAX_BODY_BYTES: usize = 64 * 1024 * 1024;
const JSON: &str = "application/x-amz-json-1.1";

/// The services behind the endpoint.
pub(super) struct Services {
    pub(super) calls: CallLedger,
    pub(super) iam: Iam,
    pub(super) dynamo: Dynamo,
    pub(super) sqs: Arc<Sqs>,
    pub(super) s3: S3,
    pub(super) secrets: Secrets,
    pub(super) kms: Kms,
    pub(super) ecs: Ecs,
    /// Services that another emulator plays; the fields of this one are empty then.
    pub(super) foreign: Foreign,
    /// Ends long polls, so that the endpoint can end.
    pub(super) shutdown: CancellationToken,
}

/// The router that serves everything.
pub(super) fn router(services: Arc<Services>) -> Router {
    Router::new().fallback(handle_request).with_state(services)
}

async fn handle_request(State(services): State<Arc<Services>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let target = parts.headers.get("x-amz-target").and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    let content_type = parts.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or(JSON).to_owned();
    let ended = || Err(AwsError::with_status(503, "ServiceUnavailable", "the local stack ends"));
    let answer = match to_bytes(body, MAX_BODY_BYTES).await {
        Ok(body) => services.shutdown.run_until_cancelled(answer(&services, &parts, body)).await.unwrap_or_else(ended),
        Err(_) => Err(AwsError::with_status(413, "RequestEntityTooLarge", "the body is too large or broke off")),
    };
    answer.unwrap_or_else(|error| {
        tracing::debug!(code = error.code, message = error.message, "AWS call refused");
        if target.is_empty() {
            return super::s3::response::error_response(&error);
        }
        let older_name = target.starts_with("AmazonSQS.").then(|| super::sqs::query_error(&error));
        let mut response = error.into_json_response(&content_type);
        if let Some(name) = older_name.and_then(|name| name.parse().ok()) {
            response.headers_mut().insert("x-amzn-query-error", name);
        }
        response
    })
}

async fn answer(services: &Services, parts: &Parts, body: Bytes) -> Result<Response, AwsError> {
    let input = match parts.headers.contains_key("x-amz-target") {
        true => serde_json::from_slice(&body),
        false => Ok(Value::Null),
    };
    let input = input.map_err(|error| AwsError::refused("SerializationException", error.to_string()))?;
    let call = parse_call(parts, &input)?;
    services.iam.check(&call, &input)?;
    services.calls.before(&call)?;
    if let Some(answer) = services.foreign.forward(call.service, parts, &body).await {
        services.calls.after(&call)?;
        return answer;
    }
    let json = match call.service {
        "dynamodb" => Err(services.dynamo.forward(parts, body).await),
        "s3" => Err(services.s3.handle(parts, body).await),
        "sqs" => Ok(services.sqs.handle(&call.operation, &input).await),
        "secretsmanager" => Ok(services.secrets.handle(&call.operation, &input)),
        "kms" => Ok(services.kms.handle(&call.operation, &input)),
        _ => Ok(services.ecs.handle(&call.operation, &input).await),
    };
    services.calls.after(&call)?;
    if is_missing_object(&call, &json) {
        services.iam.check_missing_object(&call)?;
    }
    match json {
        Ok(answer) => render(parts, answer),
        Err(response) => response,
    }
}

fn is_missing_object(call: &Call, answer: &Result<Answer, Result<Response, AwsError>>) -> bool {
    let reads = call.service == "s3" && matches!(call.operation.as_str(), "GetObject" | "HeadObject");
    reads && matches!(answer, Err(Err(error)) if error.status == 404)
}

fn render(parts: &Parts, answer: Answer) -> Result<Response, AwsError> {
    let mut response = Response::new(Body::from(answer?.to_string()));
    if let Some(kind) = parts.headers.get(CONTENT_TYPE) {
        response.headers_mut().insert(CONTENT_TYPE, kind.clone());
    }
    Ok(response)
}
