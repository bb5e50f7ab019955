//! Everything outside the run's item that the protocol touches: the forge, ECS, the slots and the stored results.
//!
//! The forge helps nobody: it takes a second pull request from one branch and a second comment with the same marker, so
//! that only the protocol itself can keep them from appearing.

use patchbay_domain::run::state::PushedBranch;
use patchbay_domain::run::{Effect, Input, PendingEffect, Run};
use std::collections::{BTreeMap, BTreeSet};

/// What stands outside after everything that was done so far.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct World {
    /// The run's status comments: all carry its marker.
    pub(crate) comments: Vec<u64>,
    pub(crate) branches: BTreeSet<String>,
    pub(crate) pull_requests: Vec<PullRequest>,
    pub(crate) slots_held: bool,
    /// ECS's tasks by attempt.
    pub(crate) tasks: BTreeMap<u32, Task>,
    /// The attempts whose result is stored.
    pub(crate) results: BTreeSet<u32>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct PullRequest {
    pub(crate) head: String,
    pub(crate) open: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Task {
    Alive,
    Ended,
}

/// The name of an attempt's task.
pub(crate) fn arn(attempt: u32) -> String {
    format!("arn:task/{attempt}")
}

impl World {
    /// Performs one effect for the run as it was when the try was announced, and gives what production would say of it.
    /// `looks_up` is false in the mutated protocol that trusts that there was no earlier try.
    pub(crate) fn perform(&mut self, run: &Run, pending: &PendingEffect, looks_up: bool) -> Input {
        let effect = pending.effect;
        let looks = looks_up && pending.tries > 1;
        match effect {
            Effect::UpdateStatus => Input::StatusPosted { comment: self.write_status(run, looks) },
            Effect::ClaimSlots => {
                self.slots_held = true;
                Input::SlotsClaimed
            }
            Effect::ReleaseSlots => {
                self.slots_held = false;
                Input::Done { effect }
            }
            Effect::StartTask => {
                // RunTask answers a token that it knows with the task that it started (R17).
                self.tasks.entry(run.attempt).or_insert(Task::Alive);
                Input::TaskStarted { attempt: run.attempt, arn: arn(run.attempt) }
            }
            Effect::StopTask => {
                self.end_task(run.attempt);
                Input::Done { effect }
            }
            Effect::PushBranch => {
                // Created only if it is not there; a branch that is there holds this run's commit.
                self.branches.insert(run.branch_name());
                Input::BranchPushed { branch: pushed(run) }
            }
            Effect::OpenPullRequest => self.open_pull_request(run, looks),
            Effect::RetractPullRequest => {
                let head = run.branch_name();
                if let Some(pull) = self.pull_requests.iter_mut().rfind(|pull| pull.head == head) {
                    pull.open = false;
                }
                self.branches.remove(&head);
                Input::Done { effect }
            }
            // The model's runs have no plan.
            Effect::RemoveLabel | Effect::PerformStep => Input::Done { effect },
        }
    }

    fn write_status(&mut self, run: &Run, looks: bool) -> u64 {
        let found = if looks { self.comments.first().copied() } else { None };
        run.status_comment.or(found).unwrap_or_else(|| {
            let comment = 100 + self.comments.len() as u64;
            self.comments.push(comment);
            comment
        })
    }

    fn open_pull_request(&mut self, run: &Run, looks: bool) -> Input {
        let head = run.branch.as_ref().map(|branch| branch.name.clone()).expect("opened after the push");
        let found = if looks { self.pull_requests.iter().rposition(|pull| pull.head == head) } else { None };
        let index = found.unwrap_or_else(|| {
            self.pull_requests.push(PullRequest { head, open: true });
            self.pull_requests.len() - 1
        });
        Input::PullRequestReady { number: 200 + index as u64, url: String::new(), updated: false }
    }

    pub(crate) fn end_task(&mut self, attempt: u32) {
        if let Some(task) = self.tasks.get_mut(&attempt) {
            *task = Task::Ended;
        }
    }

    /// The word that a stored result is there, if it is.
    pub(crate) fn result_of(&self, attempt: u32) -> Option<Input> {
        let key = format!("results/{attempt}.json");
        self.results.contains(&attempt).then(|| Input::ChangesStored { key, usage: Default::default() })
    }
}

fn pushed(run: &Run) -> PushedBranch {
    PushedBranch { name: run.branch_name(), base: "main".into(), commit_sha: "c".into(), existing_pull_request: None }
}
