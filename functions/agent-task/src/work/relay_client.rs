//! The agent half's side of the supervisor's socket.

use crate::job::{DONE_ROUTE, HOLD_ROUTE, JOB_ROUTE, Job, Report};
use anyhow::{Context, Result, bail};
use reqwest::{Client, StatusCode};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long the supervisor may take to open its socket.
const PATIENCE: Duration = Duration::from_secs(60);
/// A socket that refuses for so long belongs to a supervisor that has ended.
const REFUSALS: Duration = Duration::from_secs(2);

/// A client of the relay.
#[derive(Clone)]
pub(crate) struct RelayClient {
    client: Client,
}

impl RelayClient {
    /// Waits until the socket answers. `None` when it is there and nobody listens: the supervisor has ended.
    ///
    /// # Errors
    /// After 60 seconds without a socket.
    pub(crate) async fn connect(socket: &Path) -> Result<Option<Self>> {
        let start = Instant::now();
        let mut refused_since = None;
        while let Err(error) = tokio::net::UnixStream::connect(socket).await {
            refused_since = (error.kind() == ErrorKind::ConnectionRefused).then(|| refused_since.unwrap_or_else(Instant::now));
            if refused_since.is_some_and(|since| since.elapsed() > REFUSALS) {
                return Ok(None);
            }
            if start.elapsed() > PATIENCE {
                bail!("no supervisor at {}: {error}", socket.display());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let client = Client::builder().unix_socket(PathBuf::from(socket)).build()?;
        Ok(Some(Self { client }))
    }

    /// The job after the one of this number (0: the first), as soon as there is one.
    pub(crate) async fn job(&self, after: u32) -> Result<Job> {
        let response = self.client.get(url(&format!("{JOB_ROUTE}?after={after}"))).send().await.context("asking for the job")?;
        response.error_for_status()?.json().await.context("reading the job")
    }

    /// Returns when the agent is to stop: the supervisor says so, or is gone.
    pub(crate) async fn stopped(&self) {
        match self.client.get(url(HOLD_ROUTE)).send().await {
            Ok(_) => tracing::info!("told to stop"),
            Err(error) => tracing::warn!(%error, "the supervisor is gone"),
        }
    }

    /// Reports how a job ended. That somebody reported it before, in this half's place, is no error: there may be more to do.
    pub(crate) async fn report(&self, report: &Report) -> Result<()> {
        let response = self.client.post(url(DONE_ROUTE)).json(report).send().await?;
        if response.status() == StatusCode::CONFLICT {
            tracing::warn!(number = report.number, "the job was reported before");
            return Ok(());
        }
        response.error_for_status()?;
        Ok(())
    }
}

/// The host is for the HTTP header only.
fn url(route: &str) -> String {
    format!("http://relay{route}")
}
