//! A scripted model behind OpenAI's chat completions API, for machines without a model key.
//!
//! It knows the demo's two requests and the commit message that follows one of them (`script`); to anything else it says
//! that it is a script and how to configure a real model. It never pretends to think.

pub mod script;

use axum::body::Body;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use bytes::Bytes;
use futures_util::stream;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// The name under which the model is asked for.
pub const MODEL_NAME: &str = "scripted";

/// A running scripted model; it ends when this is dropped.
pub struct ScriptedModel {
    base_url: String,
    calls: Arc<AtomicU64>,
    server: JoinHandle<std::io::Result<()>>,
}

impl ScriptedModel {
    /// Starts it on a free loopback port.
    ///
    /// # Errors
    /// If no port is free.
    pub async fn start() -> std::io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let base_url = format!("http://{}/v1", listener.local_addr()?);
        let calls = Arc::new(AtomicU64::new(0));
        let router = Router::new()
            .route("/v1/chat/completions", post(handle_completion))
            .route("/v1/models", get(list_models))
            .with_state(Arc::clone(&calls));
        let server = tokio::spawn(axum::serve(listener, router).into_future());
        Ok(Self { base_url, calls, server })
    }

    /// The address up to and with `/v1`.
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// How many completions were asked for.
    pub fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }
}

impl Drop for ScriptedModel {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn list_models() -> Json<Value> {
    Json(json!({ "object": "list", "data": [{ "id": MODEL_NAME, "object": "model", "owned_by": "patchbay" }] }))
}

async fn handle_completion(State(calls): State<Arc<AtomicU64>>, body: Bytes) -> Response {
    let number = calls.fetch_add(1, Ordering::Relaxed) + 1;
    let Ok(request) = serde_json::from_slice::<Value>(&body) else {
        let error = json!({ "error": { "message": "the body is no JSON", "type": "invalid_request_error", "code": null } });
        return (StatusCode::BAD_REQUEST, Json(error)).into_response();
    };
    let reply = script::reply(&messages(&request));
    let usage = usage(body.len(), reply.len());
    let model = request["model"].as_str().unwrap_or(MODEL_NAME);
    let id = format!("chatcmpl-scripted-{number}");
    if request["stream"].as_bool() == Some(true) {
        let with_usage = request.pointer("/stream_options/include_usage").and_then(Value::as_bool) == Some(true);
        return streamed(&id, model, &reply, with_usage.then_some(usage));
    }
    Json(json!({
        "id": id, "object": "chat.completion", "created": jiff::Timestamp::now().as_second(), "model": model,
        "choices": [{ "index": 0, "message": { "role": "assistant", "content": reply }, "finish_reason": "stop" }],
        "usage": usage,
    }))
    .into_response()
}

/// Four bytes a token, as good a rule as any for a text nobody tokenised.
fn usage(request_bytes: usize, reply_bytes: usize) -> Value {
    let (input, output) = (request_bytes.div_ceil(4), reply_bytes.div_ceil(4));
    json!({ "prompt_tokens": input, "completion_tokens": output, "total_tokens": input + output })
}

fn streamed(id: &str, model: &str, reply: &str, usage: Option<Value>) -> Response {
    let chunk = |choices: Value| json!({ "id": id, "object": "chat.completion.chunk", "created": jiff::Timestamp::now().as_second(), "model": model, "choices": choices });
    let mut chunks = vec![chunk(json!([{ "index": 0, "delta": { "role": "assistant", "content": "" }, "finish_reason": null }]))];
    chunks.extend(
        reply.split_inclusive('\n').map(|line| chunk(json!([{ "index": 0, "delta": { "content": line }, "finish_reason": null }]))),
    );
    chunks.push(chunk(json!([{ "index": 0, "delta": {}, "finish_reason": "stop" }])));
    if let Some(usage) = usage {
        let mut last = chunk(json!([]));
        last["usage"] = usage;
        chunks.push(last);
    }
    let mut lines: Vec<String> = chunks.iter().map(|chunk| format!("data: {chunk}\n\n")).collect();
    lines.push("data: [DONE]\n\n".to_owned());
    let body = Body::from_stream(stream::iter(lines.into_iter().map(Ok::<_, std::convert::Infallible>)));
    ([(header::CONTENT_TYPE, "text/event-stream")], body).into_response()
}

/// Role and text of every message; a content in parts is joined.
fn messages(request: &Value) -> Vec<script::Message> {
    let content = |message: &Value| match &message["content"] {
        Value::String(text) => text.clone(),
        Value::Array(parts) => parts.iter().filter_map(|part| part["text"].as_str()).collect::<Vec<_>>().join("\n"),
        _ => String::new(),
    };
    let messages = request["messages"].as_array().map(Vec::as_slice).unwrap_or_default();
    messages
        .iter()
        .map(|message| script::Message { role: message["role"].as_str().unwrap_or_default().to_owned(), text: content(message) })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn ask(body: Value) -> String {
        let model = ScriptedModel::start().await.unwrap();
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let url = format!("{}/chat/completions", model.base_url());
        let text = client.post(url).body(body.to_string()).send().await.unwrap().text().await.unwrap();
        assert_eq!(model.calls(), 1);
        text
    }

    #[tokio::test]
    async fn a_completion_has_openais_shape_and_usage() {
        let answer: Value =
            serde_json::from_str(&ask(json!({ "model": "scripted", "messages": [{ "role": "user", "content": "hi" }] })).await).unwrap();
        assert_eq!(answer["object"], "chat.completion");
        assert!(answer["choices"][0]["message"]["content"].as_str().unwrap().contains("PATCHBAY_MODEL_URL"));
        assert!(answer["usage"]["total_tokens"].as_u64().unwrap() > 0);
    }

    #[tokio::test]
    async fn a_stream_ends_with_usage_and_done() {
        let text =
            ask(json!({ "stream": true, "stream_options": { "include_usage": true }, "messages": [{ "role": "user", "content": "hi" }] }))
                .await;
        let lines: Vec<_> = text.lines().filter(|line| !line.is_empty()).collect();
        assert_eq!(lines.last(), Some(&"data: [DONE]"));
        let usage: Value = serde_json::from_str(lines[lines.len() - 2].strip_prefix("data: ").unwrap()).unwrap();
        assert!(usage["usage"]["completion_tokens"].as_u64().unwrap() > 0);
    }
}
