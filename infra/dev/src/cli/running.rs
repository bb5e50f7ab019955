//! The stack that runs on a data folder, as the operator's commands speak to it: its routes under `/_patchbay/`.

use super::data_dir::{Info, running_stack};
use super::{Project, default_data_dir};
use anyhow::{Context as _, anyhow, bail};
use clap::Args;
use reqwest::{Client, Method, Url};
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::path::PathBuf;

/// Which stack a command means, and how it answers.
#[derive(Debug, Args)]
pub(super) struct Which {
    /// The running stack's data folder [default: .patchbay/data of the project].
    #[arg(long)]
    pub(super) data: Option<PathBuf>,
    /// Print one JSON object on stdout.
    #[arg(long)]
    pub(super) json: bool,
}

/// A running stack.
pub(super) struct Running {
    client: Client,
    info: Info,
}

impl Running {
    /// The stack on the folder that was named, or on the default one.
    ///
    /// # Errors
    /// If none runs there.
    pub(super) fn find(which: &Which) -> anyhow::Result<Self> {
        let data_dir = match &which.data {
            Some(data_dir) => data_dir.clone(),
            None => default_data_dir(&Project::find()?),
        };
        Ok(Self { client: Client::builder().no_proxy().build()?, info: running_stack(&data_dir)? })
    }

    /// What `/_patchbay/<segments>` answers.
    ///
    /// # Errors
    /// If nothing answers there; or what the stack says is wrong.
    pub(super) async fn get<T: DeserializeOwned>(&self, segments: &[&str]) -> anyhow::Result<T> {
        self.ask(Method::GET, segments).await
    }

    /// As `get`, for what changes something.
    pub(super) async fn post<T: DeserializeOwned>(&self, segments: &[&str]) -> anyhow::Result<T> {
        self.ask(Method::POST, segments).await
    }

    async fn ask<T: DeserializeOwned>(&self, method: Method, segments: &[&str]) -> anyhow::Result<T> {
        let mut url = Url::parse(&self.info.control_url)?;
        url.path_segments_mut().map_err(|()| anyhow!("{} is no address", self.info.control_url))?.extend(segments);
        let response = self.client.request(method, url).bearer_auth(&self.info.control_token).send().await;
        let response = response.with_context(|| {
            format!(
                "the stack of {} does not answer, it may have been killed; start it again with `patchbay up`",
                self.info.data_dir.display()
            )
        })?;
        let status = response.status();
        let answer: Value = response.json().await.with_context(|| format!("the stack answered {status} without JSON"))?;
        if !status.is_success() {
            bail!("{}", answer["message"].as_str().map_or_else(|| format!("the stack answered {status}"), str::to_owned));
        }
        serde_json::from_value(answer).context("the stack's answer is another version's; build and start it anew")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(info: &Value) -> (tempfile::TempDir, Which) {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("stack.json"), info.to_string()).unwrap();
        let which = Which { data: Some(folder.path().to_owned()), json: false };
        (folder, which)
    }

    #[tokio::test]
    async fn a_stack_that_was_killed_is_said_to_be_gone() {
        // A port that was free a moment ago.
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let (_folder, which) = check(&serde_json::json!({
            "webhook_url": "", "forge_url": "", "forge_api_url": "", "webhook_secret_file": "", "forge_user": null, "data_dir": "/some/data",
            "control_url": format!("http://127.0.0.1:{port}/_patchbay"), "control_token": "t"
        }));
        let error = Running::find(&which).unwrap().get::<Value>(&["runs"]).await.unwrap_err();
        assert!(error.to_string().contains("/some/data does not answer") && error.to_string().contains("patchbay up"), "{error:#}");
    }
}
