//! A watch around a real forge client: every call is counted, and the one that a test names goes wrong once. What the
//! forge has done when an answer is lost, it has really done.

use async_trait::async_trait;
use jiff::Timestamp;
use patchbay_domain::event::{Repository, SubjectKind};
use patchbay_domain::ids::ConnectionId;
use patchbay_domain::workflow::model::{CloseReason, ContextPart};
use patchbay_forge::{
    AppIdentity, CheckRunRef, CloneAccess, CommentRef, CommitContext, DeliveryRequest, FileText, Forge, ForgeError, Installation,
    LoggedDelivery, NewCheckRun, NewCommit, NewPullRequest, PathList, PullRequest, PullRequestContext, RepoAt, UserPermission,
};
use std::sync::{Arc, Mutex};
use tokio::sync::Notify;

/// How one call goes wrong.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    /// It does not happen.
    Refuse(ForgeError),
    /// It happens, and the answer is lost.
    LoseAnswer,
    /// It happens, and whoever made it hears nothing until they are ended.
    Die,
    /// It happens, and the answer waits until the test lets it through.
    Hold,
}

pub(crate) struct WatchedForge {
    inner: Arc<dyn Forge>,
    calls: Mutex<Vec<&'static str>>,
    faults: Mutex<Vec<(&'static str, Fault)>>,
    /// Every pull request's head is said to live in this repository.
    pub(crate) head_repository: Mutex<Option<u64>>,
    happened: Notify,
    release: Notify,
}

impl WatchedForge {
    pub(crate) fn new(inner: Arc<dyn Forge>) -> Self {
        let (calls, faults) = (Mutex::default(), Mutex::default());
        Self { inner, calls, faults, head_repository: Mutex::default(), happened: Notify::new(), release: Notify::new() }
    }

    /// The next call of this name goes wrong so.
    pub(crate) fn fault(&self, call: &'static str, fault: Fault) {
        self.faults.lock().unwrap().push((call, fault));
    }

    /// Waits until a call that dies or is held has happened.
    pub(crate) async fn happened(&self) {
        self.happened.notified().await;
    }

    /// Lets the held answer through.
    pub(crate) fn release(&self) {
        self.release.notify_one();
    }

    /// How often this call was made since the last `forget`.
    pub(crate) fn count(&self, call: &str) -> usize {
        self.calls.lock().unwrap().iter().filter(|made| **made == call).count()
    }

    /// All calls since the last `forget`.
    pub(crate) fn calls(&self) -> Vec<&'static str> {
        self.calls.lock().unwrap().clone()
    }

    /// Starts counting anew. Every fault must have happened by now.
    pub(crate) fn forget(&self) {
        self.calls.lock().unwrap().clear();
        assert_eq!(self.faults.lock().unwrap().len(), 0, "a fault that never happened");
    }

    async fn through<T>(&self, call: &'static str, work: impl Future<Output = Result<T, ForgeError>> + Send) -> Result<T, ForgeError> {
        self.calls.lock().unwrap().push(call);
        let fault = {
            let mut faults = self.faults.lock().unwrap();
            faults.iter().position(|(name, _)| *name == call).map(|index| faults.remove(index).1)
        };
        match fault {
            None => work.await,
            Some(Fault::Refuse(error)) => Err(error),
            Some(Fault::LoseAnswer) => {
                work.await?;
                Err(ForgeError::Transient("the answer was lost".into()))
            }
            Some(Fault::Die) => {
                work.await?;
                self.happened.notify_one();
                std::future::pending().await
            }
            Some(Fault::Hold) => {
                let answer = work.await;
                self.happened.notify_one();
                self.release.notified().await;
                answer
            }
        }
    }
}

#[async_trait]
impl Forge for WatchedForge {
    async fn identity(&self) -> Result<AppIdentity, ForgeError> {
        self.through("identity", self.inner.identity()).await
    }
    async fn installation(&self, connection: &ConnectionId) -> Result<Installation, ForgeError> {
        self.through("installation", self.inner.installation(connection)).await
    }
    async fn repository(&self, at: &RepoAt) -> Result<Repository, ForgeError> {
        self.through("repository", self.inner.repository(at)).await
    }
    async fn repository_by_name(&self, connection: &ConnectionId, owner: &str, name: &str) -> Result<Option<Repository>, ForgeError> {
        self.through("repository_by_name", self.inner.repository_by_name(connection, owner, name)).await
    }
    async fn is_team_member(&self, at: &RepoAt, organisation: &str, team_slug: &str, login: &str) -> Result<bool, ForgeError> {
        self.through("is_team_member", self.inner.is_team_member(at, organisation, team_slug, login)).await
    }
    async fn read_file(&self, at: &RepoAt, path: &str, git_ref: Option<&str>) -> Result<Option<FileText>, ForgeError> {
        self.through("read_file", self.inner.read_file(at, path, git_ref)).await
    }
    async fn changed_paths(&self, at: &RepoAt, before: &str, after: &str) -> Result<PathList, ForgeError> {
        self.through("changed_paths", self.inner.changed_paths(at, before, after)).await
    }
    async fn pull_request_paths(&self, at: &RepoAt, number: u64) -> Result<PathList, ForgeError> {
        self.through("pull_request_paths", self.inner.pull_request_paths(at, number)).await
    }
    async fn pull_request_context(
        &self,
        at: &RepoAt,
        number: u64,
        parts: &[ContextPart],
        max_chars: usize,
    ) -> Result<PullRequestContext, ForgeError> {
        self.through("pull_request_context", self.inner.pull_request_context(at, number, parts, max_chars)).await
    }
    async fn commit_context(&self, at: &RepoAt, sha: &str, parts: &[ContextPart], max_chars: usize) -> Result<CommitContext, ForgeError> {
        self.through("commit_context", self.inner.commit_context(at, sha, parts, max_chars)).await
    }
    async fn add_labels(&self, at: &RepoAt, number: u64, labels: &[String]) -> Result<(), ForgeError> {
        self.through("add_labels", self.inner.add_labels(at, number, labels)).await
    }
    async fn add_assignees(&self, at: &RepoAt, number: u64, logins: &[String]) -> Result<(), ForgeError> {
        self.through("add_assignees", self.inner.add_assignees(at, number, logins)).await
    }
    async fn remove_assignees(&self, at: &RepoAt, number: u64, logins: &[String]) -> Result<(), ForgeError> {
        self.through("remove_assignees", self.inner.remove_assignees(at, number, logins)).await
    }
    async fn request_reviewers(&self, at: &RepoAt, number: u64, users: &[String], teams: &[String]) -> Result<(), ForgeError> {
        self.through("request_reviewers", self.inner.request_reviewers(at, number, users, teams)).await
    }
    async fn close_thread(&self, at: &RepoAt, number: u64, kind: SubjectKind, reason: CloseReason) -> Result<(), ForgeError> {
        self.through("close_thread", self.inner.close_thread(at, number, kind, reason)).await
    }
    async fn find_check_run(&self, at: &RepoAt, sha: &str, name: &str, external_id: &str) -> Result<Option<CheckRunRef>, ForgeError> {
        self.through("find_check_run", self.inner.find_check_run(at, sha, name, external_id)).await
    }
    async fn create_check_run(&self, at: &RepoAt, check: &NewCheckRun<'_>) -> Result<CheckRunRef, ForgeError> {
        self.through("create_check_run", self.inner.create_check_run(at, check)).await
    }
    async fn update_check_run(&self, at: &RepoAt, id: u64, check: &NewCheckRun<'_>) -> Result<(), ForgeError> {
        self.through("update_check_run", self.inner.update_check_run(at, id, check)).await
    }
    async fn permission(&self, at: &RepoAt, login: &str) -> Result<UserPermission, ForgeError> {
        self.through("permission", self.inner.permission(at, login)).await
    }
    async fn clone_access(&self, at: &RepoAt) -> Result<CloneAccess, ForgeError> {
        self.through("clone_access", self.inner.clone_access(at)).await
    }
    async fn pull_request(&self, at: &RepoAt, number: u64) -> Result<PullRequest, ForgeError> {
        let mut pull = self.through("pull_request", self.inner.pull_request(at, number)).await?;
        if let Some(repository) = *self.head_repository.lock().unwrap() {
            pull.refs.head_repository_id = Some(repository);
        }
        Ok(pull)
    }
    async fn find_comment(&self, at: &RepoAt, number: u64, marker: &str) -> Result<Option<CommentRef>, ForgeError> {
        self.through("find_comment", self.inner.find_comment(at, number, marker)).await
    }
    async fn create_comment(&self, at: &RepoAt, number: u64, body: &str) -> Result<CommentRef, ForgeError> {
        self.through("create_comment", self.inner.create_comment(at, number, body)).await
    }
    async fn update_comment(&self, at: &RepoAt, comment: u64, body: &str) -> Result<(), ForgeError> {
        self.through("update_comment", self.inner.update_comment(at, comment, body)).await
    }
    async fn remove_label(&self, at: &RepoAt, number: u64, label: &str) -> Result<(), ForgeError> {
        self.through("remove_label", self.inner.remove_label(at, number, label)).await
    }
    async fn branch_head(&self, at: &RepoAt, branch: &str) -> Result<Option<String>, ForgeError> {
        self.through("branch_head", self.inner.branch_head(at, branch)).await
    }
    async fn commit_message(&self, at: &RepoAt, sha: &str) -> Result<String, ForgeError> {
        self.through("commit_message", self.inner.commit_message(at, sha)).await
    }
    async fn write_commit(&self, at: &RepoAt, commit: &NewCommit<'_>) -> Result<String, ForgeError> {
        self.through("write_commit", self.inner.write_commit(at, commit)).await
    }
    async fn create_branch(&self, at: &RepoAt, branch: &str, sha: &str) -> Result<(), ForgeError> {
        self.through("create_branch", self.inner.create_branch(at, branch, sha)).await
    }
    async fn advance_branch(&self, at: &RepoAt, branch: &str, sha: &str) -> Result<(), ForgeError> {
        self.through("advance_branch", self.inner.advance_branch(at, branch, sha)).await
    }
    async fn delete_branch(&self, at: &RepoAt, branch: &str) -> Result<(), ForgeError> {
        self.through("delete_branch", self.inner.delete_branch(at, branch)).await
    }
    async fn find_pull_request(&self, at: &RepoAt, head_branch: &str) -> Result<Option<PullRequest>, ForgeError> {
        self.through("find_pull_request", self.inner.find_pull_request(at, head_branch)).await
    }
    async fn open_pull_request(&self, at: &RepoAt, new: &NewPullRequest<'_>) -> Result<PullRequest, ForgeError> {
        self.through("open_pull_request", self.inner.open_pull_request(at, new)).await
    }
    async fn close_pull_request(&self, at: &RepoAt, number: u64) -> Result<(), ForgeError> {
        self.through("close_pull_request", self.inner.close_pull_request(at, number)).await
    }
    async fn failed_deliveries(&self, since: Timestamp) -> Result<Vec<LoggedDelivery>, ForgeError> {
        self.through("failed_deliveries", self.inner.failed_deliveries(since)).await
    }
    async fn redeliver(&self, delivery: u64) -> Result<(), ForgeError> {
        self.through("redeliver", self.inner.redeliver(delivery)).await
    }
    async fn delivery_request(&self, delivery: u64) -> Result<DeliveryRequest, ForgeError> {
        self.through("delivery_request", self.inner.delivery_request(delivery)).await
    }
}
