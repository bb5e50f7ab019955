//! `patchbay cancel`: the operator ends a run; its thread is told as if somebody had said stop.

use super::output::{Progress, print_result, printable};
use super::which::Which;
use clap::Args;
use serde_json::json;
use std::process::ExitCode;
use std::time::Duration;

/// A stop has to work within a minute (R21).
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The run, as `patchbay runs` names it.
    run_id: String,
    /// Who ends it, for the run's history; the thread is not told.
    #[arg(long, env = "USER", default_value = "operator")]
    by: String,
    #[command(flatten)]
    which: Which,
}

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let operations = arguments.which.open().await?;
    let step = Progress::new(arguments.which.json).step("Ending the run");
    let ended = operations.cancel(&arguments.run_id, &arguments.by, PATIENCE).await;
    drop(step);
    let run = ended?;
    let thread = run.thread.as_ref().map_or_else(|| "it has no thread".to_owned(), |thread| format!("its thread is told: {}", thread.url));
    let told = format!("{} is cancelled; its task is being stopped, and {thread}", run.id);
    print_result(&if arguments.which.json { json!({ "run": run.id, "state": run.state }).to_string() } else { printable(&told) });
    Ok(ExitCode::SUCCESS)
}
