//! Check runs, check suites and annotations.

use serde_json::{Value, json};

use super::super::git::{Commit, Signature, ZERO_SHA};
use super::super::state::{CheckAnnotation, CheckRun, CheckSuite, Repository};
use super::super::world::World;
use super::{app, node_id, time};

/// A check run, as REST and webhooks show it.
pub(crate) fn check_run(world: &World, found: &Repository, run: &CheckRun) -> Value {
    let api = world.repository_api_url(found);
    let url = format!("{api}/check-runs/{}", run.id);
    let html_url = format!("{}/runs/{}", world.repository_web_url(found), run.id);
    let suite = found.check_suites.get(&run.suite);
    json!({
        "id": run.id,
        "node_id": node_id("CheckRun", run.id),
        "name": run.name,
        "head_sha": suite.map(|suite| suite.head_sha.clone()),
        "external_id": run.external_id,
        "url": url,
        "html_url": html_url,
        "details_url": run.details_url.clone().unwrap_or_else(|| html_url.clone()),
        "status": run.status,
        "conclusion": run.conclusion,
        "started_at": time(run.started_at),
        "completed_at": run.completed_at.map(time),
        "output": {
            "title": run.title,
            "summary": run.summary,
            "text": null,
            "annotations_count": run.annotations.len(),
            "annotations_url": format!("{url}/annotations"),
        },
        "check_suite": suite.map(|suite| check_suite(world, found, suite)),
        "app": suite.map(|suite| app_of(world, suite)),
        "pull_requests": suite.map(|suite| pulls_with_head(world, found, &suite.head_sha)),
    })
}

/// A check suite; its state is that of its runs together.
pub(crate) fn check_suite(world: &World, found: &Repository, suite: &CheckSuite) -> Value {
    let runs: Vec<&CheckRun> = found.check_runs.values().filter(|run| run.suite == suite.id).collect();
    let completed = !runs.is_empty() && runs.iter().all(|run| run.status == "completed");
    let failed = runs.iter().find(|run| !matches!(run.conclusion.as_deref(), Some("success" | "neutral" | "skipped")));
    let conclusion = failed.or(runs.first()).and_then(|run| run.conclusion.clone()).filter(|_| completed);
    let url = format!("{}/check-suites/{}", world.repository_api_url(found), suite.id);
    let commit = world.git(found.id).read_commit(&suite.head_sha);
    let before = commit.as_ref().and_then(|commit| commit.parents.first().cloned()).unwrap_or_else(|| ZERO_SHA.to_owned());
    json!({
        "id": suite.id,
        "node_id": node_id("CheckSuite", suite.id),
        "head_branch": suite.head_branch,
        "head_sha": suite.head_sha,
        "status": if completed { "completed" } else { "in_progress" },
        "conclusion": conclusion,
        "url": url,
        "before": before,
        "after": suite.head_sha,
        "pull_requests": pulls_with_head(world, found, &suite.head_sha),
        "app": app_of(world, suite),
        "created_at": time(suite.created_at),
        "updated_at": time(suite.updated_at),
        "latest_check_runs_count": runs.len(),
        "check_runs_url": format!("{url}/check-runs"),
        "head_commit": commit.as_ref().map(short_commit),
    })
}

/// A remark on lines of a file.
pub(crate) fn annotation(world: &World, found: &Repository, sha: &str, annotation: &CheckAnnotation) -> Value {
    json!({
        "path": annotation.path,
        "blob_href": format!("{}/blob/{sha}/{}", world.repository_web_url(found), annotation.path),
        "start_line": annotation.start_line,
        "end_line": annotation.end_line,
        "start_column": null,
        "end_column": null,
        "annotation_level": annotation.annotation_level,
        "title": annotation.title,
        "message": annotation.message,
        "raw_details": null,
    })
}

/// A commit as checks and workflow runs name it.
pub(crate) fn short_commit(commit: &Commit) -> Value {
    let person = |who: &Signature| json!({"name": who.name, "email": who.email});
    json!({
        "id": commit.sha,
        "tree_id": commit.tree,
        "message": commit.message,
        "timestamp": time(commit.committer.date),
        "author": person(&commit.author),
        "committer": person(&commit.committer),
    })
}

// Another App has the fields of ours, under a name and a number of its own.
fn app_of(world: &World, suite: &CheckSuite) -> Value {
    let mut value = app(world);
    if let Some(slug) = &suite.app {
        let id = 15_000 + slug.bytes().map(u64::from).sum::<u64>();
        value["id"] = json!(id);
        value["node_id"] = json!(node_id("Integration", id));
        value["slug"] = json!(slug);
        value["name"] = json!(slug);
        value["html_url"] = json!(format!("{}/apps/{slug}", world.urls.web));
    }
    value
}

// Open pull requests with this head; a fork's are not found, as GitHub does not look into forks.
pub(super) fn pulls_with_head(world: &World, found: &Repository, sha: &str) -> Vec<Value> {
    let url = world.repository_api_url(found);
    let repo = json!({"id": found.id, "url": url, "name": found.name});
    let heads = found.issues.values().filter(|issue| issue.open).filter_map(|issue| Some((issue.number, issue.pull.as_ref()?)));
    let heads = heads.filter(|(_, pull)| pull.fork.is_none() && pull.head_sha == sha);
    heads
        .map(|(number, pull)| {
            json!({
                "url": format!("{url}/pulls/{number}"),
                "id": pull.id,
                "number": number,
                "head": {"ref": pull.head_ref, "sha": pull.head_sha, "repo": repo},
                "base": {"ref": pull.base_ref, "sha": pull.base_sha, "repo": repo},
            })
        })
        .collect()
}
