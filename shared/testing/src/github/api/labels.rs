//! Labels of a repository and of its threads.

use serde_json::Value;

use super::super::error::ApiError;
use super::super::json;
use super::call::{Answer, Call, Reply};

pub(super) fn list(call: &mut Call<'_>) -> Answer {
    let repository = call.repository()?;
    let url = call.world.repository_api_url(repository);
    call.page(repository.labels.values().map(|label| json::label(&url, label)).collect())
}

pub(super) fn create(call: &mut Call<'_>) -> Answer {
    let (id, name) = (call.repository()?.id, call.required("name")?);
    if call.repository()?.labels.contains_key(&name.to_lowercase()) {
        return Err(ApiError::field("Label", "name", "already_exists"));
    }
    let color = call.text("color")?.unwrap_or_else(|| "ededed".to_owned());
    let description = call.text("description")?;
    let key = call.world.ensure_label(id, &name, &color)?;
    let repository = call.world.repository_mut(id)?;
    let label = repository.labels.get_mut(&key).ok_or_else(ApiError::not_found)?;
    label.description = description;
    let label = label.clone();
    let url = call.world.repository_api_url(call.world.repository(id)?);
    Reply::created(json::label(&url, &label))
}

pub(super) fn of_issue(call: &mut Call<'_>) -> Answer {
    call.page(shown(call)?)
}

pub(super) fn add(call: &mut Call<'_>) -> Answer {
    let (id, number, names, doer) = (call.repository()?.id, call.number("number")?, read_names(call)?, call.doer()?);
    call.world.add_labels(id, number, &names, &doer)?;
    Reply::ok(Value::Array(shown(call)?))
}

pub(super) fn set(call: &mut Call<'_>) -> Answer {
    let (id, number, names, doer) = (call.repository()?.id, call.number("number")?, read_names(call)?, call.doer()?);
    call.world.set_labels(id, number, &names, &doer)?;
    Reply::ok(Value::Array(shown(call)?))
}

pub(super) fn remove(call: &mut Call<'_>) -> Answer {
    let (id, number, name, doer) = (call.repository()?.id, call.number("number")?, call.param("name").to_owned(), call.doer()?);
    call.world.remove_label(id, number, &name, &doer)?;
    Reply::ok(Value::Array(shown(call)?))
}

// Either `{"labels": [..]}` or the bare list.
fn read_names(call: &Call<'_>) -> Result<Vec<String>, ApiError> {
    call.names(if call.body.is_array() { call.body } else { &call.body["labels"] })
}

fn shown(call: &Call<'_>) -> Result<Vec<Value>, ApiError> {
    let repository = call.repository()?;
    Ok(json::labels(call.world, repository, call.world.issue(repository.id, call.number("number")?)?))
}
