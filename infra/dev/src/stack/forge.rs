//! The forge of a stack: the local GitHub with an organisation and a person in it, or a real one with a registered App.

use super::config::{ForgeConfig, RealForge, StackConfig};
use super::secrets::{load_or_make, random_hex, write_private};
use anyhow::Context as _;
use patchbay_testing::github::{AppConfig, LocalGithub, LocalGithubConfig, generate_app_key};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::sync::Arc;

/// The organisation on which the App is installed.
pub const ORGANISATION: &str = "acme";
/// The person who asks.
pub const PERSON: &str = "ada";
/// The App's number and name at the local GitHub.
const LOCAL_APP: (u64, &str) = (1001, "patchbay");

/// The App as both sides know it.
#[derive(Clone)]
pub struct App {
    pub app_id: u64,
    pub slug: String,
    /// PEM.
    pub private_key: String,
    pub webhook_secret: String,
}

/// A started or configured forge.
pub struct Forge {
    local: Option<Arc<LocalGithub>>,
    app: App,
    api_url: String,
    web_url: String,
    person_token: Option<String>,
}

impl Forge {
    /// The local GitHub's state lives in the data folder; secrets are made at the first start and kept.
    ///
    /// # Errors
    /// If a secret cannot be kept, or the local GitHub does not start.
    pub(super) async fn start(config: &StackConfig, webhook_url: &str, secret_file: &Path) -> anyhow::Result<Self> {
        match &config.forge {
            ForgeConfig::Real(real) => Self::real(real, secret_file),
            ForgeConfig::Local => Self::start_local(config, webhook_url, secret_file).await,
        }
    }

    async fn start_local(config: &StackConfig, webhook_url: &str, secret_file: &Path) -> anyhow::Result<Self> {
        let (app_id, slug) = LOCAL_APP;
        let app = App {
            app_id,
            slug: slug.to_owned(),
            private_key: load_or_make(&config.data_dir.join("app-key.pem"), generate_app_key)?,
            webhook_secret: load_or_make(secret_file, random_hex)?.trim().to_owned(),
        };
        let registered = AppConfig {
            webhook_url: Some(webhook_url.to_owned()),
            webhook_secret: app.webhook_secret.clone(),
            ..AppConfig::new(app_id, slug, &app.private_key)
        };
        let bind = SocketAddr::from((Ipv4Addr::LOCALHOST, config.port.map_or(0, port_beside)));
        let github = LocalGithubConfig {
            bind,
            faults: config.forge_faults.clone(),
            post_faults: config.post_faults.clone(),
            ..LocalGithubConfig::new(config.data_dir.join("github"), registered)
        };
        let github = LocalGithub::start(github).await.context("the local GitHub does not start")?;
        let token = github.create_user(PERSON)?;
        github.create_org(ORGANISATION, PERSON)?;
        github.install_app(ORGANISATION)?;
        let (api_url, web_url) = (github.api_url().to_owned(), github.web_url().to_owned());
        Ok(Self { local: Some(Arc::new(github)), app, api_url, web_url, person_token: Some(token) })
    }

    fn real(real: &RealForge, secret_file: &Path) -> anyhow::Result<Self> {
        write_private(secret_file, &real.webhook_secret)?;
        let app = App {
            app_id: real.app_id,
            slug: real.slug.clone(),
            private_key: real.private_key.clone(),
            webhook_secret: real.webhook_secret.clone(),
        };
        Ok(Self { local: None, app, api_url: real.api_url.clone(), web_url: real.web_url.clone(), person_token: None })
    }

    /// The local GitHub, if it is one.
    pub fn local(&self) -> Option<&Arc<LocalGithub>> {
        self.local.as_ref()
    }

    /// The App.
    pub fn app(&self) -> &App {
        &self.app
    }

    /// The API's address, without a slash at its end.
    pub fn api_url(&self) -> &str {
        &self.api_url
    }

    /// Where people see it.
    pub fn web_url(&self) -> &str {
        &self.web_url
    }

    /// The token of [`PERSON`] at the local GitHub.
    pub fn person_token(&self) -> Option<&str> {
        self.person_token.as_deref()
    }

    /// Ends the local GitHub, after its state is saved.
    pub(super) async fn shutdown(self) {
        // Whoever still holds it ends it by dropping it, which saves the state too.
        if let Some(github) = self.local.and_then(Arc::into_inner)
            && let Err(error) = github.shutdown().await
        {
            tracing::error!(error = format!("{error:#}"), "the local GitHub's state could not be saved");
        }
    }
}

/// The port after the front's, so that clones keep their address over restarts; a free one if that is taken.
fn port_beside(front: u16) -> u16 {
    let beside = front.saturating_add(1);
    if TcpListener::bind((Ipv4Addr::LOCALHOST, beside)).is_ok() { beside } else { 0 }
}
