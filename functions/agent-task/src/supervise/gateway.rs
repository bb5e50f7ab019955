//! The client of the task's one door (types in `domain::task`). It alone holds the capability.

use crate::config::SuperviseConfig;
use patchbay_domain::task::{Brief, ExchangeRequest, ExchangeResponse, ModelProvider, ProgressRequest, ProgressResponse, TaskResult};
use reqwest::{Client, Method, Response, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::time::Duration;
use thiserror::Error;

/// The gateway's function lives at most 15 minutes: no call can take longer.
const LONGEST_CALL: Duration = Duration::from_secs(900);
const SHORT_CALL: Duration = Duration::from_secs(30);
/// Waits between tries of calls that may be repeated.
const WAITS: [u64; 5] = [1, 2, 4, 8, 0];

/// What a caller does about a failed call.
#[derive(Debug, Error)]
pub(crate) enum GatewayError {
    /// 401, 409, 410: the run goes on without this task.
    #[error("the gateway says that this is over: {0}")]
    Over(String),
    /// 413
    #[error("too big for the gateway")]
    TooBig,
    /// Anything else, tried again where that is safe.
    #[error("the gateway cannot be used: {0}")]
    Failed(String),
}

/// The gateway, with this run's capability.
pub(crate) struct Gateway {
    client: Client,
    url: String,
    capability: SecretString,
}

impl Gateway {
    /// Trades the single-use bootstrap secret for the capability (R22).
    ///
    /// # Errors
    /// [`GatewayError`]; `Over` when the secret has been used before.
    pub(crate) async fn exchange(config: &SuperviseConfig) -> Result<Self, GatewayError> {
        // Redirects would carry the capability elsewhere; the gateway makes none.
        let builder = Client::builder().connect_timeout(Duration::from_secs(10)).redirect(reqwest::redirect::Policy::none());
        let client = builder.build().map_err(|e| GatewayError::Failed(describe(&e)))?;
        let mut gateway = Self { client, url: config.gateway_url.clone(), capability: SecretString::default() };
        let body = ExchangeRequest {
            workspace: config.workspace.clone(),
            run: config.run.clone(),
            attempt: config.attempt,
            bootstrap_secret: config.bootstrap_secret.expose_secret().to_owned(),
        };
        let answer: ExchangeResponse = gateway.call_repeatedly(Method::POST, "/v1/exchange", Some(&body)).await?;
        gateway.capability = answer.capability.into();
        Ok(gateway)
    }

    /// Reads the brief; the gateway gives it once.
    pub(crate) async fn brief(&self) -> Result<Brief, GatewayError> {
        self.call_repeatedly(Method::GET, "/v1/brief", None::<&()>).await
    }

    /// Says what the task is doing; returns whether to go on. Tried once: the next beat comes anyway.
    pub(crate) async fn progress(&self, stage: Option<&str>) -> Result<bool, GatewayError> {
        let body = ProgressRequest { stage: stage.map(str::to_owned) };
        let answer: ProgressResponse = json(self.call(Method::POST, "/v1/progress", Some(&body)).await?).await?;
        Ok(answer.go_on)
    }

    /// Hands over the end of the task's work; the gateway takes the same result twice without harm.
    pub(crate) async fn result(&self, result: &TaskResult) -> Result<(), GatewayError> {
        self.repeat(|| async { self.call(Method::POST, "/v1/result", Some(result)).await.map(|_| ()) }).await
    }

    /// Passes a model call on as it is, and the answer back as a stream.
    pub(crate) async fn model(&self, provider: ModelProvider, body: bytes::Bytes) -> Result<Response, reqwest::Error> {
        let path = match provider {
            ModelProvider::Openai => "/v1/model/chat/completions",
            ModelProvider::Anthropic => "/v1/model/messages",
        };
        let request = self.client.post(format!("{}{path}", self.url)).bearer_auth(self.capability.expose_secret());
        request.header("content-type", "application/json").timeout(LONGEST_CALL).body(body).send().await
    }

    /// What of the gateway must not leave this task in any text: the capability, and the part of it that nobody can guess.
    pub(crate) fn known_secrets(&self) -> impl Iterator<Item = &str> {
        let capability = self.capability.expose_secret();
        [Some(capability), capability.rsplit('.').next()].into_iter().flatten()
    }

    async fn call_repeatedly<B: Serialize, T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<&B>,
    ) -> Result<T, GatewayError> {
        self.repeat(|| async { json(self.call(method.clone(), path, body).await?).await }).await
    }

    async fn repeat<T, F: Future<Output = Result<T, GatewayError>>>(&self, call: impl Fn() -> F) -> Result<T, GatewayError> {
        let mut last = GatewayError::Failed("never called".to_owned());
        for wait in WAITS {
            match call().await {
                Err(GatewayError::Failed(why)) => last = GatewayError::Failed(why),
                settled => return settled,
            }
            tracing::warn!(error = %last, "calling the gateway again");
            tokio::time::sleep(Duration::from_secs(wait)).await;
        }
        Err(last)
    }

    async fn call<B: Serialize>(&self, method: Method, path: &str, body: Option<&B>) -> Result<Response, GatewayError> {
        let mut request = self.client.request(method, format!("{}{path}", self.url)).timeout(SHORT_CALL);
        if !self.capability.expose_secret().is_empty() {
            request = request.bearer_auth(self.capability.expose_secret());
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = request.send().await.map_err(|e| GatewayError::Failed(describe(&e)))?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let said: String = response.text().await.unwrap_or_default().chars().take(300).collect();
        Err(match status {
            StatusCode::UNAUTHORIZED | StatusCode::CONFLICT | StatusCode::GONE => GatewayError::Over(format!("{status}: {said}")),
            StatusCode::PAYLOAD_TOO_LARGE => GatewayError::TooBig,
            _ => GatewayError::Failed(format!("{status}: {said}")),
        })
    }
}

async fn json<T: DeserializeOwned>(response: Response) -> Result<T, GatewayError> {
    response.json().await.map_err(|e| GatewayError::Failed(describe(&e)))
}

/// A transport error with its causes, without the URL: it may hold what nobody needs to read.
pub(crate) fn describe(error: &reqwest::Error) -> String {
    let mut text = if error.is_timeout() { "timed out".to_owned() } else { String::new() };
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        text = if text.is_empty() { inner.to_string() } else { format!("{text}: {inner}") };
        cause = inner.source();
    }
    if text.is_empty() { "no connection".to_owned() } else { text }
}
