//! `patchbay logs`: what all functions and the task wrote for a run, in order.

use super::output::{print_result, printable};
use super::running::{Running, Which};
use crate::stack::run_logs::Record;
use clap::Args;
use serde::{Deserialize, Serialize};
use std::process::ExitCode;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The run, as `patchbay runs` names it.
    run_id: String,
    #[command(flatten)]
    which: Which,
}

#[derive(Debug, Serialize, Deserialize)]
struct Lines {
    lines: Vec<Record>,
}

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let told: Lines = Running::find(&arguments.which)?.get(&["runs", &arguments.run_id, "logs"]).await?;
    if arguments.which.json {
        print_result(&serde_json::to_string(&told)?);
    } else {
        let lines: Vec<_> = told.lines.iter().map(|line| format!("{} {:<21} {}", line.at, line.source, printable(&line.text))).collect();
        print_result(&lines.join("\n"));
    }
    Ok(ExitCode::SUCCESS)
}
