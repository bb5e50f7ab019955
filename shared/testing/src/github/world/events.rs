//! From something that happened to a delivery in the outbox: payload, headers, signature.

use std::collections::BTreeMap;

use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use sha2::Sha256;

use super::super::error::ApiError;
use super::super::json;
use super::super::state::{AccountKind, Delivery, IdKind};
use super::{Doer, World};

/// An event before it is addressed: its own fields; repository, organization, installation and sender are added.
pub(crate) struct Draft {
    event: String,
    action: Option<String>,
    doer: Doer,
    repository: Option<u64>,
    installation: Option<u64>,
    fields: Map<String, Value>,
}

impl Draft {
    /// An event with an action.
    pub(crate) fn of(event: &str, action: &str, doer: &Doer) -> Self {
        Self { action: Some(action.to_owned()), ..Self::without_action(event, doer) }
    }

    /// An event that has no action, such as a push.
    pub(crate) fn without_action(event: &str, doer: &Doer) -> Self {
        Self { event: event.to_owned(), action: None, doer: doer.clone(), repository: None, installation: None, fields: Map::new() }
    }

    pub(crate) fn in_repository(self, id: u64) -> Self {
        Self { repository: Some(id), ..self }
    }

    pub(crate) fn of_installation(self, id: u64) -> Self {
        Self { installation: Some(id), ..self }
    }

    /// The event's own fields.
    pub(crate) fn with(self, fields: Map<String, Value>) -> Self {
        Self { fields, ..self }
    }
}

impl World {
    /// Queues a webhook for the App, if it is to hear of the event: installed, not suspended, subscribed.
    pub(crate) fn emit(&mut self, draft: Draft) -> Result<(), ApiError> {
        let Some(installation) = self.recipient(&draft) else { return Ok(()) };
        let Some(url) = self.state.hook.url.clone() else { return Ok(()) };
        let payload = self.payload_of(&draft, installation)?;
        let guid = uuid::Uuid::new_v4().to_string();
        let path = self.payload_path(&guid);
        let bytes = serde_json::to_vec(&payload).map_err(anyhow::Error::from)?;
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(anyhow::Error::from)?;
        }
        std::fs::write(path, &bytes).map_err(anyhow::Error::from)?;
        let headers = self.delivery_headers(&draft.event, &guid, &bytes);
        let delivery = Delivery {
            id: self.state.next_id(IdKind::Delivery),
            guid,
            event: draft.event,
            action: draft.action,
            installation: Some(installation),
            repository: draft.repository,
            redelivery: false,
            url,
            request_headers: headers,
            queued_at: Timestamp::now(),
            outcome: None,
        };
        self.queue(delivery);
        Ok(())
    }

    /// Queues a logged delivery once more, under the same GUID, to where the hook points now.
    pub(crate) fn redeliver(&mut self, id: u64) -> Result<u64, ApiError> {
        let first = self.state.deliveries.get(&id).filter(|found| found.outcome.is_some()).ok_or_else(ApiError::not_found)?.clone();
        let payload = self.payload(&first.guid)?;
        let url = self.state.hook.url.clone().ok_or_else(|| ApiError::unprocessable("The webhook has no URL."))?;
        let headers = self.delivery_headers(&first.event, &first.guid, &payload);
        let again = Delivery {
            id: self.state.next_id(IdKind::Delivery),
            redelivery: true,
            url,
            request_headers: headers,
            queued_at: Timestamp::now(),
            outcome: None,
            ..first
        };
        let id = again.id;
        self.queue(again);
        Ok(id)
    }

    fn queue(&mut self, delivery: Delivery) {
        let id = delivery.id;
        self.state.deliveries.insert(id, delivery);
        // The worker is gone only while the server stops; what is unsent then is sent after the next start.
        let _ = self.outbox.send(id);
    }

    // The installation that hears of the event. Lifecycle events need no subscription and reach suspended installations.
    fn recipient(&self, draft: &Draft) -> Option<u64> {
        if draft.installation.is_some() {
            return draft.installation;
        }
        let repository = self.state.repositories.get(&draft.repository?)?;
        let found = self.state.installation_of(repository)?;
        let subscribed = found.events.contains(&draft.event);
        (subscribed && found.suspended_at.is_none()).then_some(found.id)
    }

    fn payload_of(&self, draft: &Draft, installation: u64) -> Result<Value, ApiError> {
        let mut payload = Map::new();
        if let Some(action) = &draft.action {
            payload.insert("action".to_owned(), json!(action));
        }
        payload.extend(draft.fields.clone());
        if let Some(id) = draft.repository {
            let repository = self.repository(id)?;
            let shape = if draft.event == "push" { json::push_repository } else { json::repository };
            payload.insert("repository".to_owned(), shape(&self.urls, &self.state, repository));
            let owner = self.state.account(&repository.owner).filter(|owner| owner.kind == AccountKind::Organization);
            if let Some(owner) = owner {
                payload.insert("organization".to_owned(), json::organization(&self.urls, owner));
            }
        }
        payload.insert("sender".to_owned(), self.user_json(&draft.doer.login));
        payload
            .entry("installation")
            .or_insert_with(|| json!({"id": installation, "node_id": json::node_id("IntegrationInstallation", installation)}));
        Ok(Value::Object(payload))
    }

    fn delivery_headers(&self, event: &str, guid: &str, payload: &[u8]) -> BTreeMap<String, String> {
        let mut headers = BTreeMap::from([
            ("Accept".to_owned(), "*/*".to_owned()),
            ("Content-Type".to_owned(), "application/json".to_owned()),
            ("User-Agent".to_owned(), "GitHub-Hookshot/0a1b2c3".to_owned()),
            ("X-GitHub-Delivery".to_owned(), guid.to_owned()),
            ("X-GitHub-Event".to_owned(), event.to_owned()),
            ("X-GitHub-Hook-ID".to_owned(), (500_000_000 + self.app.app_id).to_string()),
            ("X-GitHub-Hook-Installation-Target-ID".to_owned(), self.app.app_id.to_string()),
            ("X-GitHub-Hook-Installation-Target-Type".to_owned(), "integration".to_owned()),
        ]);
        if !self.state.hook.secret.is_empty() {
            headers.insert("X-Hub-Signature-256".to_owned(), signature(&self.state.hook.secret, payload));
        }
        headers
    }
}

fn signature(secret: &str, payload: &[u8]) -> String {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else { return String::new() };
    mac.update(payload);
    format!("sha256={}", hex::encode(mac.finalize().into_bytes()))
}
