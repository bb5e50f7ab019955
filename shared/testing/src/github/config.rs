//! What a local GitHub is started with.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use super::access::Access;
use super::faults::{FaultHook, PostHook};

/// Where the local GitHub lives, and the App that is registered in it.
#[derive(Clone)]
pub struct LocalGithubConfig {
    /// Bare repositories and state; a later start with the same folder goes on where this one ended.
    pub data_dir: PathBuf,
    /// The address to listen on; loopback only, port 0 takes a free one.
    pub bind: SocketAddr,
    /// The App.
    pub app: AppConfig,
    /// Requests that each token may make in an hour; then 403, as GitHub's primary rate limit.
    pub hourly_limit: u64,
    /// Asked at every request to the API and to git.
    pub faults: Option<FaultHook>,
    /// Asked before every webhook.
    pub post_faults: Option<PostHook>,
}

/// The App that is registered at the local GitHub.
#[derive(Debug, Clone)]
pub struct AppConfig {
    /// The App's number, the issuer of its JWTs.
    pub app_id: u64,
    /// The App's name in addresses; its bot is `<slug>[bot]`.
    pub slug: String,
    /// The other issuer that JWTs may name.
    pub client_id: String,
    /// The App's RSA key as PEM; only the public half is kept.
    pub private_key_pem: String,
    /// Where events go; `None` keeps what an earlier start or the App itself has set.
    pub webhook_url: Option<String>,
    /// The key of the signatures; empty: unsigned.
    pub webhook_secret: String,
    /// What new installations grant.
    pub permissions: BTreeMap<String, Access>,
    /// The events that new installations subscribe to.
    pub events: Vec<String>,
}

impl LocalGithubConfig {
    /// A local GitHub on a free port, with GitHub's rate limit for installations in large organizations.
    #[must_use]
    pub fn new(data_dir: impl Into<PathBuf>, app: AppConfig) -> Self {
        let bind = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        Self { data_dir: data_dir.into(), bind, app, hourly_limit: 12_500, faults: None, post_faults: None }
    }
}

impl AppConfig {
    /// An App with the permissions and events that an agent of code needs.
    #[must_use]
    pub fn new(app_id: u64, slug: &str, private_key_pem: &str) -> Self {
        let write = ["checks", "contents", "issues", "pull_requests"].map(|name| (name.to_owned(), Access::Write));
        let read = ["actions", "deployments", "discussions", "members", "metadata"].map(|name| (name.to_owned(), Access::Read));
        let events = [
            "check_run",
            "check_suite",
            "create",
            "delete",
            "deployment",
            "deployment_status",
            "discussion",
            "discussion_comment",
            "issue_comment",
            "issues",
            "pull_request",
            "pull_request_review",
            "pull_request_review_comment",
            "push",
            "release",
            "repository",
            "workflow_run",
        ];
        Self {
            app_id,
            slug: slug.to_owned(),
            client_id: format!("Iv23li{app_id:014}"),
            private_key_pem: private_key_pem.to_owned(),
            webhook_url: None,
            webhook_secret: String::new(),
            permissions: write.into_iter().chain(read).collect(),
            events: events.map(str::to_owned).to_vec(),
        }
    }
}
