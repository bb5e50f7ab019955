//! The agent half's side of the supervisor's socket.

use crate::job::{DONE_ROUTE, HOLD_ROUTE, JOB_ROUTE, Job, Report};
use anyhow::{Context, Result, bail};
use reqwest::Client;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long the supervisor may take to open its socket.
const PATIENCE: Duration = Duration::from_secs(60);

/// A client of the relay.
#[derive(Clone)]
pub(crate) struct RelayClient {
    client: Client,
}

impl RelayClient {
    /// Waits until the socket answers.
    ///
    /// # Errors
    /// After 60 seconds without one.
    pub(crate) async fn connect(socket: &Path) -> Result<Self> {
        let start = Instant::now();
        while let Err(error) = tokio::net::UnixStream::connect(socket).await {
            if start.elapsed() > PATIENCE {
                bail!("no supervisor at {}: {error}", socket.display());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let client = Client::builder().unix_socket(PathBuf::from(socket)).build()?;
        Ok(Self { client })
    }

    /// The job, as soon as there is one.
    pub(crate) async fn job(&self) -> Result<Job> {
        let response = self.client.get(url(JOB_ROUTE)).send().await.context("asking for the job")?;
        response.error_for_status()?.json().await.context("reading the job")
    }

    /// Returns when the agent is to stop: the supervisor says so, or is gone.
    pub(crate) async fn stopped(&self) {
        match self.client.get(url(HOLD_ROUTE)).send().await {
            Ok(_) => tracing::info!("told to stop"),
            Err(error) => tracing::warn!(%error, "the supervisor is gone"),
        }
    }

    /// Reports how the agent ended.
    pub(crate) async fn report(&self, report: &Report) -> Result<()> {
        self.client.post(url(DONE_ROUTE)).json(report).send().await?.error_for_status()?;
        Ok(())
    }
}

/// The host is for the HTTP header only.
fn url(route: &str) -> String {
    format!("http://relay{route}")
}
