//! Whole configurations decide about events: every workflow is told of, in the file's order.

use super::super::{CompiledConfiguration, Configuration, read};
use crate::event::{Detail, Event, Manual, Provider};
use crate::ids::DeliveryId;
use crate::trigger::{Decision, Facts, Need, Permission};
use std::collections::BTreeMap;

const FILE: &str = "workflows:\n  first:\n    on: { issues: { types: opened } }\n    steps: [comment: { body: x }]\n  \
                    second:\n    on: [manual]\n    steps: [agent: { prompt: x }]\n  third:\n    on: [manual]\n    steps: [agent: { prompt: x }]\n";

fn configuration() -> Configuration {
    read(FILE).unwrap_or_else(|problems| panic!("{problems}"))
}

fn event(kind: &str, action: Option<&str>, detail: Detail) -> Event {
    Event {
        provider: Provider::Github,
        delivery: DeliveryId("d".into()),
        kind: kind.into(),
        action: action.map(str::to_owned),
        connection: None,
        actor: Some(crate::event::Actor { id: 1, login: "ada".into(), kind: crate::event::ActorKind::Person }),
        repository: None,
        subject: None,
        comment: None,
        detail,
    }
}

fn decided(event: &Event, permission: Option<Permission>) -> Vec<(String, Decision)> {
    let compiled = CompiledConfiguration::compile(&configuration()).unwrap();
    let facts = Facts { permission, ..Facts::default() };
    compiled.decide_all(event, &facts).into_iter().map(|decided| (decided.workflow, decided.decision)).collect()
}

#[test]
fn every_workflow_is_told_of_in_the_files_order() {
    let opened = decided(&event("issues", Some("opened"), Detail::None), Some(Permission::Write));
    let told: Vec<(&str, bool)> =
        opened.iter().map(|(name, decision)| (name.as_str(), matches!(decision, Decision::Starts { .. }))).collect();
    assert_eq!(told, [("first", true), ("second", false), ("third", false)]);
}

#[test]
fn what_is_not_known_is_asked_for_by_the_workflow_that_needs_it() {
    let opened = decided(&event("issues", Some("opened"), Detail::None), None);
    assert_eq!(opened[0].1, Decision::Needs(Need::Permission));
    assert!(matches!(opened[1].1, Decision::Skipped { .. }));
}

#[test]
fn what_is_started_by_name_starts_no_other_workflow() {
    let manual = Manual { workflow: "third".into(), inputs: BTreeMap::new(), depth: 0 };
    let started = decided(&event("manual", None, Detail::Manual(manual)), Some(Permission::Write));
    assert!(matches!(started[2].1, Decision::Starts { .. }), "{started:?}");
    let Decision::Skipped { reasons } = &started[1].1 else { panic!("{started:?}") };
    assert_eq!(reasons[0].sentence(), "event: `third` is not one of `second`");
}

#[test]
fn filters_that_are_wrong_do_not_compile() {
    let mut configuration = configuration();
    configuration.workflows[0].triggers[0].filters.branches = Some(vec!["main".into()]);
    let problems = CompiledConfiguration::compile(&configuration).unwrap_err();
    assert_eq!(problems[0].filter, "branches");
}
