//! A repository that gets another name or owner while it is worked on: everything goes on at its new place.

use crate::local::{BRANCH, REPO, World, world};
use patchbay_forge::{ForgeError, NewPullRequest};
use std::collections::BTreeMap;

const NEW: NewPullRequest<'_> = NewPullRequest { head: BRANCH, base: "main", title: "x", body: "y", draft: false };

/// What was called since the last look, git apart.
fn calls(world: &World) -> BTreeMap<String, u64> {
    let calls = world.github.calls();
    world.github.reset_calls();
    calls
}

#[tokio::test]
async fn writes_go_to_the_renamed_repository_once() {
    let world = world().await;
    let number = world.github.open_issue(REPO, "dana", "One", "", &[]).unwrap();
    let comment = world.forge.create_comment(&world.at, number, "first").await.unwrap();
    world.github.rename_repository(REPO, "dana", "bye").unwrap();
    calls(&world);

    world.forge.update_comment(&world.at, comment.id, "second").await.unwrap();
    assert_eq!(calls(&world).get("GET /repos/{owner}/{repo}"), Some(&1), "one look where it is");
    world.forge.create_comment(&world.at, number, "third").await.unwrap();
    assert_eq!(calls(&world).get("GET /repos/{owner}/{repo}"), None, "and then it is known");
    let comments: Vec<String> = world.github.comments("acme/bye", number).into_iter().map(|comment| comment.body).collect();
    assert_eq!(comments, ["second", "third"]);
}

#[tokio::test]
async fn a_branch_and_its_pull_request_survive_two_renames() {
    let world = world().await;
    let base = world.main().await;
    let commit = world.commit(&base, "a.txt", "a").await;
    world.github.rename_repository(REPO, "dana", "second").unwrap();
    world.forge.create_branch(&world.at, BRANCH, &commit).await.unwrap();
    let opened = world.forge.open_pull_request(&world.at, &NEW).await.unwrap();
    world.github.rename_repository("acme/second", "dana", "third").unwrap();
    assert_eq!(world.forge.open_pull_request(&world.at, &NEW).await.unwrap().number, opened.number, "it exists, and is found");
    assert_eq!(world.forge.find_pull_request(&world.at, BRANCH).await.unwrap().map(|pull| pull.number), Some(opened.number));
    assert_eq!(world.github.pulls("acme/third").len(), 1);
}

#[tokio::test]
async fn what_is_cloned_is_found_under_its_new_name() {
    let world = world().await;
    world.github.rename_repository(REPO, "dana", "bye").unwrap();
    let access = world.forge.clone_access(&world.at).await.unwrap();
    assert_eq!(access.url, format!("{}/acme/bye.git", world.github.web_url()));
}

#[tokio::test]
async fn a_repository_that_went_to_another_owner_is_followed_only_with_the_app() {
    let world = world().await;
    let number = world.github.open_issue(REPO, "dana", "One", "", &[]).unwrap();
    world.forge.create_comment(&world.at, number, "first").await.unwrap();
    world.github.transfer_repository(REPO, "dana", "dana").unwrap();
    let refused = world.forge.create_comment(&world.at, number, "second").await.unwrap_err();
    assert!(matches!(refused, ForgeError::NotFound(_)), "{refused}");
    assert_eq!(world.github.comments("dana/hello", number).len(), 1);
}
