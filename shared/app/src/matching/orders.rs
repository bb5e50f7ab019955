//! What Patchbay tells itself (a schedule's time, a start by name) as a delivery like any other: claimed once, decided,
//! kept, and read again from what was kept.

use jiff::Timestamp;
use patchbay_aws::compress::{compress, to_inline};
use patchbay_domain::envelope::{Delivery, StartOrder};
use patchbay_domain::event::{Detail, Event, Provider};
use patchbay_domain::ids::DeliveryId;
use patchbay_forge::github::convert::{ParseError, parse_event};
use sha2::{Digest, Sha256};

/// The endpoint of deliveries that no forge sent.
pub const ORDERS: &str = "patchbay";

/// The order as the delivery that it is handled as.
pub(super) fn delivery_of(order: &StartOrder) -> anyhow::Result<Delivery> {
    let json = serde_json::to_vec(order)?;
    Ok(Delivery {
        provider: Provider::Github,
        endpoint: ORDERS.to_owned(),
        id: order.id.clone(),
        event: kind(&order.detail).to_owned(),
        // A time to come would be listed under a day to come.
        received_at: order.at.min(Timestamp::now()),
        body: to_inline(&compress(&json)),
    })
}

/// What tells a delivery's body from another one with the same id (R5): SHA-256, hex. When an order was given does not make it
/// another one: a step gives its order again when it does not know whether it did.
pub fn fingerprint(delivery: &Delivery, body: &[u8]) -> String {
    let order = (delivery.endpoint == ORDERS).then(|| serde_json::from_slice::<StartOrder>(body).ok()).flatten();
    let timeless = order.and_then(|order| serde_json::to_vec(&StartOrder { at: Timestamp::UNIX_EPOCH, ..order }).ok());
    hex::encode(Sha256::digest(timeless.as_deref().unwrap_or(body)))
}

/// The event of a delivery's body, whoever sent it.
pub(super) fn read_event(delivery: &Delivery, body: &[u8]) -> Result<Event, ParseError> {
    if delivery.endpoint != ORDERS {
        return parse_event(&delivery.event, &delivery.id, body);
    }
    let order: StartOrder = serde_json::from_slice(body).map_err(|error| ParseError::NotJson(error.to_string()))?;
    Ok(event_of(order, &delivery.id))
}

fn event_of(order: StartOrder, delivery: &DeliveryId) -> Event {
    Event {
        provider: Provider::Github,
        delivery: delivery.clone(),
        kind: kind(&order.detail).to_owned(),
        action: None,
        connection: Some(order.connection),
        actor: order.actor,
        repository: Some(order.repository),
        subject: None,
        comment: None,
        detail: order.detail,
    }
}

fn kind(detail: &Detail) -> &'static str {
    match detail {
        Detail::Schedule { .. } => "schedule",
        _ => "manual",
    }
}
