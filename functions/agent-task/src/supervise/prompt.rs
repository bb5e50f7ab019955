//! What the agent is told: the request, and where it was made. Data, not decoration: what it says is untrusted.

use patchbay_domain::event::SubjectKind;
use patchbay_domain::markdown::fence;
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

/// What the agent is told for its round of repair: the request again, because it remembers nothing, and what the
/// workflow's check printed. That is output of untrusted code: data like everything else here.
pub(crate) fn repair_prompt(brief: &Brief, command: &str, output: &str, changed: &[String]) -> String {
    let changed = changed.iter().map(|path| format!("- {path}")).collect::<Vec<_>>().join("\n");
    format!(
        "{}\nYou have already changed files of this repository for this request:\n\n{changed}\n\nThe project's check fails now. Repair \
         what it found by changing files of this repository; then say in a few sentences what was wrong. The check is:\n\n{}\n\nThe \
         end of what it printed:\n\n{}\n",
        prompt(brief),
        fence(command, ""),
        fence(output, "")
    )
}

fn one_line(text: &str) -> String {
    strip_hidden(text).split_whitespace().collect::<Vec<_>>().join(" ")
}
