//! The invariants I1–I7 over what a stack holds: each breach in words that name what to look at.
//!
//! Pure. It knows what must be true of Patchbay and nothing of how Patchbay brings it about; sweeps, chaos runs and
//! journeys all ask it. `threads` judges comments and pull requests, `work` runs, slots, tasks and deliveries.

mod threads;
mod work;

use super::evidence::Evidence;
use jiff::Timestamp;
use std::fmt;

/// What must hold, whatever fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Invariant {
    /// No acknowledged delivery is lost.
    I1,
    /// Exactly one pull request per accepted change, none for anything else.
    I2,
    /// At most one visible comment per step, and at the end one that tells the truth.
    I3,
    /// Every run ends by its deadline, and gives back what it held.
    I4,
    /// No task without a run, no second task for one try.
    I5,
    /// No secret outside the vault.
    I6,
    /// Nothing of one tenant at another's.
    I7,
}

/// One breach.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Violation {
    pub invariant: Invariant,
    /// What is wrong, with the ids to look for.
    pub what: String,
}

/// What may be different from the ordinary.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    /// Everything has come to rest: what is not done now never will be.
    pub at_rest: bool,
    /// Threads (`owner/name`, number) in which nothing can be said: locked, or in an archived or lost repository.
    pub mute: Vec<(String, u64)>,
    /// Messages may have been given up; a delivery whose message was counts as known to be lost.
    pub dead_letters: bool,
}

impl Rules {
    /// Judges a stack that has come to rest.
    pub fn at_rest() -> Self {
        Self { at_rest: true, ..Self::default() }
    }

    /// The same, but in this thread nothing can be said.
    #[must_use]
    pub fn with_mute(mut self, repository: &str, number: u64) -> Self {
        self.mute.push((repository.to_owned(), number));
        self
    }

    /// The same, but messages may have been given up.
    #[must_use]
    pub fn with_dead_letters(mut self) -> Self {
        self.dead_letters = true;
        self
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:?}: {}", self.invariant, self.what)
    }
}

/// Every breach, in the invariants' order. Empty is what one wants to see.
pub fn violations(evidence: &Evidence, rules: &Rules, now: Timestamp) -> Vec<Violation> {
    let mut found = Vec::new();
    work::judge(evidence, rules, now, &mut found);
    threads::judge(evidence, rules, &mut found);
    secrets(evidence, &mut found);
    found.sort();
    found
}

/// I6: neither what is known nor what looks like a forge's token stands in a comment, a pull request or a log.
fn secrets(evidence: &Evidence, found: &mut Vec<Violation>) {
    let comments = evidence.repositories.iter().flat_map(|repository| {
        let comments = repository.comments.iter().flat_map(move |(number, comments)| {
            let bodies = comments.iter().flat_map(|comment| comment.bodies.iter().map(|(_, body)| body));
            bodies.map(move |body| (format!("a comment of {}#{number}", repository.name), body))
        });
        comments.chain(repository.pulls.iter().map(move |pull| (format!("the text of {}#{}", repository.name, pull.number), &pull.body)))
    });
    let logs = evidence.logs.iter().map(|(source, text)| (format!("the log of {source}"), text));
    for (place, text) in comments.chain(logs) {
        for (what, secret) in &evidence.secrets {
            if text.contains(secret.as_str()) {
                found.push(Violation { invariant: Invariant::I6, what: format!("{place} shows {what}") });
            }
        }
        if shows_token(text) {
            found.push(Violation { invariant: Invariant::I6, what: format!("{place} shows an installation token") });
        }
    }
}

fn shows_token(text: &str) -> bool {
    text.split("ghs_").skip(1).any(|rest| rest.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').count() >= 20)
}

#[cfg(test)]
mod tests;
