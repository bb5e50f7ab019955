//! `patchbay decisions`: what was decided about a delivery, workflow by workflow, and why.

use super::output::{print_result, printable};
use super::which::Which;
use crate::operations::RecordedDecision;
use clap::Args;
use patchbay_domain::ids::DeliveryId;
use serde_json::json;
use std::process::ExitCode;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The delivery's id, as the forge's log and `patchbay runs RUN_ID` (Correlation) name it.
    delivery: String,
    #[command(flatten)]
    which: Which,
}

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let delivery = arguments.which.open().await?.delivery(&DeliveryId(arguments.delivery.clone())).await?;
    let decisions = delivery.decisions;
    let json = json!({ "delivery": arguments.delivery, "decisions": decisions }).to_string();
    print_result(&if arguments.which.json { json } else { printable(&table(&decisions)) });
    Ok(ExitCode::SUCCESS)
}

/// A line per workflow, and below one that did not start a line per reason.
pub(super) fn table(decisions: &[RecordedDecision]) -> String {
    let mut lines = Vec::new();
    for decision in decisions {
        let source = decision.source.as_ref().map(|source| format!(" ({source})")).unwrap_or_default();
        let what = if decision.started { "starts " } else { "skipped" };
        if decision.started || decision.reasons.is_empty() {
            lines.push(format!("{what}  {}{source}: {}", decision.workflow, decision.why));
            continue;
        }
        lines.push(format!("{what}  {}{source}", decision.workflow));
        lines.extend(decision.reasons.iter().map(|reason| format!("         {}", reason.sentence())));
    }
    lines.join("\n")
}
