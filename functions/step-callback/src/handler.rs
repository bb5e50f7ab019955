//! API Gateway's payload v2 in, narrow; one call of the use case; a small JSON answer out.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use lambda_runtime::LambdaEvent;
use patchbay_app::callback::{Callback, CallbackPath, CallbackReply};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::borrow::Cow;
use std::collections::HashMap;
use std::convert::Infallible;

/// What is read of an HTTP API event (payload format 2.0). The route is the only one.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Request {
    #[serde(default)]
    path_parameters: Parameters,
    body: Option<String>,
    #[serde(default)]
    is_base64_encoded: bool,
}

/// The variables of the path; what is missing fits no token.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Parameters {
    workspace: String,
    run: String,
    step: String,
    token: String,
}

/// The answer to API Gateway.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Response {
    status_code: u16,
    headers: HashMap<&'static str, &'static str>,
    body: String,
}

/// `POST /callbacks/{workspace}/{run}/{step}/{token}`.
pub(crate) async fn handle(app: &Callback, event: LambdaEvent<Request>) -> Result<Response, Infallible> {
    let request = event.payload;
    let text = request.body.as_deref().unwrap_or_default();
    let body = match request.is_base64_encoded {
        false => Cow::Borrowed(text.as_bytes()),
        true => match STANDARD.decode(text) {
            Ok(bytes) => Cow::Owned(bytes),
            Err(_) => return Ok(answer(400, &json!({ "error": "the body is not base64" }))),
        },
    };
    let Parameters { workspace, run, step, token } = &request.path_parameters;
    Ok(match app.handle(CallbackPath { workspace, run, step, token }, &body).await {
        CallbackReply::Accepted(run) => answer(202, &json!({ "run": run.as_str() })),
        CallbackReply::Refused { status, why } => answer(status, &json!({ "error": why })),
        CallbackReply::Unavailable => answer(503, &json!({ "error": "the callback could not be taken now; send it again" })),
    })
}

fn answer(status_code: u16, body: &serde_json::Value) -> Response {
    Response { status_code, headers: HashMap::from([("content-type", "application/json")]), body: body.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_read_with_its_paths_variables_and_without_any() {
        let event = json!({
            "version": "2.0", "routeKey": "POST /callbacks/{workspace}/{run}/{step}/{token}", "body": "e30=", "isBase64Encoded": true,
            "pathParameters": { "workspace": "ws_github_1", "run": "run_1", "step": "0", "token": "t" },
        });
        let request: Request = serde_json::from_value(event).unwrap();
        assert_eq!((request.path_parameters.run.as_str(), request.path_parameters.token.as_str()), ("run_1", "t"));
        let bare: Request = serde_json::from_value(json!({ "version": "2.0" })).unwrap();
        assert!(bare.path_parameters.token.is_empty() && bare.body.is_none() && !bare.is_base64_encoded);
    }
}
