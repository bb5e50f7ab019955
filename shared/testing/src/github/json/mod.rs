//! GitHub's JSON: one function per kind of object, with every field and URL that GitHub's published description requires.
//!
//! Pure: state in, `serde_json::Value` out. Nothing is left out because a client of ours does not read it.

mod account;
mod app;
mod check;
mod commit;
mod issue;
mod pull;
mod repository;
mod run;

pub(crate) use account::{membership, organization, organization_full, private_user, public_user, team, user};
pub(crate) use app::{app, delivery, delivery_item, installation, installation_in_event};
pub(crate) use check::{annotation, check_run, check_suite, short_commit};
pub(crate) use commit::{base64_lines, blob, branch, commit, diff_entry, git_commit, git_ref, push_commit, short_branch};
pub(crate) use issue::{comment, issue, label, labels, noreply_email};
pub(crate) use pull::{PullGit, pull_full, pull_simple, review, review_comment};
pub(crate) use repository::{full_name, full_repository, push_repository, repository, short_repository};
pub(crate) use run::{Run, workflow_run};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;

/// The addresses that URLs in answers start with; they follow the bound address, never the Host header.
#[derive(Debug, Clone)]
pub(crate) struct Urls {
    pub web: String,
    pub api: String,
}

/// A node id in GitHub's older form: base64 of the type's length, its name and the id.
pub(crate) fn node_id(kind: &str, id: impl std::fmt::Display) -> String {
    STANDARD.encode(format!("{:03}:{kind}{id}", kind.len()))
}

/// A timestamp, as `2019-05-15T15:20:18Z`.
pub(crate) fn time(at: Timestamp) -> String {
    Timestamp::from_second(at.as_second()).unwrap_or(at).to_string()
}
