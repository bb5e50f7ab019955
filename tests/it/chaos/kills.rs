//! kill -9 of each function's process before one of its calls, after it, and with the answer under way.

use super::{CHANGE, Case, Trial};
use anyhow::Result;
use patchbay::chaos::{Chaos, Kind, Shot};

const PULL: &str = "POST /repos/{owner}/{repo}/pulls";
const BRANCH: &str = "POST /repos/{owner}/{repo}/git/refs";
const EDIT: &str = "PATCH /repos/{owner}/{repo}/issues/comments/{id}";

const CASES: [(Kind, &str); 12] = [
    (Kind::KilledBefore, "webhook-intake sqs:SendMessage"),
    (Kind::KilledAfter, "webhook-intake sqs:SendMessage"),
    (Kind::KilledAnswered, "trigger-matcher dynamodb:UpdateItem"),
    (Kind::KilledBefore, "trigger-matcher dynamodb:PutItem"),
    (Kind::KilledAfter, "trigger-matcher sqs:SendMessage"),
    (Kind::KilledBefore, "run-launcher ecs:RunTask"),
    (Kind::KilledAfter, "run-launcher ecs:RunTask"),
    (Kind::KilledAnswered, "run-launcher ecs:RunTask"),
    (Kind::KilledAfter, "task-gateway s3:PutObject"),
    (Kind::KilledBefore, BRANCH),
    (Kind::KilledAfter, PULL),
    (Kind::KilledAnswered, EDIT),
];

#[tokio::test(flavor = "multi_thread")]
async fn functions_that_are_killed_at_a_call_neither_lose_nor_repeat_anything() -> Result<()> {
    let trial = Trial::start(Chaos::scripted([])).await?;
    let names = CASES.map(|(kind, place)| format!("{kind} {place}"));
    let case = |name, (kind, place)| Case { name, shots: vec![Shot::at(kind, place)], script: CHANGE, ending: "✅ Done" };
    let cases: Vec<Case<'_>> = names.iter().zip(CASES).map(|(name, killed)| case(name, killed)).collect();
    trial.one_by_one(&cases).await?;
    trial.end().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_process_that_makes_the_call_is_the_one_that_is_killed() -> Result<()> {
    let trial = Trial::start(Chaos::scripted([Shot::at(Kind::KilledAfter, PULL)])).await?;
    let repository = trial.repository("killed")?;
    let number = trial.ask(&repository, CHANGE)?;
    trial.rest().await?;
    trial.ended(&repository, number, "✅ Done")?;
    let death = "run-results was killed by signal 9 during an invocation";
    assert!(trial.world.log("run-results")?.contains(death));
    for other in ["webhook-intake", "trigger-matcher", "run-launcher", "task-gateway"] {
        assert!(!trial.world.log(other)?.contains("was killed by signal 9"), "{other} died");
    }
    trial.end().await;
    Ok(())
}
