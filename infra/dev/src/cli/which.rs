//! Which deployment an operator's command means: the stack that runs on a data folder, or one in AWS.

use super::data_dir::running_stack;
use super::{Project, default_data_dir};
use crate::operations::{Operations, Place};
use clap::Args;
use std::path::PathBuf;

/// Which deployment a command means, and how it answers.
#[derive(Debug, Args)]
pub(super) struct Which {
    /// The running stack's data folder [default: .patchbay/data of the project].
    #[arg(long, conflicts_with = "stack")]
    pub(super) data: Option<PathBuf>,
    /// A stack in AWS instead, by its CloudFormation name.
    #[arg(long, value_name = "NAME")]
    pub(super) stack: Option<String>,
    /// Print JSON on stdout.
    #[arg(long)]
    pub(super) json: bool,
}

impl Which {
    /// The deployment, found.
    ///
    /// # Errors
    /// If no stack runs on the folder, or AWS knows none of the name.
    pub(super) async fn open(&self) -> anyhow::Result<Operations> {
        let place = match (&self.stack, &self.data) {
            (Some(stack), _) => Place::Deployed(stack.clone()),
            (None, Some(data_dir)) => Place::Local(Box::new(running_stack(data_dir)?)),
            (None, None) => Place::Local(Box::new(running_stack(&default_data_dir(&Project::find()?))?)),
        };
        Operations::open(place).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_stack_that_was_killed_is_said_to_be_gone() {
        // A port that was free a moment ago.
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let folder = tempfile::tempdir().unwrap();
        let info = serde_json::json!({
            "webhook_url": "", "forge_url": "", "forge_api_url": "", "webhook_secret_file": "", "forge_user": null, "data_dir": "/some/data",
            "control_url": "", "control_token": "t",
            "aws": { "endpoint": format!("http://127.0.0.1:{port}"), "resources": { "RunsTable": "runs" } }
        });
        std::fs::write(folder.path().join("stack.json"), info.to_string()).unwrap();
        let which = Which { data: Some(folder.path().to_owned()), stack: None, json: false };
        let error = which.open().await.unwrap().runs(1).await.unwrap_err();
        assert!(error.to_string().contains("/some/data does not answer") && error.to_string().contains("patchbay up"), "{error:#}");
    }
}
