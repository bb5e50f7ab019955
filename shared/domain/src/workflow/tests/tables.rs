//! The tables say of values what the types and the reader make of them.

use super::super::keys::{ACTIONS, AGENT_DEFAULTS, FILTERS, Key, Kind, Presence, action, filters_of};
use super::super::model::{CloseReason, Conclusion, ContextPart};
use super::super::{StepAction, read, render, template};
use crate::task::Mode;
use crate::trigger::EventKind;
use crate::trigger::kinds;
use serde::de::DeserializeOwned;
use serde_json::json;
use std::collections::BTreeSet;

/// An action's mapping with no more than it needs.
fn least(word: &str) -> &'static str {
    match word {
        "agent" => "prompt: p",
        "comment" => "body: b",
        "label" | "assign" => "add: a",
        "request_review" => "users: u",
        "check" => "name: n, conclusion: success, summary: s",
        "file" => "path: p",
        "http" => "url: 'https://example.com'",
        "run_workflow" => "workflow: m",
        "close" | "pr_context" | "commit_context" => "",
        other => panic!("a new action: {other}"),
    }
}

/// What an action's mapping becomes.
fn step(word: &str, mapping: &str) -> StepAction {
    let file = format!(
        "workflows:\n  w:\n    on: pull_request\n    steps: [{{ {word}: {{ {mapping} }} }}]\n  m:\n    on: manual\n    steps: [agent: {{ prompt: x }}]\n"
    );
    let mut configuration = read(&file).unwrap_or_else(|problems| panic!("{file}\n{problems}"));
    configuration.workflows.remove(0).steps.remove(0).action
}

#[test]
fn every_action_is_read_as_what_it_is_called() {
    for action in &ACTIONS {
        assert_eq!(step(action.word, least(action.word)).name(), action.word);
    }
}

#[test]
fn what_is_left_out_is_what_the_table_says() {
    for action in &ACTIONS {
        let plain = step(action.word, least(action.word));
        for key in action.mapping.keys {
            let Presence::Default(value) = key.presence else { continue };
            let mapping = format!("{}, {}: {value}", least(action.word), key.name);
            assert_eq!(step(action.word, mapping.trim_start_matches(", ")), plain, "{} {}", action.word, key.name);
        }
    }
}

#[test]
fn words_are_those_of_the_types() {
    fn are<T: DeserializeOwned>(key: &Key) {
        let (Kind::Word(words) | Kind::Words(words)) = &key.kind else { panic!("{} is no word", key.name) };
        for word in *words {
            assert!(serde_json::from_value::<T>(json!(word)).is_ok(), "{} {word}", key.name);
        }
    }
    let key = |word: &str, name: &str| action(word).and_then(|action| action.mapping.keys.iter().find(|key| key.name == name)).unwrap();
    are::<Mode>(key("agent", "mode"));
    are::<CloseReason>(key("close", "reason"));
    are::<ContextPart>(key("pr_context", "include"));
    are::<ContextPart>(key("commit_context", "include"));
    for conclusion in ["success", "failure", "neutral", "cancelled", "skipped", "timed_out", "action_required"] {
        assert!(serde_json::from_value::<Conclusion>(json!(conclusion)).is_ok(), "{conclusion}");
        step("check", &format!("name: n, summary: s, conclusion: {conclusion}"));
    }
}

#[test]
fn what_is_included_is_an_output() {
    for word in ["pr_context", "commit_context"] {
        let action = action(word).unwrap();
        let include = action.mapping.keys.iter().find(|key| key.name == "include").unwrap();
        let Kind::Words(parts) = &include.kind else { panic!() };
        assert!(parts.iter().all(|part| action.outputs.iter().any(|(output, _)| output == part)), "{word}");
    }
}

#[test]
fn filters_are_those_that_triggers_know() {
    let names = |keys: &[Key]| keys.iter().map(|key| key.name).collect::<BTreeSet<_>>();
    assert_eq!(names(FILTERS.keys), kinds::FILTERS.into_iter().collect());
    for event in EventKind::ALL {
        assert_eq!(filters_of(event).count(), kinds::rules(event).filters.len(), "{}", event.as_str());
    }
}

#[test]
fn the_agents_defaults_are_keys_of_its_step() {
    let step = action("agent").unwrap();
    assert!(AGENT_DEFAULTS.keys.iter().all(|key| step.mapping.keys.iter().any(|own| own.name == key.name && own.about == key.about)));
}

#[test]
fn every_filter_that_is_listed_is_there() {
    for filter in template::FILTERS {
        let told = render(&format!("{{{{ 'a' | {filter} }}}}"), &json!({})).err().map(|error| error.message).unwrap_or_default();
        assert!(!told.contains("unknown"), "{filter}: {told}");
    }
}
