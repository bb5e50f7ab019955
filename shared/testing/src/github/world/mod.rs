//! The world behind the local GitHub: its state and repositories, and every change that can happen to them.
//!
//! REST routes, pushes and the seeding verbs all change the world through the methods of this module's files, so that the
//! same thing has the same events whoever does it.

mod accounts;
mod checks;
mod commits;
mod discussions;
mod events;
mod forks;
mod issues;
mod moves;
mod people;
mod pulls;
mod refs;
mod told;

pub(crate) use accounts::random_text;
pub(crate) use checks::{CheckEdit, NewCheck};
pub(crate) use commits::NewFile;
pub(crate) use issues::IssueEdit;
pub(crate) use pulls::{NewPull, NewReviewComment, PullEdit};

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context, Result};
use jiff::Timestamp;
use tokio::sync::mpsc::UnboundedSender;

use super::access::Access;
use super::error::ApiError;
use super::git::GitDir;
use super::json::Urls;
use super::key::AppKey;
use super::rate::Rate;
use super::state::{Issue, Repository, State};

/// The App that is registered here.
#[derive(Debug, Clone)]
pub(crate) struct App {
    pub app_id: u64,
    pub slug: String,
    pub client_id: String,
    pub key: AppKey,
    pub permissions: BTreeMap<String, Access>,
    pub events: Vec<String>,
    pub created_at: Timestamp,
}

impl App {
    /// The login of the App's bot.
    pub(crate) fn slug_bot(&self) -> String {
        format!("{}[bot]", self.slug)
    }
}

/// State, repositories, and the way out for webhooks.
pub(crate) struct World {
    pub state: State,
    pub app: App,
    pub urls: Urls,
    pub data_dir: PathBuf,
    pub rate: Rate,
    /// Requests that each token may make in an hour.
    pub hourly_limit: u64,
    /// Ids of deliveries for the background worker.
    pub outbox: UnboundedSender<u64>,
}

/// Who does something: the login, and whether through the App.
#[derive(Debug, Clone)]
pub(crate) struct Doer {
    pub login: String,
    pub via_app: bool,
}

impl Doer {
    /// A person.
    pub(crate) fn person(login: &str) -> Self {
        Self { login: login.to_owned(), via_app: false }
    }
}

impl World {
    /// The repository with this id; 404 if it is gone.
    pub(crate) fn repository(&self, id: u64) -> Result<&Repository, ApiError> {
        self.state.repositories.get(&id).ok_or_else(ApiError::not_found)
    }

    /// The same, to change it.
    pub(crate) fn repository_mut(&mut self, id: u64) -> Result<&mut Repository, ApiError> {
        self.state.repositories.get_mut(&id).ok_or_else(ApiError::not_found)
    }

    /// An issue or pull request of a repository.
    pub(crate) fn issue(&self, repository: u64, number: u64) -> Result<&Issue, ApiError> {
        self.repository(repository)?.issues.get(&number).ok_or_else(ApiError::not_found)
    }

    /// The same, to change it.
    pub(crate) fn issue_mut(&mut self, repository: u64, number: u64) -> Result<&mut Issue, ApiError> {
        self.repository_mut(repository)?.issues.get_mut(&number).ok_or_else(ApiError::not_found)
    }

    /// The git repository of an id.
    pub(crate) fn git(&self, repository: u64) -> GitDir {
        GitDir::at(self.git_path(repository))
    }

    pub(crate) fn git_path(&self, repository: u64) -> PathBuf {
        self.git_root().join(format!("{repository}.git"))
    }

    /// The folder that all bare repositories lie in.
    pub(crate) fn git_root(&self) -> PathBuf {
        self.data_dir.join("repositories")
    }

    /// Where a delivery's payload lies.
    pub(crate) fn payload_path(&self, guid: &str) -> PathBuf {
        self.data_dir.join("deliveries").join(format!("{guid}.json"))
    }

    /// The payload of a delivery, as it was sent.
    pub(crate) fn payload(&self, guid: &str) -> Result<Vec<u8>> {
        let path = self.payload_path(guid);
        std::fs::read(&path).with_context(|| format!("read {}", path.display()))
    }
}
