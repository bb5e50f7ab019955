//! GitHub as a `Forge`: the one place where a call gets its token and a refused token its one replacement (R37). What
//! each call is lies beside it: `access`, `content`, `context`, `threads`, `checks`, `code`, `pulls` and `deliveries`.

use super::moved::{Whereabouts, following};
use super::route::Call;
use super::tokens::{Purpose, Tokens};
use super::transport::{Answer, CALL_TIMEOUT, Credential, Transport};
use crate::{
    AppIdentity, CheckRunRef, CloneAccess, CommentRef, CommitContext, DeliveryRequest, FileText, Forge, ForgeError, GithubConfig,
    Installation, LoggedDelivery, NewCheckRun, NewCommit, NewPullRequest, PathList, PullRequest, PullRequestContext, RepoAt,
    UserPermission,
};
use async_trait::async_trait;
use jiff::Timestamp;
use patchbay_domain::event::{Repository, SubjectKind};
use patchbay_domain::ids::ConnectionId;
use patchbay_domain::workflow::model::{CloseReason, ContextPart};
use tokio::sync::OnceCell;

/// One GitHub App at one GitHub.
pub(crate) struct GithubForge {
    pub(super) transport: Transport,
    pub(super) tokens: Tokens,
    pub(super) app_id: u64,
    pub(super) slug: String,
    /// Without a slash at the end.
    pub(super) web_url: String,
    pub(super) identity: OnceCell<AppIdentity>,
    pub(super) whereabouts: Whereabouts,
}

impl GithubForge {
    /// Checks the configuration; sends nothing. Errors as `open_github`.
    pub(crate) fn new(config: GithubConfig) -> Result<Self, ForgeError> {
        Ok(Self {
            transport: Transport::new(&config.api_url, CALL_TIMEOUT)?,
            tokens: Tokens::new(config.app_id, &config.private_key)?,
            app_id: config.app_id,
            slug: config.slug,
            web_url: config.web_url.trim_end_matches('/').to_owned(),
            identity: OnceCell::new(),
            whereabouts: Whereabouts::default(),
        })
    }

    /// Sends a call about a repository. A refused token is replaced once; the refused call did nothing, so that sending
    /// it again is safe even for a write.
    pub(super) async fn call(&self, at: &RepoAt, purpose: Purpose, call: &Call) -> Result<Answer, ForgeError> {
        let token = self.tokens.get(&self.transport, at, purpose).await?;
        match self.transport.send(call, Credential::Installation(&token.secret)).await {
            Err(ForgeError::Unauthorized(_)) => {
                self.tokens.forget(at, purpose, &token).await?;
                let token = self.tokens.get(&self.transport, at, purpose).await?;
                self.transport.send(call, Credential::Installation(&token.secret)).await
            }
            answered => answered,
        }
    }

    /// Sends a call about the App itself.
    pub(super) async fn call_as_app(&self, call: &Call) -> Result<Answer, ForgeError> {
        self.transport.send(call, Credential::App(&self.tokens.app_jwt()?)).await
    }
}

/// What a call on something that may be gone already comes to.
pub(super) fn gone_is_done(answered: Result<Answer, ForgeError>) -> Result<(), ForgeError> {
    match answered {
        Ok(_) | Err(ForgeError::NotFound(_)) => Ok(()),
        Err(error) => Err(error),
    }
}

#[async_trait]
impl Forge for GithubForge {
    async fn identity(&self) -> Result<AppIdentity, ForgeError> {
        self.identity.get_or_try_init(|| self.load_identity()).await.cloned()
    }

    async fn installation(&self, connection: &ConnectionId) -> Result<Installation, ForgeError> {
        self.load_installation(connection).await
    }

    async fn repository(&self, at: &RepoAt) -> Result<Repository, ForgeError> {
        following!(self, at, self.load_repository(at).await)
    }

    async fn repository_by_name(&self, connection: &ConnectionId, owner: &str, name: &str) -> Result<Option<Repository>, ForgeError> {
        self.tokens.find_repository(&self.transport, connection, owner, name).await
    }

    async fn permission(&self, at: &RepoAt, login: &str) -> Result<UserPermission, ForgeError> {
        following!(self, at, self.load_permission(at, login).await)
    }

    async fn is_team_member(&self, at: &RepoAt, organisation: &str, team_slug: &str, login: &str) -> Result<bool, ForgeError> {
        following!(self, at, self.load_membership(at, organisation, team_slug, login).await)
    }

    async fn read_file(&self, at: &RepoAt, path: &str, git_ref: Option<&str>) -> Result<Option<FileText>, ForgeError> {
        following!(self, at, self.load_file(at, path, git_ref).await)
    }

    async fn changed_paths(&self, at: &RepoAt, before: &str, after: &str) -> Result<PathList, ForgeError> {
        following!(self, at, self.compare_trees(at, before, after).await)
    }

    async fn pull_request_paths(&self, at: &RepoAt, number: u64) -> Result<PathList, ForgeError> {
        following!(self, at, self.list_pull_request_paths(at, number).await)
    }

    async fn clone_access(&self, at: &RepoAt) -> Result<CloneAccess, ForgeError> {
        following!(self, at, self.mint_clone_access(at).await)
    }

    async fn pull_request(&self, at: &RepoAt, number: u64) -> Result<PullRequest, ForgeError> {
        following!(self, at, self.load_pull_request(at, number).await)
    }

    async fn pull_request_context(
        &self,
        at: &RepoAt,
        number: u64,
        parts: &[ContextPart],
        max_chars: usize,
    ) -> Result<PullRequestContext, ForgeError> {
        following!(self, at, self.load_pull_request_context(at, number, parts, max_chars).await)
    }

    async fn commit_context(&self, at: &RepoAt, sha: &str, parts: &[ContextPart], max_chars: usize) -> Result<CommitContext, ForgeError> {
        following!(self, at, self.load_commit_context(at, sha, parts, max_chars).await)
    }

    async fn find_comment(&self, at: &RepoAt, number: u64, marker: &str) -> Result<Option<CommentRef>, ForgeError> {
        following!(self, at, self.look_for_comment(at, number, marker).await)
    }

    async fn create_comment(&self, at: &RepoAt, number: u64, body: &str) -> Result<CommentRef, ForgeError> {
        following!(self, at, self.post_comment(at, number, body).await)
    }

    async fn update_comment(&self, at: &RepoAt, comment: u64, body: &str) -> Result<(), ForgeError> {
        following!(self, at, self.patch_comment(at, comment, body).await)
    }

    async fn add_labels(&self, at: &RepoAt, number: u64, labels: &[String]) -> Result<(), ForgeError> {
        following!(self, at, self.put_labels_on(at, number, labels).await)
    }

    async fn remove_label(&self, at: &RepoAt, number: u64, label: &str) -> Result<(), ForgeError> {
        following!(self, at, self.take_label_off(at, number, label).await)
    }

    async fn add_assignees(&self, at: &RepoAt, number: u64, logins: &[String]) -> Result<(), ForgeError> {
        following!(self, at, self.assign(at, number, logins).await)
    }

    async fn remove_assignees(&self, at: &RepoAt, number: u64, logins: &[String]) -> Result<(), ForgeError> {
        following!(self, at, self.unassign(at, number, logins).await)
    }

    async fn request_reviewers(&self, at: &RepoAt, number: u64, users: &[String], teams: &[String]) -> Result<(), ForgeError> {
        following!(self, at, self.ask_for_review(at, number, users, teams).await)
    }

    async fn close_thread(&self, at: &RepoAt, number: u64, kind: SubjectKind, reason: CloseReason) -> Result<(), ForgeError> {
        following!(self, at, self.patch_thread_closed(at, number, kind, reason).await)
    }

    async fn find_check_run(&self, at: &RepoAt, sha: &str, name: &str, external_id: &str) -> Result<Option<CheckRunRef>, ForgeError> {
        following!(self, at, self.look_for_check_run(at, sha, name, external_id).await)
    }

    async fn create_check_run(&self, at: &RepoAt, check: &NewCheckRun<'_>) -> Result<CheckRunRef, ForgeError> {
        following!(self, at, self.post_check_run(at, check).await)
    }

    async fn update_check_run(&self, at: &RepoAt, id: u64, check: &NewCheckRun<'_>) -> Result<(), ForgeError> {
        following!(self, at, self.bring_check_run_up_to_date(at, id, check).await)
    }

    async fn branch_head(&self, at: &RepoAt, branch: &str) -> Result<Option<String>, ForgeError> {
        following!(self, at, self.load_branch_head(at, branch).await)
    }

    async fn commit_message(&self, at: &RepoAt, sha: &str) -> Result<String, ForgeError> {
        following!(self, at, self.load_commit(at, sha, Purpose::Look).await.map(|commit| commit.message))
    }

    async fn write_commit(&self, at: &RepoAt, commit: &NewCommit<'_>) -> Result<String, ForgeError> {
        following!(self, at, self.post_commit(at, commit).await)
    }

    async fn create_branch(&self, at: &RepoAt, branch: &str, sha: &str) -> Result<(), ForgeError> {
        following!(self, at, self.post_branch(at, branch, sha).await)
    }

    async fn advance_branch(&self, at: &RepoAt, branch: &str, sha: &str) -> Result<(), ForgeError> {
        following!(self, at, self.patch_branch(at, branch, sha).await)
    }

    async fn delete_branch(&self, at: &RepoAt, branch: &str) -> Result<(), ForgeError> {
        following!(self, at, self.remove_branch(at, branch).await)
    }

    async fn find_pull_request(&self, at: &RepoAt, head_branch: &str) -> Result<Option<PullRequest>, ForgeError> {
        following!(self, at, self.look_for_pull_request(at, head_branch, None).await)
    }

    async fn open_pull_request(&self, at: &RepoAt, new: &NewPullRequest<'_>) -> Result<PullRequest, ForgeError> {
        following!(self, at, self.post_pull_request(at, new).await)
    }

    async fn close_pull_request(&self, at: &RepoAt, number: u64) -> Result<(), ForgeError> {
        following!(self, at, self.patch_pull_request_closed(at, number).await)
    }

    async fn failed_deliveries(&self, since: Timestamp) -> Result<Vec<LoggedDelivery>, ForgeError> {
        self.list_failed_deliveries(since).await
    }

    async fn redeliver(&self, delivery: u64) -> Result<(), ForgeError> {
        self.ask_for_redelivery(delivery).await
    }

    async fn delivery_request(&self, delivery: u64) -> Result<DeliveryRequest, ForgeError> {
        self.load_delivery_request(delivery).await
    }
}
