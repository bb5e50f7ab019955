//! A watch around a real forge client: every call is counted, and the one that a test names goes wrong once. What the
//! forge has done when an answer is lost, it has really done.

use async_trait::async_trait;
use jiff::Timestamp;
use patchbay_domain::event::Repository;
use patchbay_domain::ids::ConnectionId;
use patchbay_forge::{
    AppIdentity, CloneAccess, CommentRef, DeliveryRequest, Forge, ForgeError, Installation, LoggedDelivery, NewCommit, NewPullRequest,
    PullRequest, RepoAt, UserPermission,
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
