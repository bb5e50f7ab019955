//! What the agent is told: the request, and where it was made. Data, not decoration: what it says is untrusted.

use patchbay_domain::event::SubjectKind;
use patchbay_domain::task::{Brief, Mode};
use patchbay_domain::text::strip_hidden;

/// The agent's prompt. It never starts with the request itself: Aider takes a message that begins with `/` or `!`
/// for a command, and `!` runs a shell.
pub(crate) fn prompt(brief: &Brief) -> String {
    let (who, repository, title) = (one_line(&brief.requester), brief.repository.full_name(), one_line(&brief.title));
    let head = match &brief.thread {
        Some(thread) => {
            let kind = match thread.kind {
                SubjectKind::Issue => "issue",
                SubjectKind::PullRequest => "pull request",
                SubjectKind::Discussion => "discussion",
            };
            format!("A request from {who} in {kind} #{} of {repository}, titled \"{title}\".", thread.number)
        }
        None => format!("A request from {who} in {repository}: \"{title}\"."),
    };
    let task = match brief.mode {
        Mode::Ask => "Answer it. Change no files.",
        Mode::Change => "Do what it asks for by changing files of this repository; then say in a few sentences what you did and why.",
        Mode::Auto => {
            "If it asks for a change, change the files of this repository and say in a few sentences what you did and why. \
             If it is a question, answer it and change no files."
        }
    };
    format!("{head} {task}\n\n{}\n", brief.prompt.trim())
}

fn one_line(text: &str) -> String {
    strip_hidden(text).split_whitespace().collect::<Vec<_>>().join(" ")
}
