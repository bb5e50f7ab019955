//! What happens at GitHub and is only told here, as an event, without being kept: releases, deployments, workflow runs of
//! Actions, another default branch.

use serde_json::{Map, Value, json};

use super::super::error::ApiError;
use super::super::git::ZERO_SHA;
use super::super::json::{self, node_id, time};
use super::super::state::{IdKind, now};
use super::events::Draft;
use super::{Doer, World};

impl World {
    /// Publishes a release. Its tag is made at the default branch's head unless it is there; then GitHub tells three
    /// times: `created`, `published`, `released`.
    pub(crate) fn publish_release(&mut self, repository: u64, tag: &str, name: &str, body: &str, doer: &Doer) -> Result<(), ApiError> {
        let (git, branch) = (self.git(repository), self.repository(repository)?.default_branch.clone());
        let full_name = format!("refs/tags/{tag}");
        if git.ref_target(&full_name).is_none() {
            let head = git.ref_target(&format!("refs/heads/{branch}")).ok_or_else(ApiError::not_found)?;
            git.update_ref(&full_name, &head, Some(ZERO_SHA))?;
            self.sync_refs(repository, doer)?;
        }
        let id = self.state.next_id(IdKind::Told);
        let found = self.repository(repository)?;
        let (api, web) = (self.repository_api_url(found), self.repository_web_url(found));
        let release = json!({
            "url": format!("{api}/releases/{id}"),
            "assets_url": format!("{api}/releases/{id}/assets"),
            "upload_url": format!("{api}/releases/{id}/assets{{?name,label}}"),
            "html_url": format!("{web}/releases/tag/{tag}"),
            "id": id,
            "author": self.user_json(&doer.login),
            "node_id": node_id("Release", id),
            "tag_name": tag,
            "target_commitish": branch,
            "name": name,
            "draft": false,
            "immutable": false,
            "prerelease": false,
            "created_at": time(now()),
            "updated_at": time(now()),
            "published_at": time(now()),
            "assets": [],
            "tarball_url": format!("{api}/tarball/{tag}"),
            "zipball_url": format!("{api}/zipball/{tag}"),
            "body": body,
        });
        for action in ["created", "published", "released"] {
            self.tell(repository, "release", action, [("release", release.clone())], doer)?;
        }
        Ok(())
    }

    /// A workflow of Actions has run on a branch's head, or on a pull request's head from a fork.
    pub(crate) fn finish_workflow_run(
        &mut self,
        repository: u64,
        name: &str,
        head: &str,
        conclusion: &str,
        doer: &Doer,
    ) -> Result<u64, ApiError> {
        let id = self.state.next_id(IdKind::Told);
        let found = self.repository(repository)?;
        let from_fork = found.issues.values().filter(|issue| issue.open).find_map(|issue| {
            let pull = issue.pull.as_ref()?;
            pull.fork.as_ref().filter(|fork| head == format!("{}:{}", fork.owner, pull.head_ref))?;
            Some((issue.number, pull.head_ref.clone(), pull.head_sha.clone()))
        });
        let (branch, sha, head_repository) = match from_fork {
            Some((number, branch, sha)) => (branch, sha, self.pull_json(repository, number)?["head"]["repo"].clone()),
            None => {
                let sha = self.git(repository).ref_target(&format!("refs/heads/{head}"));
                let sha = sha.ok_or_else(|| ApiError::new(404, format!("there is no branch {head}")))?;
                (head.to_owned(), sha, json::repository(&self.urls, &self.state, found))
            }
        };
        let run = json::workflow_run(
            self,
            found,
            json::Run { id, name, branch: &branch, sha: &sha, conclusion, actor: &doer.login, head_repository },
        );
        let workflow = json!({"id": 2_823_525, "node_id": node_id("Workflow", 2_823_525), "name": name,
                              "path": format!(".github/workflows/{name}.yml"), "state": "active"});
        self.tell(repository, "workflow_run", "completed", [("workflow_run", run), ("workflow", workflow)], doer)?;
        Ok(id)
    }

    /// Something was deployed; with a state, that is told in an event of its own.
    pub(crate) fn deploy(
        &mut self,
        repository: u64,
        environment: &str,
        name: &str,
        state: Option<&str>,
        doer: &Doer,
    ) -> Result<u64, ApiError> {
        let sha = self.git(repository).resolve(name).ok_or_else(|| ApiError::new(409, format!("No ref found for: {name}")))?;
        let id = self.state.next_id(IdKind::Told);
        let api = self.repository_api_url(self.repository(repository)?);
        let url = format!("{api}/deployments/{id}");
        let deployment = json!({
            "url": url, "id": id, "node_id": node_id("Deployment", id), "task": "deploy", "original_environment": environment,
            "environment": environment, "description": null, "created_at": time(now()), "updated_at": time(now()),
            "statuses_url": format!("{url}/statuses"), "repository_url": api, "creator": self.user_json(&doer.login), "sha": sha,
            "ref": name, "payload": {}, "transient_environment": false, "production_environment": environment == "production",
            "performed_via_github_app": null,
        });
        self.tell(repository, "deployment", "created", [("deployment", deployment.clone())], doer)?;
        if let Some(state) = state {
            let status_id = self.state.next_id(IdKind::Told);
            let status = json!({
                "url": format!("{url}/statuses/{status_id}"), "id": status_id, "node_id": node_id("DeploymentStatus", status_id),
                "state": state, "creator": self.user_json(&doer.login), "description": "", "environment": environment,
                "target_url": "", "created_at": time(now()), "updated_at": time(now()), "deployment_url": url, "repository_url": api,
                "environment_url": "", "log_url": "", "performed_via_github_app": null,
            });
            let fields = [("deployment_status", status), ("deployment", deployment)];
            self.tell(repository, "deployment_status", "created", fields, doer)?;
        }
        Ok(id)
    }

    /// Another branch becomes the default one.
    pub(crate) fn set_default_branch(&mut self, repository: u64, branch: &str, doer: &Doer) -> Result<(), ApiError> {
        let git = self.git(repository);
        git.ref_target(&format!("refs/heads/{branch}")).ok_or_else(|| ApiError::new(404, format!("there is no branch {branch}")))?;
        git.set_head(branch)?;
        let before = std::mem::replace(&mut self.repository_mut(repository)?.default_branch, branch.to_owned());
        self.tell(repository, "repository", "edited", [("changes", json!({"default_branch": {"from": before}}))], doer)
    }

    fn tell<const N: usize>(
        &mut self,
        repository: u64,
        event: &str,
        action: &str,
        fields: [(&str, Value); N],
        doer: &Doer,
    ) -> Result<(), ApiError> {
        let fields: Map<String, Value> = fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        self.emit(Draft::of(event, action, doer).in_repository(repository).with(fields))
    }
}
