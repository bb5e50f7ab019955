//! `patchbay logs`: what all functions and the task wrote for a run, in order.

use super::output::{print_result, printable};
use super::which::Which;
use clap::Args;
use serde_json::json;
use std::process::ExitCode;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The run, as `patchbay runs` names it.
    run_id: String,
    #[command(flatten)]
    which: Which,
}

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let lines = arguments.which.open().await?.logs(&arguments.run_id).await?;
    if arguments.which.json {
        print_result(&json!({ "lines": lines }).to_string());
    } else {
        let lines: Vec<_> = lines.iter().map(|line| format!("{} {:<21} {}", line.at, line.source, printable(&line.text))).collect();
        print_result(&lines.join("\n"));
    }
    Ok(ExitCode::SUCCESS)
}
