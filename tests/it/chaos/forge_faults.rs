//! The hostile GitHub: each kind of fault alone in a repository of its own, all repositories side by side.

use super::{CHANGE, Trial};
use anyhow::Result;
use patchbay::chaos::{Chaos, Kind, Rules, Shot};

const COMMENT: &str = "POST /repos/{owner}/{repo}/issues/{number}/comments";
const EDIT: &str = "PATCH /repos/{owner}/{repo}/issues/comments/{id}";
const COMMIT: &str = "POST /repos/{owner}/{repo}/git/commits";
const BRANCH: &str = "POST /repos/{owner}/{repo}/git/refs";
const PULL: &str = "POST /repos/{owner}/{repo}/pulls";

/// Each case has its own repository, named after its place in the list.
fn shots() -> Vec<(&'static str, Shot)> {
    vec![
        ("the pull request is opened, and the answer is lost", Shot::at(Kind::ForgeUnanswered, PULL)),
        ("the branch is made, and the answer is lost", Shot::at(Kind::ForgeUnanswered, BRANCH)),
        ("the commit is written, and the answer is lost", Shot::at(Kind::ForgeUnanswered, COMMIT)),
        ("the status comment is made, and the answer is lost", Shot::at(Kind::ForgeUnanswered, COMMENT)),
        ("the last edit is made, and the answer is lost", Shot::at(Kind::ForgeUnanswered, EDIT).from(2)),
        ("an edit meets a bad gateway", Shot::at(Kind::ForgeBadGateway, EDIT)),
        ("opening fails twice", Shot::at(Kind::ForgeDown, PULL).times(2)),
        ("committing meets the secondary limit", Shot::at(Kind::ForgeSecondaryLimit, COMMIT)),
        ("commenting meets a limit", Shot::at(Kind::ForgeLimited, COMMENT)),
        ("a token is refused once", Shot::at(Kind::ForgeRevoked, PULL)),
        ("a token is refused twice in a row", Shot::at(Kind::ForgeRevoked, BRANCH).times(2)),
        ("answers are slow", Shot::at(Kind::ForgeSlow, PULL)),
        ("the clone meets a broken server", Shot::at(Kind::ForgeDown, "GET /{owner}/{repo}/info/refs")),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn faults_of_github_neither_lose_nor_repeat_anything() -> Result<()> {
    let cases = shots();
    let name = |index: usize| format!("forge-{index}");
    let aimed = cases.iter().enumerate().map(|(index, (_, shot))| shot.clone().within(&format!("acme/{}", name(index))));
    let trial = Trial::start(Chaos::scripted(aimed)).await?;
    let mut asked = Vec::new();
    for index in 0..cases.len() {
        let repository = trial.repository(&name(index))?;
        asked.push((trial.ask(&repository, CHANGE)?, repository));
    }
    trial.judge(&Rules::at_rest()).await?;
    let wrong: Vec<String> = cases
        .iter()
        .zip(&asked)
        .filter_map(|((case, _), (number, repository))| Some(format!("{case}: {:#}", trial.ended(repository, *number, "✅ Done").err()?)))
        .collect();
    anyhow::ensure!(wrong.is_empty(), "\n{}\n{}", wrong.join("\n"), trial.chaos.summary());
    anyhow::ensure!(trial.chaos.is_spent(), "not every fault struck: {:#?}", trial.chaos.summary());
    trial.end().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn webhooks_that_come_twice_late_or_unanswered_start_one_run_each() -> Result<()> {
    let shots = [Kind::PostTwice, Kind::PostLate, Kind::PostUnanswered].map(|kind| Shot::at(kind, "issues opened"));
    // Each strikes at the first one that it is asked about: the first asker wins, so each has a case of its own.
    let trial = Trial::start(Chaos::scripted([])).await?;
    for (index, shot) in shots.into_iter().enumerate() {
        trial.chaos.aim([shot]);
        let repository = trial.repository(&format!("post-{index}"))?;
        let number = trial.ask(&repository, CHANGE)?;
        trial.world.github.comment(&repository, number, "ada", "@patchbay status")?;
        let evidence = trial.rest().await?;
        let of_repository = |run: &&patchbay::chaos::evidence::RunEvidence| run.run.repository.full_name() == repository;
        assert_eq!(evidence.runs.iter().filter(of_repository).count(), 1, "{}", trial.chaos.summary());
        trial.judge(&Rules::at_rest()).await?;
        assert!(trial.chaos.is_spent());
    }
    trial.end().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_revoked_while_the_agent_works_is_replaced() -> Result<()> {
    let trial = Trial::start(Chaos::scripted([])).await?;
    let repository = trial.repository("revoked")?;
    let mut lines = trial.world.stack.logs().subscribe();
    let number = trial.ask(&repository, &["write new.txt x\\n", "sleep 2"])?;
    // The clone's own token is the one that nobody can replace: by now it has done its work.
    trial.works(&mut lines).await?;
    trial.world.github.expire_tokens();
    trial.judge(&Rules::at_rest()).await?;
    trial.ended(&repository, number, "✅ Done")?;
    trial.end().await;
    Ok(())
}
