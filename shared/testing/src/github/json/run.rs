//! A run of an Actions workflow that is over.

use serde_json::{Value, json};

use super::super::state::Repository;
use super::super::world::World;
use super::check::pulls_with_head;
use super::{node_id, repository, short_commit, time};

/// What is known of a run.
pub(crate) struct Run<'a> {
    pub id: u64,
    pub name: &'a str,
    pub branch: &'a str,
    pub sha: &'a str,
    pub conclusion: &'a str,
    /// A login.
    pub actor: &'a str,
    /// The repository of the branch: this one or a fork.
    pub head_repository: Value,
}

/// The run as webhooks show it.
pub(crate) fn workflow_run(world: &World, found: &Repository, run: Run<'_>) -> Value {
    let (api, web) = (world.repository_api_url(found), world.repository_web_url(found));
    let url = format!("{api}/actions/runs/{}", run.id);
    let now = time(super::super::state::now());
    let commit = world.git(found.id).read_commit(run.sha);
    json!({
        "id": run.id,
        "name": run.name,
        "node_id": node_id("WorkflowRun", run.id),
        "head_branch": run.branch,
        "head_sha": run.sha,
        "path": format!(".github/workflows/{}.yml", run.name),
        "display_title": run.name,
        "run_number": 1,
        "run_attempt": 1,
        "event": "push",
        "status": "completed",
        "conclusion": run.conclusion,
        "workflow_id": 2_823_525,
        "check_suite_id": run.id + 1,
        "check_suite_node_id": node_id("CheckSuite", run.id + 1),
        "url": url,
        "html_url": format!("{web}/actions/runs/{}", run.id),
        "jobs_url": format!("{url}/jobs"),
        "logs_url": format!("{url}/logs"),
        "artifacts_url": format!("{url}/artifacts"),
        "cancel_url": format!("{url}/cancel"),
        "rerun_url": format!("{url}/rerun"),
        "check_suite_url": format!("{api}/check-suites/{}", run.id + 1),
        "workflow_url": format!("{api}/actions/workflows/2823525"),
        "previous_attempt_url": null,
        "pull_requests": pulls_with_head(world, found, run.sha),
        "created_at": now,
        "updated_at": now,
        "run_started_at": now,
        "actor": world.user_json(run.actor),
        "triggering_actor": world.user_json(run.actor),
        "head_commit": commit.as_ref().map(short_commit),
        "repository": repository(&world.urls, &world.state, found),
        "head_repository": run.head_repository,
    })
}
