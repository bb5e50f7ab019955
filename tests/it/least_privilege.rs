//! R44: every role allows exactly what its function uses. That the roles suffice, every journey proves: the local stack
//! refuses what they do not allow. Here one stack plays all journeys, and what none of them used must be reviewed.
//!
//! `journeys` and `workflows` hold what is played, `reviewed` what cannot be played and why it is allowed all the same.

mod journeys;
mod reviewed;
mod workflows;

use crate::world::World;
use anyhow::Result;
use journeys::Mishaps;
use patchbay::aws::{Access, Grant};
use patchbay::template::model::Model;
use reviewed::REVIEWED;
use std::collections::BTreeSet;

/// Every action on every resource that the functions' roles allow.
fn granted(access: &Access) -> BTreeSet<Grant> {
    let mut granted = BTreeSet::new();
    for role in access.roles.values() {
        for statement in &role.statements {
            for action in &statement.actions {
                granted.extend(statement.resources.iter().map(|resource| Grant {
                    role: role.id.clone(),
                    action: action.clone(),
                    resource: resource.clone(),
                    condition: statement.condition(),
                }));
            }
        }
    }
    granted
}

/// What is allowed, but neither used nor reviewed; and what is reviewed, but used or not allowed at all.
fn breaches(access: &Access, used: &BTreeSet<Grant>) -> Vec<String> {
    let granted = granted(access);
    let reviewed =
        |grant: &Grant| REVIEWED.iter().position(|(role, action, _)| (*role == "*" || *role == grant.role) && *action == grant.action);
    let unused: Vec<&Grant> = granted.difference(used).collect();
    let superfluous = unused.iter().filter(|grant| reviewed(grant).is_none()).map(|grant| {
        format!("{grant}, and nothing uses it: take it out of template.yaml, play a journey that needs it, or review it with its reason")
    });
    let lines: BTreeSet<usize> = unused.iter().filter_map(|grant| reviewed(grant)).collect();
    let stale = (0..REVIEWED.len())
        .filter(|line| !lines.contains(line))
        .map(|line| format!("{:?} is reviewed as unused, but is used or not allowed: take the line out of reviewed.rs", REVIEWED[line]));
    superfluous.chain(stale).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_role_allows_exactly_what_its_function_uses() -> Result<()> {
    let mishaps = Mishaps::default();
    let world = World::with(|config| mishaps.arrange(config)).await?;
    journeys::play_all(&world, &mishaps).await?;
    let model: &Model = world.stack.template();
    let used: BTreeSet<Grant> = world.stack.aws().grants_used().into_keys().collect();
    let breaches = breaches(&model.access, &used);
    world.end().await;
    assert!(breaches.is_empty(), "\n  {}", breaches.join("\n  "));
    Ok(())
}

#[test]
fn a_right_that_nothing_uses_is_noticed_and_so_is_a_line_that_reviews_nothing() {
    use patchbay::aws::iam::{Role, Statement};
    let texts = |texts: &[&str]| texts.iter().map(ToString::to_string).collect::<Vec<_>>();
    let statement =
        Statement { allows: true, actions: texts(&["sqs:A", "sqs:B"]), resources: texts(&["q1", "q2"]), conditions: Vec::new() };
    let role = Role { id: "SomeRole".to_owned(), statements: vec![statement] };
    let access = Access { roles: [("some".to_owned(), role)].into(), ..Access::default() };
    let mut used = granted(&access);
    assert_eq!(used.len(), 4);
    let missing = Grant { role: "SomeRole".to_owned(), action: "sqs:B".to_owned(), resource: "q2".to_owned(), condition: String::new() };
    assert!(used.remove(&missing));
    let found = breaches(&access, &used);
    assert!(found[0].starts_with("SomeRole allows sqs:B on q2, and nothing uses it: take it out of template.yaml"), "{found:#?}");
    assert_eq!(found.len(), 1 + REVIEWED.len(), "{found:#?}");
}
