//! What the gateway answers: JSON, or a stream of bytes; and errors in the one shape that the supervisor, OpenAI's and
//! Anthropic's clients all understand.

use bytes::Bytes;
use patchbay_aws::AwsError;
use serde_json::json;
use tokio::sync::mpsc::Receiver;

/// An answer, to be put on the wire as it is.
pub struct Reply {
    pub status: u16,
    pub content_type: String,
    pub retry_after: Option<String>,
    pub body: ReplyBody,
}

pub enum ReplyBody {
    Whole(Vec<u8>),
    /// Chunks as they come; the channel's end is the body's.
    Stream(Receiver<Bytes>),
}

impl Reply {
    /// A JSON answer.
    pub(super) fn json(status: u16, value: &impl serde::Serialize) -> Result<Self, GatewayError> {
        let body = serde_json::to_vec(value).map_err(|_| GatewayError::internal())?;
        Ok(Self { status, content_type: "application/json".into(), retry_after: None, body: ReplyBody::Whole(body) })
    }
}

/// Why a call was not answered as asked. The text is for the task and may reach the thread: no secrets, no contents.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{status} {code}: {message}")]
pub struct GatewayError {
    pub status: u16,
    /// For programs; where it leads to a failed run, the failure's code.
    pub code: &'static str,
    pub message: String,
    pub retry_after: Option<String>,
}

impl GatewayError {
    pub(super) fn new(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), retry_after: None }
    }

    /// One answer for every way in which a capability or bootstrap secret can be wrong.
    pub(super) fn unauthorized() -> Self {
        Self::new(401, "unauthorized", "this is no capability of a run that is under way")
    }

    pub(super) fn run_is_over() -> Self {
        Self::new(409, "run_is_over", "the run is over, or another attempt of it was started")
    }

    pub(super) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(400, "bad_request", message)
    }

    pub(super) fn internal() -> Self {
        Self::new(500, "internal", "something went wrong in the gateway")
    }

    /// For a path that is none.
    pub fn not_found() -> Self {
        Self::new(404, "not_found", "there is nothing here")
    }

    /// For a body that cannot be taken.
    pub fn too_large(max_bytes: usize) -> Self {
        Self::new(413, "too_large", format!("at most {max_bytes} bytes are taken"))
    }

    /// For a body that cannot be read.
    pub fn unreadable_body() -> Self {
        Self::bad_request("the body cannot be read")
    }

    /// The answer for this error.
    pub fn into_reply(self) -> Reply {
        let body = json!({ "type": "error", "error": { "code": self.code, "type": self.code, "message": self.message } });
        Reply {
            status: self.status,
            content_type: "application/json".into(),
            retry_after: self.retry_after,
            body: ReplyBody::Whole(body.to_string().into_bytes()),
        }
    }
}

impl From<AwsError> for GatewayError {
    fn from(error: AwsError) -> Self {
        if error.is_retryable() {
            tracing::warn!(%error, "a call cannot be answered now");
            let retry_after = Some("1".to_owned());
            return Self { retry_after, ..Self::new(503, "unavailable", "try again in a moment") };
        }
        tracing::error!(%error, "a call cannot be answered");
        Self::internal()
    }
}

impl From<anyhow::Error> for GatewayError {
    fn from(error: anyhow::Error) -> Self {
        match error.downcast::<AwsError>() {
            Ok(error) => error.into(),
            Err(error) => {
                tracing::error!(error = format!("{error:#}"), "a call cannot be answered");
                Self::internal()
            }
        }
    }
}
