//! Decisions with what somebody says about an event beyond its payload: who may what, which files were changed, who belongs to
//! which team. What nobody says stays open; nothing is guessed but what stands in the payload.

use patchbay_domain::event::{Detail, Event};
use patchbay_domain::trigger::{ChangedPaths, Decision, Facts, Need, Permission, Reason, team_key};
use patchbay_domain::workflow::CompiledConfiguration;
use std::collections::{BTreeMap, BTreeSet};

/// What is said about an event.
#[derive(Clone, Debug)]
pub struct Known {
    /// What the actor may do in the repository.
    pub permission: Permission,
    /// The changed files; `None` leaves them to the payload.
    pub files: Option<Vec<String>>,
    /// The teams that the actor belongs to, and no others (`organisation/team`); `None` if nobody says.
    pub teams: Option<BTreeSet<String>>,
}

/// What would become of a workflow.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    pub workflow: String,
    pub outcome: Outcome,
}

/// What would become of one workflow for one event.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    Starts {
        reasons: Vec<Reason>,
    },
    Skipped {
        reasons: Vec<Reason>,
    },
    /// It depends on what nobody said.
    Open {
        need: Need,
    },
}

impl Known {
    /// Somebody of that permission, and nothing else.
    pub fn with_permission(permission: Permission) -> Self {
        Self { permission, files: None, teams: None }
    }

    /// The files as they are said, or else as the payload of a push lists them.
    pub fn files_of(&self, event: &Event) -> Option<Vec<String>> {
        let listed = || match &event.detail {
            Detail::Push(push) => push.paths.clone(),
            _ => None,
        };
        self.files.clone().or_else(listed)
    }

    /// Decides about every workflow, in the file's order.
    pub fn decide_all(&self, configuration: &CompiledConfiguration, event: &Event) -> Vec<Verdict> {
        let mut facts = Facts {
            permission: Some(self.permission),
            changed_paths: self.files_of(event).map(ChangedPaths::Known),
            teams: BTreeMap::new(),
            ..Facts::default()
        };
        loop {
            let decided = configuration.decide_all(event, &facts);
            let asked_for = decided.iter().filter_map(|decided| match &decided.decision {
                Decision::Needs(Need::Team { organisation, team }) => Some(team_key(organisation, team)),
                _ => None,
            });
            let learned: BTreeMap<String, bool> = match &self.teams {
                Some(teams) => asked_for.map(|team| (team.clone(), teams.contains(&team))).collect(),
                None => BTreeMap::new(),
            };
            if learned.is_empty() {
                return decided
                    .into_iter()
                    .map(|decided| Verdict { workflow: decided.workflow, outcome: decided.decision.into() })
                    .collect();
            }
            facts.teams.extend(learned);
        }
    }
}

impl From<Decision> for Outcome {
    fn from(decision: Decision) -> Self {
        match decision {
            Decision::Starts { reasons } => Outcome::Starts { reasons },
            Decision::Skipped { reasons } => Outcome::Skipped { reasons },
            Decision::Needs(need) => Outcome::Open { need },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::payload::parse_payload;
    use super::*;
    use patchbay_domain::trigger::EventKind;
    use patchbay_domain::workflow::read;
    use serde_json::json;

    fn outcomes(on: &str, event: &Event, known: &Known) -> Vec<Outcome> {
        let file = format!("workflows:\n  w:\n    on: {on}\n    steps: [agent: {{ prompt: x }}]\n");
        let configuration = CompiledConfiguration::compile(&read(&file).unwrap_or_else(|problems| panic!("{problems}"))).unwrap();
        known.decide_all(&configuration, event).into_iter().map(|verdict| verdict.outcome).collect()
    }

    fn push(commits: serde_json::Value) -> Event {
        let payload = json!({
            "ref": "refs/heads/main", "before": "1".repeat(40), "after": "2".repeat(40), "commits": commits,
            "sender": { "id": 1, "login": "ada", "type": "User" },
        });
        parse_payload(EventKind::Push, "p.json", payload.to_string().as_bytes()).unwrap()
    }

    #[test]
    fn files_are_those_that_are_said_then_those_of_the_payload_then_open() {
        let listed = push(json!([{ "id": "2".repeat(40), "added": ["docs/a.md"], "removed": [], "modified": [] }]));
        let on = "{ push: { paths: ['docs/**'] } }";
        let mut known = Known::with_permission(Permission::Write);
        assert!(matches!(outcomes(on, &listed, &known)[0], Outcome::Starts { .. }));
        assert_eq!(outcomes(on, &push(json!([])), &known)[0], Outcome::Open { need: Need::ChangedPaths });
        known.files = Some(vec!["src/a.rs".to_owned()]);
        assert!(matches!(outcomes(on, &listed, &known)[0], Outcome::Skipped { .. }));
    }

    #[test]
    fn teams_that_are_said_are_all_there_are() {
        let on = "{ push: { authors: ['@acme/docs'] } }";
        let event = push(json!([]));
        let mut known = Known::with_permission(Permission::Read);
        let need = Need::Team { organisation: "acme".into(), team: "docs".into() };
        assert_eq!(outcomes(on, &event, &known)[0], Outcome::Open { need });
        known.teams = Some(BTreeSet::from(["acme/docs".to_owned()]));
        assert!(matches!(outcomes(on, &event, &known)[0], Outcome::Starts { .. }));
        known.teams = Some(BTreeSet::new());
        assert!(matches!(outcomes(on, &event, &known)[0], Outcome::Skipped { .. }));
    }
}
