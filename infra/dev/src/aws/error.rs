//! An error as AWS tells it: status, code, message, and the protocol's shape around them.

use axum::body::Body;
use axum::response::Response;
use http::StatusCode;
use http::header::CONTENT_TYPE;
use serde_json::{Map, Value};

/// What an operation answers when it refuses. Rendered as JSON or XML by the protocol that asked.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct AwsError {
    /// The HTTP status.
    pub status: u16,
    /// The exception's name, such as `ConflictException`.
    pub code: String,
    pub message: String,
    /// Further members of the error's JSON (`resourceIds` of ECS's ConflictException).
    pub extra: Map<String, Value>,
}

/// What every operation returns: the answer's JSON, or the error.
pub(super) type Answer = Result<Value, AwsError>;

impl AwsError {
    /// A 400: the caller's fault.
    pub fn refused(code: &str, message: impl Into<String>) -> Self {
        Self { status: 400, code: code.to_owned(), message: message.into(), extra: Map::new() }
    }

    /// An error with any status.
    pub fn with_status(status: u16, code: &str, message: impl Into<String>) -> Self {
        Self { status, ..Self::refused(code, message) }
    }

    /// A 500 for a failure of the emulation itself (disk full, database gone).
    pub fn internal(message: impl ToString) -> Self {
        Self::with_status(500, "InternalFailure", message.to_string())
    }

    /// The operation exists at AWS or not, but not here.
    pub(super) fn unknown_operation(service: &str, operation: &str) -> Self {
        Self::refused("UnknownOperationException", format!("{service}:{operation} is not part of the local stack"))
    }

    /// The error as the AWS JSON protocols send it.
    pub(super) fn into_json_response(self, content_type: &str) -> Response {
        let mut body = self.extra;
        body.insert("__type".into(), self.code.clone().into());
        body.insert("message".into(), self.message.into());
        let mut response = Response::new(Body::from(Value::Object(body).to_string()));
        *response.status_mut() = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let headers = response.headers_mut();
        if let Ok(value) = content_type.parse() {
            headers.insert(CONTENT_TYPE, value);
        }
        if let Ok(value) = self.code.parse() {
            headers.insert("x-amzn-errortype", value);
        }
        response
    }
}

impl From<rusqlite::Error> for AwsError {
    fn from(error: rusqlite::Error) -> Self {
        Self::internal(format!("the queue store failed: {error}"))
    }
}

impl From<std::io::Error> for AwsError {
    fn from(error: std::io::Error) -> Self {
        Self::internal(format!("the local stack's disk failed: {error}"))
    }
}
