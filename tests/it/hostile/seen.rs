//! What a case left behind at GitHub and in the logs, for its check.

use crate::world::{PATIENCE, World};
use anyhow::{Context, Result, ensure};
use patchbay::stack::forge::ORGANISATION;
use patchbay_testing::github::PullView;

pub(crate) struct Seen {
    /// The status comment, without its marker's line.
    pub(crate) comment: String,
    pub(crate) pull: Option<PullView>,
    pub(crate) files: Vec<String>,
    pub(crate) commits: Vec<String>,
    pub(crate) branches: Vec<String>,
    /// Everything that the model was asked in this case.
    pub(crate) asked: Vec<String>,
    /// How the agent was kept apart, by its run's log line.
    pub(crate) isolation: String,
    /// The secrets when it was over.
    pub(crate) secrets: Vec<String>,
}

/// Words of a comment after which nothing more comes.
const LAST_WORDS: [&str; 5] = ["✅ Done", "❌", "⏹️", "Mention me to ask more.", "I only take requests from people"];

impl Seen {
    /// Waits for a thread's last word and looks around.
    pub(crate) async fn wait(world: &World, name: &str, thread: u64) -> Result<Self> {
        let repository = format!("{ORGANISATION}/{name}");
        let comment = world.github.wait_for("the case's end", PATIENCE * 2, |github| {
            let comments = github.comments(&repository, thread).into_iter().filter(|comment| comment.author == "patchbay[bot]");
            comments.map(|comment| comment.body).find(|body| LAST_WORDS.iter().any(|words| body.contains(words)))
        });
        let comment = comment.await.with_context(|| format!("case {name}: {:#?}", world.github.comments(&repository, thread)))?;
        let pull = world.github.pulls(&repository).into_iter().next();
        let files = match &pull {
            Some(pull) => world.github.pull_files(&repository, pull.number)?.into_iter().map(|file| file.path).collect(),
            None => Vec::new(),
        };
        let commits = pull.as_ref().map(|pull| world.github.commit_messages(&repository, &pull.head)).unwrap_or_default();
        let (marker, comment) = comment.split_once('\n').context("a status comment starts with its marker")?;
        let run = marker.split_whitespace().find(|word| word.starts_with("run_")).unwrap_or("no run").to_owned();
        let isolation =
            world.log("run-results")?.lines().find(|line| line.contains("result taken") && line.contains(&run)).map(str::to_owned);
        Ok(Self {
            comment: comment.to_owned(),
            pull,
            files,
            commits,
            branches: world.github.branches(&repository),
            asked: Vec::new(),
            isolation: isolation.unwrap_or_default(),
            secrets: Vec::new(),
        })
    }

    /// Whether the agent was in namespaces of its own; else its run must have said so.
    pub(crate) fn kept_apart(&self) -> Result<bool> {
        let apart = self.isolation.contains("namespaces of its own");
        ensure!(
            apart || self.isolation.contains("allows no namespaces"),
            "the run does not say how its agent was kept apart: {}",
            self.isolation
        );
        Ok(apart)
    }

    /// The pull request's text.
    pub(crate) fn pull_body(&self) -> Result<&str> {
        Ok(&self.pull.as_ref().with_context(|| format!("no pull request: {}", self.comment))?.body)
    }

    pub(crate) fn has(&self, needle: &str) -> Result<()> {
        ensure!(self.comment.contains(needle), "{needle:?} is missing in {}", self.comment);
        Ok(())
    }
}
