//! What a task does when all goes well.

use super::bench::{Setup, reply};
use super::gateway::{CAPABILITY, Commit, SECRET};
use super::git_server::TOKEN;
use patchbay_domain::change_set::{Change, Content, FileChange};
use patchbay_domain::task::{Mode, TaskOutcome};

fn text(path: &str, text: &str, added: bool) -> FileChange {
    FileChange { path: path.into(), change: Change::Write { mode: "100644".into(), content: Content::Text(text.into()), added } }
}

#[tokio::test]
async fn a_request_becomes_a_change_set_with_the_models_commit_message() {
    let script = "write README.md # hello, world\nwrite src/new.txt one\\ntwo\nmodel what now\nanswer I greeted the world.";
    let mut bench = Setup::new(Mode::Change, script).start().await;
    let result = bench.result().await;
    assert_eq!(bench.exits().await, (Some(0), Some(0)));
    let TaskOutcome::Changes { change_set } = result.outcome else { panic!("{:?}", result.outcome) };
    assert_eq!(change_set.files, [text("README.md", "# hello, world\n", false), text("src/new.txt", "one\ntwo\n", true)]);
    assert_eq!(change_set.commit_message, "feat(hello): greet the world\n\nIt was silent.\n\nRefs #7\n");
    assert!(change_set.message_by_model);
    assert_eq!(change_set.base_sha, bench.base_sha());
    assert_eq!((result.summary.as_deref(), result.agent.as_str()), (Some("I greeted the world."), "scripted 1"));
    assert!(!result.isolation.is_empty(), "how the agent was kept apart must be said");
    let heard = bench.gateway.heard.lock().unwrap();
    assert_eq!(heard.model_calls.len(), 2, "the agent's call and the commit message's");
    assert!(heard.model_calls[1].to_string().contains("+# hello, world"), "the diff is in the message's context");
    assert!(heard.refused.is_empty(), "calls without the capability: {:?}", heard.refused);
    let stages = ["cloning", "working", "writing the commit message"];
    assert!(stages.iter().all(|s| heard.stages.iter().any(|h| h == s)), "{:?}", heard.stages);
    let log = bench.log();
    assert!([SECRET, CAPABILITY, TOKEN].iter().all(|canary| !log.contains(canary)), "a secret in the log: {log}");
}

#[tokio::test]
async fn a_question_gets_the_models_words_and_no_change() {
    let bench = Setup::new(Mode::Ask, "write README.md changed anyway\nmodel why").model(200, reply("Because.")).start().await;
    assert_eq!(bench.result().await.outcome, TaskOutcome::Answer { text: "Because.".into() });
}

#[tokio::test]
async fn in_auto_mode_the_working_tree_decides() {
    let answered = Setup::new(Mode::Auto, "answer It is so.").start().await;
    assert_eq!(answered.result().await.outcome, TaskOutcome::Answer { text: "It is so.".into() });
    let changed = Setup::new(Mode::Auto, "write x y\nanswer Done.").start().await;
    assert!(matches!(changed.result().await.outcome, TaskOutcome::Changes { .. }));
}

#[tokio::test]
async fn a_nonsense_commit_message_gives_way_to_the_deterministic_one() {
    for said in [Commit::Text("Sure! Here is your commit message"), Commit::Unavailable] {
        let mut setup = Setup::new(Mode::Change, "write hello.rs hi");
        setup.model.commit = said;
        let TaskOutcome::Changes { change_set } = setup.start().await.result().await.outcome else { panic!("no changes") };
        assert_eq!((change_set.commit_message.as_str(), change_set.message_by_model), ("feat: greet the world\n\nRefs #7\n", false));
    }
}
