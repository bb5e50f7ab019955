//! `patchbay signing-secret`: what the receiver of a repository's `http` steps checks their signatures with.

use super::output::print_result;
use super::which::Which;
use clap::Args;
use serde_json::json;
use std::process::ExitCode;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The repository, OWNER/NAME.
    repository: String,
    #[command(flatten)]
    which: Which,
}

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let secret = arguments.which.open().await?.signing_secret(&arguments.repository).await?;
    let repository = &arguments.repository;
    print_result(&if arguments.which.json { json!({ "repository": repository, "secret": secret }).to_string() } else { secret });
    Ok(ExitCode::SUCCESS)
}
