//! Comments, labels and people of issues and pull requests (to GitHub, a pull request's conversation is an issue's), and
//! closing them.

use super::answers::{AssignedAnswer, CommentAnswer};
use super::client::{GithubForge, gone_is_done};
use super::route::Call;
use super::tokens::Purpose;
use super::transport::Answer;
use crate::{CommentRef, ForgeError, RepoAt};
use patchbay_domain::event::SubjectKind;
use patchbay_domain::workflow::model::CloseReason;
use serde_json::json;

/// How many pages of 100 comments are read at most when looking for one.
const MAX_PAGES: u32 = 10;

impl GithubForge {
    /// GitHub lists the oldest first: the first page tells which one is the last, and from there it goes backwards.
    pub(super) async fn look_for_comment(&self, at: &RepoAt, number: u64, marker: &str) -> Result<Option<CommentRef>, ForgeError> {
        let first = self.comments_page(at, number, 1).await?;
        let last = first.link_query("last").as_deref().and_then(page_number).unwrap_or(1);
        let newest_first = (2..=last).rev().take(MAX_PAGES as usize - 1);
        for page in newest_first {
            if let Some(found) = self.own_comment(&self.comments_page(at, number, page).await?, marker)? {
                return Ok(Some(found));
            }
        }
        self.own_comment(&first, marker)
    }

    async fn comments_page(&self, at: &RepoAt, number: u64, page: u32) -> Result<Answer, ForgeError> {
        let template = "/repos/{owner}/{repo}/issues/{number}/comments";
        let call = Call::get(template, &[&at.repository.owner, &at.repository.name, &number.to_string()])
            .with_query(&[("per_page", "100"), ("page", &page.to_string())]);
        self.call(at, Purpose::Talk, &call).await
    }

    fn own_comment(&self, page: &Answer, marker: &str) -> Result<Option<CommentRef>, ForgeError> {
        let comments: Vec<CommentAnswer> = page.json()?;
        let mut own = comments.into_iter().filter(|comment| self.is_own(comment));
        Ok(own.find(|comment| comment.body.as_deref().is_some_and(|body| body.contains(marker))).map(CommentAnswer::into_comment))
    }

    /// Anybody can copy a marker. A bot's login ends in brackets, which no person's can, and is the App's alone; the
    /// App's id is as good, but also marks what people wrote through the App.
    fn is_own(&self, comment: &CommentAnswer) -> bool {
        let via_app = comment.performed_via_github_app.as_ref().is_some_and(|app| app.id == self.app_id);
        comment.user.as_ref().is_some_and(|user| user.kind == "Bot" && (via_app || user.login == format!("{}[bot]", self.slug)))
    }

    pub(super) async fn post_comment(&self, at: &RepoAt, number: u64, body: &str) -> Result<CommentRef, ForgeError> {
        let template = "/repos/{owner}/{repo}/issues/{number}/comments";
        let parts = [at.repository.owner.as_str(), &at.repository.name, &number.to_string()];
        let answer = self.call(at, Purpose::Talk, &Call::post(template, &parts, json!({"body": body}))).await?;
        Ok(answer.json::<CommentAnswer>()?.into_comment())
    }

    pub(super) async fn patch_comment(&self, at: &RepoAt, comment: u64, body: &str) -> Result<(), ForgeError> {
        let template = "/repos/{owner}/{repo}/issues/comments/{comment}";
        let parts = [at.repository.owner.as_str(), &at.repository.name, &comment.to_string()];
        self.call(at, Purpose::Talk, &Call::patch(template, &parts, json!({"body": body}))).await.map(drop)
    }

    pub(super) async fn put_labels_on(&self, at: &RepoAt, number: u64, labels: &[String]) -> Result<(), ForgeError> {
        if labels.is_empty() {
            return Ok(());
        }
        let template = "/repos/{owner}/{repo}/issues/{number}/labels";
        let parts = [at.repository.owner.as_str(), &at.repository.name, &number.to_string()];
        self.call(at, Purpose::Talk, &Call::post(template, &parts, json!({"labels": labels}))).await.map(drop)
    }

    pub(super) async fn take_label_off(&self, at: &RepoAt, number: u64, label: &str) -> Result<(), ForgeError> {
        let template = "/repos/{owner}/{repo}/issues/{number}/labels/{label}";
        let parts = [at.repository.owner.as_str(), &at.repository.name, &number.to_string(), label];
        gone_is_done(self.call(at, Purpose::Talk, &Call::delete(template, &parts)).await)
    }

    /// GitHub leaves out whom it cannot assign without a word: the answer says who is assigned now.
    pub(super) async fn assign(&self, at: &RepoAt, number: u64, logins: &[String]) -> Result<(), ForgeError> {
        if logins.is_empty() {
            return Ok(());
        }
        let parts = [at.repository.owner.as_str(), &at.repository.name, &number.to_string()];
        let call = Call::post(ASSIGNEES, &parts, json!({"assignees": logins}));
        let assigned = self.call(at, Purpose::Talk, &call).await?.json::<AssignedAnswer>()?.assignees;
        let is_assigned = |login: &&String| assigned.iter().any(|user| user.login.eq_ignore_ascii_case(login));
        let refused: Vec<&str> = logins.iter().filter(|login| !is_assigned(login)).map(String::as_str).collect();
        if refused.is_empty() {
            return Ok(());
        }
        Err(ForgeError::Permanent(format!(
            "{} could not be assigned to #{number}: only people with access to the repository can be, and at most ten",
            refused.join(", ")
        )))
    }

    pub(super) async fn unassign(&self, at: &RepoAt, number: u64, logins: &[String]) -> Result<(), ForgeError> {
        if logins.is_empty() {
            return Ok(());
        }
        let parts = [at.repository.owner.as_str(), &at.repository.name, &number.to_string()];
        self.call(at, Purpose::Talk, &Call::delete_with(ASSIGNEES, &parts, json!({"assignees": logins}))).await.map(drop)
    }

    pub(super) async fn ask_for_review(&self, at: &RepoAt, number: u64, users: &[String], teams: &[String]) -> Result<(), ForgeError> {
        if users.is_empty() && teams.is_empty() {
            return Ok(());
        }
        let template = "/repos/{owner}/{repo}/pulls/{number}/requested_reviewers";
        let parts = [at.repository.owner.as_str(), &at.repository.name, &number.to_string()];
        let body = json!({"reviewers": users, "team_reviewers": teams});
        self.call(at, Purpose::AskReview, &Call::post(template, &parts, body)).await.map(drop)
    }

    pub(super) async fn patch_thread_closed(
        &self,
        at: &RepoAt,
        number: u64,
        kind: SubjectKind,
        reason: CloseReason,
    ) -> Result<(), ForgeError> {
        match kind {
            SubjectKind::PullRequest => return self.patch_pull_request_closed(at, number).await,
            SubjectKind::Discussion => return Err(ForgeError::Unsupported("GitHub's REST API cannot close discussions".to_owned())),
            SubjectKind::Issue => {}
        }
        let reason = match reason {
            CloseReason::Completed => "completed",
            CloseReason::NotPlanned => "not_planned",
        };
        let parts = [at.repository.owner.as_str(), &at.repository.name, &number.to_string()];
        let body = json!({"state": "closed", "state_reason": reason});
        self.call(at, Purpose::Talk, &Call::patch("/repos/{owner}/{repo}/issues/{number}", &parts, body)).await.map(drop)
    }
}

const ASSIGNEES: &str = "/repos/{owner}/{repo}/issues/{number}/assignees";

fn page_number(query: &str) -> Option<u32> {
    query.split('&').find_map(|pair| pair.strip_prefix("page="))?.parse().ok()
}
