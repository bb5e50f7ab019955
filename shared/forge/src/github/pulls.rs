//! Pull requests: reading, looking for, opening and closing. Never approving, never merging (R32).

use super::answers::PullRequestAnswer;
use super::client::GithubForge;
use super::route::Call;
use super::tokens::Purpose;
use crate::{ForgeError, NewPullRequest, PullRequest, RepoAt};
use serde_json::json;

impl GithubForge {
    pub(super) async fn load_pull_request(&self, at: &RepoAt, number: u64) -> Result<PullRequest, ForgeError> {
        let template = "/repos/{owner}/{repo}/pulls/{number}";
        let call = Call::get(template, &[&at.repository.owner, &at.repository.name, &number.to_string()]);
        Ok(self.call(at, Purpose::Look, &call).await?.json::<PullRequestAnswer>()?.into_pull_request())
    }

    /// The newest pull request with this head; only into `base` and only open ones if one is given. `head=owner:branch`
    /// also matches forks under the same owner, hence the check of the repository.
    pub(super) async fn look_for_pull_request(
        &self,
        at: &RepoAt,
        head_branch: &str,
        open_into: Option<&str>,
    ) -> Result<Option<PullRequest>, ForgeError> {
        let head = format!("{}:{head_branch}", at.repository.owner);
        let mut query = vec![("head", head.as_str()), ("sort", "created"), ("direction", "desc"), ("per_page", "100")];
        match open_into {
            Some(base) => query.extend([("state", "open"), ("base", base)]),
            None => query.push(("state", "all")),
        }
        let call = Call::get("/repos/{owner}/{repo}/pulls", &[&at.repository.owner, &at.repository.name]).with_query(&query);
        let found: Vec<PullRequestAnswer> = self.call(at, Purpose::Look, &call).await?.json()?;
        let ours = |pull: &PullRequest| pull.refs.head_repository_id == Some(at.repository.id) && pull.refs.head_branch == head_branch;
        Ok(found.into_iter().map(PullRequestAnswer::into_pull_request).find(ours))
    }

    /// "Already exists" is success (R33): the open one is looked up and returned.
    pub(super) async fn post_pull_request(&self, at: &RepoAt, new: &NewPullRequest<'_>) -> Result<PullRequest, ForgeError> {
        let body = json!({"head": new.head, "base": new.base, "title": new.title, "body": new.body, "draft": new.draft});
        let call = Call::post("/repos/{owner}/{repo}/pulls", &[&at.repository.owner, &at.repository.name], body);
        match self.call(at, Purpose::Code, &call).await {
            Ok(answer) => Ok(answer.json::<PullRequestAnswer>()?.into_pull_request()),
            Err(ForgeError::Conflict(text)) => {
                self.look_for_pull_request(at, new.head, Some(new.base)).await?.ok_or(ForgeError::Conflict(text))
            }
            Err(error) => Err(error),
        }
    }

    pub(super) async fn patch_pull_request_closed(&self, at: &RepoAt, number: u64) -> Result<(), ForgeError> {
        let template = "/repos/{owner}/{repo}/pulls/{number}";
        let parts = [at.repository.owner.as_str(), &at.repository.name, &number.to_string()];
        self.call(at, Purpose::Talk, &Call::patch(template, &parts, json!({"state": "closed"}))).await.map(drop)
    }
}
