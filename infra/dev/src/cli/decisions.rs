//! What was decided about a delivery, workflow by workflow, and why: `patchbay explain DELIVERY`.

use super::output::{print_result, printable};
use super::which::Which;
use crate::operations::RecordedDecision;
use patchbay_domain::ids::DeliveryId;
use serde_json::json;
use std::process::ExitCode;

/// Prints the decisions about one delivery of a deployment.
pub(super) async fn show(delivery: &str, which: &Which) -> anyhow::Result<ExitCode> {
    let decisions = which.open().await?.delivery(&DeliveryId(delivery.to_owned())).await?.decisions;
    let json = json!({ "delivery": delivery, "decisions": decisions }).to_string();
    print_result(&if which.json { json } else { printable(&table(&decisions)) });
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
