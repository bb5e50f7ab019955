//! Every text that a person reads in a thread, one function each: the status comment, replies, pull request
//! title and body. Pure; what the agent wrote arrives here and leaves inert (R34).

use patchbay_domain::event::SubjectKind;
use patchbay_domain::ids::RunId;
use patchbay_domain::run::{CancelReason, Effect, Outcome, QueuedBecause, Run, State};
use patchbay_domain::task::{Failure, FailureCode, Mode, StoredResult, TaskOutcome, Usage};
use patchbay_domain::{markdown, text};

mod verified;

pub(crate) use verified::no_base_failure;
use verified::{verified_paragraphs, verified_sections, verified_sentence};

/// GitHub refuses comments over 65,536 characters; the rest of a comment around an answer needs some too.
const ANSWER_CHARS: usize = 60_000;
/// An answer longer than this is folded, so that a thread stays readable.
const FOLD_FROM_CHARS: usize = 6_000;

/// The hidden marker by which a run's status comment is found again (R33).
pub fn status_marker(run: &RunId) -> String {
    format!("<!-- patchbay:status {run} -->")
}

/// The hidden marker of a reply that is posted once for a key (a delivery, or once in a thread).
pub fn reply_marker(key: &str) -> String {
    format!("<!-- patchbay:reply {key} -->")
}

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
        Some(plan) => format!("Workflow `{}`, step {} of {}.", plan.workflow.name, plan.at + 1, plan.steps.len()),
        None => format!("{what} {}.", text::neutralise(&format!("@{}", run.request.requester.login), &[])),
    }
}

/// Where a workflow's run is between its agent steps.
fn steps_message(run: &Run) -> String {
    let what = run.active_step().map(|(_, planned)| planned.step.action.name()).unwrap_or_default();
    format!("{} At work: `{what}`.\n\n{}", opening(run), footnote(run, ""))
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
    match outcome {
        Outcome::PullRequest { number, url, updated: false } => {
            format!(
                "✅ Done: [pull request #{number}]({url}) is open.{}\n\n{}",
                verified_sentence(result),
                footnote(run, "Mention me there to ask for more.")
            )
        }
        Outcome::PullRequest { updated: true, .. } => {
            let commit = run.branch.as_ref().map(|b| b.commit_sha.get(..8).unwrap_or(&b.commit_sha).to_owned()).unwrap_or_default();
            format!(
                "✅ Done: added commit {commit} to this pull request.{}\n\n{}",
                verified_paragraphs(result),
                footnote(run, "Mention me to ask for more.")
            )
        }
        Outcome::Steps => format!("✅ Done: every step of the workflow is over.\n\n{}", footnote(run, "")),
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
    let (what, next) = advice(failure.code);
    let detail = markdown::quote(&text::neutralise(failure.detail.trim(), &[]));
    let detail = if failure.detail.trim().is_empty() { String::new() } else { format!("\n\n{detail}") };
    format!("❌ {what}{detail}\n\n**What to do:** {next}\n\n{}", footnote(run, ""))
}

/// What happened, and what to do next, for each way of failing.
fn advice(code: FailureCode) -> (&'static str, &'static str) {
    const RETRY: &str = "Mention me with `retry` to try again.";
    match code {
        FailureCode::NoModel => (
            "No model is configured.",
            "Whoever operates Patchbay sets the model's name and puts its key into the model secret; then `retry`.",
        ),
        FailureCode::ModelNotAllowed => (
            "The workflow names a model that may not be used here.",
            "Take another one in `.github/patchbay.yml`, or have whoever operates Patchbay allow it (`AllowedModels`); then `retry`.",
        ),
        FailureCode::ModelRefused => (
            "The model's provider refused the request.",
            "Whoever operates Patchbay checks the model's name and key; if the provider objected to the content, word the request differently.",
        ),
        FailureCode::ModelUnavailable => ("The model's provider could not be reached or kept failing.", RETRY),
        FailureCode::Budget => {
            ("The run's budget is used up.", "Ask for something smaller, or have the budget per run raised (`RunBudgetUsd`); then `retry`.")
        }
        FailureCode::TimedOut => ("The run took too long and was stopped.", "Ask for something smaller, or `retry`."),
        FailureCode::OutOfMemory => {
            ("The agent ran out of memory.", "Ask for something smaller, or have the task's memory raised (`AgentMemory`); then `retry`.")
        }
        FailureCode::DiskFull => ("The agent ran out of disk space.", "Whoever operates Patchbay raises the task's storage; then `retry`."),
        FailureCode::CloneFailed => (
            "The repository could not be cloned.",
            "Check that the App may still read this repository and that the branch exists; then `retry`.",
        ),
        FailureCode::SetupFailed => (
            "A command that the workflow runs before the agent failed.",
            "Mend the command (`setup` in `.github/patchbay.yml`) or what it needs; then `retry`.",
        ),
        FailureCode::AgentCrashed => ("The agent ended without a result.", RETRY),
        FailureCode::AgentMissing => (
            "The agent is not installed in the task's image.",
            "Whoever operates Patchbay builds the image again (`docs/deploy.md`) or sets `AgentImage`; then `retry`.",
        ),
        FailureCode::NothingToDo => {
            ("The agent changed nothing.", "Say more exactly what should change and where, or `ask` if it was a question.")
        }
        FailureCode::TooLarge => ("The change is too large.", "Ask for it in smaller parts."),
        FailureCode::Blocked => (
            "The change was refused: it touches what an agent may not change, or holds something that looks like a secret.",
            "Ask for a change without these files, or make that part by hand.",
        ),
        FailureCode::PermissionLost => {
            ("The requester may no longer write to this repository, so nothing was written.", "Someone with write permission asks again.")
        }
        FailureCode::Conflict => ("The branch moved while the agent worked.", RETRY),
        FailureCode::ForgeRefused => {
            ("GitHub would not take the change.", "Check branch protection and the App's permissions; then `retry`.")
        }
        FailureCode::Fork => (
            "The pull request comes from a fork, and an App cannot push to forks.",
            "Ask in an issue, or in a pull request from a branch of this repository.",
        ),
        FailureCode::Infrastructure => ("The agent's task could not be run.", RETRY),
    }
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

/// The commit message as it is written: the agent's, made inert, with who asked and which run (R33 finds the run by it).
pub fn commit_message(run: &Run, message: &str) -> String {
    let message = text::commit_message(message, closes(run));
    // Trailers say who did it: the agent is not asked.
    let message: Vec<&str> = message.lines().filter(|line| !is_trailer(line)).collect();
    let message = message.join("\n");
    let who = &run.request.requester;
    format!(
        "{}\n\nCo-authored-by: {} <{}+{}@users.noreply.github.com>\n{}",
        message.trim(),
        who.login,
        who.id,
        who.login,
        run_trailer(&run.id)
    )
}

/// The issue that the change may close: its own thread.
fn closes(run: &Run) -> Option<u64> {
    run.thread.as_ref().filter(|thread| thread.kind == SubjectKind::Issue).map(|thread| thread.number)
}

fn is_trailer(line: &str) -> bool {
    let line = line.trim_start().to_lowercase();
    ["patchbay-run:", "co-authored-by:", "signed-off-by:", "reviewed-by:", "acked-by:", "approved-by:"].iter().any(|t| line.starts_with(t))
}

/// The commit trailer that names the run.
pub fn run_trailer(run: &RunId) -> String {
    format!("Patchbay-Run: {run}")
}

/// The pull request's title: the commit's subject, at most 200 characters.
pub fn pull_request_title(commit_message: &str) -> String {
    text::commit_message(commit_message.lines().next().unwrap_or("Change by Patchbay"), None).chars().take(200).collect()
}

/// The pull request's body: what was asked, what was done, files, cost, how to ask for more.
pub fn pull_request_body(run: &Run, result: &StoredResult, mention: &str) -> String {
    let asked = markdown::quote(&text::neutralise(&cut(&run.request.prompt, 2_000), &[]));
    let closes = match &run.thread {
        Some(thread) if thread.kind == SubjectKind::Issue => format!("Closes #{}\n\n", thread.number),
        Some(thread) => format!("For #{}\n\n", thread.number),
        None => String::new(),
    };
    let summary = result.result.summary.as_deref().map(|s| text::neutralise(&cut(s, 8_000), &[])).unwrap_or_default();
    let summary =
        if summary.trim().is_empty() { String::new() } else { format!("### What was done\n\n{}\n\n", markdown::fold(&summary, 12_000)) };
    format!(
        "{}\n{closes}### What was asked\n\n{asked}\n\n— {} in [{}]({})\n\n{summary}{}### Files\n\n{}\n\n<sub>{} by {} · run `{}`. \
         Comment `@{mention} …` here to ask for more; further commits go to this branch. Please review before merging.</sub>\n",
        status_marker(&run.id),
        text::neutralise(&format!("@{}", run.request.requester.login), &[]),
        place_in_words(run),
        run.request.url,
        verified_sections(result),
        file_list(result),
        usage_message(&result.usage),
        one_line(&text::neutralise(&result.result.agent, &[])),
        run.id,
    )
}

fn place_in_words(run: &Run) -> String {
    match &run.thread {
        Some(thread) => match thread.kind {
            SubjectKind::Issue => format!("issue {}", thread.number),
            SubjectKind::PullRequest => format!("pull request {}", thread.number),
            SubjectKind::Discussion => format!("discussion {}", thread.number),
        },
        None => run.plan.as_ref().map_or_else(|| "the repository".to_owned(), |plan| format!("workflow {}", plan.workflow.name)),
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn file_list(result: &StoredResult) -> String {
    use patchbay_domain::change_set::Change;
    let TaskOutcome::Changes { change_set } = &result.result.outcome else { return String::new() };
    let mut lines: Vec<String> = change_set
        .files
        .iter()
        .take(30)
        .map(|file| {
            let how = match &file.change {
                Change::Write { added: true, .. } => "added",
                Change::Write { added: false, .. } => "changed",
                Change::Delete => "deleted",
            };
            format!("- `{}` {how}", file.path.replace('`', "'"))
        })
        .collect();
    if change_set.files.len() > 30 {
        lines.push(format!("- … and {} more", change_set.files.len() - 30));
    }
    lines.join("\n")
}

fn cut(text: &str, chars: usize) -> String {
    if text.chars().count() <= chars { text.to_owned() } else { format!("{} …", text.chars().take(chars).collect::<String>()) }
}

/// Said once in a thread to people without write permission (R26).
pub fn no_permission_message(login: &str) -> String {
    format!(
        "Thanks, {}. I only take requests from people who can write to this repository; one of them can ask me here in your stead.",
        text::neutralise(&format!("@{login}"), &[])
    )
}

/// The answer to `help`.
pub fn help_message(mention: &str, label: &str) -> String {
    format!(
        "Mention me in an issue, a pull request or a comment, or start a line with `/{mention}`:\n\n\
         | say | and I |\n|---|---|\n\
         | `@{mention} …` | do it: changes become a pull request, a question gets an answer |\n\
         | `@{mention} ask …` | answer, and change nothing |\n\
         | `@{mention} change …` | change something, and open a pull request |\n\
         | `@{mention} status` | say what is going on in this thread |\n\
         | `@{mention} stop` | stop what runs in this thread |\n\
         | `@{mention} retry` | do the last request of this thread again |\n\
         | `@{mention} why` | say why I did, or did not do, something |\n\n\
         The label `{label}` on an issue starts me too. I listen to people who can write to this repository."
    )
}

/// The answer to `stop`.
pub fn stop_message(stopped: usize) -> String {
    match stopped {
        0 => "Nothing is running in this thread.".to_owned(),
        1 => "Stopped.".to_owned(),
        n => format!("Stopped {n} runs."),
    }
}

/// The answer to `status`: the thread's latest runs, newest first.
pub fn status_reply_message(runs: &[Run]) -> String {
    if runs.is_empty() {
        return "Nothing has run in this thread yet.".to_owned();
    }
    let lines: Vec<String> = runs.iter().map(|run| format!("- Run `{}`: {}", run.id, state_in_words(run))).collect();
    lines.join("\n")
}

fn state_in_words(run: &Run) -> String {
    match &run.state {
        State::Queued { because: QueuedBecause::New } => "queued".to_owned(),
        State::Queued { because: QueuedBecause::ThreadBusy } => "queued behind another run of this thread".to_owned(),
        State::Queued { because: QueuedBecause::Capacity } => "queued until an agent is free".to_owned(),
        State::Queued { because: QueuedBecause::GroupBusy } => "queued behind another run of its concurrency group".to_owned(),
        State::Queued { because: QueuedBecause::Cooldown } => "queued until its workflow's cooldown is over".to_owned(),
        State::Stepping => "at its steps".to_owned(),
        State::Starting => "starting its task".to_owned(),
        State::Running { stage: Some(stage) } => format!("running ({stage})"),
        State::Running { stage: None } => "running".to_owned(),
        State::Applying => "writing its changes".to_owned(),
        State::Succeeded { outcome: Outcome::Answer } => "answered".to_owned(),
        State::Succeeded { outcome: Outcome::Steps } => "done".to_owned(),
        State::Succeeded { outcome: Outcome::PullRequest { number, .. } } => format!("done, see #{number}"),
        State::Failed { failure } => format!("failed: {}", advice(failure.code).0),
        State::Cancelled { .. } => "stopped".to_owned(),
    }
}

/// The answer to `why`: what the latest run did and which request started it.
pub fn why_message(run: Option<&Run>) -> String {
    let Some(run) = run else {
        return "No request in this thread has started anything: I act when someone with write permission mentions me, uses my command, or adds my label.".to_owned();
    };
    let how = match &run.request.label {
        Some(label) => format!("because {} added the label `{label}`", text::neutralise(&format!("@{}", run.request.requester.login), &[])),
        None => format!("because {} [asked]({})", text::neutralise(&format!("@{}", run.request.requester.login), &[]), run.request.url),
    };
    let end = match &run.state {
        State::Failed { failure } => {
            let (what, next) = advice(failure.code);
            // What a command printed may follow: the status comment has it.
            let detail = failure.detail.split("\n\n").next().unwrap_or_default();
            format!(" {what} {} **What to do:** {next}", text::neutralise(detail, &[]))
        }
        _ => String::new(),
    };
    format!("Run `{}` started {how}, who may write to this repository. It is now: {}.{end}", run.id, state_in_words(run))
}

/// The answer to `retry` when there is nothing to try again.
pub fn nothing_to_retry_message(running: bool) -> String {
    if running {
        "The last request of this thread is still being worked on.".to_owned()
    } else {
        "There is no earlier request in this thread to try again.".to_owned()
    }
}

#[cfg(test)]
mod tests;
