//! Workflows of a repository's own file, through the real binaries: what starts them, what their steps do, what is said of
//! those that did not start.

pub(crate) mod receiver;

use crate::world::{HELLO, PATIENCE, World};
use anyhow::{Context, Result};
use patchbay::cli::{Info, LocalAws};
use patchbay::clock::{Clock, stored_runs};
use patchbay::operations::{Operations, Place};
use patchbay::stack::forge::{ORGANISATION, PERSON};
use patchbay_domain::ids::DeliveryId;
use patchbay_testing::github::CheckRunView;
use receiver::Receiver;
use std::time::Duration;

/// Between two looks at what nobody announces.
const LOOK_EVERY: Duration = Duration::from_millis(25);
const FILE: &str = ".github/patchbay.yml";

impl World {
    /// The person pushes a configuration to the default branch; gives the commit.
    pub(crate) fn configure(&self, text: &str) -> Result<String> {
        self.configure_in(HELLO, text)
    }

    fn configure_in(&self, repository: &str, text: &str) -> Result<String> {
        self.github.push_commit(repository, PERSON, "main", "Configure Patchbay", &[(FILE, text)])
    }

    /// Waits for a check run of this name on a commit that is over.
    pub(crate) async fn check_run(&self, sha: &str, name: &str) -> Result<CheckRunView> {
        self.check_run_in(HELLO, sha, name).await
    }

    /// The same in another repository.
    pub(crate) async fn check_run_in(&self, repository: &str, sha: &str, name: &str) -> Result<CheckRunView> {
        let ended = |run: &CheckRunView| run.name == name && run.conclusion.is_some();
        let found = self.github.wait_for(name, PATIENCE, |github| github.check_runs(repository, sha).into_iter().find(ended)).await;
        found.with_context(|| format!("trigger-matcher: {:#?}", self.stack.logs().last_lines("trigger-matcher")))
    }

    /// Configures, and waits until the file is in force.
    pub(crate) async fn in_force(&self, text: &str) -> Result<()> {
        self.in_force_in(HELLO, text).await
    }

    /// The same in another repository.
    pub(crate) async fn in_force_in(&self, repository: &str, text: &str) -> Result<()> {
        // An event of before, decided later, would be decided by what is in force then.
        self.settle().await?;
        let sha = self.configure_in(repository, text)?;
        let check = self.check_run_in(repository, &sha, "patchbay / configuration").await?;
        anyhow::ensure!(check.conclusion.as_deref() == Some("success"), "{check:#?}");
        Ok(())
    }

    /// What an operator does with this stack.
    pub(crate) async fn operations(&self) -> Result<Operations> {
        let stack = &self.stack;
        let info = Info {
            webhook_url: stack.webhook_url(),
            forge_url: stack.forge().web_url().to_owned(),
            forge_api_url: stack.forge().api_url().to_owned(),
            webhook_secret_file: stack.webhook_secret_file().to_owned(),
            forge_user: None,
            data_dir: self.data.clone(),
            control_url: format!("{}/_patchbay", stack.front_url()),
            control_token: stack.control_token().to_owned(),
            aws_elsewhere: std::collections::BTreeMap::new(),
            aws: LocalAws { endpoint: stack.aws().endpoint().to_owned(), resources: stack.template().names.clone() },
            public_webhook_url: None,
        };
        Operations::open(Place::Local(Box::new(info))).await
    }

    /// A branch with one change, and a pull request for it.
    fn propose(&self, branch: &str, path: &str) -> Result<u64> {
        self.github.push_commit(HELLO, PERSON, branch, "Change something", &[(path, "changed\n")])?;
        self.github.open_pull(HELLO, PERSON, branch, "main", "A change", "Please look at it.")
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_label_of_the_files_choosing_starts_a_change() -> Result<()> {
    let world = World::start().await?;
    world
        .in_force(
            r#"
workflows:
  fix-on-label:
    on:
      issues: { types: [labeled], labels: [fix-me] }
    steps:
      - id: fix
        agent: { mode: change, prompt: "{{ event.subject.title }}\n{{ event.subject.body }}", paths: ['docs/**'] }
      - label: { add: [fixed], remove: [fix-me] }
      - comment: { body: "See #{{ steps.fix.outputs.pull_request }}." }
"#,
        )
        .await?;
    let number = world.issue("Write a page", "```script\nwrite docs/page.md # A page\\n\n```\n")?;
    world.github.label(HELLO, number, PERSON, "other")?;
    world.github.label(HELLO, number, PERSON, "fix-me")?;
    let pull = world.pull_request().await?;
    world.comment_with(number, &format!("See #{}.", pull.number)).await?;
    world.settle().await?;
    assert_eq!(world.github.file(HELLO, &pull.head, "docs/page.md").as_deref(), Some(&b"# A page\n"[..]));
    let mut labels = world.github.labels_of(HELLO, number);
    labels.sort();
    assert_eq!(labels, ["fixed", "other"]);
    assert_eq!(world.github.pulls(HELLO).len(), 1, "one label, one pull request");
    world.end().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pull_request_with_matching_paths_gets_a_comment_and_another_one_an_explanation() -> Result<()> {
    let world = World::start().await?;
    world
        .in_force(
            r#"
workflows:
  review-docs:
    on:
      pull_request: { branches: [main], paths: ['docs/**', '!docs/drafts/**'] }
    steps:
      - id: look
        agent:
          mode: ask
          prompt: |
            ```script
            answer The page reads well.
            ```
      - if: "steps.look.outputs.answer != ''"
        comment: { body: "{{ steps.look.outputs.answer }}", key: review }
"#,
        )
        .await?;
    let docs = world.propose("docs-change", "docs/guide.md")?;
    world.comment_with(docs, "The page reads well.").await?;
    let draft = world.propose("draft-change", "docs/drafts/idea.md")?;
    world.settle().await?;
    assert_eq!(world.app_comments(docs).len(), 1, "an answer that a later step uses has no status comment");
    assert_eq!(world.app_comments(draft).len(), 0);

    world.comment(draft, "/patchbay why")?;
    let why = world.comment_with(draft, "review-docs").await?;
    assert!(why.body.contains("docs/drafts/idea.md"), "{}", why.body);
    world.end().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_calls_an_engine_that_calls_back_and_the_answer_becomes_a_check() -> Result<()> {
    let receiver = Receiver::start().await?;
    let world = World::start().await?;
    world
        .in_force(&format!(
            r#"
workflows:
  external:
    on:
      push: {{ branches: [main], paths: ['src/**'] }}
    steps:
      - id: engine
        http: {{ url: "{}", wait: true, inputs: {{ commit: "{{{{ event.sha }}}}" }} }}
        timeout: 10m
      - check: {{ name: engine, conclusion: "{{{{ steps.engine.outputs.verdict }}}}", summary: "{{{{ steps.engine.outputs.note }}}}" }}
"#,
            receiver.url()
        ))
        .await?;
    let secret = world.operations().await?.signing_secret(HELLO).await?;
    let sha = world.github.push_commit(HELLO, PERSON, "main", "Work", &[("src/a.txt", "a\n")])?;
    let call = receiver.call().await?;
    call.verify(&secret)?;
    assert_eq!(call.body["data"]["inputs"]["commit"], sha.as_str());
    assert_eq!(call.body["data"]["workflow"]["name"], "external");

    assert_eq!(call.call_back(&serde_json::json!({ "verdict": "success", "note": "All is well." })).await?, 202);
    let check = world.check_run(&sha, "engine").await?;
    assert_eq!(check.conclusion.as_deref(), Some("success"));
    assert_eq!(call.call_back(&serde_json::json!({ "verdict": "failure" })).await?, 409, "a token works once");
    assert_eq!(call.call_back_with_another_token().await?, 401);
    world.settle().await?;
    assert_eq!(receiver.count(), 1);
    world.end().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_file_is_told_with_its_line_and_the_last_good_one_stays_in_force() -> Result<()> {
    let world = World::start().await?;
    let good = r#"
workflows:
  hello:
    on: { issues: { types: [opened] } }
    steps:
      - comment: { body: "Hello, {{ event.actor.login }}." }
"#;
    world.in_force(good).await?;
    let broken = world.configure(&good.replace("types: [opened]", "typs: [opened]"))?;
    let check = world.check_run(&broken, "patchbay / configuration").await?;
    assert_eq!(check.conclusion.as_deref(), Some("failure"));
    assert!(format!("{check:?}").contains("did you mean `types`"), "{check:#?}");
    let number = world.issue("A thought", "Nothing in particular.")?;
    world.comment_with(number, "Hello,").await?;

    // On a branch the file is only looked at.
    let sha = world.github.push_commit(HELLO, PERSON, "idea", "Try", &[(FILE, &good.replace("Hello", "Goodbye"))])?;
    assert_eq!(world.check_run(&sha, "patchbay / configuration").await?.conclusion.as_deref(), Some("success"));
    let number = world.issue("Another thought", "Nothing, again.")?;
    world.comment_with(number, "Hello,").await?;
    world.settle().await?;
    world.end().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_organisations_default_holds_where_the_repository_says_nothing_else() -> Result<()> {
    let world = World::start().await?;
    let default = r#"
workflows:
  greet:
    on: { issues: { types: [opened] } }
    steps:
      - comment: { body: "From the organisation." }
"#;
    world.github.create_repository(ORGANISATION, ".github", &[(FILE, default)])?;
    let number = world.issue("First", "x")?;
    world.comment_with(number, "From the organisation.").await?;
    world.in_force(&default.replace("From the organisation.", "From the repository.")).await?;
    let number = world.issue("Second", "x")?;
    world.comment_with(number, "From the repository.").await?;
    world.settle().await?;
    assert_eq!(world.app_comments(number).len(), 1);
    world.end().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_run_of_a_group_ends_the_older() -> Result<()> {
    let world = World::start().await?;
    world
        .in_force(
            r#"
workflows:
  slow:
    on: { issue_comment: { body: "^again" } }
    concurrency: { group: "slow-{{ event.subject.number }}", cancel: true }
    steps:
      - agent:
          mode: ask
          prompt: |
            ```script
            {{ event.comment.body | replace('again\n', '') }}
            ```
"#,
        )
        .await?;
    let number = world.issue("A thread", "x")?;
    world.comment(number, "again\nsleep 60\nanswer The first.")?;
    world.comment_with(number, "⚙️").await?;
    world.comment(number, "again\nanswer The second.")?;
    world.comment_with(number, "took its place").await?;
    world.comment_with(number, "The second.").await?;
    world.settle().await?;
    world.end().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn within_a_cooldown_only_the_newest_event_starts_once_it_is_over() -> Result<()> {
    // Time passes only in the stack's own queues.
    let world = World::with(|config| config.aws_elsewhere.clear()).await?;
    world
        .in_force(
            r#"
workflows:
  echo:
    on: { issue_comment: { body: "^say " } }
    cooldown: 10m
    steps:
      - comment: { body: "Heard: {{ event.comment.body }}" }
"#,
        )
        .await?;
    let number = world.issue("A thread", "x")?;
    world.comment(number, "say one")?;
    world.comment_with(number, "Heard: say one").await?;
    for (text, runs) in [("say two", 2), ("say three", 3)] {
        world.comment(number, text)?;
        // A run that waits is nowhere to be seen but in its table.
        let begun = async {
            while stored_runs(&world.stack).await?.len() < runs {
                tokio::time::sleep(LOOK_EVERY).await;
            }
            anyhow::Ok(())
        };
        tokio::time::timeout(PATIENCE, begun).await.with_context(|| format!("no run of `{text}`"))??;
    }
    assert_eq!(world.app_comments(number).len(), 1, "within the cooldown");

    let clock = Clock::default();
    let over = async {
        while world.app_comments(number).len() < 2 {
            if world.stack.at_work().await.is_empty()
                && let Some(next) = clock.next(&world.stack, &stored_runs(&world.stack).await?).await?
            {
                clock.pass_until(&world.stack, next).await?;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        anyhow::Ok(())
    };
    tokio::time::timeout(PATIENCE, over).await.context("the cooldown never ends")??;
    world.comment_with(number, "Heard: say three").await?;
    assert!(clock.passed() > Duration::from_secs(500), "{:?}", clock.passed());
    world.settle().await?;
    assert_eq!(world.app_comments(number).len(), 2, "the second event's place was taken");
    world.end().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_of_the_past_that_is_run_again_starts_what_it_would_start_now() -> Result<()> {
    let world = World::start().await?;
    let number = world.issue("A thought", "Nothing in particular.")?;
    world.settle().await?;
    assert_eq!(world.app_comments(number).len(), 0);
    let delivery = world.github.deliveries().into_iter().rfind(|delivery| delivery.event == "issues").context("the issue's delivery")?;
    let delivery = DeliveryId(delivery.guid);
    world
        .in_force("workflows:\n  greet:\n    on: { issues: { types: [opened] } }\n    steps: [comment: { body: 'Hello, {{ event.actor.login }}.' }]\n")
        .await?;
    let operations = world.operations().await?;
    let again = operations.run_again(&delivery, PATIENCE).await?;
    assert_ne!(again.id, delivery);
    assert!(again.decisions.iter().any(|decision| decision.workflow == "greet" && decision.started), "{:?}", again.decisions);
    world.comment_with(number, "Hello, ").await?;
    world.settle().await?;
    let then = operations.delivery(&delivery).await?;
    assert!(then.decisions.iter().all(|decision| !decision.started), "what was decided then stays: {:?}", then.decisions);
    assert_eq!(world.app_comments(number).len(), 1);
    world.end().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schedule_starts_what_is_due_once() -> Result<()> {
    let world = World::start().await?;
    let number = world.issue("Diary", "x")?;
    world
        .in_force(&format!(
            r#"
workflows:
  nightly:
    on: {{ schedule: {{ cron: ['0 4 * * *'] }} }}
    steps:
      - comment: {{ body: "It is four o'clock.", number: "{number}" }}
"#
        ))
        .await?;
    let tomorrow = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(25);
    world.stack.tick_at("run-reaper", tomorrow).await?;
    world.comment_with(number, "four o'clock").await?;
    world.stack.tick_at("run-reaper", tomorrow).await?;
    world.settle().await?;
    assert_eq!(world.app_comments(number).len(), 1);
    world.end().await;
    Ok(())
}
