//! The App, its installations and its delivery log.

use serde_json::{Value, json};

use super::super::state::{AccountKind, Delivery, Installation};
use super::super::world::World;
use super::{node_id, time, user};

/// The App itself.
pub(crate) fn app(world: &World) -> Value {
    let app = &world.app;
    json!({
        "id": app.app_id,
        "client_id": app.client_id,
        "slug": app.slug,
        "node_id": node_id("Integration", app.app_id),
        "owner": world.state.account(&app.slug_bot()).map(|bot| user(&world.urls, bot)),
        "name": app.slug,
        "description": "",
        "external_url": world.urls.web,
        "html_url": format!("{}/apps/{}", world.urls.web, app.slug),
        "created_at": time(app.created_at),
        "updated_at": time(app.created_at),
        "permissions": app.permissions,
        "events": app.events,
        "installations_count": world.state.installations.len(),
    })
}

/// An installation of the App.
pub(crate) fn installation(world: &World, found: &Installation) -> Value {
    let account = world.state.account(&found.account);
    let organization = account.is_some_and(|account| account.kind == AccountKind::Organization);
    let page = match account {
        Some(account) if organization => format!("{}/organizations/{}/settings/installations/{}", world.urls.web, account.login, found.id),
        _ => format!("{}/settings/installations/{}", world.urls.web, found.id),
    };
    json!({
        "id": found.id,
        "client_id": world.app.client_id,
        "account": account.map(|account| user(&world.urls, account)),
        "repository_selection": if found.selected.is_some() { "selected" } else { "all" },
        "access_tokens_url": format!("{}/app/installations/{}/access_tokens", world.urls.api, found.id),
        "repositories_url": format!("{}/installation/repositories", world.urls.api),
        "html_url": page,
        "app_id": world.app.app_id,
        "app_slug": world.app.slug,
        "target_id": account.map(|account| account.id),
        "target_type": if organization { "Organization" } else { "User" },
        "permissions": found.permissions,
        "events": found.events,
        "created_at": time(found.created_at),
        "updated_at": time(found.updated_at),
        "single_file_name": null,
        "has_multiple_single_files": false,
        "single_file_paths": [],
        "suspended_by": found.suspended_by.as_deref().map(|login| world.user_json(login)),
        "suspended_at": found.suspended_at.map(time),
    })
}

/// An installation in a webhook: as recorded, its times are numbers, but for `suspend` and `unsuspend`.
pub(crate) fn installation_in_event(world: &World, found: &Installation, action: &str) -> Value {
    let mut value = installation(world, found);
    if !matches!(action, "suspend" | "unsuspend") {
        value["created_at"] = json!(found.created_at.as_second());
        value["updated_at"] = json!(found.updated_at.as_second());
    }
    value
}

/// A delivery as the list shows it; only attempted deliveries are in the log.
pub(crate) fn delivery_item(delivery: &Delivery) -> Value {
    let outcome = delivery.outcome.as_ref();
    json!({
        "id": delivery.id,
        "guid": delivery.guid,
        "delivered_at": outcome.map(|outcome| outcome.delivered_at.to_string()),
        "redelivery": delivery.redelivery,
        "duration": outcome.map(|outcome| (outcome.seconds * 100.0).round() / 100.0),
        "status": outcome.map(|outcome| outcome.status.clone()),
        "status_code": outcome.map(|outcome| outcome.status_code),
        "event": delivery.event,
        "action": delivery.action,
        "installation_id": delivery.installation,
        "repository_id": delivery.repository,
        "throttled_at": null,
    })
}

/// A delivery with request and response.
pub(crate) fn delivery(found: &Delivery, payload: &Value) -> Value {
    let mut value = delivery_item(found);
    let outcome = found.outcome.as_ref();
    value["url"] = json!(found.url);
    value["request"] = json!({"headers": found.request_headers, "payload": payload});
    value["response"] = json!({
        "headers": outcome.map(|outcome| outcome.response_headers.clone()).unwrap_or_default(),
        "payload": outcome.map(|outcome| outcome.response_body.clone()).unwrap_or_default(),
    });
    value
}
