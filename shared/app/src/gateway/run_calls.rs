//! What a supervisor may do for its run besides asking the model: exchange its bootstrap secret, read its brief once,
//! say that it lives, and hand in the result.

use super::capability::Capability;
use super::reply::{GatewayError, Reply};
use super::{Gateway, hash};
use jiff::Timestamp;
use patchbay_aws::blobs::result_key;
use patchbay_aws::tables::runs::Save;
use patchbay_domain::metric;
use patchbay_domain::redact::Secrets;
use patchbay_domain::run::{Input, Run, State, apply};
use patchbay_domain::task::{ExchangeRequest, ExchangeResponse, ProgressRequest, ProgressResponse, StoredResult, TaskOutcome, TaskResult};
use patchbay_domain::text::strip_hidden;
use secrecy::ExposeSecret;
use serde::de::DeserializeOwned;
use serde_json::json;

/// What a result may weigh (R23).
pub const MAX_RESULT_BYTES: usize = 6_000_000;
const MAX_STAGE_CHARS: usize = 80;
/// Heartbeats are few: whoever is faster this often is not normal.
const MAX_CONFLICTS: usize = 8;

impl Gateway {
    /// `POST /v1/exchange`: the bootstrap secret for the run's capability, once. Calls: two writes.
    ///
    /// # Errors
    /// 401 for any secret but the one that this attempt was started with, and for that one the second time.
    pub async fn exchange(&self, body: &[u8]) -> Result<Reply, GatewayError> {
        let request: ExchangeRequest = parse(body)?;
        let claim =
            Capability::claim(request.workspace.as_str(), request.run.as_str(), request.attempt).ok_or_else(GatewayError::unauthorized)?;
        if !self.vault.exchange(&claim.workspace, &claim.run, claim.attempt, &hash(&request.bootstrap_secret)).await? {
            tracing::warn!(run = %claim.run, attempt = claim.attempt, "a bootstrap secret was refused");
            return Err(GatewayError::unauthorized());
        }
        let capability = claim.mint().map_err(|_| GatewayError::internal())?;
        self.dispatch.runs.set_capability(&claim.workspace, &claim.run, claim.attempt, &hash(&capability)).await?;
        tracing::info!(run = %claim.run, attempt = claim.attempt, "capability given");
        Reply::json(200, &ExchangeResponse { capability })
    }

    /// `GET /v1/brief`: once. Calls: one read, one delete, one decryption.
    ///
    /// # Errors
    /// 401, and 410 when the brief was read before or has expired.
    pub async fn brief(&self, authorization: Option<&str>) -> Result<Reply, GatewayError> {
        let capability = self.authenticate(authorization).await?;
        let brief = self.vault.take_brief(&capability.workspace, &capability.run, capability.attempt).await?;
        let brief = brief.ok_or_else(|| GatewayError::new(410, "brief_was_read", "the brief can be read once"))?;
        Ok(Reply { status: 200, content_type: "application/json".into(), retry_after: None, body: super::ReplyBody::Whole(brief) })
    }

    /// `POST /v1/progress`: a heartbeat, and what the task is doing. Calls: two reads, one write, one send if the
    /// stage changed.
    ///
    /// # Errors
    /// 401. A run that is over is no error: the answer says to stop.
    pub async fn progress(&self, authorization: Option<&str>, body: &[u8]) -> Result<Reply, GatewayError> {
        let capability = self.authenticate(authorization).await?;
        let request: ProgressRequest = parse(body)?;
        let input = Input::Heartbeat { stage: request.stage.as_deref().and_then(clean_stage) };
        for _ in 0..MAX_CONFLICTS {
            let run = match self.load_active(&capability).await {
                Ok(run) => run,
                Err(error) if error == GatewayError::run_is_over() => return Reply::json(200, &ProgressResponse { go_on: false }),
                Err(error) => return Err(error),
            };
            if self.note(&run, &input).await? {
                return Reply::json(200, &ProgressResponse { go_on: true });
            }
        }
        Err(GatewayError { retry_after: Some("1".into()), ..GatewayError::new(503, "unavailable", "the run keeps changing") })
    }

    /// Saves what the input makes of the run. False when somebody else was faster.
    async fn note(&self, run: &Run, input: &Input) -> Result<bool, GatewayError> {
        let now = Timestamp::now();
        let transition = apply(run, input, now);
        if !transition.changed {
            return Ok(true);
        }
        let news = transition.next.outbox != run.outbox;
        match self.dispatch.runs.save(&transition.next, run.version).await? {
            Save::Conflict => return Ok(false),
            Save::Saved => {}
        }
        if news {
            self.dispatch.forward(&transition.next, now).await?;
        }
        Ok(true)
    }

    /// `POST /v1/result`: the end of the task's work, stored with what the gateway counted, then queued. The same
    /// result may be sent again. Calls: three reads, one blob, one send.
    ///
    /// # Errors
    /// 401; 413 over `MAX_RESULT_BYTES`; 409 when the run is over or has another attempt by now.
    pub async fn result(&self, authorization: Option<&str>, body: &[u8]) -> Result<Reply, GatewayError> {
        let capability = self.authenticate(authorization).await?;
        if body.len() > MAX_RESULT_BYTES {
            return Err(GatewayError::too_large(MAX_RESULT_BYTES));
        }
        let mut result: TaskResult = parse(body)?;
        if result.run != capability.run || result.attempt != capability.attempt {
            return Err(GatewayError::new(409, "another_run", "the result is not this run's"));
        }
        let (workspace, run) = (&capability.workspace, &capability.run);
        let key = result_key(workspace, run, capability.attempt);
        let current = self.dispatch.runs.load(workspace, run).await?.ok_or_else(GatewayError::run_is_over)?;
        if current.result_key.as_ref() == Some(&key) {
            // Sent again: it is being written to the forge, or was.
            return accepted();
        }
        if current.attempt != capability.attempt || !matches!(current.state, State::Starting | State::Running { .. }) {
            return Err(GatewayError::run_is_over());
        }
        let usage = self.dispatch.runs.usage(workspace, run).await?;
        self.keep_back(&mut result, authorization).await;
        let outcome = result.outcome.name();
        let stored = serde_json::to_vec(&StoredResult { result, usage }).map_err(|_| GatewayError::internal())?;
        self.blobs.put(&key, stored, "application/json").await?;
        self.dispatch.results_queue.send_run(workspace, run, 0).await?;
        tracing::info!(run = %run, attempt = capability.attempt, outcome, bytes = body.len(), "result stored");
        accepted()
    }

    /// R34: what the gateway alone knows, the model's key and the caller's capability, goes no further. The task's own
    /// findings are counted here, where there is somebody to tell.
    async fn keep_back(&self, result: &mut TaskResult, authorization: Option<&str>) {
        let key = self.model_key().await;
        let capability = authorization.and_then(|value| value.strip_prefix("Bearer "));
        let random = capability.and_then(|capability| capability.rsplit('.').next());
        let found =
            keep_back(result, &Secrets::new(key.as_ref().map(ExposeSecret::expose_secret).into_iter().chain(capability).chain(random)));
        if found > 0 {
            tracing::error!(run = %result.run, found, "a secret was kept out of a result");
        }
        let all = found.saturating_add(result.kept_back);
        if all > 0 {
            metrics::counter!(metric::REDACTION_HIT).increment(all.into());
        }
    }
}

/// Refuses a change that holds one of the secrets, and blots them out of every text. Returns how many held one.
fn keep_back(result: &mut TaskResult, secrets: &Secrets) -> u32 {
    let mut found = 0;
    if let TaskOutcome::Changes { change_set } = &result.outcome
        && let Some(leak) = change_set.find_secret(secrets)
    {
        found += 1;
        result.outcome = TaskOutcome::Failed { failure: leak.failure() };
    }
    let outcome = match &mut result.outcome {
        TaskOutcome::Changes { .. } => None,
        TaskOutcome::Answer { text } => Some(text),
        TaskOutcome::Failed { failure } => Some(&mut failure.detail),
    };
    let verify = result.verify.as_mut().map(|report| &mut report.output);
    let told = result.isolation.iter_mut().chain(&mut result.notes);
    for text in outcome.into_iter().chain(&mut result.summary).chain([&mut result.agent]).chain(verify).chain(told) {
        if secrets.scan(&text).is_some() {
            found += 1;
            *text = secrets.redact(text);
        }
    }
    found
}

fn accepted() -> Result<Reply, GatewayError> {
    Reply::json(202, &json!({ "accepted": true }))
}

/// The body as JSON; the error names the place, never the content.
fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, GatewayError> {
    serde_json::from_slice(body)
        .map_err(|e| GatewayError::bad_request(format!("the body is not what is expected (line {}, column {})", e.line(), e.column())))
}

/// A few words on one line, or nothing.
fn clean_stage(stage: &str) -> Option<String> {
    let words: Vec<String> = strip_hidden(stage).split_whitespace().map(str::to_owned).collect();
    let stage: String = words.join(" ").chars().take(MAX_STAGE_CHARS).collect();
    (!stage.is_empty()).then_some(stage)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stage_is_a_few_words_on_one_line() {
        assert_eq!(clean_stage(" Editing\n\tfiles <!-- x -->\u{200b}"), Some("Editing files".into()));
        assert_eq!(clean_stage(" \n"), None);
        assert_eq!(clean_stage(&"ä".repeat(500)).map(|stage| stage.chars().count()), Some(MAX_STAGE_CHARS));
    }

    #[test]
    fn a_secret_is_kept_out_of_every_part_of_a_result() {
        let secrets = Secrets::new(["canary-of-the-gateway"]);
        let result = |outcome: serde_json::Value| -> TaskResult {
            let words = "see canary-of-the-gateway";
            serde_json::from_value(json!({
                "run": "run_1", "attempt": 1, "outcome": outcome, "summary": words, "agent": words, "isolation": [words],
                "verify": { "command": "make", "outcome": "failed", "output": words }, "notes": [words],
            }))
            .unwrap()
        };
        let change_set = json!({
            "base_sha": "0", "commit_message": "x", "message_by_model": false,
            "files": [{ "path": "a", "change": { "kind": "write", "mode": "100644", "content": { "text": "canary-of-the-gateway" }, "added": true } }],
        });
        for (outcome, expected) in [
            (json!({ "kind": "changes", "change_set": change_set }), 6),
            (json!({ "kind": "answer", "text": hex::encode("canary-of-the-gateway") }), 6),
            (json!({ "kind": "failed", "failure": { "code": "budget", "detail": "canary-of-the-gateway" } }), 6),
            (json!({ "kind": "answer", "text": "nothing" }), 5),
        ] {
            let mut result = result(outcome);
            assert_eq!(keep_back(&mut result, &secrets), expected);
            let left = serde_json::to_string(&result).unwrap();
            assert!(!left.contains("canary") && !left.contains(&hex::encode("canary")), "{left}");
            assert_eq!(keep_back(&mut result, &secrets), 0);
        }
    }

    #[test]
    fn an_unreadable_body_is_not_quoted() {
        let error = parse::<ExchangeRequest>(br#"{"bootstrap_secret": "canary", "attempt": "canary"}"#).unwrap_err();
        assert!(!error.to_string().contains("canary"), "{error}");
    }
}
