//! What templates and conditions see: `event`, always of the same shape, and `steps`. Text that people wrote is cut and freed of what
//! does not show (R27). Which names there are is `names`'; how a step gets its outputs is `app`'s.

use super::limits::MAX_OUTPUT_CHARS;
use super::model::StepAction;
use super::names::{EVENT, Holds};
use super::template::cut_text;
use crate::event::{Actor, Check, Comment, Deployment, Detail, Event, Push, RefKind, Release, Subject, SubjectKind};
use crate::text::strip_hidden;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// How a step ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Success,
    Failure,
    Skipped,
}

/// What later steps see of a step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepOutputs {
    pub outcome: Outcome,
    /// By name; texts, numbers, booleans or nothing.
    pub outputs: BTreeMap<String, Value>,
}

impl StepOutputs {
    /// The outputs of a step that does `action`: those that it has not given are there as empty text, so that a condition
    /// about a step that was skipped is false and no error. Texts are cut.
    pub fn of(action: &StepAction, outcome: Outcome, given: BTreeMap<String, Value>) -> Self {
        let mut outputs = given;
        for output in outputs.values_mut() {
            if let Value::String(text) = output {
                *text = cut_text(text, MAX_OUTPUT_CHARS);
            }
        }
        let known = super::keys::action(action.name()).map_or(&[][..], |action| action.outputs);
        for (name, _) in known {
            outputs.entry((*name).to_owned()).or_insert_with(|| Value::String(String::new()));
        }
        Self { outcome, outputs }
    }
}

/// Everything that a template sees: `event` as [`event_context`] made it, and the steps that have an id and are over.
pub fn context(event: &Value, steps: impl IntoIterator<Item = (String, StepOutputs)>) -> Value {
    let steps: Map<String, Value> =
        steps.into_iter().map(|(id, step)| (id, json!({ "outcome": step.outcome, "outputs": step.outputs }))).collect();
    json!({ "event": event, "steps": steps })
}

/// The event as templates see it. Every name is there for every event; what an event does not have is `null`, an empty
/// list or an empty mapping. Texts are without hidden characters and HTML comments (R27), and cut to
/// [`MAX_OUTPUT_CHARS`].
pub fn event_context(event: &Event) -> Value {
    let mut names = Names::default();
    names.set("kind", event.kind.as_str());
    names.text("action", event.action.as_deref());
    names.set("delivery", event.delivery.as_str());
    names.text("sha", commit_of(event));
    names.text("actor.login", event.actor.as_ref().map(|actor| actor.login.as_str()));
    names.set("actor.id", event.actor.as_ref().map(|actor| actor.id));
    if let Some(repository) = &event.repository {
        names.text("repository.owner", Some(&repository.owner));
        names.text("repository.name", Some(&repository.name));
        names.text("repository.full_name", Some(&repository.full_name()));
        names.text("repository.default_branch", repository.default_branch.as_deref());
    }
    if let Some(subject) = &event.subject {
        set_subject(&mut names, subject);
    }
    if let Some(comment) = &event.comment {
        set_comment(&mut names, comment);
    }
    set_detail(&mut names, &event.detail);
    names.into_value()
}

/// The commit that an event is about, if it says one.
pub fn commit_of(event: &Event) -> Option<&str> {
    match &event.detail {
        Detail::Push(push) if !push.deleted => Some(&push.after),
        Detail::Deployment(deployment) => Some(&deployment.sha),
        Detail::Check(check) => Some(&check.head_sha),
        _ => event.subject.as_ref()?.refs.as_ref().map(|refs| refs.head_sha.as_str()),
    }
}

fn set_subject(names: &mut Names, subject: &Subject) {
    let kind = match subject.kind {
        SubjectKind::Issue => "issue",
        SubjectKind::PullRequest => "pull_request",
        SubjectKind::Discussion => "discussion",
    };
    names.set("subject.kind", kind);
    names.set("subject.number", subject.number);
    names.text("subject.title", Some(&subject.title));
    names.text("subject.body", Some(&subject.body));
    names.text("subject.url", Some(&subject.url));
    names.text("subject.author", login(subject.author.as_ref()));
    names.set("subject.labels", subject.labels.iter().map(|label| shown(label)).collect::<Vec<_>>());
    names.set("subject.draft", subject.draft);
    names.set("subject.open", subject.open);
    names.text("subject.head", subject.refs.as_ref().map(|refs| refs.head_branch.as_str()));
    names.text("subject.base", subject.refs.as_ref().map(|refs| refs.base_branch.as_str()));
}

fn set_comment(names: &mut Names, comment: &Comment) {
    names.set("comment.id", comment.id);
    names.text("comment.body", Some(&comment.body));
    names.text("comment.url", Some(&comment.url));
    names.text("comment.author", login(comment.author.as_ref()));
}

fn set_detail(names: &mut Names, detail: &Detail) {
    match detail {
        Detail::None | Detail::Installation(_) | Detail::DefaultBranch { .. } => {}
        Detail::Label { name } => names.text("label", Some(name)),
        Detail::Review { state } => names.text("review.state", Some(state)),
        Detail::Push(push) => set_push(names, push),
        Detail::Release(release) => set_release(names, release),
        Detail::Deployment(deployment) => set_deployment(names, deployment),
        Detail::Check(check) => set_check(names, check),
        Detail::Ref(change) => {
            names.text("ref.name", Some(&change.name));
            names.set(
                "ref.kind",
                match change.kind {
                    RefKind::Branch => "branch",
                    RefKind::Tag => "tag",
                },
            );
        }
        Detail::Schedule { cron, at } => {
            names.text("schedule.cron", Some(cron));
            names.set("schedule.at", at.to_string());
        }
        Detail::Manual(manual) => {
            let inputs: Map<String, Value> = manual.inputs.iter().map(|(name, value)| (name.clone(), shown(value).into())).collect();
            names.set("inputs", inputs);
        }
    }
}

fn set_push(names: &mut Names, push: &Push) {
    names.text("push.ref", Some(&push.full_ref));
    names.text("push.branch", push.full_ref.strip_prefix("refs/heads/"));
    names.text("push.tag", push.full_ref.strip_prefix("refs/tags/"));
    names.text("push.before", Some(&push.before));
    names.text("push.after", Some(&push.after));
    names.set("push.commits", push.commit_count);
    names.text("push.pusher", Some(&push.pusher));
    names.set("push.forced", push.forced);
    names.set("push.deleted", push.deleted);
}

fn set_release(names: &mut Names, release: &Release) {
    names.text("release.tag", Some(&release.tag));
    names.text("release.name", Some(&release.name));
    names.text("release.body", Some(&release.body));
    names.text("release.url", Some(&release.url));
    names.text("release.target", Some(&release.target));
    names.set("release.draft", release.draft);
    names.set("release.prerelease", release.prerelease);
}

fn set_deployment(names: &mut Names, deployment: &Deployment) {
    names.set("deployment.id", deployment.id);
    names.text("deployment.environment", Some(&deployment.environment));
    names.text("deployment.ref", Some(&deployment.git_ref));
    names.text("deployment.sha", Some(&deployment.sha));
    names.text("deployment.state", deployment.state.as_deref());
    names.text("deployment.url", deployment.url.as_deref());
}

fn set_check(names: &mut Names, check: &Check) {
    names.set("check.id", check.id);
    names.text("check.name", Some(&check.name));
    names.text("check.conclusion", check.conclusion.as_deref());
    names.text("check.head_branch", check.head_branch.as_deref());
    names.text("check.head_sha", Some(&check.head_sha));
    names.text("check.url", Some(&check.url));
    names.set("check.pull_requests", check.pull_requests.clone());
}

fn login(actor: Option<&Actor>) -> Option<&str> {
    actor.map(|actor| actor.login.as_str())
}

/// A text of the event as templates see it.
fn shown(text: &str) -> String {
    cut_text(&strip_hidden(text), MAX_OUTPUT_CHARS)
}

/// The values that an event has, by the paths of [`EVENT`].
#[derive(Default)]
struct Names(BTreeMap<&'static str, Value>);

impl Names {
    fn set(&mut self, path: &'static str, value: impl Into<Value>) {
        self.0.insert(path, value.into());
    }

    fn text(&mut self, path: &'static str, text: Option<&str>) {
        self.set(path, text.map(shown));
    }

    /// The whole of `event`: these values, and nothing where there is none.
    fn into_value(mut self) -> Value {
        let mut root = Map::new();
        for name in &EVENT {
            let empty = match name.holds {
                Holds::List => json!([]),
                Holds::Open => json!({}),
                Holds::Text | Holds::Number | Holds::Flag => Value::Null,
            };
            let value = self.0.remove(name.path).unwrap_or(empty);
            match name.path.split_once('.') {
                None => _ = root.insert(name.path.to_owned(), value),
                Some((outer, inner)) => {
                    let outer = root.entry(outer).or_insert_with(|| Value::Object(Map::new()));
                    if let Value::Object(outer) = outer {
                        outer.insert(inner.to_owned(), value);
                    }
                }
            }
        }
        debug_assert!(self.0.is_empty(), "not in the table of names: {:?}", self.0.keys());
        Value::Object(root)
    }
}
