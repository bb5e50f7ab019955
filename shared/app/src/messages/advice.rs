//! What happened, and what to do next, for each way of failing.

use patchbay_domain::run::Run;
use patchbay_domain::task::FailureCode;

const RETRY: &str = "Mention me with `retry` to try again.";

/// What happened to this run, and what to do next. A workflow's run is started by its event, not by a `retry`.
pub(super) fn advice_for(run: &Run, code: FailureCode) -> (&'static str, String) {
    let (what, next) = advice(code);
    if run.plan.is_none() {
        return (what, next.to_owned());
    }
    match code {
        FailureCode::TimedOut => ("The step took too long.", "Give it a longer `timeout`, or less to do.".to_owned()),
        FailureCode::Infrastructure => ("The step could not be done.", AGAIN.to_owned()),
        _ if next == RETRY => (what, AGAIN.to_owned()),
        _ => (what, next.replace("; then `retry`", "").replace(", or `retry`", "")),
    }
}

const AGAIN: &str = "Nothing in the workflow has to be changed: the next event starts it again.";

fn advice(code: FailureCode) -> (&'static str, &'static str) {
    match code {
        FailureCode::NoModel => (
            "No model is configured.",
            "Whoever operates Patchbay sets the model's name and puts its key into the model secret; then `retry`.",
        ),
        FailureCode::ModelNotAllowed => (
            "The workflow names a model that may not be used here.",
            "Take another one in `.github/patchbay.yml`, or have whoever operates Patchbay allow it (`AllowedModels`); then `retry`.",
        ),
        FailureCode::ImageUnknown => (
            "The workflow names an image that there is none of here.",
            "Take another one in `.github/patchbay.yml`, or have whoever operates Patchbay add it (`AgentImage1` to `AgentImage4`); then `retry`.",
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
        FailureCode::Template => (
            "A template of the step cannot be rendered.",
            "Mend it in `.github/patchbay.yml`: a name that an event may lack needs an `if`, or `| default('')`.",
        ),
        FailureCode::StepRefused => (
            "The step cannot be done.",
            "Mend the step in `.github/patchbay.yml`, or what it works on; if the App lacks a right, its owner grants it.",
        ),
        FailureCode::CallFailed => (
            "The call to another system failed.",
            "Check the step's `url` and the system behind it; `retries` and `continue_on_error` help where it is often away.",
        ),
        FailureCode::Infrastructure => ("The agent's task could not be run.", RETRY),
    }
}
