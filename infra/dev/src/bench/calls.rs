//! How many calls things cost, counted by the stack: the forge's for a change, AWS's for a delivery that is ignored. The
//! limits are here for the tests as well, which hold every build to them.

use super::Bench;
use super::figure::Figure;
use super::scene::{FILES, PATIENCE, REQUEST, Scene};
use crate::stack::Stack;
use crate::stack::forge::{ORGANISATION, PERSON};
use anyhow::Context as _;
use std::collections::BTreeMap;

const PART: &str = "calls";
/// Calls at the forge for a change that succeeds in its first attempt, from the mention to the pull request, tokens and
/// the clone included.
pub const CHANGE_BUDGET: u64 = 16;
/// Calls at AWS for a delivery that starts nothing, from the webhook to the decision, in a repository whose configuration is
/// known: three writes (queue, claim, completion), and one read of what is in force.
pub const IGNORED_BUDGET: u64 = 4;

pub(super) async fn measure(bench: &Bench) -> anyhow::Result<Vec<Figure>> {
    let scene = Scene::open(bench, |_| ()).await?;
    bench.say("calls: of a change, and of a delivery that is ignored");
    scene.github.create_repository(ORGANISATION, "counted", &FILES)?;
    scene.settle().await?;
    let repository = format!("{ORGANISATION}/counted");

    // A repository's first event reads its configuration.
    scene.github.open_issue(&repository, PERSON, "Before", "Nobody is asked.", &[])?;
    scene.settle().await?;
    let before = aws_calls(&scene.stack);
    scene.github.open_issue(&repository, PERSON, "Nobody is asked", "Just a note.", &[])?;
    scene.settle().await?;
    let ignored: u64 = risen(&before, &aws_calls(&scene.stack)).values().sum();

    scene.github.reset_calls();
    let (before, number) = (aws_calls(&scene.stack), scene.github.open_issue(&repository, PERSON, "Change it", REQUEST, &[])?);
    let done = |github: &patchbay_testing::github::LocalGithub| {
        github.comments(&repository, number).into_iter().any(|comment| comment.body.contains("✅ Done")).then_some(())
    };
    scene.github.wait_for("the pull request", PATIENCE, done).await.context("a change")?;
    scene.settle().await?;
    let forge: u64 = scene.github.calls().values().sum();
    let aws: u64 = risen(&before, &aws_calls(&scene.stack)).values().sum();
    scene.close().await;
    Ok(vec![
        Figure::at_most(PART, "forge calls of a change", forge as f64, "calls", CHANGE_BUDGET as f64)
            .beside("tokens and the clone included"),
        Figure::at_most(PART, "AWS calls of an ignored delivery", ignored as f64, "calls", IGNORED_BUDGET as f64),
        Figure::listed(PART, "AWS calls of a change", aws as f64, "calls"),
    ])
}

/// How often each function called each action so far, as `function action`.
pub fn aws_calls(stack: &Stack) -> BTreeMap<String, u64> {
    let mut calls = BTreeMap::new();
    for (caller, uses) in stack.aws().uses() {
        for (used, count) in uses {
            *calls.entry(format!("{caller} {}", used.action)).or_default() += count;
        }
    }
    calls
}

/// What has risen between two counts, and by how much.
pub fn risen(before: &BTreeMap<String, u64>, after: &BTreeMap<String, u64>) -> BTreeMap<String, u64> {
    let by = |(name, count): (&String, &u64)| (name.clone(), count - before.get(name).copied().unwrap_or_default());
    after.iter().map(by).filter(|(_, count)| *count > 0).collect()
}
