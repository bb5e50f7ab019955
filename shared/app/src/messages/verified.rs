//! What is said of the workflow's own check (`verify`), and of what the task had to leave out.

use super::{cut, one_line};
use patchbay_domain::markdown::fence;
use patchbay_domain::task::{Failure, FailureCode, StoredResult, VerifyOutcome, VerifyReport};
use patchbay_domain::text;

const MOST_OF_NAME: usize = 200;
const MOST_OF_OUTPUT: usize = 6_000;

/// One sentence for the status comment; empty if nothing was checked.
pub(super) fn verified_sentence(result: Option<&StoredResult>) -> String {
    let Some(report) = result.and_then(|stored| stored.result.verify.as_ref()) else { return String::new() };
    let command = named(&report.command);
    match report.outcome {
        VerifyOutcome::Passed => format!(" {command} passed."),
        VerifyOutcome::PassedAfterRepair => format!(" {command} passed after one round of repair."),
        VerifyOutcome::Failed => format!(" ⚠️ {command} did not pass: the pull request says how."),
    }
}

/// The same where there is no new pull request to say more: with the end of what the check printed.
pub(super) fn verified_paragraphs(result: Option<&StoredResult>) -> String {
    result.and_then(|stored| stored.result.verify.as_ref()).map(|report| format!("\n\n{}", told_whole(report))).unwrap_or_default()
}

/// The pull request's sections about the check and about what was left out; empty if there is nothing to say.
pub(super) fn verified_sections(result: &StoredResult) -> String {
    let mut sections = String::new();
    if let Some(report) = &result.result.verify {
        sections.push_str(&format!("### Check\n\n{}\n\n", told_whole(report)));
    }
    let notes: Vec<String> = result.result.notes.iter().map(|note| format!("- {}\n", one_line(&text::neutralise(note, &[])))).collect();
    if !notes.is_empty() {
        sections.push_str(&format!("### Notes\n\n{}\n", notes.concat()));
    }
    sections
}

fn told_whole(report: &VerifyReport) -> String {
    let command = named(&report.command);
    let said = match report.outcome {
        VerifyOutcome::Passed => format!("{command} passed."),
        VerifyOutcome::PassedAfterRepair => format!("{command} failed at first, and passed after one round of repair."),
        VerifyOutcome::Failed if report.output.trim().is_empty() => format!("⚠️ {command} did not pass, and printed nothing."),
        VerifyOutcome::Failed => format!("⚠️ {command} did not pass:\n\n{}", fence(&cut(report.output.trim(), MOST_OF_OUTPUT), "")),
    };
    text::neutralise(&said, &[])
}

/// The failure of a run whose `base` does not exist.
pub(crate) fn no_base_failure(base: &str) -> Failure {
    Failure::new(FailureCode::CloneFailed, &format!("The branch {}, which the workflow names as `base`, does not exist.", named(base)))
}

/// The failure of a run whose `image` is none of those that the deployment has names for.
pub(crate) fn no_image_failure<'a>(image: &str, known: impl Iterator<Item = &'a str>) -> Failure {
    let known = known.map(named).collect::<Vec<_>>().join(", ");
    let known = if known.is_empty() { "no image with a name" } else { &known };
    Failure::new(FailureCode::ImageUnknown, &format!("The workflow wants {}; this deployment has {known}.", named(image)))
}

/// On one line, as code.
fn named(words: &str) -> String {
    format!("`{}`", cut(&one_line(words).replace('`', "'"), MOST_OF_NAME))
}
