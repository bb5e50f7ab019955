//! Answers to what people say to Patchbay in a thread.

use super::advice::advice_for;
use patchbay_domain::run::{Outcome, QueuedBecause, Run, State};
use patchbay_domain::text;

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
        State::Failed { failure } => format!("failed: {}", advice_for(run, failure.code).0),
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
            let (what, next) = advice_for(run, failure.code);
            // What a command printed may follow: the status comment has it.
            let detail = failure.detail.split("\n\n").next().unwrap_or_default();
            format!(" {what} {} **What to do:** {next}", text::neutralise(detail, &[]))
        }
        _ => String::new(),
    };
    let started = match &run.plan {
        Some(plan) => {
            let event = ["kind", "action"].map(|name| plan.event.get(name).and_then(|value| value.as_str()).unwrap_or_default());
            let event = text::neutralise(event.join(" ").trim(), &[]);
            format!("as workflow `{}`, because of the event `{event}`.", plan.workflow.name)
        }
        None => format!("{how}, who may write to this repository."),
    };
    format!("Run `{}` started {started} It is now: {}.{end}", run.id, state_in_words(run))
}

/// The answer to `retry` when there is nothing to try again.
pub fn nothing_to_retry_message(running: bool) -> String {
    if running {
        "The last request of this thread is still being worked on.".to_owned()
    } else {
        "There is no earlier request in this thread to try again.".to_owned()
    }
}
