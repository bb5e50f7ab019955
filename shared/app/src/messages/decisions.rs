//! What people read about workflows: why one started or did not, and what is wrong with a configuration file. When it is
//! said is `matching`'s.

use patchbay_aws::tables::deliveries::Decision;
use patchbay_domain::ids::RunId;
use patchbay_domain::markdown;
use patchbay_domain::run::plan::{Plan, WorkflowSource};
use patchbay_domain::text;
use patchbay_domain::trigger::Reason;
use patchbay_domain::workflow::FILE_PATH;
use patchbay_forge::MAX_SUMMARY_CHARS;

/// Where the same is told sooner.
const HELP: &str = "`patchbay check .github/patchbay.yml` finds the same on the command line.";

/// Why a workflow was started, in one sentence.
pub(crate) fn started(run: &RunId, plan: Option<&Plan>) -> String {
    match plan.and_then(|plan| plan.not_before) {
        Some(at) => format!("run {run}, which waits for the cooldown until {}", at.strftime("%Y-%m-%d %H:%M:%S UTC")),
        None => format!("run {run}"),
    }
}

/// What the filters said, in one sentence each.
pub(crate) fn reasons_sentence(reasons: &[Reason]) -> String {
    reasons.iter().map(Reason::sentence).collect::<Vec<_>>().join("; ")
}

pub(crate) fn none_listens(kind: &str) -> String {
    format!("no workflow listens to `{kind}`")
}

pub(crate) fn no_manual_workflow(name: &str) -> String {
    format!("there is no workflow `{name}` with the trigger `manual` in force here")
}

/// What a file that cannot be used means for an event.
pub(crate) fn broken_in_force(problem: &str) -> String {
    format!("what is on the default branch cannot be used, an earlier version is in force; {problem}")
}

pub(crate) fn not_installed() -> String {
    "the App is not installed here, or suspended".to_owned()
}

pub(crate) fn too_deep(most: u32) -> String {
    format!("more than {most} runs have started each other; do two workflows start one another?")
}

pub(crate) fn superseded(by: &RunId) -> String {
    format!("a newer event took its place in the cooldown: run {by}")
}

pub(crate) fn too_large() -> String {
    "the event's texts and the workflow's steps together are too large for a run; shorten the steps' texts".to_owned()
}

pub(crate) fn bad_group(error: &str) -> String {
    format!("concurrency: the group cannot be rendered: {error}")
}

/// A built-in start that a configured workflow takes the place of.
pub(crate) fn label_is_taken() -> String {
    "a workflow of the repository starts on this label".to_owned()
}

/// What was decided lately about the workflows in a thread, newest first; empty if nothing was.
pub(crate) fn decisions_message(decisions: &[Decision]) -> String {
    if decisions.is_empty() {
        return String::new();
    }
    let lines: Vec<String> = decisions.iter().map(decision_line).collect();
    format!("\n\nWorkflows, the latest first:\n\n{}", lines.join("\n"))
}

fn decision_line(decision: &Decision) -> String {
    let source = match decision.source {
        Some(WorkflowSource::Organization) => ", from the organization's default",
        Some(WorkflowSource::Workspace) => ", from the workspace",
        _ => "",
    };
    let said = if decision.reasons.is_empty() || decision.started { decision.why.clone() } else { reasons_sentence(&decision.reasons) };
    let what = if decision.started { "started" } else { "did not start" };
    format!("- `{}` {what} (`{}`{source}): {}", decision.workflow, decision.event, text::neutralise(&said, &[]))
}

pub(crate) fn good_file_title(workflows: usize) -> String {
    match workflows {
        1 => "1 workflow".to_owned(),
        many => format!("{many} workflows"),
    }
}

pub(crate) fn good_file_summary(names: &[String]) -> String {
    let list: Vec<String> = names.iter().map(|name| format!("- `{name}`")).collect();
    format!("`{FILE_PATH}` is good.\n\n{}", list.join("\n"))
}

pub(crate) fn no_file_title() -> String {
    "No workflows".to_owned()
}

pub(crate) fn no_file_summary() -> String {
    format!(
        "There is no `{FILE_PATH}` here any more: only the organization's default, the workspace's and the built-in workflow are in force."
    )
}

pub(crate) fn broken_file_title(problems: usize) -> String {
    match problems {
        1 => "1 problem".to_owned(),
        many => format!("{many} problems"),
    }
}

/// `keeps` says whether an earlier version stays in force.
pub(crate) fn broken_file_summary(problems: &str, keeps: bool) -> String {
    let what = if keeps { "The last good version stays in force." } else { "None of its workflows is in force." };
    let room = MAX_SUMMARY_CHARS - 1_000;
    let told: String = problems.chars().take(room).collect();
    format!("`{FILE_PATH}` cannot be used. {what}\n\n{}\n\n{HELP}", markdown::fence(&told, ""))
}

#[cfg(test)]
mod tests {
    use super::*;
    use patchbay_domain::trigger::How;

    #[test]
    fn a_decision_is_one_line_that_mentions_nobody() {
        let reason = Reason::new("branches", How::MatchedNone, "feature/x", Some("main, releases/**"));
        let event = "pull_request".to_owned();
        let skipped = Decision { workflow: "review-docs".into(), reasons: vec![reason], event, ..Decision::default() };
        let authors = Reason::new("authors", How::Excluded, "@dana", Some("!dana"));
        let other = Decision { reasons: vec![authors], ..skipped.clone() };
        let told = decisions_message(&[skipped, other]);
        assert!(
            told.contains("- `review-docs` did not start (`pull_request`): branches: `feature/x` matched none of `main`, `releases/**`"),
            "{told}"
        );
        assert!(text::is_inert(&told), "{told}");
        assert_eq!(decisions_message(&[]), "");
    }
}
