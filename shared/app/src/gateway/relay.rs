//! The model relay: the agent's request, bounded, with our key, to the one model of its run, whichever it asks for; the
//! answer streamed back as it comes. Every call is paid for before it is made and settled when it is over, however it ends.

use super::Gateway;
use super::capability::Capability;
use super::meter::{Ending, Estimate, Meter, Prices};
use super::model_request::ModelRequest;
use super::reply::{GatewayError, Reply, ReplyBody};
use bytes::Bytes;
use patchbay_aws::tables::runs::{Reservation, RunsTable};
use patchbay_aws::telemetry;
use patchbay_domain::metric;
use patchbay_domain::redact::Secrets as Redactor;
use patchbay_domain::run::Run;
use patchbay_domain::task::{ModelProvider, Usage};
use patchbay_domain::text::strip_hidden;
use reqwest::header::{CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::mpsc;
use tracing::Instrument;

/// Chunks that may wait for a slow reader.
const CHUNKS_IN_FLIGHT: usize = 16;
const MAX_ERROR_BYTES: usize = 64 << 10;
const MAX_ERROR_CHARS: usize = 500;
const ANTHROPIC_VERSION: &str = "2023-06-01";

/// The secret named by `SECRET_MODEL_ID`. A server of one's own may need no key.
#[derive(Deserialize)]
struct ModelSecret {
    base_url: Option<String>,
    api_key: Option<String>,
}

/// Where the model is.
struct Target {
    url: String,
    key: Option<SecretString>,
}

impl Gateway {
    /// `POST /v1/model/chat/completions` and `POST /v1/model/messages`: `provider` says which shape the caller speaks.
    /// Calls: three reads, two writes, one call of the provider.
    ///
    /// # Errors
    /// 401, 409 when the run is over, 400 for what cannot be asked, 402 when the run's budget is spent, 403 when the
    /// run's model is not allowed, 503 while none is configured; what the provider refuses is passed on without its details about our account.
    pub async fn call_model(&self, authorization: Option<&str>, provider: ModelProvider, body: &[u8]) -> Result<Reply, GatewayError> {
        let capability = self.authenticate(authorization).await?;
        let run = self.load_active(&capability).await?;
        if provider != self.config.provider {
            return Err(GatewayError::new(404, "model_refused", "the configured model has another kind of API"));
        }
        let target = self.target().await?;
        let model = self.config.model_of(run.request.options.model.as_deref());
        let model = model.map_err(|failure| GatewayError::new(403, "model_not_allowed", failure.detail))?;
        let request = ModelRequest::parse(provider, body, &model.name).map_err(GatewayError::bad_request)?;
        let (request, call) = self.reserve(&capability, &run, request, model.prices).await?;
        match self.send(&target, &request).await {
            Ok(response) if response.status().is_success() => Ok(call.relay(response)),
            Ok(response) => {
                call.settle(Usage::default()).await;
                Err(refusal(response, &target).await)
            }
            Err(error) => {
                tracing::warn!(connect = error.is_connect(), timeout = error.is_timeout(), "the model's provider did not answer");
                // Without a connection nothing was produced; after one, nobody knows.
                call.end(if error.is_connect() { None } else { Some(Ending::BrokenOff) }).await;
                Err(GatewayError::new(502, "model_unavailable", "the model's provider did not answer"))
            }
        }
    }

    /// The key of the model's secret, if there is one that can be read.
    pub(super) async fn model_key(&self) -> Option<SecretString> {
        let secret: ModelSecret = self.secrets.get_json(&self.config.model_secret_id).await.ok()?;
        secret.api_key.map(SecretString::from)
    }

    async fn target(&self) -> Result<Target, GatewayError> {
        let no_model = || GatewayError::new(503, "no_model", "no model is configured");
        if self.config.model.is_empty() {
            return Err(no_model());
        }
        let secret: ModelSecret = match self.secrets.get_json(&self.config.model_secret_id).await {
            Ok(secret) => secret,
            Err(error) if error.is_retryable() => return Err(error.into()),
            Err(error) => {
                tracing::error!(%error, "the model's secret cannot be read");
                return Err(no_model());
            }
        };
        target(self.config.provider, secret).ok_or_else(no_model)
    }

    /// Sets aside what the call may cost; of a nearly spent budget, what a short answer may cost.
    async fn reserve(
        &self,
        capability: &Capability,
        run: &Run,
        request: ModelRequest,
        prices: Prices,
    ) -> Result<(ModelRequest, Call), GatewayError> {
        let modest = request.modest();
        for request in std::iter::once(request).chain(modest) {
            let reserved = request.estimate.cost(prices);
            let runs = &self.dispatch.runs;
            if runs.reserve(&capability.workspace, &capability.run, reserved, run.budget_microusd).await? == Reservation::Reserved {
                let call = Call {
                    runs: runs.clone(),
                    capability: capability.clone(),
                    meter: Meter::new(self.config.provider, request.stream),
                    estimate: request.estimate,
                    prices,
                    reserved,
                };
                return Ok((request, call));
            }
        }
        metrics::counter!(metric::MODEL_BUDGET_SPENT).increment(1);
        tracing::info!(run = %run.id, budget_microusd = run.budget_microusd, "the run's budget is spent");
        let budget = run.budget_microusd as f64 / 1_000_000.0;
        Err(GatewayError::new(402, "budget", format!("the run's budget of ${budget:.2} does not cover another model call")))
    }

    async fn send(&self, target: &Target, request: &ModelRequest) -> reqwest::Result<reqwest::Response> {
        let call = self.http.post(&target.url).header(CONTENT_TYPE, "application/json").body(request.body());
        let call = match (self.config.provider, &target.key) {
            (ModelProvider::Openai, Some(key)) => call.bearer_auth(key.expose_secret()),
            (ModelProvider::Openai, None) => call,
            (ModelProvider::Anthropic, key) => {
                let call = call.header("anthropic-version", ANTHROPIC_VERSION);
                match key {
                    Some(key) => call.header("x-api-key", key.expose_secret()),
                    None => call,
                }
            }
        };
        call.send().await
    }
}

const OPENAI_URL: &str = "https://api.openai.com/v1";
const ANTHROPIC_URL: &str = "https://api.anthropic.com/v1";

/// A provider's public address needs a key (`None` if there is none), and is its own: the secret comes with OpenAI's,
/// which an operator with another provider may have left there.
fn target(provider: ModelProvider, secret: ModelSecret) -> Option<Target> {
    let key = secret.api_key.filter(|key| !key.trim().is_empty()).map(SecretString::from);
    let named = secret.base_url.unwrap_or_default();
    let own = Some(named.trim().trim_end_matches('/')).filter(|url| !["", OPENAI_URL, ANTHROPIC_URL].contains(url));
    if own.is_none() && key.is_none() {
        return None;
    }
    let (public, path) = match provider {
        ModelProvider::Openai => (OPENAI_URL, "chat/completions"),
        ModelProvider::Anthropic => (ANTHROPIC_URL, "messages"),
    };
    Some(Target { url: format!("{}/{path}", own.unwrap_or(public)), key })
}

/// A call that is paid for and not yet settled.
struct Call {
    runs: RunsTable,
    capability: Capability,
    meter: Meter,
    estimate: Estimate,
    prices: Prices,
    reserved: u64,
}

impl Call {
    /// Passes the answer on. It ends for the reader only when it is settled: after that, Lambda may stop the process.
    fn relay(self, response: reqwest::Response) -> Reply {
        let status = response.status().as_u16();
        let content_type = text_header(response.headers(), CONTENT_TYPE.as_str()).unwrap_or_else(|| "application/json".into());
        let (chunks, receiver) = mpsc::channel(CHUNKS_IN_FLIGHT);
        tokio::spawn(self.pump(response, chunks).in_current_span());
        Reply { status, content_type, retry_after: None, body: ReplyBody::Stream(receiver) }
    }

    async fn pump(mut self, mut response: reqwest::Response, chunks: mpsc::Sender<Bytes>) {
        let ending = loop {
            match response.chunk().await {
                Ok(Some(chunk)) => {
                    self.meter.feed(&chunk);
                    if chunks.send(chunk).await.is_err() {
                        break Ending::BrokenOff;
                    }
                }
                Ok(None) => break Ending::Complete,
                Err(error) => {
                    tracing::warn!(timeout = error.is_timeout(), "the model's answer broke off");
                    break Ending::BrokenOff;
                }
            }
        };
        // Not before: what is left of the connection is closed, so that the provider stops producing.
        drop(response);
        self.end(Some(ending)).await;
        telemetry::flush_metrics();
        drop(chunks);
    }

    /// Settles a call that ended like this; `None` when the provider was never reached.
    async fn end(self, ending: Option<Ending>) {
        let Self { runs, capability, meter, estimate, prices, reserved } = self;
        let usage = ending.map(|ending| meter.finish(ending, estimate, prices)).unwrap_or_default();
        settle(&runs, &capability, reserved, usage).await;
    }

    async fn settle(self, usage: Usage) {
        settle(&self.runs, &self.capability, self.reserved, usage).await;
    }
}

/// If this fails, what was set aside stays spent: the budget may be used up too early, never overspent.
async fn settle(runs: &RunsTable, capability: &Capability, reserved: u64, usage: Usage) {
    let (run, attempt) = (&capability.run, capability.attempt);
    metrics::counter!(metric::MODEL_CALLS).increment(1);
    metrics::counter!(metric::MODEL_TOKENS, "kind" => "input").increment(usage.input_tokens);
    metrics::counter!(metric::MODEL_TOKENS, "kind" => "output").increment(usage.output_tokens);
    metrics::counter!(metric::MODEL_COST_MICROUSD).increment(usage.cost_microusd);
    tracing::info!(%run, attempt, input = usage.input_tokens, output = usage.output_tokens, microusd = usage.cost_microusd, "model call");
    if let Err(error) = runs.settle(&capability.workspace, run, reserved, &usage).await {
        tracing::error!(%run, %error, "a model call was not settled");
    }
}

/// What the provider's refusal means for the task.
async fn refusal(response: reqwest::Response, target: &Target) -> GatewayError {
    let status = response.status().as_u16();
    let retry_after = text_header(response.headers(), RETRY_AFTER.as_str());
    let said = said(response, target.key.as_ref()).await;
    tracing::warn!(status, "the model's provider refused a call");
    match status {
        400 | 413 | 422 => GatewayError::new(400, "model_refused", said),
        429 => GatewayError { retry_after, ..GatewayError::new(429, "model_unavailable", said) },
        500..=599 => GatewayError { retry_after, ..GatewayError::new(status, "model_unavailable", said) },
        // What it says about our key or account is not for the agent.
        401..=403 => GatewayError::new(502, "model_refused", format!("the model's provider refused our key or account (HTTP {status})")),
        404 => GatewayError::new(502, "model_refused", said),
        _ => GatewayError::new(502, "model_refused", format!("the model's provider answered with HTTP {status}")),
    }
}

/// The provider's own words, without secrets and of bounded length.
async fn said(mut response: reqwest::Response, key: Option<&SecretString>) -> String {
    let status = response.status().as_u16();
    let mut body = Vec::new();
    while let Ok(Some(chunk)) = response.chunk().await {
        body.extend_from_slice(&chunk);
        if body.len() > MAX_ERROR_BYTES {
            break;
        }
    }
    let message = serde_json::from_slice::<Value>(&body).ok().and_then(|body| {
        let text = body.pointer("/error/message").or(body.get("message")).or(body.get("error"))?.as_str()?;
        Some(strip_hidden(&Redactor::new(key.map(ExposeSecret::expose_secret)).redact(text)))
    });
    let message: String = message.unwrap_or_else(|| "it did not say why".into()).chars().take(MAX_ERROR_CHARS).collect();
    format!("the model's provider answered with HTTP {status}: {message}")
}

fn text_header(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name)?.to_str().ok().filter(|value| value.len() <= 100).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(base_url: Option<&str>, api_key: Option<&str>) -> ModelSecret {
        ModelSecret { base_url: base_url.map(str::to_owned), api_key: api_key.map(str::to_owned) }
    }

    #[test]
    fn the_models_address_is_the_secrets_or_the_providers() {
        let url = |provider, base, key| target(provider, secret(base, key)).map(|target| target.url);
        assert_eq!(url(ModelProvider::Openai, None, Some("k")).as_deref(), Some("https://api.openai.com/v1/chat/completions"));
        assert_eq!(url(ModelProvider::Anthropic, Some(""), Some("k")).as_deref(), Some("https://api.anthropic.com/v1/messages"));
        assert_eq!(
            url(ModelProvider::Openai, Some("http://127.0.0.1:1/v1/"), None).as_deref(),
            Some("http://127.0.0.1:1/v1/chat/completions")
        );
        assert_eq!(url(ModelProvider::Anthropic, Some(OPENAI_URL), Some("k")).as_deref(), Some("https://api.anthropic.com/v1/messages"));
        assert_eq!(url(ModelProvider::Openai, None, Some(" ")), None);
        assert_eq!(url(ModelProvider::Openai, Some(OPENAI_URL), Some("")), None);
    }
}
