//! Every recipe of `docs/recipes`, as it stands there, in a repository of its own on one stack: what it is for happens, and
//! what its users would see is there in the end. The cases are in the modules below.

mod by_agent;
mod without_agent;

use crate::world::{PATIENCE, World, project};
use anyhow::{Context, Result, bail, ensure};
use patchbay::clock::{Clock, stored_runs};
use patchbay::stack::forge::{ORGANISATION, PERSON};
use patchbay_testing::github::{CommentView, LocalGithub, PullView};
use std::collections::BTreeMap;
use std::time::Duration;

/// Between two looks at what nobody announces.
const LOOK_EVERY: Duration = Duration::from_millis(25);

#[tokio::test(flavor = "multi_thread")]
async fn every_recipe_does_what_its_page_says() -> Result<()> {
    // Time passes only in the stack's own queues.
    let world = World::with(|config| config.aws_elsewhere.clear()).await?;
    let recipes = recipes()?;
    ensure!(recipes.len() >= 10, "there are ten recipes");
    let mut failed = Vec::new();
    for (name, text) in recipes {
        let scene = Scene { world: &world, repository: format!("{ORGANISATION}/{name}"), text };
        let played = async { play(&name, &scene).await.and(world.settle().await) };
        if let Err(error) = played.await {
            failed.push(format!("{name}: {error:#}\n{}", scene.story()));
        }
    }
    world.end().await;
    ensure!(failed.is_empty(), "{}", failed.join("\n\n"));
    Ok(())
}

async fn play(recipe: &str, scene: &Scene<'_>) -> Result<()> {
    match recipe {
        "changelog-on-release" => by_agent::a_release_becomes_a_section_of_the_changelog(scene).await,
        "external-engine" => without_agent::an_engines_word_becomes_a_check(scene).await,
        "fix-failing-tests" => by_agent::a_failed_test_becomes_a_change(scene).await,
        "fix-on-label" => by_agent::a_label_becomes_a_change(scene).await,
        "label-by-title" => without_agent::labels_follow_the_title(scene).await,
        "nightly" => by_agent::the_night_and_a_hand_start_the_task(scene).await,
        "request-review" => without_agent::reviewers_are_asked_by_path(scene).await,
        "review-docs" => by_agent::one_comment_says_what_is_wrong(scene).await,
        "stale-answers" => by_agent::monday_corrects_the_answers(scene).await,
        "triage-issues" => by_agent::a_strangers_issue_gets_labels(scene).await,
        other => bail!("nobody plays the recipe {other}: it needs a case in tests/it/recipes"),
    }
}

/// Name and text of every recipe.
fn recipes() -> Result<BTreeMap<String, String>> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(project().join("docs/recipes"))? {
        let path = entry?.path();
        let name = path.file_stem().and_then(|name| name.to_str()).context("a recipe's name is text")?.to_owned();
        found.insert(name, std::fs::read_to_string(&path)?);
    }
    Ok(found)
}

/// One recipe, and the repository in which it is played.
struct Scene<'a> {
    world: &'a World,
    repository: String,
    text: String,
}

impl Scene<'_> {
    fn github(&self) -> &LocalGithub {
        &self.world.github
    }

    /// Makes the repository with these files.
    fn repository_with(&self, files: &[(&str, &str)]) -> Result<()> {
        let (owner, name) = self.repository.split_once('/').context("owner/name")?;
        self.github().create_repository(owner, name, files).map(drop)
    }

    /// Puts the recipe in force, with something of the recipe's own replaced by what is there in a test.
    async fn in_force_with(&self, recipes_own: &str, here: &str) -> Result<()> {
        ensure!(self.text.contains(recipes_own), "the recipe says nothing of {recipes_own}");
        self.world.in_force_in(&self.repository, &self.text.replace(recipes_own, here)).await
    }

    /// Puts the recipe in force as it stands.
    async fn in_force(&self) -> Result<()> {
        self.world.in_force_in(&self.repository, &self.text).await
    }

    /// The person pushes one file; gives the commit.
    fn push(&self, branch: &str, message: &str, path: &str, text: &str) -> Result<String> {
        self.github().push_commit(&self.repository, PERSON, branch, message, &[(path, text)])
    }

    /// The person opens a pull request with one file changed.
    fn propose(&self, branch: &str, title: &str, path: &str, text: &str) -> Result<u64> {
        self.push(branch, title, path, text)?;
        self.github().open_pull(&self.repository, PERSON, branch, "main", title, "Please look at it.")
    }

    /// Waits until something can be seen.
    async fn seen<T>(&self, what: &str, look: impl FnMut(&LocalGithub) -> Option<T>) -> Result<T> {
        self.github().wait_for(what, PATIENCE, look).await
    }

    /// Waits until a thread has exactly these labels, in the order of the alphabet.
    async fn labels(&self, number: u64, wanted: &[&str]) -> Result<()> {
        let has = |github: &LocalGithub| {
            let mut labels = github.labels_of(&self.repository, number);
            labels.sort();
            (labels == wanted).then_some(())
        };
        self.seen(&format!("#{number} labelled {wanted:?}"), has).await
    }

    /// Waits for the only pull request of the App's, which changes exactly these files.
    async fn change_of(&self, paths: &[&str]) -> Result<PullView> {
        let pull = self.seen("a pull request", |_| self.changes().into_iter().next()).await?;
        self.world.settle().await?;
        ensure!(self.changes().len() == 1, "more than one: {:#?}", self.changes());
        let files = self.github().pull_files(&self.repository, pull.number)?;
        let changed: Vec<String> = files.into_iter().map(|file| file.path).collect();
        ensure!(changed == paths, "it changes {changed:?}, not {paths:?}");
        Ok(pull)
    }

    /// The App's pull requests.
    fn changes(&self) -> Vec<PullView> {
        self.github().pulls(&self.repository).into_iter().filter(|pull| pull.author == "patchbay[bot]").collect()
    }

    /// What a file says on the branch of a pull request.
    fn proposed(&self, pull: &PullView, path: &str) -> String {
        String::from_utf8_lossy(&self.github().file(&self.repository, &pull.head, path).unwrap_or_default()).into_owned()
    }

    /// The App's comments in a thread.
    fn comments(&self, number: u64) -> Vec<CommentView> {
        self.github().comments(&self.repository, number).into_iter().filter(|comment| comment.author == "patchbay[bot]").collect()
    }

    /// Waits for a comment of the App's that reads like this.
    async fn comment_with(&self, number: u64, needle: &str) -> Result<CommentView> {
        self.seen(needle, |_| self.comments(number).into_iter().find(|comment| comment.body.contains(needle))).await
    }

    /// Lets time pass, whenever nothing is at work, until something can be seen.
    async fn seen_in_time(&self, what: &str, seen: impl Fn() -> bool) -> Result<()> {
        let clock = Clock::default();
        let stack = &self.world.stack;
        let search = async {
            while !seen() {
                if stack.at_work().await.is_empty()
                    && !stack.has_task()
                    && let Some(next) = clock.next(stack, &stored_runs(stack).await?).await?
                {
                    clock.pass_until(stack, next).await?;
                }
                tokio::time::sleep(LOOK_EVERY).await;
            }
            Ok(())
        };
        tokio::time::timeout(PATIENCE, search).await.with_context(|| format!("{what} never comes"))?
    }

    /// What a person would look at when a case does not end.
    fn story(&self) -> String {
        let mut story = format!("pull requests: {:#?}\n", self.github().pulls(&self.repository));
        for number in 1..=14 {
            for comment in self.comments(number) {
                story.push_str(&format!("comment in #{number}: {}\n", comment.body));
            }
        }
        for source in ["trigger-matcher", "run-launcher", "run-results"] {
            let lines = self.world.stack.logs().last_lines(source);
            story.push_str(&format!("--- {source}\n{}\n", lines.iter().rev().take(8).rev().cloned().collect::<Vec<_>>().join("\n")));
        }
        story
    }
}
