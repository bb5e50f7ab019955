//! The App's webhook: where it points, what was delivered, and delivering again.

use serde_json::{Value, json};

use super::super::error::ApiError;
use super::super::json;
use super::super::state::Delivery;
use super::call::{Answer, Call, Reply};

pub(super) fn hook_config(call: &mut Call<'_>) -> Answer {
    let hook = &call.world.state.hook;
    let secret = (!hook.secret.is_empty()).then_some("********");
    let mut value = json!({"content_type": "json", "insecure_ssl": "0", "url": hook.url});
    if let Some(secret) = secret {
        value["secret"] = json!(secret);
    }
    Reply::ok(value)
}

pub(super) fn set_hook_config(call: &mut Call<'_>) -> Answer {
    let (url, secret) = (call.text("url")?, call.text("secret")?);
    let hook = &mut call.world.state.hook;
    hook.url = url.or(hook.url.take());
    hook.secret = secret.unwrap_or_else(|| std::mem::take(&mut hook.secret));
    hook_config(call)
}

/// Newest first, in pages behind a cursor; what has not been attempted yet is not in the log.
pub(super) fn list(call: &mut Call<'_>) -> Answer {
    let cursor: Option<u64> = match call.query.get("cursor") {
        Some(cursor) => Some(cursor.parse().map_err(|_| ApiError::unprocessable("Invalid cursor"))?),
        None => None,
    };
    let attempted = call.world.state.deliveries.values().rev().filter(|one| one.outcome.is_some());
    let mut after: Vec<&Delivery> = attempted.filter(|one| cursor.is_none_or(|cursor| one.id < cursor)).take(call.per_page() + 1).collect();
    let more = after.len() > call.per_page();
    after.truncate(call.per_page());
    let mut reply = Reply::ok(Value::Array(after.iter().map(|one| json::delivery_item(one)).collect()))?;
    if let (true, Some(last)) = (more, after.last()) {
        reply.headers.push(("link", call.link("next", "cursor", &last.id.to_string())));
    }
    Ok(reply)
}

pub(super) fn show(call: &mut Call<'_>) -> Answer {
    let id = call.number("id")?;
    let found = call.world.state.deliveries.get(&id).filter(|one| one.outcome.is_some()).ok_or_else(ApiError::not_found)?;
    let payload = call.world.payload(&found.guid)?;
    let payload: Value = serde_json::from_slice(&payload).map_err(anyhow::Error::from)?;
    Reply::ok(json::delivery(found, &payload))
}

pub(super) fn redeliver(call: &mut Call<'_>) -> Answer {
    let id = call.number("id")?;
    call.world.redeliver(id)?;
    Reply::accepted()
}
