//! I2, I3 and the half of I7 that people see: comments, pull requests, branches, commits and check runs at the forge.

use super::{Invariant, Rules, Violation};
use crate::chaos::evidence::{Evidence, RepositoryEvidence};
use patchbay_domain::run::plan::StepStatus;
use patchbay_domain::run::{Outcome, Run, State};
use patchbay_domain::workflow::StepAction;
use patchbay_testing::github::{CommentHistory, PullView};
use std::collections::BTreeMap;

/// The hidden words by which what Patchbay wrote is known.
const STATUS: &str = "<!-- patchbay:status ";
const REPLY: &str = "<!-- patchbay:reply ";
/// Of a workflow's comment step: `<run>/<index>`, or `<workflow>/<key>` if it has a key.
const STEP: &str = "<!-- patchbay:step ";
const KEY: &str = "<!-- patchbay:key ";
/// The account that Patchbay writes as ends so; nobody else's does.
const BOT: &str = "[bot]";
const TRAILER: &str = "Patchbay-Run: ";

pub(super) fn judge(evidence: &Evidence, rules: &Rules, found: &mut Vec<Violation>) {
    let mut note = |invariant, what: String| found.push(Violation { invariant, what });
    for repository in &evidence.repositories {
        comments(evidence, repository, &mut note);
        checks(repository, &mut note);
        branches(evidence, repository, rules, &mut note);
    }
    for run in evidence.runs.iter().map(|row| &row.run) {
        let home = evidence.repositories.iter().find(|repository| repository.id == run.repository.id);
        pull_requests(run, home, rules, &mut note);
        if let Some(home) = home.filter(|_| rules.at_rest && run.state.is_terminal()) {
            last_word(run, home, rules, &mut note);
        }
    }
}

/// The word behind a hidden marker.
fn marked<'a>(body: &'a str, marker: &str) -> Option<&'a str> {
    body.split_once(marker)?.1.split_once(" -->").map(|(word, _)| word)
}

fn visible(comments: &[CommentHistory]) -> impl Iterator<Item = &str> {
    let own = comments.iter().filter(|comment| !comment.deleted && comment.author.ends_with(BOT));
    own.filter_map(|comment| comment.bodies.last()).map(|(_, body)| body.as_str())
}

/// Each marker once per thread, and only in the run's own thread.
fn comments(evidence: &Evidence, repository: &RepositoryEvidence, note: &mut impl FnMut(Invariant, String)) {
    for (number, comments) in &repository.comments {
        let place = format!("{}#{number}", repository.name);
        let mut seen: BTreeMap<(&str, &str), usize> = BTreeMap::new();
        for body in visible(comments) {
            for marker in [STATUS, REPLY, STEP, KEY] {
                if let Some(word) = marked(body, marker) {
                    *seen.entry((marker, word)).or_default() += 1;
                }
            }
        }
        for ((marker, word), times) in seen {
            if times > 1 {
                note(Invariant::I3, format!("{place} has {times} comments for {word}"));
            }
            let id = if marker == STEP { word.split('/').next().unwrap_or(word) } else { word };
            let run = evidence.runs.iter().map(|row| &row.run).find(|run| run.id.0 == id);
            // A step may comment in any thread of its own repository.
            let elsewhere = |run: &&Run| marker != STEP && run.thread.as_ref().map(|thread| thread.number) != Some(*number);
            if let Some(run) = run.filter(|run| run.repository.id != repository.id || elsewhere(run)) {
                note(Invariant::I7, format!("{place} has a comment of {}, which belongs to another thread", run.id));
            } else if run.is_none() && matches!(marker, STATUS | STEP) {
                note(Invariant::I3, format!("{place} has a comment of {word}, which does not exist"));
            }
        }
    }
}

/// What one App reports of a commit under one name and one word of its own is there once.
fn checks(repository: &RepositoryEvidence, note: &mut impl FnMut(Invariant, String)) {
    for (branch, checks) in &repository.checks {
        let mut seen: BTreeMap<(&str, &str, &str), usize> = BTreeMap::new();
        for check in checks.iter().filter(|check| !check.external_id.is_empty()) {
            *seen.entry((&check.app, &check.name, &check.external_id)).or_default() += 1;
        }
        for ((_, name, id), times) in seen.into_iter().filter(|(_, times)| *times > 1) {
            note(Invariant::I3, format!("{branch} of {} has {times} check runs {name} for {id}", repository.name));
        }
    }
}

/// A branch that a run may have made.
struct OwnBranch {
    name: String,
    /// What stands there stays, whatever becomes of the run: its step succeeded.
    stays: bool,
}

/// One for each agent at work: of a run with a plan each agent step's.
fn own_branches(run: &Run) -> Vec<OwnBranch> {
    let Some(plan) = &run.plan else { return vec![OwnBranch { name: run.branch_name(), stays: false }] };
    let agents = plan.steps.iter().enumerate().filter(|(_, planned)| matches!(planned.step.action, StepAction::Agent(_)));
    let of_step = |index: usize| {
        let mut then = run.clone();
        then.plan.iter_mut().for_each(|plan| plan.at = index);
        then.branch_name()
    };
    agents.map(|(index, planned)| OwnBranch { name: of_step(index), stays: planned.status.outcome() == Some("success") }).collect()
}

/// The pull requests that a run's steps say they opened on a branch of their own.
fn claimed_by_steps<'a>(run: &'a Run, branches: &[OwnBranch]) -> Vec<&'a str> {
    let steps = run.plan.iter().flat_map(|plan| &plan.steps).filter(|planned| matches!(planned.step.action, StepAction::Agent(_)));
    let claimed = steps.filter_map(|planned| match &planned.status {
        StepStatus::Succeeded { outputs } => Some((outputs.get("branch")?, outputs.get("pull_request")?.as_str())),
        _ => None,
    });
    claimed
        .filter(|(branch, number)| !number.is_empty() && branches.iter().any(|own| own.name == **branch))
        .map(|(_, number)| number)
        .collect()
}

/// What is left of a run's writing: one pull request of a change that succeeded, none that is open of any other.
fn pull_requests(run: &Run, home: Option<&RepositoryEvidence>, rules: &Rules, note: &mut impl FnMut(Invariant, String)) {
    let none = Vec::new();
    let pulls = home.map_or(&none, |home| &home.pulls);
    let branches = own_branches(run);
    let of = |branch: &OwnBranch| pulls.iter().filter(|pull| pull.author.ends_with(BOT) && pull.head == branch.name).collect::<Vec<_>>();
    let shown = |pulls: &[&PullView]| pulls.iter().map(|pull| format!("#{}", pull.number)).collect::<Vec<_>>();
    for pulls in branches.iter().map(of).filter(|pulls| pulls.len() > 1) {
        note(Invariant::I2, format!("{} opened {} pull requests: {}", run.id, pulls.len(), shown(&pulls).join(", ")));
    }
    let own: Vec<&PullView> = branches.iter().flat_map(of).collect();
    let numbers = shown(&own);
    for number in claimed_by_steps(run, &branches).into_iter().filter(|number| home.is_some() && !numbers.contains(&format!("#{number}"))) {
        note(Invariant::I2, format!("a step of {} says that it opened #{number}, and has opened {numbers:?}", run.id));
    }
    let to_be_retracted = || branches.iter().filter(|branch| !branch.stays).flat_map(of).any(|pull| pull.open);
    match &run.state {
        State::Succeeded { outcome: Outcome::PullRequest { number, updated: false, .. } }
            if home.is_some() && !own.iter().any(|pull| pull.number == *number) =>
        {
            note(Invariant::I2, format!("{} says that it opened #{number}, and has opened {numbers:?}", run.id));
        }
        State::Succeeded { outcome: Outcome::PullRequest { updated: true, .. } | Outcome::Answer }
            if run.plan.is_none() && !own.is_empty() =>
        {
            note(Invariant::I2, format!("{} should open nothing, and opened {}", run.id, numbers.join(", ")));
        }
        State::Failed { .. } | State::Cancelled { .. } if rules.at_rest && to_be_retracted() && may_still_write(run) => {
            note(Invariant::I2, format!("{} is {}, and {} is open", run.id, run.state.name(), numbers.join(", ")));
        }
        _ => {}
    }
}

fn may_still_write(run: &Run) -> bool {
    !matches!(&run.state, State::Cancelled { reason } if !reason.may_still_write())
}

/// Each run's commit once on a branch; no branch of nobody's, none of a cancelled run's.
fn branches(evidence: &Evidence, repository: &RepositoryEvidence, rules: &Rules, note: &mut impl FnMut(Invariant, String)) {
    for (branch, messages) in &repository.branches {
        let mut commits: BTreeMap<&str, usize> = BTreeMap::new();
        for run in messages.iter().flat_map(|message| message.lines()).filter_map(|line| line.strip_prefix(TRAILER)) {
            *commits.entry(run).or_default() += 1;
        }
        // Each agent step of a plan may add one to a pull request that is there already.
        let most = |id: &str| evidence.runs.iter().find(|row| row.run.id.0 == id).map_or(1, |row| own_branches(&row.run).len().max(1));
        for (run, times) in commits.into_iter().filter(|(run, times)| *times > most(run)) {
            note(Invariant::I2, format!("{run} has {times} commits on {branch} of {}", repository.name));
        }
        if !branch.starts_with("patchbay/") {
            continue;
        }
        let here = evidence.runs.iter().map(|row| &row.run).filter(|run| run.repository.id == repository.id);
        let owner = here.flat_map(|run| own_branches(run).into_iter().map(move |own| (run, own))).find(|(_, own)| own.name == *branch);
        match owner {
            None => note(Invariant::I2, format!("{branch} of {} belongs to no run", repository.name)),
            Some((run, own)) if rules.at_rest && !own.stays && matches!(run.state, State::Cancelled { .. }) && may_still_write(run) => {
                note(Invariant::I2, format!("{branch} of {} is still there, and {} was cancelled", repository.name, run.id));
            }
            Some(_) => {}
        }
    }
}

/// Whoever asked reads how it ended.
fn last_word(run: &Run, home: &RepositoryEvidence, rules: &Rules, note: &mut impl FnMut(Invariant, String)) {
    let Some(thread) = run.thread.as_ref().filter(|_| run.shows_status) else { return };
    let muted = rules.mute.iter().any(|(repository, number)| *repository == home.name && *number == thread.number);
    if muted || !may_still_write(run) {
        return;
    }
    let none = Vec::new();
    let comments = home.comments.get(&thread.number).unwrap_or(&none);
    let Some(told) = visible(comments).find(|body| marked(body, STATUS) == Some(run.id.as_str())) else {
        note(Invariant::I3, format!("nobody was told how {} ended ({})", run.id, run.state.name()));
        return;
    };
    let shows = match &run.state {
        State::Succeeded { outcome: Outcome::PullRequest { url, updated: false, .. } } => {
            told.contains("✅") && told.contains(url.as_str())
        }
        State::Succeeded { outcome: Outcome::PullRequest { .. } | Outcome::Steps } => told.contains("✅"),
        State::Succeeded { outcome: Outcome::Answer } => !told.contains("⚙️") && !told.contains("⏳"),
        State::Failed { .. } => told.contains("❌"),
        State::Cancelled { .. } => told.contains("⏹️"),
        _ => true,
    };
    if !shows {
        let said: String = told.chars().take(200).collect();
        note(Invariant::I3, format!("{} is {}, and its comment says: {said}", run.id, run.state.name()));
    }
}
