//! API Gateway's payload v2 in, narrow; one call of the use case; a small JSON answer out.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use lambda_runtime::LambdaEvent;
use patchbay_app::intake::{Intake, IntakeReply, WebhookHeaders};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::borrow::Cow;

/// The four fields that are read of an HTTP API event (payload format 2.0).
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Request {
    route_key: String,
    #[serde(default)]
    headers: Headers,
    body: Option<String>,
    #[serde(default)]
    is_base64_encoded: bool,
}

/// The headers that are read. Their names come in lower case, repeated ones joined by a comma.
#[derive(Default, Deserialize)]
struct Headers {
    #[serde(rename = "x-hub-signature-256")]
    signature: Option<String>,
    #[serde(rename = "x-github-event")]
    event: Option<String>,
    #[serde(rename = "x-github-delivery")]
    delivery: Option<String>,
    #[serde(rename = "content-type")]
    content_type: Option<String>,
}

/// The answer to API Gateway.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Response {
    status_code: u16,
    headers: JsonContent,
    body: String,
}

/// The one header of every answer.
#[derive(Serialize)]
struct JsonContent {
    #[serde(rename = "content-type")]
    content_type: &'static str,
}

/// `POST /webhooks/github` and `GET /health`; the template routes nothing else here.
pub(crate) async fn handle(app: &Intake, event: LambdaEvent<Request>) -> Result<Response, lambda_runtime::Error> {
    let request = event.payload;
    Ok(match request.route_key.as_str() {
        "GET /health" => answer(200, &json!({ "status": "ok" })),
        "POST /webhooks/github" => receive(app, &request).await,
        other => answer(404, &json!({ "error": format!("there is no route {other}") })),
    })
}

async fn receive(app: &Intake, request: &Request) -> Response {
    let text = request.body.as_deref().unwrap_or_default();
    // The signature is over the raw bytes: decode first (R1).
    let body = match request.is_base64_encoded {
        false => Cow::Borrowed(text.as_bytes()),
        true => match STANDARD.decode(text) {
            Ok(bytes) => Cow::Owned(bytes),
            Err(_) => return answer(400, &json!({ "error": "the body is not base64" })),
        },
    };
    let sent = &request.headers;
    let headers = WebhookHeaders {
        signature: sent.signature.as_deref(),
        event: sent.event.as_deref(),
        delivery: sent.delivery.as_deref(),
        content_type: sent.content_type.as_deref(),
    };
    match app.handle_github(headers, &body).await {
        IntakeReply::Accepted(delivery) => answer(202, &json!({ "delivery": delivery })),
        IntakeReply::Refused { status, why } => answer(status, &json!({ "error": why })),
        IntakeReply::Unavailable => answer(503, &json!({ "error": "the delivery could not be queued; deliver it again" })),
    }
}

fn answer(status_code: u16, body: &serde_json::Value) -> Response {
    Response { status_code, headers: JsonContent { content_type: "application/json" }, body: body.to_string() }
}
