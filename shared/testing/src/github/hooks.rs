//! The background worker that posts webhooks: one after the other, ten seconds each, logged, never repeated by itself.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::sync::mpsc::UnboundedReceiver;

use super::faults::{Post, PostFault, PostHook};
use super::state::{Delivery, Outcome};
use super::store::Store;

/// GitHub waits this long for an answer.
const TIMEOUT: Duration = Duration::from_secs(10);
/// How long a webhook that is to be overtaken waits for the next one.
const OVERTAKEN_WITHIN: Duration = Duration::from_millis(500);
/// The log keeps this much of an answer's body.
const MOST_RESPONSE: usize = 10_000;

/// Posts deliveries in the order of the queue until the queue is gone.
pub(crate) async fn deliver_all(store: Arc<Store>, mut queue: UnboundedReceiver<u64>, faults: Option<PostHook>) {
    let client = match reqwest::Client::builder().timeout(TIMEOUT).redirect(reqwest::redirect::Policy::none()).no_proxy().build() {
        Ok(client) => client,
        Err(error) => return tracing::error!(%error, "webhooks cannot be sent"),
    };
    while let Some(id) = queue.recv().await {
        let fault = faults.as_ref().and_then(|hook| hook(&store.look(|world| world.state.deliveries.get(&id).map(post_of))?));
        if fault == Some(PostFault::Late)
            && let Ok(Some(next)) = tokio::time::timeout(OVERTAKEN_WITHIN, queue.recv()).await
        {
            deliver_one(&store, &client, next, None).await;
        }
        deliver_one(&store, &client, id, fault).await;
    }
}

fn post_of(delivery: &Delivery) -> Post {
    Post { event: delivery.event.clone(), action: delivery.action.clone(), redelivery: delivery.redelivery }
}

async fn deliver_one(store: &Store, client: &reqwest::Client, id: u64, fault: Option<PostFault>) {
    let found = store.look(|world| {
        let delivery = world.state.deliveries.get(&id)?.clone();
        let payload = world.payload(&delivery.guid).ok()?;
        Some((delivery, payload))
    });
    let Some((delivery, payload)) = found else { return };
    if fault == Some(PostFault::Twice) {
        deliver(client, &delivery, payload.clone()).await;
    }
    let mut outcome = match fault {
        Some(PostFault::Refused(status)) => not_sent(status),
        _ => deliver(client, &delivery, payload).await,
    };
    if fault == Some(PostFault::Unanswered) {
        (outcome.status, outcome.status_code) = ("timed out".to_owned(), 504);
    }
    tracing::debug!(guid = delivery.guid, event = delivery.event, status = outcome.status_code, "webhook delivered");
    store.change(|world| {
        if let Some(delivery) = world.state.deliveries.get_mut(&id) {
            delivery.outcome = Some(outcome);
        }
    });
}

/// What the log says of a webhook that did not arrive.
fn not_sent(status_code: u16) -> Outcome {
    Outcome {
        delivered_at: Timestamp::now(),
        seconds: 0.0,
        status: format!("Invalid HTTP Response: {status_code}"),
        status_code,
        response_headers: Default::default(),
        response_body: String::new(),
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
