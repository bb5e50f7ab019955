//! What people do to a repository while an agent works in it: rename, transfer, archive, lock, push, delete, close.

use super::Trial;
use anyhow::Result;
use patchbay::chaos::{Chaos, Kind, Rules, Shot};
use patchbay::stack::forge::PERSON;
use patchbay_testing::github::LocalGithub;

/// A change that takes its time.
const SLOW_CHANGE: &[&str] = &["write new.txt x\\n", "sleep 3"];
const DELETED: &str = "acme/deleted";

/// What somebody does to `repository` in which thread `number` is worked on.
type Deed = fn(&LocalGithub, &str, u64) -> Result<()>;

/// A case: the repository's name, the deed, the name afterwards, and what the thread then says (nothing can be said
/// where it is `None`), with the number of open pull requests.
type Meanwhile = (&'static str, Deed, &'static str, Option<&'static str>, usize);

const CASES: [Meanwhile; 6] = [
    ("renamed", |github, repository, _| github.rename_repository(repository, PERSON, "other"), "acme/other", Some("✅ Done"), 1),
    ("transferred", |github, repository, _| github.transfer_repository(repository, PERSON, PERSON), "ada/transferred", None, 0),
    ("archived", |github, repository, _| github.set_archived(repository, true), "acme/archived", None, 0),
    ("locked", |github, repository, number| github.lock_issue(repository, number, PERSON), "acme/locked", Some("✅ Done"), 1),
    (
        "moved-on",
        |github, repository, _| github.push_commit(repository, PERSON, "main", "Go on", &[("new.txt", "of somebody else\n")]).map(drop),
        "acme/moved-on",
        Some("✅ Done"),
        1,
    ),
    (
        "closed",
        |github, repository, number| github.close_issue(repository, number, PERSON),
        "acme/closed",
        Some("⏹️ Stopped: this thread was closed."),
        0,
    ),
];

#[tokio::test(flavor = "multi_thread")]
async fn whatever_people_do_meanwhile_ends_in_one_pull_request_or_in_a_reason() -> Result<()> {
    // The first try at opening is refused, so that there is time to delete the branch.
    let trial =
        Trial::start(Chaos::scripted([Shot::at(Kind::ForgeBadGateway, "POST /repos/{owner}/{repo}/pulls").within(DELETED)])).await?;
    let mut asked = Vec::new();
    for (name, ..) in CASES {
        let repository = trial.repository(name)?;
        asked.push((trial.ask(&repository, SLOW_CHANGE)?, repository));
    }
    trial.repository("deleted")?;
    let deleted = trial.ask(DELETED, &["write new.txt x\\n"])?;
    for ((_, deed, ..), (number, repository)) in CASES.iter().zip(&asked) {
        trial.wait_for(repository, *number, "⚙️").await?;
        deed(&trial.world.github, repository, *number)?;
    }
    let branch = |github: &LocalGithub| github.branches(DELETED).into_iter().find(|branch| branch.starts_with("patchbay/"));
    let branch = trial.world.github.wait_for("the branch", crate::world::PATIENCE, branch).await?;
    trial.world.github.delete_branch(DELETED, PERSON, &branch)?;

    let mut rules = Rules::at_rest();
    for ((_, _, after, ending, _), (number, _)) in CASES.iter().zip(&asked) {
        if ending.is_none() {
            rules = rules.with_mute(after, *number);
        }
    }
    trial.judge(&rules).await?;
    let mut wrong = Vec::new();
    for ((name, _, after, ending, pulls), (number, _)) in CASES.iter().zip(&asked) {
        let open = trial.world.github.pulls(after).iter().filter(|pull| pull.open).count();
        if open != *pulls {
            wrong.push(format!("{name}: {open} pull requests: {:#?}", trial.said(after, *number)));
        }
        wrong.extend(ending.and_then(|ending| trial.ended(after, *number, ending).err()).map(|error| format!("{name}: {error:#}")));
    }
    wrong.extend(trial.ended(DELETED, deleted, "❌").err().map(|error| format!("deleted: {error:#}")));
    anyhow::ensure!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    trial.end().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn in_a_thread_that_was_locked_from_the_start_the_pull_request_is_opened_all_the_same() -> Result<()> {
    let trial = Trial::start(Chaos::scripted([])).await?;
    let repository = trial.repository("locked")?;
    let number = trial.world.github.open_issue(&repository, PERSON, "Add a file", "Without a mention", &[])?;
    trial.world.github.lock_issue(&repository, number, PERSON)?;
    trial.world.github.comment(&repository, number, PERSON, &crate::world::script("add it", &["write new.txt x\\n"]))?;
    trial.judge(&Rules::at_rest().with_mute(&repository, number)).await?;
    assert_eq!(trial.world.github.pulls(&repository).len(), 1);
    assert!(trial.said(&repository, number).is_empty());
    trial.end().await;
    Ok(())
}
