//! What a play came to: the journey's own goal, and the invariants.

use super::journey::Journey;
use crate::chaos::Evidence;
use crate::chaos::invariants::{self, Rules};
use crate::clock::StoredRun;
use crate::stack::Stack;
use anyhow::Context as _;
use jiff::Timestamp;
use patchbay_testing::github::LocalGithub;

/// The App's login at the local GitHub.
const APP: &str = "patchbay[bot]";

/// What a play came to.
#[derive(Clone, Debug, Default)]
pub(super) struct Verdict {
    /// How the runs ended, and after how many tries of the task.
    pub(super) ending: String,
    /// A task was started more than once.
    pub(super) retried: bool,
    pub(super) violations: Vec<String>,
}

/// Judges what a journey with these runs left behind; `engine_calls` is what the external engine had.
///
/// # Errors
/// When the stack cannot be looked at.
pub(super) async fn judge(
    stack: &Stack,
    journey: &Journey,
    runs: &[StoredRun],
    repository: &str,
    engine_calls: usize,
) -> anyhow::Result<Verdict> {
    let github = stack.forge().local().context("the sweep needs the local GitHub")?;
    let mut violations = goal_missed(journey, github, repository, runs);
    if engine_calls != journey.goal.engine_calls {
        violations.push(format!("the engine had {engine_calls} different calls, not {}", journey.goal.engine_calls));
    }
    let evidence = Evidence::collect_from(stack, |name| name == repository).await?;
    violations.extend(invariants::violations(&evidence, &Rules::at_rest(), Timestamp::now()).iter().map(ToString::to_string));
    let endings: Vec<String> = runs.iter().map(|stored| format!("{} (attempt {})", stored.run.state.name(), stored.run.attempt)).collect();
    let retried = runs.iter().any(|stored| stored.run.attempt > 1);
    Ok(Verdict { ending: endings.join(", "), retried, violations })
}

/// What of the journey's goal is not so.
fn goal_missed(journey: &Journey, github: &LocalGithub, repository: &str, runs: &[StoredRun]) -> Vec<String> {
    let goal = journey.goal;
    let mut missed = Vec::new();
    let states: Vec<&str> = runs.iter().map(|stored| stored.run.state.name()).collect();
    if states != goal.runs {
        missed.push(format!("runs are {states:?}, not {:?}", goal.runs));
    }
    let pulls = github.pulls(repository);
    if pulls.len() != goal.pull_requests || pulls.iter().any(|pull| !pull.open) {
        let open = pulls.iter().filter(|pull| pull.open).count();
        missed.push(format!("{} pull requests, {open} of them open, not {}", pulls.len(), goal.pull_requests));
    }
    let comments: Vec<String> = github.comments(repository, 1).into_iter().filter(|one| one.author == APP).map(|one| one.body).collect();
    let expected = goal.comments.map_or(goal.runs.len(), <[&str]>::len);
    let as_expected = match goal.comments {
        Some(texts) => comments.len() == expected && texts.iter().all(|text| comments.iter().any(|comment| comment.contains(text))),
        None => comments.len() <= expected,
    };
    if !as_expected {
        missed.push(format!("comments are {comments:?}, not {:?}", goal.comments));
    }
    let labels = github.labels_of(repository, 1);
    if labels != goal.labels {
        missed.push(format!("labels are {labels:?}, not {:?}", goal.labels));
    }
    let checks = pulls.iter().flat_map(|pull| github.check_runs(repository, &pull.head_sha));
    let checks: Vec<(String, String)> = checks.map(|check| (check.name, check.conclusion.unwrap_or(check.status))).collect();
    let as_expected = |((name, conclusion), goal): (&(String, String), &(&str, &str))| (name.as_str(), conclusion.as_str()) == *goal;
    if checks.len() != goal.checks.len() || !checks.iter().zip(goal.checks).all(as_expected) {
        missed.push(format!("check runs are {checks:?}, not {:?}", goal.checks));
    }
    missed
}
