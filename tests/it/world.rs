//! The harness of the journeys: a whole local stack with a local GitHub, the verbs of people, and waiting for what
//! must be seen. Nothing here knows how Patchbay does it.

use crate::emulator::Emulators;
use anyhow::{Context, Result};
use patchbay::stack::build::{Build, build_functions};
use patchbay::stack::forge::{ORGANISATION, PERSON};
use patchbay::stack::{Schedules, Stack, StackConfig};
use patchbay_testing::github::{CommentView, LocalGithub, PullView};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio::sync::OnceCell;

/// How long anything may take on a busy machine. Nothing waits for this when things work.
pub(crate) const PATIENCE: Duration = Duration::from_secs(90);

/// A stack of its own for one journey, with one repository `acme/hello`.
pub(crate) struct World {
    pub(crate) stack: Stack,
    pub(crate) github: Arc<LocalGithub>,
    pub(crate) data: PathBuf,
    _folder: TempDir,
    _emulators: Emulators,
}

/// The repository of most journeys.
pub(crate) const HELLO: &str = "acme/hello";

impl World {
    /// With the scripted agent and the template's defaults.
    pub(crate) async fn start() -> Result<Self> {
        Self::with(|_| {}).await
    }

    /// With something different from that.
    pub(crate) async fn with(change: impl FnOnce(&mut StackConfig)) -> Result<Self> {
        build_once().await?;
        let folder = tempfile::Builder::new().prefix("patchbay-journey-").tempdir()?;
        let data = folder.path().join("data");
        let mut config = StackConfig::new(project().join("template.yaml"), data.clone(), bin_dir());
        config.task_env_overrides.insert("PATCHBAY_AGENT".to_owned(), "scripted".to_owned());
        config.schedules = Schedules::OnRequest;
        let emulators = Emulators::start().await?;
        config.aws_elsewhere = emulators.addresses.clone();
        change(&mut config);
        let stack = Stack::start(config).await?;
        let github = Arc::clone(stack.forge().local().context("the forge is local")?);
        github.create_repository(ORGANISATION, "hello", &[("hello.py", "print(\"hello\")\n"), ("README.md", "# Hello\n\nGreets.\n")])?;
        Ok(Self { stack, github, data, _folder: folder, _emulators: emulators })
    }

    /// The person opens an issue.
    pub(crate) fn issue(&self, title: &str, body: &str) -> Result<u64> {
        self.github.open_issue(HELLO, PERSON, title, body, &[])
    }

    /// The person comments.
    pub(crate) fn comment(&self, number: u64, body: &str) -> Result<u64> {
        self.github.comment(HELLO, number, PERSON, body)
    }

    /// Waits for a comment of the App's in the thread that reads like this.
    pub(crate) async fn comment_with(&self, number: u64, needle: &str) -> Result<CommentView> {
        let found = self
            .github
            .wait_for(needle, PATIENCE, |github| app_comments(github, number).into_iter().find(|comment| comment.body.contains(needle)))
            .await;
        found.with_context(|| self.story(number))
    }

    /// Waits for a pull request.
    pub(crate) async fn pull_request(&self) -> Result<PullView> {
        self.github
            .wait_for("a pull request", PATIENCE, |github| github.pulls(HELLO).into_iter().next())
            .await
            .with_context(|| self.story(1))
    }

    /// The App's comments in a thread.
    pub(crate) fn app_comments(&self, number: u64) -> Vec<CommentView> {
        app_comments(&self.github, number)
    }

    /// Waits until everything that was begun has ended: no message in any queue, no function at work, no task. What
    /// a journey says did *not* happen is only true then.
    pub(crate) async fn settle(&self) -> Result<()> {
        self.stack.settled(PATIENCE).await.with_context(|| self.story(1))
    }

    /// The installation of the App on the organisation.
    pub(crate) fn installation(&self) -> Result<u64> {
        let created = self.github.deliveries().into_iter().find(|delivery| delivery.event == "installation").context("an installation")?;
        self.github.delivery_payload(&created.guid)?["installation"]["id"].as_u64().context("its id")
    }

    /// Everything that a function has logged.
    pub(crate) fn log(&self, source: &str) -> Result<String> {
        Ok(std::fs::read_to_string(self.data.join("logs").join(format!("{source}.log")))?)
    }

    /// Kills every supervisor of this stack as the kernel would, with no chance to say anything.
    pub(crate) async fn kill_supervisors(&self) -> Result<()> {
        // The thread says that the task starts before its process is there.
        let deadline = tokio::time::Instant::now() + PATIENCE;
        while self.kill_those_there()? == 0 {
            anyhow::ensure!(tokio::time::Instant::now() < deadline, "there is no supervisor to kill");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    fn kill_those_there(&self) -> Result<usize> {
        let ours: Vec<_> = self.stack.aws().tasks().into_iter().filter_map(|task| task.scratch).collect();
        let mut killed = 0;
        for entry in std::fs::read_dir("/proc")?.flatten() {
            let read = |file: &str| String::from_utf8_lossy(&std::fs::read(entry.path().join(file)).unwrap_or_default()).into_owned();
            let in_ours = |text: &str| ours.iter().any(|scratch| text.contains(&*scratch.to_string_lossy()));
            if read("cmdline").contains("\0supervise") && in_ours(&read("environ")) {
                let status = std::process::Command::new("kill").arg("-9").arg(entry.file_name()).status()?;
                killed += usize::from(status.success());
            }
        }
        Ok(killed)
    }

    /// What a person would look at when a journey does not end: comments and the functions' last lines.
    fn story(&self, number: u64) -> String {
        let comments: Vec<String> = app_comments(&self.github, number).into_iter().map(|comment| comment.body).collect();
        let mut story = format!("comments in thread {number}: {comments:#?}\n");
        for denial in self.stack.aws().denials() {
            story.push_str(&format!("--- denied: {denial}\n"));
        }
        for source in ["webhook-intake", "trigger-matcher", "run-launcher", "task-gateway", "run-results", "run-reaper"] {
            let lines = self.stack.logs().last_lines(source);
            story.push_str(&format!("--- {source}\n{}\n", lines.iter().rev().take(8).rev().cloned().collect::<Vec<_>>().join("\n")));
        }
        story
    }

    /// Ends the stack in order. Nobody may have been refused anything: what a journey needs, the roles allow.
    pub(crate) async fn end(self) {
        let denials: std::collections::BTreeSet<String> = self.stack.aws().denials().iter().map(ToString::to_string).collect();
        self.stack.shutdown().await;
        assert!(denials.is_empty(), "the template's roles do not suffice:\n  {}", denials.into_iter().collect::<Vec<_>>().join("\n  "));
    }
}

fn app_comments(github: &LocalGithub, number: u64) -> Vec<CommentView> {
    github.comments(HELLO, number).into_iter().filter(|comment| comment.author == "patchbay[bot]").collect()
}

/// A request whose agent plays this script.
pub(crate) fn script(request: &str, lines: &[&str]) -> String {
    format!("@patchbay {request}\n\n```script\n{}\n```\n", lines.join("\n"))
}

/// The project's folder.
pub(crate) fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map(Path::to_path_buf).unwrap_or_default()
}

/// Where this test's profile puts binaries: two folders above the test's own.
pub(crate) fn bin_dir() -> PathBuf {
    let exe = std::env::current_exe().unwrap_or_default();
    exe.parent().and_then(Path::parent).map(Path::to_path_buf).unwrap_or_default()
}

/// `cargo test` does not build other packages' binaries: without this, journeys would run stale ones.
pub(crate) async fn build_once() -> Result<()> {
    static BUILT: OnceCell<()> = OnceCell::const_new();
    BUILT.get_or_try_init(|| async { build_functions(&project(), &bin_dir(), Build::EverythingTested, |_| {}).await }).await.map(drop)
}
