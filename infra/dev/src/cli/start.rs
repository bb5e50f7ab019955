//! `patchbay start`: the operator starts a workflow that has the trigger `manual`.

use super::decisions::table;
use super::output::{Progress, print_result, printable};
use super::parse_pair;
use super::which::Which;
use clap::Args;
use serde_json::json;
use std::process::ExitCode;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The workflow's name.
    workflow: String,
    /// The repository, OWNER/NAME.
    #[arg(long)]
    repo: String,
    /// An input, NAME=VALUE: `event.inputs.NAME` in the workflow's templates.
    #[arg(long = "input", value_name = "NAME=VALUE", value_parser = parse_pair)]
    inputs: Vec<(String, String)>,
    #[command(flatten)]
    which: Which,
}

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let operations = arguments.which.open().await?;
    let step = Progress::new(arguments.which.json).step("Starting the workflow");
    let inputs = arguments.inputs.into_iter().collect();
    let ordered = operations.start(&arguments.workflow, &arguments.repo, inputs, PATIENCE).await;
    drop(step);
    let ordered = ordered?;
    let started = ordered.decisions.iter().any(|decision| decision.started);
    let told = if ordered.decisions.is_empty() {
        format!(
            "the order {} was sent {} s ago and nobody has decided about it yet; it stays in the events queue. \
             `patchbay explain {0}` shows what comes of it, `patchbay top` whether that queue moves",
            ordered.delivery,
            PATIENCE.as_secs()
        )
    } else {
        format!("delivery {}\n{}", ordered.delivery, table(&ordered.decisions))
    };
    let json = json!({ "delivery": ordered.delivery, "decisions": ordered.decisions }).to_string();
    print_result(&if arguments.which.json { json } else { printable(&told) });
    Ok(if started { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
