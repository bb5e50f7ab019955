//! The local GitHub: REST API, git over smart HTTP, signed webhooks and readable pages, with state that survives a restart.
//!
//! Start it with [`LocalGithub::start`], fill it with the seeding verbs, point a client at [`LocalGithub::api_url`], and look
//! at what happened with the inspecting ones. The API lies under `/api/v3`, as on GitHub Enterprise Server, because pages and
//! git share the host; octocrab takes that address as its `base_uri`. It listens on loopback addresses only.

mod access;
mod api;
mod auth;
mod checks;
mod config;
mod discussions;
mod error;
mod faults;
mod forks;
mod git;
mod git_diff;
mod git_http;
mod git_tree;
mod hooks;
mod inspect;
mod json;
mod key;
mod moves;
mod pages;
mod people;
mod rate;
mod releases;
mod seed;
mod server;
mod state;
mod store;
mod world;

pub use access::{Access, Level};
pub use checks::{CheckAnnotationView, CheckRunView};
pub use config::{AppConfig, LocalGithubConfig};
pub use faults::{Fault, FaultHook, ForgeCall, Moment, Post, PostFault, PostHook};
pub use inspect::{CommentHistory, CommentView, DeliveryView, FileView, IssueView, PullView, TokenView};
pub use key::generate_app_key;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;

use json::Urls;
use state::{AccountKind, now};
use store::Store;
use world::{App, World};

/// A running local GitHub; it stops, and saves its state, when it is dropped.
pub struct LocalGithub {
    store: Arc<Store>,
    urls: Urls,
    stop: Option<oneshot::Sender<()>>,
    tasks: Vec<JoinHandle<()>>,
}

impl LocalGithub {
    /// Starts the server with the state that an earlier start left in the folder.
    ///
    /// # Errors
    /// When the address is taken or not loopback, the App's key is no RSA key, the state is damaged, or git is missing.
    pub async fn start(config: LocalGithubConfig) -> Result<Self> {
        if !config.bind.ip().is_loopback() {
            bail!("the local GitHub listens on loopback addresses only, not on {}", config.bind);
        }
        let version = git::git_command().arg("--version").output().context("run git; is it installed?")?;
        if !version.status.success() {
            bail!("git does not run: {}", String::from_utf8_lossy(&version.stderr));
        }
        std::fs::create_dir_all(&config.data_dir).with_context(|| format!("make {}", config.data_dir.display()))?;
        let listener = TcpListener::bind(config.bind).await.with_context(|| format!("listen on {}", config.bind))?;
        let web = format!("http://{}", listener.local_addr()?);
        let urls = Urls { api: format!("{web}{}", server::API_PREFIX), web };
        let (outbox, queue) = mpsc::unbounded_channel();
        let (faults, post_faults) = (config.faults.clone(), config.post_faults.clone());
        let store = Store::new(open_world(config, urls.clone(), outbox)?);
        store.save()?;
        let (stop, stopped) = oneshot::channel();
        let tasks = vec![
            tokio::spawn(server::serve(listener, Arc::clone(&store), faults, stopped)),
            tokio::spawn(hooks::deliver_all(Arc::clone(&store), queue, post_faults)),
            tokio::spawn(Arc::clone(&store).keep_saved()),
        ];
        Ok(Self { store, urls, stop: Some(stop), tasks })
    }

    /// `http://127.0.0.1:port`: pages, and repositories to clone (`{web_url}/{owner}/{repo}.git`).
    #[must_use]
    pub fn web_url(&self) -> &str {
        &self.urls.web
    }

    /// `http://127.0.0.1:port/api/v3`: the base address of the REST API.
    #[must_use]
    pub fn api_url(&self) -> &str {
        &self.urls.api
    }

    /// Points the App's webhook somewhere; events from before are not sent there.
    pub fn set_webhook(&self, url: &str, secret: &str) {
        self.store.change(|world| world.state.hook = state::Hook { url: Some(url.to_owned()), secret: secret.to_owned() });
    }

    /// How often each route was called since the start or the last reset, by `METHOD template`; git counts as `GIT upload-pack`.
    #[must_use]
    pub fn calls(&self) -> BTreeMap<String, u64> {
        self.store.calls()
    }

    /// Starts counting calls anew.
    pub fn reset_calls(&self) {
        self.store.reset_calls();
    }

    /// Wakes up at every change of the state.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.store.subscribe()
    }

    /// Waits until `look` finds something, asking again at every change.
    ///
    /// # Errors
    /// When it has found nothing within `patience`.
    pub async fn wait_for<T>(&self, what: &str, patience: Duration, mut look: impl FnMut(&Self) -> Option<T>) -> Result<T> {
        let mut changes = self.changes();
        let search = async {
            loop {
                if let Some(found) = look(self) {
                    return Ok(found);
                }
                changes.changed().await.context("the local GitHub stopped")?;
            }
        };
        tokio::time::timeout(patience, search).await.with_context(|| format!("waited {patience:?} for {what}"))?
    }

    /// Stops the server and saves the state.
    ///
    /// # Errors
    /// When the state cannot be written.
    pub async fn shutdown(mut self) -> Result<()> {
        self.end();
        for task in self.tasks.drain(..) {
            // Aborted tasks end with an error by design.
            let _ = task.await;
        }
        self.store.save()
    }

    fn end(&mut self) {
        if let Some(stop) = self.stop.take() {
            // The server may have ended already.
            let _ = stop.send(());
        }
        for task in &self.tasks {
            task.abort();
        }
    }
}

impl Drop for LocalGithub {
    fn drop(&mut self) {
        if self.stop.is_none() {
            return;
        }
        self.end();
        if let Err(error) = self.store.save() {
            tracing::error!(error = %format!("{error:#}"), "the local GitHub's state could not be saved");
        }
    }
}

fn open_world(config: LocalGithubConfig, urls: Urls, outbox: mpsc::UnboundedSender<u64>) -> Result<World> {
    let mut state = store::load(&config.data_dir)?;
    let app = config.app;
    if let Some(url) = app.webhook_url {
        state.hook = state::Hook { url: Some(url), secret: app.webhook_secret };
    } else if state.hook.secret.is_empty() {
        state.hook.secret = app.webhook_secret;
    }
    for delivery in state.deliveries.values().filter(|delivery| delivery.outcome.is_none()) {
        // The receiver is alive: it is started after the world.
        let _ = outbox.send(delivery.id);
    }
    let key = key::AppKey::from_private_pem(&app.private_key_pem)?;
    let app = App {
        app_id: app.app_id,
        slug: app.slug,
        client_id: app.client_id,
        key,
        permissions: app.permissions,
        events: app.events,
        created_at: now(),
    };
    let data_dir = config.data_dir;
    let mut world = World { state, app, urls, data_dir, rate: rate::Rate::default(), hourly_limit: config.hourly_limit, outbox };
    world.ensure_account(&world.app.slug_bot(), AccountKind::Bot);
    Ok(world)
}
