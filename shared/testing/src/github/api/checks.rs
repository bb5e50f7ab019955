//! Check runs. Only Apps write them, each its own.

use serde_json::Value;

use super::super::access::Actor;
use super::super::error::ApiError;
use super::super::json;
use super::super::state::{CheckAnnotation, CheckRun, Repository};
use super::super::world::{CheckEdit, NewCheck};
use super::call::{Answer, Call, Reply};

pub(super) fn create(call: &mut Call<'_>) -> Answer {
    let doer = app_only(call)?;
    let new =
        NewCheck { app: None, name: call.required("name")?, head_sha: call.required("head_sha")?, edit: read_edit(call, "completed")? };
    let repository = call.repository()?.id;
    let id = call.world.create_check_run(repository, new, &doer)?;
    Reply::created(shown(call, id)?)
}

pub(super) fn show(call: &mut Call<'_>) -> Answer {
    Reply::ok(shown(call, call.number("id")?)?)
}

pub(super) fn update(call: &mut Call<'_>) -> Answer {
    let doer = app_only(call)?;
    let (repository, id) = (call.repository()?, call.number("id")?);
    let run = repository.check_runs.get(&id).ok_or_else(ApiError::not_found)?;
    let own = repository.check_suites.get(&run.suite).is_some_and(|suite| suite.app.is_none());
    if !own {
        return Err(ApiError::forbidden("Invalid app_id `15368` - check run can only be modified by the GitHub App that created it."));
    }
    let edit = read_edit(call, &run.status)?;
    let repository = repository.id;
    call.world.update_check_run(repository, id, edit, &doer)?;
    Reply::ok(shown(call, id)?)
}

pub(super) fn annotations(call: &mut Call<'_>) -> Answer {
    let repository = call.repository()?;
    let run = repository.check_runs.get(&call.number("id")?).ok_or_else(ApiError::not_found)?;
    let sha = repository.check_suites.get(&run.suite).map_or("", |suite| suite.head_sha.as_str());
    call.page(run.annotations.iter().map(|one| json::annotation(call.world, repository, sha, one)).collect())
}

/// The check runs of a commit; only the newest of each name unless all are asked for.
pub(super) fn of_commit(call: &mut Call<'_>) -> Answer {
    let (_, git) = call.git()?;
    let (repository, name) = (call.repository()?, call.param("revision"));
    let sha = git.resolve(name).ok_or_else(|| ApiError::unprocessable(format!("No commit found for SHA: {name}")))?;
    let mut runs: Vec<&CheckRun> = repository.check_runs.values().filter(|run| is_wanted(call, repository, run, &sha)).collect();
    if call.query.get("filter").is_none_or(|filter| filter != "all") {
        let newer = |run: &CheckRun, other: &CheckRun| other.suite == run.suite && other.name == run.name && other.id > run.id;
        let latest = |run: &&CheckRun| !runs.iter().any(|other| newer(run, other));
        runs = runs.iter().copied().filter(latest).collect();
    }
    runs.reverse();
    call.page_in("check_runs", runs.into_iter().map(|run| json::check_run(call.world, repository, run)).collect())
}

fn is_wanted(call: &Call<'_>, repository: &Repository, run: &CheckRun, sha: &str) -> bool {
    let query = |name: &str| call.query.get(name).map(String::as_str);
    let Some(suite) = repository.check_suites.get(&run.suite) else { return false };
    let app = query("app_id").is_none_or(|id| suite.app.is_none() && id == call.world.app.app_id.to_string());
    suite.head_sha == sha
        && app
        && query("check_name").is_none_or(|name| name == run.name)
        && query("status").is_none_or(|one| one == run.status)
}

fn app_only(call: &Call<'_>) -> Result<super::super::world::Doer, ApiError> {
    match call.actor {
        Actor::Installation { .. } => call.doer(),
        _ => Err(ApiError::forbidden("You must authenticate via a GitHub App.")),
    }
}

// A conclusion completes; saying `completed` without one is refused, unless the run is over already.
fn read_edit(call: &Call<'_>, status_now: &str) -> Result<CheckEdit, ApiError> {
    let output = &call.body["output"];
    let text = |field: &str| output[field].as_str().map(str::to_owned);
    if output.is_object() && text("summary").is_none() {
        return Err(ApiError::not_supplied("output.summary"));
    }
    let annotations = output["annotations"].as_array().into_iter().flatten().map(read_annotation).collect::<Result<_, _>>()?;
    let (status, conclusion) = (call.text("status")?, call.text("conclusion")?);
    let repeats = status.as_deref() == Some("completed") && status_now == "completed" && call.params.contains_key("id");
    Ok(CheckEdit {
        name: call.text("name")?,
        external_id: call.text("external_id")?,
        details_url: call.text("details_url")?,
        status: status.filter(|_| !repeats || conclusion.is_some()),
        conclusion,
        title: text("title"),
        summary: text("summary"),
        annotations,
    })
}

fn read_annotation(value: &Value) -> Result<CheckAnnotation, ApiError> {
    serde_json::from_value(value.clone()).map_err(|error| ApiError::unprocessable(format!("Invalid request.\n\nAnnotation: {error}.")))
}

fn shown(call: &Call<'_>, id: u64) -> Result<Value, ApiError> {
    let repository = call.repository()?;
    let run = repository.check_runs.get(&id).ok_or_else(ApiError::not_found)?;
    Ok(json::check_run(call.world, repository, run))
}
