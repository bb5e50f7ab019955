//! What a task came to. Decided by what the tree and the gateway saw; the agent's own word and its exit code only
//! where those two have nothing to say.

use super::output::{last_lines, named};
use super::record::{CallEnd, Record};
use super::relay::AgentEnd;
use crate::git::changes::ChangesError;
use crate::job::{ProcessEnd, Report};
use patchbay_domain::change_set::FileChange;
use patchbay_domain::markdown::fence;
use patchbay_domain::task::{Failure, FailureCode, Mode};

/// The longest answer and summary that are handed over, characters.
const MOST_ANSWER: usize = 60_000;
pub(crate) const MOST_SUMMARY: usize = 20_000;
/// How much of the agent's reply a failure quotes, characters.
const MOST_QUOTED: usize = 400;
const SIGKILL: i32 = 9;

#[derive(Debug, PartialEq)]
pub(crate) enum Verdict {
    Changes(Vec<FileChange>),
    Answer(String),
    Failed(Failure),
}

/// Why there is nothing to look at: the agent's end or the model's, if either says that the work was cut off.
pub(crate) fn cut_off(end: &AgentEnd, record: &Record) -> Option<Failure> {
    let failed = |code, detail: &str| Some(Failure::new(code, detail));
    match end {
        AgentEnd::Deadline => failed(FailureCode::TimedOut, "The agent was still working when the run's time was over."),
        AgentEnd::NeverCame => failed(FailureCode::AgentCrashed, "The agent's container never asked for its work."),
        AgentEnd::Gone => failed(
            FailureCode::OutOfMemory,
            "The agent's container was killed without a word, which is what running out of memory looks like.",
        ),
        AgentEnd::Cut => record.failure().or_else(|| failed(FailureCode::ModelUnavailable, "The model may not be called any more.")),
        AgentEnd::Reported(report) => stopped(report).or_else(|| record.failure()),
    }
}

/// A process that did not come to its own end.
fn stopped(report: &Report) -> Option<Failure> {
    let failure = |code, detail: String| Some(Failure { code, detail });
    match &report.end {
        ProcessEnd::OutOfMemory => failure(FailureCode::OutOfMemory, "The agent needed more memory than its container has.".to_owned()),
        ProcessEnd::Killed { signal: SIGKILL } => {
            failure(FailureCode::OutOfMemory, "The agent was killed, which is what running out of memory looks like.".to_owned())
        }
        ProcessEnd::Killed { signal } => failure(FailureCode::AgentCrashed, format!("The agent ended with signal {signal}.")),
        ProcessEnd::Missing { program } => failure(FailureCode::AgentMissing, format!("`{program}` cannot be started.")),
        ProcessEnd::NotStarted { detail } if is_disk_full(detail) => disk_full(),
        ProcessEnd::NotStarted { detail } => failure(FailureCode::AgentCrashed, format!("The agent could not be started: {detail}")),
        ProcessEnd::Exited { code } if *code != 0 && report.tail.contains("MemoryError") => {
            failure(FailureCode::OutOfMemory, "The agent needed more memory than it may have.".to_owned())
        }
        ProcessEnd::Exited { .. } if is_disk_full(&report.tail) => disk_full(),
        ProcessEnd::Exited { .. } => None,
    }
}

/// Why a command that prepares the working copy ends the task; `None` when it did its work.
pub(crate) fn setup_failure(command: &str, end: &AgentEnd, record: &Record) -> Option<Failure> {
    let AgentEnd::Reported(report) = end else {
        return match end {
            AgentEnd::Deadline => Some(Failure {
                code: FailureCode::TimedOut,
                detail: format!("{} was still at work when the run's time was over.", named(command)),
            }),
            other => cut_off(other, record),
        };
    };
    let how = match &report.end {
        ProcessEnd::Exited { code: 0 } => return None,
        ProcessEnd::Exited { code } => format!("ended with exit code {code}"),
        ProcessEnd::Killed { signal } => format!("ended with signal {signal}"),
        _ => return stopped(report),
    };
    let said = last_lines(&report.tail);
    let said =
        if said.is_empty() { "It printed nothing.".to_owned() } else { format!("The end of what it printed:\n\n{}", fence(&said, "")) };
    Some(Failure { code: FailureCode::SetupFailed, detail: format!("{} {how}.\n\n{said}", named(command)) })
}

/// What came of the work of an agent that came to its own end.
pub(crate) fn verdict(mode: Mode, report: &Report, record: &Record, files: Vec<FileChange>) -> Verdict {
    if mode != Mode::Ask && !files.is_empty() {
        return Verdict::Changes(files);
    }
    let reply = reply(report, record);
    match (mode, reply) {
        (Mode::Change, Some(reply)) => {
            let quoted: String = one_line(&reply).chars().take(MOST_QUOTED).collect();
            Verdict::Failed(Failure { code: FailureCode::NothingToDo, detail: format!("The agent changed nothing and said: {quoted}") })
        }
        (Mode::Ask | Mode::Auto, Some(reply)) => Verdict::Answer(cut(&reply, MOST_ANSWER)),
        (_, None) => Verdict::Failed(silent(mode, report, record)),
    }
}

/// The agent's last words: what it declares, what the model said, what it printed.
pub(crate) fn reply(report: &Report, record: &Record) -> Option<String> {
    let said = [report.answer.clone(), record.reply.clone(), Some(report.said.clone())];
    said.into_iter().flatten().map(|t| t.trim().to_owned()).find(|t| !t.is_empty())
}

/// Why the changes could not be read.
pub(crate) fn unreadable(error: &ChangesError) -> Failure {
    match error {
        ChangesError::TooLarge(detail) => Failure::new(FailureCode::TooLarge, detail),
        ChangesError::Refused(detail) => Failure::new(FailureCode::Blocked, detail),
        ChangesError::BadName(_) => Failure { code: FailureCode::Blocked, detail: format!("{error}.") },
        other if is_disk_full(&other.to_string()) => {
            Failure::new(FailureCode::DiskFull, "The disk was full when the changes were collected.")
        }
        other => Failure { code: FailureCode::AgentCrashed, detail: format!("What the agent left behind cannot be read: {other}.") },
    }
}

/// No change, no words.
fn silent(mode: Mode, report: &Report, record: &Record) -> Failure {
    let answered = record.last == Some(CallEnd::Answered);
    if mode == Mode::Change && answered && report.end == (ProcessEnd::Exited { code: 0 }) {
        return Failure::new(FailureCode::NothingToDo, "The agent changed nothing and said nothing.");
    }
    let last = report.tail.lines().rev().find(|l| !l.trim().is_empty()).unwrap_or("no output");
    let last: String = last.chars().filter(|c| !c.is_control()).take(MOST_QUOTED).collect();
    Failure { code: FailureCode::AgentCrashed, detail: format!("The agent ended without having done anything; its last line: {last}") }
}

fn disk_full() -> Option<Failure> {
    Some(Failure::new(FailureCode::DiskFull, "The agent filled the task's disk."))
}

fn is_disk_full(text: &str) -> bool {
    ["No space left on device", "Disk quota exceeded"].iter().any(|n| text.contains(n))
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// At most so many characters, with a mark where something is missing.
pub(crate) fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests;
