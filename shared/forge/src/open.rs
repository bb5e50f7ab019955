//! Opens a forge from its configuration. Which provider a connection belongs to is known by the caller.

use crate::{Forge, ForgeError, github};
use secrecy::SecretString;
use std::sync::Arc;

/// What it takes to speak as a GitHub App.
#[derive(Clone, Debug)]
pub struct GithubConfig {
    /// The REST API's base, for example `https://api.github.com` or `https://ghe.example/api/v3`.
    pub api_url: String,
    /// The website's base, for example `https://github.com`: repositories are cloned from below it.
    pub web_url: String,
    pub app_id: u64,
    /// The App's name in URLs and mentions.
    pub slug: String,
    /// The App's private key, PEM.
    pub private_key: SecretString,
}

/// Opens GitHub (or a GitHub Enterprise Server) as an App. Sends nothing yet.
///
/// # Errors
/// [`ForgeError::Permanent`] if the key is no RSA key in PEM or a URL is none. The key's text is never part of it.
pub fn open_github(config: GithubConfig) -> Result<Arc<dyn Forge>, ForgeError> {
    Ok(Arc::new(github::client::GithubForge::new(config)?))
}
