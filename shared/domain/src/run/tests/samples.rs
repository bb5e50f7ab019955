//! Runs in every state, reached by what really happens, and one of every input.

use crate::event::{Actor, ActorKind, Repository, SubjectKind};
use crate::ids::{ConnectionId, DeliveryId, RunId, WorkspaceId};
use crate::run::apply::accept;
use crate::run::state::{NewRun, PushedBranch, Request, ThreadRef};
use crate::run::{CancelReason, Effect, Input, Run, SlotScope, TaskEnd, apply};
use crate::task::{Failure, FailureCode, Mode, Usage};
use jiff::{SignedDuration, Timestamp};

pub(super) const ARN: &str = "arn:task/1";

/// A moment, `seconds` after the run was accepted.
pub(super) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000).unwrap() + SignedDuration::from_secs(seconds)
}

/// What the matcher creates.
pub(super) fn accepted() -> Run {
    let workspace = WorkspaceId::of_account("github", 1);
    let new = NewRun {
        id: RunId::derive(&workspace, "mention", "d1"),
        workspace,
        connection: ConnectionId::of_installation("github", 7),
        repository: Repository { id: 5, owner: "acme".into(), name: "hello".into(), default_branch: Some("main".into()), private: true },
        thread: ThreadRef {
            kind: SubjectKind::Issue,
            number: 12,
            title: "t".into(),
            url: "https://github.com/acme/hello/issues/12".into(),
        },
        request: Request {
            mode: Mode::Auto,
            prompt: "p".into(),
            requester: Actor { id: 9, login: "ada".into(), kind: ActorKind::Person },
            url: "https://github.com/acme/hello/issues/12".into(),
            delivery: DeliveryId("d1".into()),
            label: Some("patchbay".into()),
            options: Default::default(),
        },
        deadline_seconds: 1800,
        budget_microusd: 2_000_000,
    };
    Run { version: 3, ..accept(new, at(0)) }
}

/// Applies inputs in their order.
pub(super) fn after(run: Run, inputs: &[Input]) -> Run {
    inputs.iter().fold(run, |run, input| apply(&run, input, at(10)).next)
}

/// Marks an effect as begun, as whoever performs it does.
pub(super) fn begin(mut run: Run, effect: Effect) -> Run {
    for pending in run.outbox.iter_mut().filter(|p| p.effect == effect) {
        pending.tries += 1;
    }
    run
}

/// The accepted run once its first comment is written and its label gone.
fn settled() -> Run {
    let run = begin(begin(accepted(), Effect::UpdateStatus), Effect::RemoveLabel);
    after(run, &[Input::StatusPosted { comment: 77 }, Input::Done { effect: Effect::RemoveLabel }])
}

fn settle_status(run: Run) -> Run {
    after(begin(run, Effect::UpdateStatus), &[Input::StatusPosted { comment: 77 }])
}

pub(super) fn starting() -> Run {
    begin(after(begin(settled(), Effect::ClaimSlots), &[Input::SlotsClaimed]), Effect::StartTask)
}

pub(super) fn running() -> Run {
    settle_status(after(starting(), &[Input::TaskStarted { attempt: 1, arn: ARN.into() }]))
}

pub(super) fn applying() -> Run {
    after(running(), &[changes()])
}

pub(super) fn pushed() -> Run {
    after(begin(applying(), Effect::PushBranch), &[pushed_input()])
}

pub(super) fn changes() -> Input {
    Input::ChangesStored { key: "results/1.json".into(), usage: Usage { model_calls: 1, ..Usage::default() } }
}

pub(super) fn pushed_input() -> Input {
    let branch = PushedBranch { name: "patchbay/12-0".into(), base: "main".into(), commit_sha: "c".into(), existing_pull_request: None };
    Input::BranchPushed { branch }
}

pub(super) fn ready() -> Input {
    Input::PullRequestReady { number: 13, url: "https://github.com/acme/hello/pull/13".into(), updated: false }
}

pub(super) fn stop() -> Input {
    Input::Cancel { reason: CancelReason::Stopped { by: "ada".into() } }
}

pub(super) fn uninstalled() -> Input {
    Input::Cancel { reason: CancelReason::Uninstalled }
}

/// A representative of every state, and of those inner differences that decide what follows.
pub(super) fn runs() -> Vec<(&'static str, Run)> {
    let busy = Input::SlotsBusy { scope: SlotScope::Thread, retry_at: at(60) };
    vec![
        ("queued", accepted()),
        ("queued, thread busy", settle_status(after(begin(settled(), Effect::ClaimSlots), &[busy]))),
        ("starting", starting()),
        ("running", running()),
        ("running, last attempt", Run { attempt: crate::run::apply::MAX_TASK_ATTEMPTS, ..running() }),
        ("applying", applying()),
        ("applying, push begun", begin(applying(), Effect::PushBranch)),
        ("applying, pushed", pushed()),
        ("succeeded", after(begin(pushed(), Effect::OpenPullRequest), &[ready()])),
        ("failed", after(running(), &[Input::TaskEnded { attempt: 1, end: TaskEnd::OutOfMemory }])),
        ("cancelled, stopped", after(running(), &[stop()])),
        ("cancelled, uninstalled", after(running(), &[uninstalled()])),
        ("cancelled, push begun", after(begin(applying(), Effect::PushBranch), &[uninstalled()])),
    ]
}

/// One of every input, and of those inner differences that decide what follows.
pub(super) fn inputs() -> Vec<(String, Input)> {
    let failure = Failure::new(FailureCode::ModelRefused, "refused");
    let mut inputs = vec![
        ("woken", Input::Woken),
        ("slots_claimed", Input::SlotsClaimed),
        ("slots_busy thread", Input::SlotsBusy { scope: SlotScope::Thread, retry_at: at(90) }),
        ("slots_busy workspace", Input::SlotsBusy { scope: SlotScope::Workspace, retry_at: at(90) }),
        ("task_started", Input::TaskStarted { attempt: 1, arn: ARN.into() }),
        ("task_started attempt 2", Input::TaskStarted { attempt: 2, arn: "arn:task/2".into() }),
        ("task_ended attempt 2", Input::TaskEnded { attempt: 2, end: TaskEnd::Lost }),
        ("heartbeat", Input::Heartbeat { stage: None }),
        ("heartbeat stage", Input::Heartbeat { stage: Some("Editing".into()) }),
        ("changes_stored", changes()),
        ("answer_stored", Input::AnswerStored { key: "results/1.json".into(), usage: Usage::default() }),
        ("task_failed", Input::TaskFailed { failure: failure.clone(), usage: Usage::default() }),
        ("task_ended infrastructure", Input::TaskEnded { attempt: 1, end: TaskEnd::Infrastructure { detail: "host gone".into() } }),
        ("task_ended exit", Input::TaskEnded { attempt: 1, end: TaskEnd::Exited { code: 1 } }),
        ("branch_pushed", pushed_input()),
        ("pull_request_ready", ready()),
        ("rejected", Input::Rejected { failure }),
        ("cancel stopped", stop()),
        ("cancel uninstalled", uninstalled()),
        ("deadline_passed", Input::DeadlinePassed),
        ("status_posted", Input::StatusPosted { comment: 77 }),
    ]
    .into_iter()
    .map(|(name, input)| (name.to_owned(), input))
    .collect::<Vec<_>>();
    for effect in Effect::ALL {
        inputs.push((format!("done {}", effect.name()), Input::Done { effect }));
        inputs.push((format!("postponed {}", effect.name()), Input::Postponed { effect, retry_at: at(120) }));
        inputs.push((format!("abandoned {}", effect.name()), Input::Abandoned { effect }));
    }
    inputs
}
