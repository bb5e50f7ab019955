//! Errors as GitHub words them: a status, a message, sometimes a list of fields, and a pointer to the documentation.

use serde_json::{Value, json};

/// What a failed request answers.
#[derive(Debug)]
pub(crate) struct ApiError {
    pub status: u16,
    pub message: String,
    pub errors: Vec<Value>,
    pub headers: Vec<(&'static str, String)>,
}

impl ApiError {
    pub(crate) fn new(status: u16, message: impl Into<String>) -> Self {
        Self { status, message: message.into(), errors: Vec::new(), headers: Vec::new() }
    }

    pub(crate) fn not_found() -> Self {
        Self::new(404, "Not Found")
    }

    pub(crate) fn unauthorized(message: &str) -> Self {
        Self::new(401, message)
    }

    pub(crate) fn bad_credentials() -> Self {
        Self::new(401, "Bad credentials")
    }

    pub(crate) fn requires_authentication() -> Self {
        Self::new(401, "Requires authentication")
    }

    pub(crate) fn forbidden(message: &str) -> Self {
        Self::new(403, message)
    }

    /// 422 with a message of its own and no list.
    pub(crate) fn unprocessable(message: impl Into<String>) -> Self {
        Self::new(422, message)
    }

    /// 422 "Validation Failed" with one custom message, as for a pull request that exists already.
    pub(crate) fn custom(resource: &str, message: impl Into<String>) -> Self {
        let error = json!({"resource": resource, "code": "custom", "message": message.into()});
        Self { errors: vec![error], ..Self::new(422, "Validation Failed") }
    }

    /// 422 "Validation Failed" for one field; the code is `missing_field`, `invalid` or `already_exists`.
    pub(crate) fn field(resource: &str, field: &str, code: &str) -> Self {
        Self { errors: vec![json!({"resource": resource, "field": field, "code": code})], ..Self::new(422, "Validation Failed") }
    }

    /// 422 as the request's schema check words it.
    pub(crate) fn not_supplied(field: &str) -> Self {
        Self::new(422, format!("Invalid request.\n\n\"{field}\" wasn't supplied."))
    }

    /// The body of the answer.
    pub(crate) fn body(&self) -> Value {
        let mut body = json!({
            "message": self.message,
            "documentation_url": "https://docs.github.com/rest",
            "status": self.status.to_string(),
        });
        if !self.errors.is_empty() {
            body["errors"] = Value::Array(self.errors.clone());
        }
        body
    }
}

impl From<anyhow::Error> for ApiError {
    fn from(error: anyhow::Error) -> Self {
        tracing::error!(error = %format!("{error:#}"), "the local GitHub failed");
        Self::new(500, "Server Error")
    }
}

impl From<ApiError> for anyhow::Error {
    fn from(error: ApiError) -> Self {
        let details: Vec<String> = error.errors.iter().map(Value::to_string).collect();
        anyhow::anyhow!("{} {} {}", error.status, error.message, details.join(", "))
    }
}
