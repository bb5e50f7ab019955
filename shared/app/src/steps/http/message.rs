//! What an `http` step sends: the execution context as JSON, the same on every try, and its headers per Standard Webhooks
//! (<https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>).

use super::super::scene::{Scene, StepError};
use patchbay_domain::signing::RepositoryKey;
use patchbay_domain::workflow::limits::MAX_OUTPUT_CHARS;
use patchbay_domain::workflow::model::HttpStep;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, InvalidHeaderValue};
use serde_json::{Map, Value, json};

/// A call's body and its name.
pub(super) struct Message {
    /// `webhook-id`: the same on every try, by which a receiver knows a call that it has had already.
    id: String,
    pub(super) body: String,
}

impl Message {
    /// The context of this step's call.
    pub(super) fn new(scene: &Scene<'_>, step: &HttpStep, callback_url: Option<String>) -> Result<Self, StepError> {
        let mut inputs = Map::new();
        for (name, template) in &step.inputs {
            let value: String = scene.render(&format!("inputs.{name}"), template)?.chars().take(MAX_OUTPUT_CHARS).collect();
            inputs.insert(name.clone(), Value::String(scene.outgoing(value)));
        }
        let run = scene.run;
        let workflow = &scene.plan.workflow;
        let repository = &run.repository;
        let mut data = json!({
            "workflow": { "name": workflow.name, "source": workflow.source, "version": workflow.version },
            "run": run.id,
            "step": { "id": scene.step.id, "index": scene.index },
            "delivery": run.request.delivery,
            "repository": { "id": repository.id, "owner": repository.owner, "name": repository.name, "full_name": repository.full_name() },
            "event": scene.plan.event,
            "inputs": inputs,
        });
        if let Some(url) = callback_url {
            data["callback_url"] = Value::String(url);
        }
        let body = json!({ "type": "patchbay.step", "timestamp": run.created_at, "data": data });
        Ok(Self { id: scene.name(), body: body.to_string() })
    }

    /// The headers of a try at `now` (seconds since 1970): the file's own, and those that say who called.
    pub(super) fn signed(&self, mut headers: HeaderMap, key: &RepositoryKey, now: i64) -> Result<HeaderMap, InvalidHeaderValue> {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(HeaderName::from_static("webhook-id"), HeaderValue::from_str(&self.id)?);
        headers.insert(HeaderName::from_static("webhook-timestamp"), HeaderValue::from(now));
        let signature = key.sign(&self.id, now, &self.body);
        headers.insert(HeaderName::from_static("webhook-signature"), HeaderValue::from_str(&signature)?);
        Ok(headers)
    }
}
