//! What the workflow asks for around the agent: files to read, commands before it, a check after it and one repair.

use super::bench::{Bench, Setup};
use super::gateway::{CAPABILITY, SECRET};
use super::git_server::TOKEN;
use jiff::{SignedDuration, Timestamp};
use nix::sys::signal::Signal;
use patchbay_domain::change_set::{Change, Content};
use patchbay_domain::task::{FailureCode, Mode, TaskOutcome, TaskResult, VerifyOutcome};
use serde_json::json;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

/// Paths and texts of a change set.
fn changes(result: &TaskResult) -> Vec<(&str, &str)> {
    let TaskOutcome::Changes { change_set } = &result.outcome else { panic!("no changes: {:?}", result.outcome) };
    let text = |change: &Change| match change {
        Change::Write { content: Content::Text(text), .. } => Some(text.as_str().to_owned()),
        _ => None,
    };
    change_set.files.iter().map(|f| (f.path.as_str(), text(&f.change).map_or("", |t| t.leak().trim_end()))).collect()
}

fn verified(result: &TaskResult) -> (VerifyOutcome, &str) {
    let report = result.verify.as_ref().expect("the check was run");
    (report.outcome, &report.output)
}

fn answer(outcome: TaskOutcome) -> String {
    match outcome {
        TaskOutcome::Answer { text } => text,
        other => panic!("no answer: {other:?}"),
    }
}

#[tokio::test]
async fn files_to_read_are_the_base_commits_and_no_configuration_comes_back_by_them() {
    let files = |root: &Path| {
        fs::create_dir_all(root.join("docs")).unwrap();
        fs::write(root.join("docs/AGENTS.md"), "Be brief.\n").unwrap();
        fs::write(root.join(".env"), "OPENAI_API_BASE=http://evil.example\n").unwrap();
        fs::write(root.join("large.md"), "x".repeat(70_000)).unwrap();
        fs::write(root.join("binary"), [0xff, 0]).unwrap();
        symlink("/etc/hostname", root.join("link")).unwrap();
    };
    let mut setup =
        Setup::new(Mode::Ask, "read ../home/read/docs/AGENTS.md\nread ../home/read/.env\nrun find ../home/read -type f").files(files);
    let read = ["docs/AGENTS.md", "missing.md", ".env", "link", "docs", "large.md", "binary", "../private/git/config", "/etc/passwd"];
    setup.options.read = read.map(str::to_owned).to_vec();
    let result = setup.setup(&["echo changed > docs/AGENTS.md"]).start().await.result().await;
    let notes = result.notes.join("\n");
    assert_eq!(answer(result.outcome), "Be brief.\ncannot read: No such file or directory (os error 2)\n../home/read/docs/AGENTS.md");
    assert_eq!(result.notes.len(), 8, "{notes}");
    for said in ["`missing.md`: it is not in", "`.env`: it configures tools", "`link`: it is a link", "`docs`: it is no file"] {
        assert!(notes.contains(said), "{said}: {notes}");
    }
    for said in [
        "`large.md`: it has 70000 bytes",
        "`binary`: it is no text",
        "`../private/git/config`: it cannot be",
        "`/etc/passwd`: it cannot be",
    ] {
        assert!(notes.contains(said), "{said}: {notes}");
    }
}

#[tokio::test]
async fn setup_runs_before_the_agent_and_what_it_leaves_is_no_change() {
    let files = |root: &Path| {
        fs::write(root.join(".gitignore"), "target\n").unwrap();
        fs::write(root.join("lock"), "1\n").unwrap();
        fs::write(root.join("gone"), "x\n").unwrap();
        fs::write(root.join("kept"), "x\n").unwrap();
    };
    let setup = [
        "mkdir -p target modules/a vendored && echo out > target/out && echo dep > modules/a/index && ln -s a modules/link",
        "echo 2 > lock && rm gone && echo 2 > kept && cp lock made-by-setup && git init -q vendored && echo x > vendored/x",
    ];
    let script = "read target/out\nappend kept agent\nwrite modules/mine here\nwrite made-by-setup agent\nrun git status --short README.md";
    let bench = Setup::new(Mode::Change, script).files(files).setup(&setup).start().await;
    let result = bench.result().await;
    assert_eq!(changes(&result), [("kept", "2\nagent"), ("made-by-setup", "agent"), ("modules/mine", "here")]);
    assert!(result.verify.is_none());
    assert!(bench.gateway.heard.lock().unwrap().stages.iter().any(|stage| stage == "setting up"));
}

#[tokio::test]
async fn a_setup_that_fails_ends_the_task_with_its_last_lines() {
    let script = format!("seq 1 100; echo {TOKEN}; printf '\\033[31mno such package\\033[0m\\n' >&2; exit 3");
    let mut bench = Setup::new(Mode::Change, "write a b").setup(&["true", &script, "touch never"]).start().await;
    let (code, detail) = bench.failure().await;
    assert_eq!(code, FailureCode::SetupFailed, "{detail}");
    assert!(detail.starts_with("`seq 1 100;") && detail.contains("ended with exit code 3"), "{detail}");
    assert!(detail.contains("\n[redacted]\nno such package\n") && detail.contains("\n83\n") && !detail.contains("\n82\n"), "{detail}");
    assert_eq!(bench.gateway.heard.lock().unwrap().model_calls.len(), 0);
    assert_eq!(bench.exits().await, (Some(0), Some(0)));
}

#[tokio::test]
async fn a_setup_that_hangs_is_ended_with_the_runs_time() {
    let mut setup = Setup::new(Mode::Change, "write a b").setup(&["trap '' TERM; sleep 1000 & wait; sleep 1000"]);
    setup.limits.deadline_at = Timestamp::now() + SignedDuration::from_secs(6);
    let mut bench = setup.start().await;
    let (code, detail) = bench.failure().await;
    assert_eq!(code, FailureCode::TimedOut, "{detail}");
    assert!(detail.contains("was still at work"), "{detail}");
    assert_eq!(bench.exits().await, (Some(0), Some(0)));
}

#[tokio::test]
async fn a_check_that_passes_is_told_and_what_it_leaves_is_no_change() {
    let check = "grep -q right new.txt && echo junk > junk && echo formatted >> new.txt && git status --short >/dev/null";
    let mut bench = Setup::new(Mode::Change, "write new.txt right\nmodel x").verify(check, "write never x").start().await;
    let result = bench.result().await;
    assert_eq!(verified(&result), (VerifyOutcome::Passed, ""));
    assert_eq!(changes(&result), [("new.txt", "right")]);
    assert_eq!(bench.exits().await, (Some(0), Some(0)));
}

#[tokio::test]
async fn a_check_that_fails_is_repaired_once() {
    let check = "echo junk > junk; echo formatted >> new.txt; echo x >> README.md; cat new.txt; grep -q right fixed.txt";
    let repair = "run tr -d '\\140' < ../home/prompt\nwrite fixed.txt right\nanswer Now it is right.";
    let bench = Setup::new(Mode::Change, "write new.txt wrong\nanswer I tried.").verify(check, repair).start().await;
    let result = bench.result().await;
    assert_eq!(verified(&result), (VerifyOutcome::PassedAfterRepair, ""));
    assert_eq!(changes(&result), [("fixed.txt", "right"), ("new.txt", "wrong")], "neither the check's files nor its edits");
    let summary = result.summary.unwrap();
    assert!(summary.starts_with("I tried.") && summary.contains("Now it is right."), "{summary}");
    assert!(
        summary.contains("- new.txt") && summary.contains("wrong") && summary.contains("formatted"),
        "the repair is told what was said: {summary}"
    );
    let stages = bench.gateway.heard.lock().unwrap().stages.join(", ");
    assert!(stages.contains("repairing the change"), "{stages}");
}

#[tokio::test]
async fn what_the_repair_touches_counts_whoever_touched_it_before() {
    let check =
        "echo junk > junk; echo formatted >> new.txt; rm -rf README.md; mkdir README.md; echo x > README.md/x; grep -q right new.txt";
    let repair = "append new.txt right\nappend junk mine\ndelete gone";
    let files = |root: &Path| fs::write(root.join("gone"), "x").unwrap();
    let bench = Setup::new(Mode::Change, "write new.txt wrong").files(files).verify(check, repair).start().await;
    let result = bench.result().await;
    assert_eq!(verified(&result).0, VerifyOutcome::PassedAfterRepair);
    assert_eq!(changes(&result), [("gone", ""), ("junk", "junk\nmine"), ("new.txt", "wrong\nformatted\nright")]);
}

#[tokio::test]
async fn a_check_that_fails_twice_is_told_with_its_last_lines_and_the_change_is_handed_over() {
    let check = format!("echo {SECRET}; echo still wrong; false");
    let bench = Setup::new(Mode::Change, "write new.txt wrong").verify(&check, "write other.txt x").start().await;
    let result = bench.result().await;
    assert_eq!(verified(&result), (VerifyOutcome::Failed, "[redacted]\nstill wrong"));
    assert_eq!(changes(&result), [("new.txt", "wrong"), ("other.txt", "x")]);
    assert!(result.kept_back > 0);
}

#[tokio::test]
async fn a_repair_that_comes_to_nothing_leaves_the_first_change() {
    let body = json!({"error": {"code": "budget", "message": "2.00 of 2.00 USD"}});
    let setup = Setup::new(Mode::Change, "write new.txt wrong").verify("echo no; false", "write new.txt half\nmodel x\nhang");
    let mut bench = setup.model(402, body).start().await;
    let result = bench.result().await;
    let (outcome, said) = verified(&result);
    assert_eq!(outcome, VerifyOutcome::Failed);
    assert!(said.starts_with("no\n") && said.contains("came to nothing: The run's budget is used up"), "{said}");
    assert_eq!(changes(&result), [("new.txt", "wrong")]);
    assert_eq!(bench.exits().await, (Some(0), Some(0)));
}

#[tokio::test]
async fn sigterm_during_the_check_still_delivers_the_change() {
    let setup = Setup::new(Mode::Change, "write new.txt x").verify("sleep 1000", "answer no");
    let mut bench = setup.start().await;
    bench.gateway.reached("verifying the change").await;
    super::bench::signal(&bench.supervisor, Signal::SIGTERM);
    let result = bench.result().await;
    let (outcome, said) = verified(&result);
    assert_eq!((outcome, changes(&result)), (VerifyOutcome::Failed, vec![("new.txt", "x")]));
    assert!(said.contains("The platform ended the task before `sleep 1000` was done"), "{said}");
    assert_eq!(bench.exits().await, (Some(0), Some(0)));
}

#[tokio::test]
async fn without_a_change_nothing_is_checked() {
    let asked = Setup::new(Mode::Ask, "write new.txt x\nanswer Because.").verify("false", "").start().await.result().await;
    assert_eq!((answer(asked.outcome), asked.verify), ("Because.".to_owned(), None));
    let unchanged = Setup::new(Mode::Auto, "answer So it is.").verify("false", "").start().await.result().await;
    assert_eq!((answer(unchanged.outcome), unchanged.verify), ("So it is.".to_owned(), None));
}

#[tokio::test]
async fn the_workflows_commands_see_no_more_than_the_agent() {
    let spy =
        "env; cat /proc/self/environ /proc/1/environ /proc/$PPID/environ; ls ../private ../../private; cat ../../private/git/config; false";
    let bench: Bench = Setup::new(Mode::Change, "write a b").setup(&["true"]).verify(spy, "write b c").start().await;
    let result = bench.result().await;
    let (outcome, said) = verified(&result);
    assert_eq!((outcome, result.kept_back), (VerifyOutcome::Failed, 0), "{said}");
    assert!(!said.contains("PATCHBAY_BOOTSTRAP") && !said.contains(CAPABILITY), "{said}");
    if result.isolation[0].contains("namespaces of its own") {
        assert!(!said.contains("extraheader") && !said.contains("[core]"), "{said}");
    }
}
