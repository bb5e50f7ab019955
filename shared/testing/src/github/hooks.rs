//! The background worker that posts webhooks: one after the other, ten seconds each, logged, never repeated by itself.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::sync::mpsc::UnboundedReceiver;

use super::state::{Delivery, Outcome};
use super::store::Store;

/// GitHub waits this long for an answer.
const TIMEOUT: Duration = Duration::from_secs(10);
/// The log keeps this much of an answer's body.
const MOST_RESPONSE: usize = 10_000;

/// Posts deliveries in the order of the queue until the queue is gone.
pub(crate) async fn deliver_all(store: Arc<Store>, mut queue: UnboundedReceiver<u64>) {
    let client = match reqwest::Client::builder().timeout(TIMEOUT).redirect(reqwest::redirect::Policy::none()).no_proxy().build() {
        Ok(client) => client,
        Err(error) => return tracing::error!(%error, "webhooks cannot be sent"),
    };
    while let Some(id) = queue.recv().await {
        let found = store.look(|world| {
            let delivery = world.state.deliveries.get(&id)?.clone();
            let payload = world.payload(&delivery.guid).ok()?;
            Some((delivery, payload))
        });
        let Some((delivery, payload)) = found else { continue };
        let outcome = deliver(&client, &delivery, payload).await;
        tracing::debug!(guid = delivery.guid, event = delivery.event, status = outcome.status_code, "webhook delivered");
        store.change(|world| {
            if let Some(delivery) = world.state.deliveries.get_mut(&id) {
                delivery.outcome = Some(outcome);
            }
        });
    }
}

async fn deliver(client: &reqwest::Client, delivery: &Delivery, payload: Vec<u8>) -> Outcome {
    let delivered_at = Timestamp::now();
    let started = Instant::now();
    let mut request = client.post(&delivery.url).body(payload);
    for (name, value) in &delivery.request_headers {
        request = request.header(name, value);
    }
    let failed = |status: &str, status_code: u16| Outcome {
        delivered_at,
        seconds: started.elapsed().as_secs_f64(),
        status: status.to_owned(),
        status_code,
        response_headers: Default::default(),
        response_body: String::new(),
    };
    let response = match request.send().await {
        Ok(response) => response,
        Err(error) if error.is_timeout() => return failed("timed out", 504),
        Err(_) => return failed("failed to connect to host", 502),
    };
    let status_code = response.status().as_u16();
    let status = if response.status().is_success() { "OK".to_owned() } else { format!("Invalid HTTP Response: {status_code}") };
    let response_headers =
        response.headers().iter().map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned())).collect();
    let body = match response.bytes().await {
        Ok(body) => body,
        Err(_) => return failed("timed out", 504),
    };
    let response_body = String::from_utf8_lossy(&body[..body.len().min(MOST_RESPONSE)]).into_owned();
    Outcome { delivered_at, seconds: started.elapsed().as_secs_f64(), status, status_code, response_headers, response_body }
}
