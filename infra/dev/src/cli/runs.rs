//! `patchbay runs`: the runs of the last days, or one of them whole.

use super::output::{print_result, printable};
use super::which::Which;
use crate::operations::records::{RunDetails, RunSummary};
use clap::Args;
use jiff::Timestamp;
use patchbay_domain::run::plan::StepStatus;
use patchbay_domain::run::{Outcome, Run, State};
use serde_json::json;
use std::process::ExitCode;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The run to show whole.
    run_id: Option<String>,
    /// How many days the list goes back; what is at work is always in it.
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u16).range(1..=92))]
    days: u16,
    #[command(flatten)]
    which: Which,
}

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let operations = arguments.which.open().await?;
    let now = Timestamp::now();
    let (json, text) = match &arguments.run_id {
        Some(id) => {
            let details = operations.run(id).await?;
            (serde_json::to_string(&details)?, describe(&details, now))
        }
        None => {
            let runs = operations.runs(arguments.days).await?;
            (json!({ "runs": runs }).to_string(), table(&runs, now))
        }
    };
    print_result(&if arguments.which.json { json } else { printable(&text) });
    Ok(ExitCode::SUCCESS)
}

/// One line per run.
pub(super) fn table(runs: &[RunSummary], now: Timestamp) -> String {
    if runs.is_empty() {
        return "There are no runs in these days.".to_owned();
    }
    let mut lines = vec![format!("{:<36}  {:<28}  {:>7}  {:<9}  {:>4}  {:>9}", "RUN", "REPOSITORY", "THREAD", "STATE", "AGE", "COST")];
    lines.extend(runs.iter().map(|run| {
        let thread = run.thread.map_or("-".to_owned(), |number| format!("#{number}"));
        let state = run.state.name();
        let (age, cost) = (age(run.created_at, now), dollars(run.cost_microusd));
        format!("{:<36}  {:<28}  {thread:>7}  {state:<9}  {age:>4}  {cost:>9}", run.id.as_str(), run.repository)
    }));
    lines.join("\n")
}

fn describe(RunDetails { run, usage, history }: &RunDetails, now: Timestamp) -> String {
    let mut lines = Vec::new();
    let mut line = |name: &str, text: String| lines.push(format!("{name:<11} {text}"));
    line("Run", run.id.to_string());
    line("State", state(run));
    line("Repository", format!("{}/{}", run.repository.owner, run.repository.name));
    if let Some(thread) = &run.thread {
        line("Thread", format!("#{} {} ({})", thread.number, thread.title, thread.url));
    }
    if let Some(plan) = &run.plan {
        line("Workflow", format!("{}, version {}", plan.workflow.name, plan.workflow.version));
        for (index, planned) in plan.steps.iter().enumerate() {
            line("Step", format!("{} {}: {}", index + 1, planned.step.action.name(), outcome(&planned.status, index == plan.at)));
        }
    }
    line("Asked by", run.request.requester.login.clone());
    line("Age", format!("{}, since {:.0}", age(run.created_at, now), run.created_at));
    line("Correlation", run.request.delivery.to_string());
    line("Attempt", run.attempt.to_string());
    if let Some(at) = run.deadline_at.filter(|_| !run.state.is_terminal()) {
        line("Deadline", format!("{at:.0}"));
    }
    if let Some(branch) = &run.branch {
        line("Branch", format!("{} at {}", branch.name, branch.commit_sha));
    }
    line(
        "Task",
        run.task.as_ref().map_or_else(
            || "none".to_owned(),
            |task| {
                let end = if task.ended { "ended" } else { "not seen to end" };
                format!("{}, started {:.0}, last heard of {:.0}, {end}", task.arn, task.started_at, task.last_seen_at)
            },
        ),
    );
    let cost = format!("{} of {}", dollars(usage.cost_microusd), dollars(run.budget_microusd));
    line("Usage", format!("{} model calls, {} tokens in, {} out, {cost}", usage.model_calls, usage.input_tokens, usage.output_tokens));
    line("Outbox", if run.outbox.is_empty() { "empty".to_owned() } else { String::new() });
    lines.extend(run.outbox.iter().map(|pending| {
        let later = pending.not_before.map(|at| format!(", not before {at:.0}")).unwrap_or_default();
        format!("  {} in {:?}, tries: {}{later}", pending.effect.name(), pending.place, pending.tries)
    }));
    lines.push(if history.is_empty() { "History     empty".to_owned() } else { "History".to_owned() });
    lines.extend(history.iter().map(|entry| format!("  {:.3} {} {}: {}", entry.at, entry.actor, entry.what, entry.detail)));
    lines.join("\n")
}

/// How a step ended, with the reason where it failed: a run that goes on says it nowhere else.
fn outcome(status: &StepStatus, is_next: bool) -> String {
    match status {
        StepStatus::Failed { failure } => format!("failure: {:?}, {}", failure.code, failure.detail),
        _ => status.outcome().unwrap_or(if is_next { "at work" } else { "to be done" }).to_owned(),
    }
}

/// The state with what it says of itself.
fn state(run: &Run) -> String {
    let more = match &run.state {
        State::Queued { because } => format!("{because:?}"),
        State::Running { stage } => stage.clone().unwrap_or_default(),
        State::Succeeded { outcome: Outcome::PullRequest { url, .. } } => url.clone(),
        State::Succeeded { outcome: Outcome::Answer } => "an answer".to_owned(),
        State::Failed { failure } => format!("{:?}, {}", failure.code, failure.detail),
        State::Cancelled { reason } => format!("{reason:?}"),
        State::Stepping => run.active_step().map(|(_, planned)| planned.step.action.name().to_owned()).unwrap_or_default(),
        State::Succeeded { outcome: Outcome::Steps } | State::Starting | State::Applying => String::new(),
    };
    if more.is_empty() { run.state.name().to_owned() } else { format!("{}: {more}", run.state.name()) }
}

/// The largest unit that fits.
pub(super) fn age(since: Timestamp, now: Timestamp) -> String {
    match now.as_second() - since.as_second() {
        seconds @ ..60 => format!("{}s", seconds.max(0)),
        seconds @ 60..3_600 => format!("{}m", seconds / 60),
        seconds @ 3_600..86_400 => format!("{}h", seconds / 3_600),
        seconds => format!("{}d", seconds / 86_400),
    }
}

/// Millionths of a dollar as dollars.
pub(super) fn dollars(microusd: u64) -> String {
    format!("${}.{:04}", microusd / 1_000_000, microusd % 1_000_000 / 100)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operations::records::tests::saved_run;
    use patchbay_domain::task::{Failure, FailureCode};
    use serde_json::json;

    fn details() -> RunDetails {
        let usage = json!({ "model_calls": 2, "input_tokens": 100, "output_tokens": 20, "cost_microusd": 12_345 });
        let history = json!([{ "at": "2026-11-20T10:00:01Z", "actor": "ada", "what": "authorised", "detail": "may write" }]);
        let run = saved_run("run_1", "2026-11-20T10:00:00Z");
        serde_json::from_value(json!({ "run": run, "usage": usage, "history": history })).unwrap()
    }

    #[test]
    fn a_run_is_told_with_state_outbox_usage_and_history() {
        let text = describe(&details(), "2026-11-20T12:10:00Z".parse().unwrap());
        for told in [
            "State       running: reading",
            "Thread      #7 Broken (https://github.com/acme/hello/issues/7)",
            "Age         2h, since 2026-11-20T10:00:00Z",
            "Task        none",
            "Usage       2 model calls, 100 tokens in, 20 out, $0.0123 of $2.0000",
            "  update_status in Launch, tries: 2",
            "  2026-11-20T10:00:01.000Z ada authorised: may write",
        ] {
            assert!(text.lines().any(|line| line == told), "{told} in\n{text}");
        }
    }

    #[test]
    fn a_step_that_failed_says_why() {
        let failure = Failure::new(FailureCode::SetupFailed, "`npm ci` ended with exit code 1.");
        assert_eq!(outcome(&StepStatus::Failed { failure }, false), "failure: SetupFailed, `npm ci` ended with exit code 1.");
        assert_eq!([true, false].map(|next| outcome(&StepStatus::Pending, next)), ["at work", "to be done"]);
    }

    #[test]
    fn the_list_has_one_line_per_run() {
        let run = details().run;
        let summary = RunSummary {
            id: run.id,
            repository: "acme/hello".to_owned(),
            thread: Some(7),
            title: String::new(),
            workflow: None,
            state: run.state,
            created_at: run.created_at,
            cost_microusd: 1_500_000,
        };
        let text = table(&[summary], "2026-11-20T10:00:59Z".parse().unwrap());
        let words: Vec<_> = text.lines().nth(1).unwrap().split_whitespace().collect();
        assert_eq!(words, ["run_1", "acme/hello", "#7", "running", "59s", "$1.5000"]);
        assert_eq!(table(&[], Timestamp::UNIX_EPOCH), "There are no runs in these days.");
    }
}
