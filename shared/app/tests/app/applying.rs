//! What of a stored result reaches the forge, and what is refused and why (R26, R29–R34).

use crate::counters::Counters;
use crate::runs::answer;
use crate::stage::{REPO, Stage};
use crate::watched_forge::Fault;
use patchbay_aws::tables::core::ConnectionStatus;
use patchbay_domain::event::SubjectKind;
use patchbay_domain::run::{Input, Outcome, Run, State, TaskEnd};
use patchbay_domain::task::{Failure, FailureCode, TaskOutcome};
use patchbay_forge::Forge;
use patchbay_testing::github::Level;

const TOKEN: &str = "ghp_16C7e42F292c6912E7710c838347Ae178B4a";

impl Stage {
    /// Applies a result, and expects that it is refused: nothing is written but the status comment.
    async fn refused(&self, run: &Run, outcome: TaskOutcome) -> Failure {
        let before = self.github.branches(REPO);
        self.store_result(run, 1, outcome).await;
        self.apply(run).await;
        let after = self.stored(run).await;
        let State::Failed { failure } = after.state else { panic!("{:?}", after.state) };
        for write in ["write_commit", "create_branch", "advance_branch", "open_pull_request"] {
            assert_eq!(self.forge.count(write), 0, "{write}");
        }
        assert_eq!(self.github.branches(REPO), before);
        assert!(self.said(run)[0].body.contains("**What to do:**"), "{}", self.said(run)[0].body);
        failure
    }
}

#[tokio::test]
async fn only_the_present_attempts_result_counts() {
    let stage = Stage::set().await;
    let run = stage.working().await;
    stage.tell(&run, Input::TaskEnded { attempt: 1, end: TaskEnd::Lost }).await;
    let run = stage.start(&run).await;
    assert_eq!(run.attempt, 2);
    stage.store_result(&run, 1, answer("late")).await;
    stage.apply(&run).await;
    assert_eq!(stage.stored(&run).await.state, run.state);
    stage.store_result(&run, 2, answer("in time")).await;
    stage.apply(&run).await;
    assert_eq!(stage.stored(&run).await.state, State::Succeeded { outcome: Outcome::Answer });
    assert!(stage.said(&run)[0].body.contains("in time"));
}

#[tokio::test]
async fn a_result_that_comes_after_the_end_changes_nothing() {
    let stage = Stage::set().await;
    let run = stage.working().await;
    stage.tell(&run, Input::Rejected { failure: Failure::new(FailureCode::Budget, "") }).await;
    stage.drain().await;
    let over = stage.stored(&run).await;
    stage.store_result(&run, 1, stage.change("spelling.txt", "hello\n")).await;
    stage.apply(&run).await;
    assert_eq!(stage.stored(&run).await, over);
    assert!(stage.branches().is_empty());
}

#[tokio::test]
async fn a_task_that_says_why_it_failed_is_believed() {
    let stage = Stage::set().await;
    let run = stage.working().await;
    let failure = Failure::new(FailureCode::NothingToDo, "nothing changed");
    assert_eq!(stage.refused(&run, TaskOutcome::Failed { failure: failure.clone() }).await, failure);
}

#[tokio::test]
async fn nothing_is_written_for_somebody_who_lost_their_permission() {
    let stage = Stage::set().await;
    stage.github.set_permission(REPO, "robin", Level::Write).unwrap();
    let number = stage.github.open_issue(REPO, "robin", "Spelling", "@patchbay fix it", &[]).unwrap();
    let run = stage.request_in(SubjectKind::Issue, number, "d").await;
    let robin = stage.forge.permission(&stage.at, "robin").await.unwrap().user_id;
    stage.edit(&run, |run| (run.request.requester.id, run.request.requester.login) = (robin, "robin".into())).await;
    let run = stage.start(&run).await;
    stage.github.set_permission(REPO, "robin", Level::Read).unwrap();
    assert_eq!(stage.refused(&run, stage.change("a.txt", "a\n")).await.code, FailureCode::PermissionLost);
}

#[tokio::test]
async fn a_login_that_now_belongs_to_somebody_else_has_no_permission() {
    let stage = Stage::set().await;
    let run = stage.working().await;
    stage.edit(&run, |run| run.request.requester.id += 1).await;
    assert_eq!(stage.refused(&run, stage.change("a.txt", "a\n")).await.code, FailureCode::PermissionLost);
}

#[tokio::test]
async fn a_protected_file_is_not_written() {
    let stage = Stage::set().await;
    for path in [".github/workflows/ci.yml", "CODEOWNERS", "../outside", ".git/config"] {
        let run = stage.working().await;
        let failure = stage.refused(&run, stage.change(path, "x\n")).await;
        assert_eq!(failure.code, FailureCode::Blocked, "{path}");
        assert!(stage.said(&run)[0].body.contains("The change was refused"), "{path}");
    }
}

#[tokio::test]
async fn a_change_over_the_limits_is_too_large() {
    let stage = Stage::set().await;
    let run = stage.working().await;
    let large = "x".repeat(1_100_000);
    assert_eq!(stage.refused(&run, stage.change("large.txt", &large)).await.code, FailureCode::TooLarge);
}

#[tokio::test]
async fn a_secret_in_a_file_or_the_commit_message_is_blocked_and_counted() {
    let stage = Stage::set().await;
    let counters = Counters::default();
    let _counting = metrics::set_default_local_recorder(&counters);
    let in_file = stage.change("config.txt", &format!("token = {TOKEN}\n"));
    let mut in_message = stage.change("config.txt", "token\n");
    let TaskOutcome::Changes { change_set } = &mut in_message else { unreachable!() };
    change_set.commit_message = format!("fix: use {TOKEN}");
    for (index, (outcome, place)) in [(in_file, "config.txt"), (in_message, "the commit message")].into_iter().enumerate() {
        let run = stage.working().await;
        let failure = stage.refused(&run, outcome).await;
        assert_eq!(failure.code, FailureCode::Blocked);
        assert!(failure.detail.contains(place) && !failure.detail.contains(TOKEN), "{}", failure.detail);
        assert!(!stage.said(&run)[0].body.contains(TOKEN));
        assert_eq!(counters.get("redaction.hit"), index as u64 + 1);
    }
}

#[tokio::test]
async fn a_secret_in_an_answer_never_leaves() {
    let stage = Stage::set().await;
    let counters = Counters::default();
    let _counting = metrics::set_default_local_recorder(&counters);
    let run = stage.working().await;
    stage.store_result(&run, 1, answer(&format!("Your token is {TOKEN}, keep it."))).await;
    stage.apply(&run).await;
    let said = stage.said(&run).remove(0).body;
    assert!(said.contains("Your token is") && !said.contains(TOKEN), "{said}");
    assert_eq!(counters.get("redaction.hit"), 1);
}

#[tokio::test]
async fn a_pull_request_from_a_fork_is_not_pushed_to() {
    let stage = Stage::set().await;
    stage.github.push_commit(REPO, "dana", "feature", "feat: x", &[("x", "x\n")]).unwrap();
    let number = stage.github.open_pull(REPO, "dana", "feature", "main", "x", "").unwrap();
    let run = stage.request_in(SubjectKind::PullRequest, number, "d").await;
    let run = stage.start(&run).await;
    *stage.forge.head_repository.lock().unwrap() = Some(999);
    assert_eq!(stage.refused(&run, stage.change("a.txt", "a\n")).await.code, FailureCode::Fork);
}

#[tokio::test]
async fn a_change_asked_for_in_somebodys_pull_request_becomes_one_onto_its_branch() {
    let stage = Stage::set().await;
    stage.github.push_commit(REPO, "dana", "feature", "feat: x", &[("x", "x\n")]).unwrap();
    let number = stage.github.open_pull(REPO, "dana", "feature", "main", "x", "").unwrap();
    let head = stage.github.branch_head(REPO, "feature");
    let run = stage.request_in(SubjectKind::PullRequest, number, "d").await;
    let run = stage.start(&run).await;
    let mut outcome = stage.change("a.txt", "a\n");
    let TaskOutcome::Changes { change_set } = &mut outcome else { unreachable!() };
    change_set.base_sha = head.clone().unwrap();
    stage.store_result(&run, 1, outcome).await;
    stage.apply(&run).await;
    let ours = stage.github.pulls(REPO).pop().unwrap();
    assert_eq!((ours.head, ours.base.as_str()), (run.branch_name(), "feature"));
    assert_eq!(stage.github.branch_head(REPO, "feature"), head);
}

#[tokio::test]
async fn patchbays_own_pull_request_gets_one_more_commit_and_no_second_pull_request() {
    let stage = Stage::set().await;
    let first = stage.working().await;
    stage.store_result(&first, 1, stage.change("a.txt", "a\n")).await;
    stage.apply(&first).await;
    stage.cloud.take_sent();
    let pull = stage.github.pulls(REPO).pop().unwrap();
    let run = stage.request_in(SubjectKind::PullRequest, pull.number, "d").await;
    let run = stage.start(&run).await;
    let mut outcome = stage.change("b.txt", "b\n");
    let TaskOutcome::Changes { change_set } = &mut outcome else { unreachable!() };
    change_set.base_sha = pull.head_sha.clone();
    stage.store_result(&run, 1, outcome).await;
    stage.forge.fault("advance_branch", Fault::LoseAnswer);
    for _ in 0..2 {
        stage.apply(&run).await;
        stage.time_passes(&run).await;
    }
    let after = stage.stored(&run).await;
    let State::Succeeded { outcome: Outcome::PullRequest { updated, number, .. } } = after.state else { panic!("{:?}", after.state) };
    assert_eq!((updated, number, stage.github.pulls(REPO).len()), (true, pull.number, 1));
    assert_eq!(stage.github.commit_messages(REPO, &pull.head).len(), 3);
}

#[tokio::test]
async fn nothing_is_written_where_the_app_is_not_installed_any_more() {
    let stage = Stage::set().await;
    let run = stage.working().await;
    stage.note_connection(ConnectionStatus::Deleted).await;
    assert_eq!(stage.refused(&run, stage.change("a.txt", "a\n")).await.code, FailureCode::ForgeRefused);
}
