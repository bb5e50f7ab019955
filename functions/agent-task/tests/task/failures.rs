//! What a task reports when something goes wrong, and how it ends when nobody wants it any more.

use super::bench::{PATIENCE, Setup, signal};
use super::gateway::{Commit, Gateway};
use jiff::{SignedDuration, Timestamp};
use nix::sys::signal::Signal;
use patchbay_domain::task::{EXIT_NOT_BEGUN, FailureCode, Mode, TaskOutcome};
use serde_json::json;

async fn check(setup: Setup, code: FailureCode, said: &str) {
    let mut bench = setup.start().await;
    let failure = bench.failure().await;
    assert_eq!(failure.0, code, "{failure:?}");
    assert!(failure.1.contains(said), "{failure:?} does not say {said:?}");
    assert_eq!(bench.exits().await.0, Some(0), "a reported failure is a task that worked");
}

#[tokio::test]
async fn nothing_changed_is_said_with_the_agents_words() {
    check(Setup::new(Mode::Change, "answer I would rather not."), FailureCode::NothingToDo, "I would rather not.").await;
}

#[tokio::test]
async fn a_crash_without_a_trace_is_a_crash_and_its_exit_code_is_none() {
    check(Setup::new(Mode::Change, "print starting\ncrash"), FailureCode::AgentCrashed, "signal 6").await;
    check(Setup::new(Mode::Change, "print out of ideas\nexit 3"), FailureCode::AgentCrashed, "out of ideas").await;
}

#[tokio::test]
async fn a_full_budget_ends_the_agent_at_once() {
    let body = json!({"error": {"code": "budget", "message": "2.00 of 2.00 USD"}});
    check(Setup::new(Mode::Change, "write a b\nmodel x\nhang").model(402, body), FailureCode::Budget, "2.00 of 2.00").await;
}

#[tokio::test]
async fn what_the_model_endpoint_saw_decides_whatever_the_exit_code() {
    let body = json!({"error": {"message": "no such model"}});
    check(Setup::new(Mode::Change, "write a b\nmodel x").model(404, body.clone()), FailureCode::ModelRefused, "no such model").await;
    check(Setup::new(Mode::Ask, "model x").model(503, body), FailureCode::ModelUnavailable, "status 503").await;
}

#[tokio::test]
async fn an_agent_that_hangs_and_ignores_sigterm_is_timed_out_and_gone() {
    let mut setup = Setup::new(Mode::Change, "ignore-sigterm\nwrite a b\nhang");
    setup.limits.deadline_at = Timestamp::now() + SignedDuration::from_secs(8);
    let mut bench = setup.start().await;
    assert_eq!(bench.failure().await.0, FailureCode::TimedOut);
    assert_eq!(bench.exits().await, (Some(0), Some(0)));
}

#[tokio::test]
async fn a_killed_worker_is_noticed_at_once() {
    let bench = Setup::new(Mode::Change, "model started\nhang").start().await;
    bench.gateway.called().await;
    signal(&bench.worker, Signal::SIGKILL);
    assert_eq!(bench.failure().await.0, FailureCode::OutOfMemory);
}

#[tokio::test]
async fn a_worker_that_never_comes_is_noticed() {
    let mut setup = Setup::new(Mode::Change, "hang");
    setup.environment = vec![("PATCHBAY_AGENT_WAIT_SECONDS", "1".into()), ("PATCHBAY_AGENT", "neither".into())];
    check(setup, FailureCode::AgentCrashed, "never asked").await;
}

#[tokio::test]
async fn a_missing_agent_is_named() {
    let mut setup = Setup::new(Mode::Change, "");
    setup.environment = vec![("PATCHBAY_AGENT", "aider".into()), ("PATCHBAY_AIDER", "/nowhere/aider".into())];
    check(setup, FailureCode::AgentMissing, "/nowhere/aider").await;
}

#[tokio::test]
async fn a_clone_that_fails_says_why_and_not_with_what() {
    let mut wrong_branch = Setup::new(Mode::Change, "");
    wrong_branch.branch = "gone".into();
    check(wrong_branch, FailureCode::CloneFailed, "`gone` does not exist").await;
    let mut wrong_token = Setup::new(Mode::Change, "");
    wrong_token.token = "ghs_revoked-canary".into();
    let bench = wrong_token.start().await;
    let (code, detail) = bench.failure().await;
    assert_eq!(code, FailureCode::CloneFailed);
    assert!(detail.contains("may not read it") && !bench.log().contains("ghs_revoked"), "{detail}");
}

#[tokio::test]
async fn too_many_and_too_large_files_are_refused_before_they_are_read() {
    let mut many = Setup::new(Mode::Change, "write a 1\nwrite b 2\nwrite c 3");
    many.limits.max_files = 2;
    check(many, FailureCode::TooLarge, "3 files changed; 2 are allowed").await;
    let mut large = Setup::new(Mode::Change, "write big 0123456789");
    large.limits.max_file_bytes = 10;
    check(large, FailureCode::TooLarge, "`big` has 11 bytes").await;
}

#[tokio::test]
async fn a_task_that_cannot_begin_says_so_by_its_exit_code_alone() {
    for before in [Gateway::spend_secret, Gateway::spend_brief] {
        let mut setup = Setup::new(Mode::Change, "write new.rs x");
        setup.before = before;
        let mut bench = setup.start().await;
        let ended = tokio::time::timeout(PATIENCE, bench.supervisor.wait()).await.expect("it ends").unwrap();
        assert_eq!(ended.code(), Some(EXIT_NOT_BEGUN.into()), "{}", bench.log());
        assert_eq!(*bench.gateway.result.borrow(), None);
    }
}

#[tokio::test]
async fn a_run_that_is_over_stops_both_halves_without_a_result() {
    let mut bench = Setup::new(Mode::Change, "model started\nhang").start().await;
    bench.gateway.called().await;
    bench.gateway.go_on.send_replace(false);
    assert_eq!(bench.exits().await, (Some(0), Some(0)));
    assert_eq!(*bench.gateway.result.borrow(), None);
}

#[tokio::test]
async fn sigterm_while_the_agent_works_leaves_the_verdict_to_the_platform() {
    let mut bench = Setup::new(Mode::Change, "model started\nhang").start().await;
    bench.gateway.called().await;
    signal(&bench.supervisor, Signal::SIGTERM);
    assert_eq!(bench.exits().await, (Some(143), Some(0)));
    assert_eq!(*bench.gateway.result.borrow(), None);
    assert_eq!(*bench.gateway.stage.borrow(), "stopped by the platform");
}

#[tokio::test]
async fn a_platform_that_ends_the_agent_first_is_not_taken_for_want_of_memory() {
    let mut bench = Setup::new(Mode::Change, "model started\nhang").start().await;
    bench.gateway.called().await;
    signal(&bench.worker, Signal::SIGTERM);
    bench.worker.wait().await.unwrap();
    signal(&bench.supervisor, Signal::SIGTERM);
    assert_eq!(bench.exits().await.0, Some(143));
    assert_eq!(*bench.gateway.result.borrow(), None);
}

#[tokio::test]
async fn sigterm_after_the_agents_work_still_delivers_it() {
    let mut setup = Setup::new(Mode::Change, "write new.rs x");
    setup.model.commit = Commit::Never;
    let mut bench = setup.start().await;
    bench.gateway.reached("writing the commit message").await;
    signal(&bench.supervisor, Signal::SIGTERM);
    let TaskOutcome::Changes { change_set } = bench.result().await.outcome else { panic!("no changes") };
    assert!(!change_set.message_by_model);
    assert_eq!(bench.exits().await, (Some(0), Some(0)));
}
