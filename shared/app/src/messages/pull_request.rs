//! What is written beside a change: the commit's message, the pull request's title and body.

use super::verified::verified_sections;
use super::{cut, one_line, status_marker, usage_message};
use patchbay_domain::event::{Actor, SubjectKind};
use patchbay_domain::ids::RunId;
use patchbay_domain::run::Run;
use patchbay_domain::task::{StoredResult, TaskOutcome};
use patchbay_domain::{markdown, text};

/// The commit message as it is written: the agent's, made inert, with who asked and which run (R33 finds the run by it).
pub fn commit_message(run: &Run, message: &str) -> String {
    let message = text::commit_message(message, closes(run));
    // Trailers say who did it: the agent is not asked.
    let message: Vec<&str> = message.lines().filter(|line| !is_trailer(line)).collect();
    let message = message.join("\n");
    let asked = asked_by(run).map(|who| format!("Co-authored-by: {} <{}+{0}@users.noreply.github.com>\n", who.login, who.id));
    format!("{}\n\n{}{}", message.trim(), asked.unwrap_or_default(), run_trailer(&run.id))
}

/// Who asked for the run; nobody for one that started of itself, like a schedule's, in which the App stands for them.
fn asked_by(run: &Run) -> Option<&Actor> {
    let of_itself = run.plan.as_ref().is_some_and(|plan| plan.event["actor"]["login"].as_str().unwrap_or_default().is_empty());
    (!of_itself).then_some(&run.request.requester)
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
        "{}\n{closes}### What was asked\n\n{asked}\n\n— {}\n\n{summary}{}### Files\n\n{}\n\n<sub>{} by {} · run `{}`. \
         Comment `@{mention} …` here to ask for more; further commits go to this branch. Please review before merging.</sub>\n",
        status_marker(&run.id),
        who_and_where(run),
        verified_sections(result),
        file_list(result),
        usage_message(&result.usage),
        one_line(&text::neutralise(&result.result.agent, &[])),
        run.id,
    )
}

fn who_and_where(run: &Run) -> String {
    match asked_by(run) {
        Some(who) => format!("{} in {}", text::neutralise(&format!("@{}", who.login), &[]), place(run)),
        None => place(run),
    }
}

/// Where it was asked for: a link, if there is a page. A schedule has none, and neither has a push.
fn place(run: &Run) -> String {
    let words = place_in_words(run);
    if run.request.url.is_empty() { words } else { format!("[{words}]({})", run.request.url) }
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
