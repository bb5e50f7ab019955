//! Nothing is written to the forge twice, whoever dies after a write or never hears its answer (R33, I2, I3).

use crate::runs::answer;
use crate::stage::{REPO, Stage};
use crate::watched_forge::Fault;
use patchbay_domain::run::{Outcome, Run, State};
use patchbay_domain::task::FailureCode;
use patchbay_forge::ForgeError;

impl Stage {
    /// Works on the run until nothing is left to do, whatever goes wrong on the way: the task writes one file.
    async fn survive(&self, run: &Run) -> Run {
        for _ in 0..6 {
            self.time_passes(run).await;
            self.outlive(async { drop(self.launch(run).await) }).await;
            let present = self.stored(run).await;
            if matches!(present.state, State::Running { .. }) {
                self.store_result(run, present.attempt, self.change("spelling.txt", "hello\n")).await;
            }
            self.outlive(async { drop(self.apply(run).await) }).await;
            let present = self.stored(run).await;
            if present.state.is_terminal() && present.outbox.is_empty() {
                return present;
            }
        }
        panic!("{:?}", self.stored(run).await);
    }

    /// Somebody works, and dies if the forge's fault is to make them.
    async fn outlive(&self, work: impl Future<Output = ()>) {
        tokio::select! {
            () = work => {}
            () = self.forge.happened() => {}
        }
    }

    fn assert_done_once(&self, run: &Run, context: &str) {
        assert!(matches!(run.state, State::Succeeded { outcome: Outcome::PullRequest { .. } }), "{context}: {:?}", run.state);
        let said = self.said(run);
        assert_eq!(said.len(), 1, "{context}: {said:?}");
        assert!(said[0].body.contains("✅ Done"), "{context}: {}", said[0].body);
        assert_eq!(self.branches().into_iter().filter(|branch| *branch == run.branch_name()).count(), 1, "{context}");
        assert_eq!(self.github.commit_messages(REPO, &run.branch_name()).len(), 2, "{context}: main's and ours");
        let pulls = self.github.pulls(REPO).into_iter().filter(|pull| pull.head == run.branch_name());
        assert_eq!(pulls.map(|pull| pull.open).collect::<Vec<_>>(), [true], "{context}");
    }

    /// One run for either way in which the answer to `call` never arrives, and what was called on the way.
    async fn break_once(&self, call: &'static str, check: impl Fn(&Self, &str)) {
        for fault in [Fault::LoseAnswer, Fault::Die] {
            let context = format!("{call}: {fault:?}");
            let run = self.request().await;
            self.forge.fault(call, fault);
            let run = self.survive(&run).await;
            self.assert_done_once(&run, &context);
            check(self, &context);
            self.forge.forget();
        }
    }
}

#[tokio::test]
async fn an_undisturbed_run_writes_everything_once_and_looks_nothing_up() {
    let stage = Stage::set().await;
    let run = stage.request().await;
    let run = stage.survive(&run).await;
    stage.assert_done_once(&run, "undisturbed");
    for once in ["create_comment", "write_commit", "create_branch", "open_pull_request", "clone_access"] {
        assert_eq!(stage.forge.count(once), 1, "{once}");
    }
    for never in ["find_comment", "branch_head", "find_pull_request", "delete_branch", "close_pull_request"] {
        assert_eq!(stage.forge.count(never), 0, "{never}");
    }
}

#[tokio::test]
async fn a_status_comment_whose_answer_was_lost_is_found_again() {
    let stage = Stage::set().await;
    let check = |stage: &Stage, context: &str| {
        assert_eq!((stage.forge.count("create_comment"), stage.forge.count("find_comment")), (1, 1), "{context}");
    };
    stage.break_once("create_comment", check).await;
}

#[tokio::test]
async fn a_status_comment_that_was_not_posted_is_posted_by_the_next_try() {
    let stage = Stage::set().await;
    let run = stage.request().await;
    stage.forge.fault("create_comment", Fault::Refuse(ForgeError::Transient("502".into())));
    let run = stage.survive(&run).await;
    stage.assert_done_once(&run, "refused once");
}

#[tokio::test]
async fn an_edit_of_the_status_comment_is_made_again_in_place() {
    let stage = Stage::set().await;
    stage.break_once("update_comment", |stage, context| assert_eq!(stage.forge.count("create_comment"), 1, "{context}")).await;
}

#[tokio::test]
async fn a_commit_that_no_branch_points_at_is_written_again() {
    let stage = Stage::set().await;
    stage.break_once("write_commit", |stage, context| assert_eq!(stage.forge.count("write_commit"), 2, "{context}")).await;
}

#[tokio::test]
async fn a_branch_whose_answer_was_lost_is_known_by_its_commit() {
    let stage = Stage::set().await;
    let check = |stage: &Stage, context: &str| {
        assert_eq!((stage.forge.count("write_commit"), stage.forge.count("create_branch")), (1, 1), "{context}");
    };
    stage.break_once("create_branch", check).await;
}

#[tokio::test]
async fn a_pull_request_whose_answer_was_lost_is_found_by_its_branch() {
    let stage = Stage::set().await;
    let check = |stage: &Stage, context: &str| {
        assert_eq!((stage.forge.count("open_pull_request"), stage.forge.count("find_pull_request")), (1, 1), "{context}");
    };
    stage.break_once("open_pull_request", check).await;
}

#[tokio::test]
async fn a_pull_request_that_somebody_closed_meanwhile_is_not_opened_again() {
    let stage = Stage::set().await;
    let run = stage.working().await;
    stage.store_result(&run, 1, stage.change("spelling.txt", "hello\n")).await;
    stage.forge.fault("open_pull_request", Fault::LoseAnswer);
    stage.apply(&run).await;
    let number = stage.github.pulls(REPO)[0].number;
    stage.github.close_issue(REPO, number, "dana").unwrap();
    stage.time_passes(&run).await;
    stage.apply(&run).await;
    assert!(stage.stored(&run).await.state.is_terminal());
    let pulls: Vec<bool> = stage.github.pulls(REPO).iter().map(|pull| pull.open).collect();
    assert_eq!(pulls, [false]);
}

#[tokio::test]
async fn somebody_elses_branch_of_the_same_name_is_left_alone() {
    let stage = Stage::set().await;
    let run = stage.working().await;
    let theirs = stage.github.push_commit(REPO, "dana", &run.branch_name(), "mine", &[("x", "x\n")]).unwrap();
    stage.store_result(&run, 1, stage.change("spelling.txt", "hello\n")).await;
    stage.apply(&run).await;
    let after = stage.stored(&run).await;
    assert!(matches!(&after.state, State::Failed { failure } if failure.code == FailureCode::Conflict), "{:?}", after.state);
    assert_eq!(stage.github.branch_head(REPO, &run.branch_name()), Some(theirs));
    assert!(stage.github.pulls(REPO).is_empty());
}

#[tokio::test]
async fn an_answer_is_said_once_in_the_status_comment_and_writes_nothing_else() {
    let stage = Stage::set().await;
    let run = stage.working().await;
    stage.store_result(&run, 1, answer("It is 42.")).await;
    for _ in 0..2 {
        stage.apply(&run).await;
    }
    let said = stage.said(&run);
    assert_eq!(said.len(), 1);
    assert!(said[0].body.contains("It is 42."), "{}", said[0].body);
    assert_eq!(stage.forge.calls(), ["update_comment"]);
    assert!(stage.branches().is_empty());
}
