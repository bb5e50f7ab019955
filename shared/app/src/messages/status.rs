//! The status comment, as it reads for each state of a run, and the check run that stands in for it where there is no thread.

use super::advice::advice_for;
use super::plan::{failed_step, headline, step_list};
use super::status_marker;
use super::verified::{verified_paragraphs, verified_sentence};
use patchbay_domain::run::plan::StepStatus;
use patchbay_domain::run::{CancelReason, Effect, Outcome, QueuedBecause, Run, State};
use patchbay_domain::task::{Failure, Mode, StoredResult, TaskOutcome, Usage};
use patchbay_domain::{markdown, text};

/// GitHub refuses comments over 65,536 characters; the rest of a comment around an answer needs some too.
const ANSWER_CHARS: usize = 60_000;
/// An answer longer than this is folded, so that a thread stays readable.
const FOLD_FROM_CHARS: usize = 6_000;

/// The one status comment, as it should read for the run's present state. `result` is needed only for an answer, and
/// for what came of the workflow's check.
pub fn status_message(run: &Run, result: Option<&StoredResult>) -> String {
    let body = match &run.state {
        State::Queued { because } => queued_message(run, *because),
        State::Stepping => format!("⚙️ {}", steps_message(run)),
        State::Starting => format!("⏳ {} Starting the agent.", opening(run)),
        State::Running { stage } => {
            let stage = stage.as_deref().unwrap_or("The agent is starting.");
            format!("⚙️ {} {stage}\n\n{}", opening(run), footnote(run, "Comment `stop` after a mention to end it."))
        }
        State::Applying => format!("⚙️ {} The agent is done; the changes are being written to a branch.", opening(run)),
        State::Succeeded { outcome } => success_message(run, outcome, result),
        State::Failed { failure } => failure_message(run, failure),
        State::Cancelled { reason } => cancelled_message(run, reason),
    };
    format!("{}\n{body}", status_marker(&run.id))
}

fn opening(run: &Run) -> String {
    let what = match run.request.mode {
        Mode::Ask => "Looking into the question of",
        Mode::Change => "Working on the change for",
        Mode::Auto => "Working on the request of",
    };
    match &run.plan {
        Some(plan) => headline(run, plan),
        None => format!("{what} {}.", text::neutralise(&format!("@{}", run.request.requester.login), &[])),
    }
}

/// Where a workflow's run is between its agent steps.
fn steps_message(run: &Run) -> String {
    let waits = run.active_step().is_some_and(|(_, planned)| matches!(planned.status, StepStatus::Waiting { .. }));
    let what = if waits { " Waits to be called back." } else { " At work." };
    format!("{}{what}{}\n\n{}", opening(run), step_list(run), footnote(run, ""))
}

fn queued_message(run: &Run, because: QueuedBecause) -> String {
    match because {
        QueuedBecause::New => format!("⏳ {} Queued.", opening(run)),
        QueuedBecause::ThreadBusy => {
            format!("⏳ {} Queued: another run of this thread is still at work. This one starts when it is done.", opening(run))
        }
        QueuedBecause::GroupBusy => format!("⏳ {} Queued: another run of its concurrency group is still at work.", opening(run)),
        QueuedBecause::Cooldown => format!("⏳ {} Queued until its workflow's cooldown is over.", opening(run)),
        QueuedBecause::Capacity => {
            format!(
                "⏳ {} Queued: all of this repository's or workspace's agents are busy. It starts as soon as one is free.",
                opening(run)
            )
        }
    }
}

fn success_message(run: &Run, outcome: &Outcome, result: Option<&StoredResult>) -> String {
    let steps = step_list(run);
    match outcome {
        Outcome::PullRequest { number, url, updated: false } => {
            let hint = footnote(run, "Mention me there to ask for more.");
            format!("✅ Done: [pull request #{number}]({url}) is open.{}{steps}\n\n{hint}", verified_sentence(result))
        }
        Outcome::PullRequest { updated: true, .. } => {
            let commit = run.branch.as_ref().map(|b| b.commit_sha.get(..8).unwrap_or(&b.commit_sha).to_owned()).unwrap_or_default();
            let hint = footnote(run, "Mention me to ask for more.");
            format!("✅ Done: added commit {commit} to this pull request.{}{steps}\n\n{hint}", verified_paragraphs(result))
        }
        Outcome::Steps => {
            let name = run.plan.as_ref().map(|plan| plan.workflow.name.as_str()).unwrap_or_default();
            format!("✅ Done: workflow `{name}` is over.{steps}\n\n{}", footnote(run, ""))
        }
        Outcome::Answer => format!("{}\n\n{}", answer_text(result), footnote(run, "Mention me to ask more.")),
    }
}

fn answer_text(result: Option<&StoredResult>) -> String {
    let answer = match result.map(|r| &r.result.outcome) {
        Some(TaskOutcome::Answer { text }) => text::neutralise(text, &[]),
        _ => "The answer has been erased since (stored results are kept for 14 days).".to_owned(),
    };
    if answer.chars().count() <= FOLD_FROM_CHARS { answer } else { markdown::fold(&answer, ANSWER_CHARS) }
}

fn failure_message(run: &Run, failure: &Failure) -> String {
    format!("❌ {}\n\n{}", failure_text(run, failure), footnote(run, ""))
}

fn failure_text(run: &Run, failure: &Failure) -> String {
    let (what, next) = advice_for(run, failure.code);
    let detail = markdown::quote(&text::neutralise(failure.detail.trim(), &[]));
    let detail = if failure.detail.trim().is_empty() { String::new() } else { format!("\n\n{detail}") };
    format!("{}{what}{detail}\n\n**What to do:** {next}{}", failed_step(run), step_list(run))
}

/// Title and summary of the check run by which people hear of a failed workflow that has no thread.
pub fn failed_check(run: &Run, failure: &Failure) -> (String, String) {
    let title = advice_for(run, failure.code).0.trim_end_matches('.').to_owned();
    (title, format!("{}\n\n{}", failure_text(run, failure), footnote(run, "")))
}

fn cancelled_message(run: &Run, reason: &CancelReason) -> String {
    let why = match reason {
        CancelReason::Stopped { by } => format!("Stopped by {}.", text::neutralise(&format!("@{by}"), &[])),
        CancelReason::StoppedByOperator { .. } => "Stopped by whoever operates Patchbay here.".to_owned(),
        CancelReason::ThreadClosed => "Stopped: this thread was closed.".to_owned(),
        CancelReason::Superseded { by } => format!("Stopped: the newer run `{by}` took its place."),
        CancelReason::Uninstalled => "Stopped: the App was uninstalled.".to_owned(),
        CancelReason::Suspended => "Stopped: the App was suspended.".to_owned(),
        CancelReason::RepositoryRemoved => "Stopped: the App was removed from this repository.".to_owned(),
    };
    if let Some(plan) = &run.plan {
        return format!("⏹️ {} {why}{}\n\n{}", headline(run, plan), step_list(run), footnote(run, ""));
    }
    let retracted = if run.branch.is_some() || run.has_pending(Effect::RetractPullRequest) {
        " What had been written was taken back."
    } else {
        " Nothing was changed."
    };
    format!("⏹️ {why}{retracted}\n\n{}", footnote(run, "Mention me with `retry` to do it after all."))
}

fn footnote(run: &Run, hint: &str) -> String {
    let mut parts = Vec::new();
    if !hint.is_empty() {
        parts.push(hint.to_owned());
    }
    if run.usage != Usage::default() {
        parts.push(usage_message(&run.usage));
    }
    parts.push(format!("Run `{}`.", run.id));
    format!("<sub>{}</sub>", parts.join(" "))
}

/// What a run cost, in words.
pub fn usage_message(usage: &Usage) -> String {
    let tokens = usage.input_tokens + usage.output_tokens;
    let dollars = usage.cost_microusd as f64 / 1_000_000.0;
    let calls = if usage.model_calls == 1 { "1 model call".to_owned() } else { format!("{} model calls", usage.model_calls) };
    if usage.cost_microusd == 0 { format!("{calls}, {tokens} tokens.") } else { format!("{calls}, {tokens} tokens, ${dollars:.4}.") }
}
