//! I2, I3 and the half of I7 that people see: comments, pull requests, branches and commits at the forge.

use super::{Invariant, Rules, Violation};
use crate::chaos::evidence::{Evidence, RepositoryEvidence};
use patchbay_domain::run::{Outcome, Run, State};
use patchbay_testing::github::{CommentHistory, PullView};
use std::collections::BTreeMap;

/// The hidden words by which what Patchbay wrote is known.
const STATUS: &str = "<!-- patchbay:status ";
const REPLY: &str = "<!-- patchbay:reply ";
/// The account that Patchbay writes as ends so; nobody else's does.
const BOT: &str = "[bot]";
const TRAILER: &str = "Patchbay-Run: ";

pub(super) fn judge(evidence: &Evidence, rules: &Rules, found: &mut Vec<Violation>) {
    let mut note = |invariant, what: String| found.push(Violation { invariant, what });
    for repository in &evidence.repositories {
        comments(evidence, repository, &mut note);
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
            for marker in [STATUS, REPLY] {
                if let Some(word) = marked(body, marker) {
                    *seen.entry((marker, word)).or_default() += 1;
                }
            }
        }
        for ((marker, word), times) in seen {
            if times > 1 {
                note(Invariant::I3, format!("{place} has {times} comments for {word}"));
            }
            let run = evidence.runs.iter().map(|row| &row.run).find(|run| run.id.0 == word);
            if let Some(run) =
                run.filter(|run| run.repository.id != repository.id || run.thread.as_ref().map(|t| t.number) != Some(*number))
            {
                note(Invariant::I7, format!("{place} has a comment of {}, which belongs to another thread", run.id));
            } else if run.is_none() && marker == STATUS {
                note(Invariant::I3, format!("{place} has a comment of {word}, which does not exist"));
            }
        }
    }
}

/// What is left of a run's writing: one pull request of a change that succeeded, none that is open of any other.
fn pull_requests(run: &Run, home: Option<&RepositoryEvidence>, rules: &Rules, note: &mut impl FnMut(Invariant, String)) {
    let none = Vec::new();
    let pulls = home.map_or(&none, |home| &home.pulls);
    let own: Vec<&PullView> = pulls.iter().filter(|pull| pull.author.ends_with(BOT) && pull.head == run.branch_name()).collect();
    let numbers: Vec<String> = own.iter().map(|pull| format!("#{}", pull.number)).collect();
    if own.len() > 1 {
        note(Invariant::I2, format!("{} opened {} pull requests: {}", run.id, own.len(), numbers.join(", ")));
    }
    match &run.state {
        State::Succeeded { outcome: Outcome::PullRequest { number, updated: false, .. } }
            if home.is_some() && !own.iter().any(|pull| pull.number == *number) =>
        {
            note(Invariant::I2, format!("{} says that it opened #{number}, and has opened {numbers:?}", run.id));
        }
        State::Succeeded { outcome: Outcome::PullRequest { updated: true, .. } | Outcome::Answer } if !own.is_empty() => {
            note(Invariant::I2, format!("{} should open nothing, and opened {}", run.id, numbers.join(", ")));
        }
        State::Failed { .. } | State::Cancelled { .. } if rules.at_rest && own.iter().any(|pull| pull.open) && may_still_write(run) => {
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
        for (run, times) in commits.into_iter().filter(|(_, times)| *times > 1) {
            note(Invariant::I2, format!("{run} has {times} commits on {branch} of {}", repository.name));
        }
        if !branch.starts_with("patchbay/") {
            continue;
        }
        let of_branch = |run: &&Run| run.repository.id == repository.id && run.branch_name() == *branch;
        match evidence.runs.iter().map(|row| &row.run).find(of_branch) {
            None => note(Invariant::I2, format!("{branch} of {} belongs to no run", repository.name)),
            Some(run) if rules.at_rest && matches!(run.state, State::Cancelled { .. }) && may_still_write(run) => {
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
        State::Succeeded { outcome: Outcome::PullRequest { .. } } => told.contains("✅"),
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
