//! The App's delivery log at GitHub (R8): what did not reach us, asking for it again, and reading what was in it.
//! GitHub keeps the log for three days and never redelivers by itself.

use super::answers::{DeliveryAnswer, DeliveryDetailAnswer};
use super::client::GithubForge;
use super::route::Call;
use crate::{DeliveryRequest, ForgeError, LoggedDelivery};
use jiff::Timestamp;
use serde_json::Value;
use std::collections::{HashMap, HashSet};

/// How many pages of 100 attempts are read at most in one sweep.
const MAX_PAGES: u32 = 50;

impl GithubForge {
    pub(super) async fn list_failed_deliveries(&self, since: Timestamp) -> Result<Vec<LoggedDelivery>, ForgeError> {
        let mut attempts = Vec::new();
        let mut call = Call::get("/app/hook/deliveries", &[]).with_query(&[("per_page", "100")]);
        for _ in 0..MAX_PAGES {
            let answer = self.call_as_app(&call).await?;
            let page: Vec<DeliveryAnswer> = answer.json()?;
            let reached_the_past = page.iter().any(|attempt| attempt.delivered_at < since);
            attempts.extend(page.into_iter().filter(|attempt| attempt.delivered_at >= since));
            match answer.link_query("next") {
                Some(next) if !reached_the_past => call = call.with_raw_query(&next),
                _ => break,
            }
        }
        Ok(never_succeeded(attempts))
    }

    pub(super) async fn ask_for_redelivery(&self, delivery: u64) -> Result<(), ForgeError> {
        let call = Call::new(http::Method::POST, "/app/hook/deliveries/{delivery}/attempts", &[&delivery.to_string()]);
        self.call_as_app(&call).await.map(drop)
    }

    pub(super) async fn load_delivery_request(&self, delivery: u64) -> Result<DeliveryRequest, ForgeError> {
        let call = Call::get("/app/hook/deliveries/{delivery}", &[&delivery.to_string()]);
        let answer: DeliveryDetailAnswer = self.call_as_app(&call).await?.json()?;
        let text = |value: Value| match value {
            Value::String(text) => text,
            other => other.to_string(),
        };
        let headers = answer.request.headers.into_iter().map(|(name, value)| (name, text(value))).collect();
        Ok(DeliveryRequest { guid: answer.guid, event: answer.event, headers, payload: answer.request.payload })
    }
}

/// The latest attempt of every delivery that has no successful one, oldest first.
fn never_succeeded(attempts: Vec<DeliveryAnswer>) -> Vec<LoggedDelivery> {
    let delivered = |attempt: &DeliveryAnswer| (200..300).contains(&attempt.status_code);
    let succeeded: HashSet<String> = attempts.iter().filter(|attempt| delivered(attempt)).map(|attempt| attempt.guid.clone()).collect();
    let mut latest: HashMap<String, DeliveryAnswer> = HashMap::new();
    for attempt in attempts.into_iter().filter(|attempt| !succeeded.contains(&attempt.guid)) {
        match latest.get(&attempt.guid) {
            Some(known) if known.delivered_at >= attempt.delivered_at => {}
            _ => drop(latest.insert(attempt.guid.clone(), attempt)),
        }
    }
    let mut failed: Vec<LoggedDelivery> = latest.into_values().map(DeliveryAnswer::into_delivery).collect();
    failed.sort_by_key(|delivery| (delivery.delivered_at, delivery.id));
    failed
}
