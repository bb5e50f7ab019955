//! Pull requests: opening, changing, following their branches; reviews and comments on lines.

use serde_json::{Map, Value, json};

use super::super::error::ApiError;
use super::super::git_diff::FileDiff;
use super::super::json::{self, PullGit};
use super::super::state::{Fork, IdKind, Pull, Review, ReviewComment, now};
use super::events::Draft;
use super::{Doer, IssueEdit, World};

/// What is asked of a new pull request.
#[derive(Debug)]
pub(crate) struct NewPull {
    pub title: String,
    pub body: Option<String>,
    /// `branch` or `owner:branch`; the owner must be the repository's (a fork's pull request is opened by a verb).
    pub head: String,
    pub base: String,
    pub draft: bool,
    pub maintainer_can_modify: bool,
}

/// What a request changes in a pull request.
#[derive(Debug, Default)]
pub(crate) struct PullEdit {
    pub issue: IssueEdit,
    pub base: Option<String>,
}

/// A comment on a line, before it has an id.
#[derive(Debug)]
pub(crate) struct NewReviewComment {
    pub path: String,
    pub line: Option<u64>,
    pub side: String,
    pub body: String,
    pub in_reply_to: Option<u64>,
}

impl World {
    /// Opens a pull request; 422 for unknown branches, without new commits, or if one is open already.
    pub(crate) fn open_pull(&mut self, repository: u64, new: NewPull, doer: &Doer) -> Result<u64, ApiError> {
        let found = self.repository(repository)?;
        let git = self.git(repository);
        let head = match new.head.split_once(':') {
            Some((owner, branch)) if owner.eq_ignore_ascii_case(&found.owner) => branch.to_owned(),
            Some(_) => return Err(ApiError::field("PullRequest", "head", "invalid")),
            None => new.head.clone(),
        };
        let base_sha =
            git.ref_target(&format!("refs/heads/{}", new.base)).ok_or_else(|| ApiError::field("PullRequest", "base", "invalid"))?;
        let head_sha = git.ref_target(&format!("refs/heads/{head}")).ok_or_else(|| ApiError::field("PullRequest", "head", "invalid"))?;
        if git.count_between(&base_sha, &head_sha) == 0 {
            return Err(ApiError::custom("PullRequest", format!("No commits between {} and {head}", new.base)));
        }
        let same = |pull: &Pull| pull.fork.is_none() && pull.head_ref == head && pull.base_ref == new.base;
        if found.issues.values().any(|issue| issue.open && issue.pull.as_ref().is_some_and(same)) {
            let owner = self.state.account(&found.owner).map_or(found.owner.clone(), |owner| owner.login.clone());
            return Err(ApiError::custom("PullRequest", format!("A pull request already exists for {owner}:{head}.")));
        }
        self.add_pull(repository, NewPull { head, ..new }, (head_sha, base_sha), None, doer)
    }

    /// Adds the pull request itself, with its `opened` event; `shas`: head and base.
    pub(super) fn add_pull(
        &mut self,
        repository: u64,
        new: NewPull,
        shas: (String, String),
        fork: Option<Fork>,
        doer: &Doer,
    ) -> Result<u64, ApiError> {
        let (head_sha, base_sha) = shas;
        let number = self.add_issue(repository, doer, &new.title, new.body)?;
        let pull = Pull {
            id: self.state.next_id(IdKind::Pull),
            head_ref: new.head,
            head_sha: head_sha.clone(),
            base_ref: new.base,
            base_sha,
            draft: new.draft,
            merged_at: None,
            merged_by: None,
            merge_commit_sha: None,
            maintainer_can_modify: new.maintainer_can_modify,
            reviews: Vec::new(),
            review_comments: Vec::new(),
            requested_reviewers: Vec::new(),
            requested_teams: Vec::new(),
            fork,
        };
        self.issue_mut(repository, number)?.pull = Some(pull);
        self.git(repository).update_ref(&format!("refs/pull/{number}/head"), &head_sha, None)?;
        self.emit_pull(repository, number, "opened", Map::new(), doer)?;
        Ok(number)
    }

    /// Changes a pull request: title, text, state, base.
    pub(crate) fn edit_pull(&mut self, repository: u64, number: u64, edit: PullEdit, doer: &Doer) -> Result<(), ApiError> {
        let pull = self.pull(repository, number)?;
        if edit.issue.open == Some(true) && pull.merged_at.is_some() {
            return Err(ApiError::custom("PullRequest", "The pull request has been merged and cannot be reopened"));
        }
        if let Some(base) = edit.base {
            let sha = self.git(repository).ref_target(&format!("refs/heads/{base}"));
            let sha = sha.ok_or_else(|| ApiError::custom("PullRequest", format!("Proposed base branch '{base}' was not found")))?;
            let pull = self.pull_mut(repository, number)?;
            (pull.base_ref, pull.base_sha) = (base, sha);
        }
        self.edit_issue(repository, number, edit.issue, doer)
    }

    /// The pull request of a number; 404 for an issue.
    pub(crate) fn pull(&self, repository: u64, number: u64) -> Result<&Pull, ApiError> {
        self.issue(repository, number)?.pull.as_ref().ok_or_else(ApiError::not_found)
    }

    /// The same, to change it.
    pub(crate) fn pull_mut(&mut self, repository: u64, number: u64) -> Result<&mut Pull, ApiError> {
        self.issue_mut(repository, number)?.pull.as_mut().ok_or_else(ApiError::not_found)
    }

    /// The files that a pull request changes, since its branch left the base.
    pub(crate) fn pull_files(&self, repository: u64, number: u64) -> Result<Vec<FileDiff>, ApiError> {
        let pull = self.pull(repository, number)?;
        let git = self.git(repository);
        let from = git.merge_base(&pull.base_sha, &pull.head_sha).unwrap_or_else(|| pull.base_sha.clone());
        Ok(git.diff_files(&from, &pull.head_sha)?)
    }

    /// The commits of a pull request, oldest first.
    pub(crate) fn pull_commits(&self, repository: u64, number: u64) -> Result<Vec<String>, ApiError> {
        let pull = self.pull(repository, number)?;
        let mut commits = self.git(repository).history(&pull.head_sha, std::slice::from_ref(&pull.base_sha), 250)?;
        commits.reverse();
        Ok(commits)
    }

    /// A pull request in full.
    pub(crate) fn pull_json(&self, repository: u64, number: u64) -> Result<Value, ApiError> {
        let found = self.repository(repository)?;
        let issue = self.issue(repository, number)?;
        let pull = self.pull(repository, number)?;
        let dir = self.git(repository);
        let commits = dir.count_between(&pull.base_sha, &pull.head_sha);
        let mergeable = issue.open.then(|| dir.merges_cleanly(&pull.base_sha, &pull.head_sha));
        let git = PullGit::of(&self.pull_files(repository, number)?, commits, mergeable);
        Ok(json::pull_full(self, found, issue, pull, git))
    }

    /// What a moved branch means for open pull requests; `None`: the branch is gone, which closes them.
    pub(super) fn follow_branch(&mut self, repository: u64, branch: &str, sha: Option<&str>, doer: &Doer) -> Result<(), ApiError> {
        let open = |head: bool| -> Result<Vec<u64>, ApiError> {
            let concerns = |pull: &Pull| if head { pull.fork.is_none() && pull.head_ref == branch } else { pull.base_ref == branch };
            let issues = self.repository(repository)?.issues.values();
            Ok(issues.filter(|issue| issue.open && issue.pull.as_ref().is_some_and(concerns)).map(|issue| issue.number).collect())
        };
        let (as_head, as_base) = (open(true)?, open(false)?);
        for number in as_base {
            if let Some(sha) = sha {
                self.pull_mut(repository, number)?.base_sha = sha.to_owned();
            }
        }
        for number in as_head {
            let Some(sha) = sha else {
                self.set_open(repository, number, false, None, doer)?;
                continue;
            };
            self.move_head(repository, number, sha, doer)?;
        }
        Ok(())
    }

    /// The head of a pull request becomes another commit, with its `synchronize` event.
    pub(super) fn move_head(&mut self, repository: u64, number: u64, sha: &str, doer: &Doer) -> Result<(), ApiError> {
        let before = std::mem::replace(&mut self.pull_mut(repository, number)?.head_sha, sha.to_owned());
        self.git(repository).update_ref(&format!("refs/pull/{number}/head"), sha, None)?;
        self.issue_mut(repository, number)?.updated_at = now();
        let fields = Map::from_iter([("before".to_owned(), json!(before)), ("after".to_owned(), json!(sha))]);
        self.emit_pull(repository, number, "synchronize", fields, doer)
    }

    /// A `pull_request` event.
    pub(super) fn emit_pull(
        &mut self,
        repository: u64,
        number: u64,
        action: &str,
        fields: Map<String, Value>,
        doer: &Doer,
    ) -> Result<(), ApiError> {
        let mut all =
            Map::from_iter([("number".to_owned(), json!(number)), ("pull_request".to_owned(), self.pull_json(repository, number)?)]);
        all.extend(fields);
        self.emit(Draft::of("pull_request", action, doer).in_repository(repository).with(all))
    }

    /// Submits a review with its comments on lines.
    pub(crate) fn add_review(
        &mut self,
        repository: u64,
        number: u64,
        state: &str,
        body: &str,
        comments: Vec<NewReviewComment>,
        doer: &Doer,
    ) -> Result<u64, ApiError> {
        if state != "COMMENTED" && self.issue(repository, number)?.author == doer.login {
            let verb = if state == "APPROVED" { "approve" } else { "request changes on" };
            return Err(ApiError::unprocessable(format!("Can not {verb} your own pull request")));
        }
        let commit_id = self.pull(repository, number)?.head_sha.clone();
        let id = self.state.next_id(IdKind::Review);
        let review =
            Review { id, author: doer.login.clone(), body: body.to_owned(), state: state.to_owned(), commit_id, submitted_at: now() };
        self.pull_mut(repository, number)?.reviews.push(review.clone());
        let fields = Map::from_iter([
            ("review".to_owned(), json::review(self, self.repository(repository)?, number, &review, true)),
            ("pull_request".to_owned(), self.pull_event_json(repository, number)?),
        ]);
        self.emit(Draft::of("pull_request_review", "submitted", doer).in_repository(repository).with(fields))?;
        for comment in comments {
            self.add_review_comment(repository, number, id, comment, doer)?;
        }
        Ok(id)
    }

    /// Adds a comment on a line of the diff; 422 if the pull request does not touch the file.
    pub(crate) fn add_review_comment(
        &mut self,
        repository: u64,
        number: u64,
        review: u64,
        new: NewReviewComment,
        doer: &Doer,
    ) -> Result<u64, ApiError> {
        let files = self.pull_files(repository, number)?;
        let file = files.iter().find(|file| file.path == new.path);
        let file = file.ok_or_else(|| ApiError::field("PullRequestReviewComment", "pull_request_review_thread.path", "invalid"))?;
        let id = self.state.next_id(IdKind::ReviewComment);
        let at = now();
        let comment = ReviewComment {
            id,
            review,
            author: doer.login.clone(),
            body: new.body,
            path: new.path,
            line: new.line,
            side: new.side,
            diff_hunk: file.patch.clone().unwrap_or_default(),
            commit_id: self.pull(repository, number)?.head_sha.clone(),
            in_reply_to: new.in_reply_to,
            created_at: at,
            updated_at: at,
        };
        self.pull_mut(repository, number)?.review_comments.push(comment.clone());
        let fields = Map::from_iter([
            ("comment".to_owned(), json::review_comment(self, self.repository(repository)?, number, &comment)),
            ("pull_request".to_owned(), self.pull_event_json(repository, number)?),
        ]);
        self.emit(Draft::of("pull_request_review_comment", "created", doer).in_repository(repository).with(fields))?;
        Ok(id)
    }

    // Review events carry the shorter form.
    fn pull_event_json(&self, repository: u64, number: u64) -> Result<Value, ApiError> {
        let found = self.repository(repository)?;
        Ok(json::pull_simple(self, found, self.issue(repository, number)?, self.pull(repository, number)?))
    }
}
