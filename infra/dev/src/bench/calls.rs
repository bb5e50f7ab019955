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
/// Calls of the forge's API for a change that succeeds in its first attempt, from the mention to the pull request, tokens
/// included; see [`forge_calls`].
pub const CHANGE_BUDGET: u64 = 16;
/// Calls at AWS for a delivery that nothing listens to, from the webhook to the decision, in a repository whose configuration
/// is known: the message, one read of what is in force, and the completion, which is the claim too.
pub const IGNORED_BUDGET: u64 = 3;

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
    let forge = forge_calls(&scene.github.calls());
    let aws: u64 = risen(&before, &aws_calls(&scene.stack)).values().sum();
    scene.close().await;
    Ok(vec![
        Figure::at_most(PART, "forge calls of a change", forge as f64, "calls", CHANGE_BUDGET as f64)
            .beside("tokens included; the clone is no call of the API"),
        Figure::at_most(PART, "AWS calls of an ignored delivery", ignored as f64, "calls", IGNORED_BUDGET as f64),
        Figure::listed(PART, "AWS calls of a change", aws as f64, "calls"),
    ])
}

/// A comment's edits that every run makes: it works, it is done. More of them only show the stages of one that takes
/// long, four a minute at most.
const EDITS: u64 = 2;

/// Calls of the forge's API among those that the local GitHub counted. The requests of a clone are git's, which the
/// API's limits do not count.
pub fn forge_calls(calls: &BTreeMap<String, u64>) -> u64 {
    let of_api = calls.iter().filter(|(route, _)| !route.starts_with("GIT "));
    of_api
        .map(|(route, count)| if route.starts_with("PATCH ") && route.contains("/comments/") { (*count).min(EDITS) } else { *count })
        .sum()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_of_the_api_are_counted_and_those_of_git_and_of_waiting_are_not() {
        let calls = [("POST /app/installations/{id}/access_tokens", 6), ("GIT upload-pack", 3), ("PATCH /repos/x/issues/comments/{id}", 5)];
        let calls = calls.map(|(route, count)| (route.to_owned(), count)).into();
        assert_eq!(forge_calls(&calls), 6 + EDITS);
    }

    #[test]
    fn only_what_has_risen_is_told() {
        let counts = |counts: &[(&str, u64)]| counts.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect();
        let (before, after) = (counts(&[("a", 1), ("b", 2)]), counts(&[("a", 1), ("b", 5), ("c", 1)]));
        assert_eq!(risen(&before, &after), counts(&[("b", 3), ("c", 1)]));
    }
}
