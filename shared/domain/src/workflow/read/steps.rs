//! Steps: what all have in common, and the one action of each. What their values have to be is `keys`' and `values`'; here they
//! become the model, and what one key says about another is checked.

use super::super::keys::{ACTIONS, Action, Kind, STEP, action, one_of};
use super::super::limits::MAX_OUTPUT_CHARS;
use super::super::model::{
    AgentOptions, AgentStep, AssignStep, CheckStep, CloseReason, CloseStep, CommentStep, CommitContextStep, ContextPart, FileStep,
    HttpStep, LabelStep, PrContextStep, RequestReviewStep, RunWorkflowStep, Step, StepAction,
};
use super::super::problem::{either, quoted};
use super::super::yaml::{Entry, Node, Value};
use super::Reader;
use super::fields::Fields;
use super::references::Call;
use super::scope::Scope;
use crate::change_set::check_path;
use crate::task::Mode;
use crate::trigger::{PatternList, Trigger};

impl Reader<'_> {
    /// The steps of the workflow `name`.
    pub(super) fn steps(&mut self, node: &Node, name: &str, triggers: &[Trigger], defaults: &AgentOptions) -> Vec<Step> {
        let items = self.step_nodes(node);
        let id_of = |item: &Node| match item.get("id").map(|id| &id.value) {
            Some(Value::Scalar(id)) => Some(id.text.clone()),
            _ => None,
        };
        self.scope = Scope::of_steps(items.iter().filter_map(id_of).collect());
        let mut steps = Vec::new();
        for item in items {
            let Value::Map(entries) = &item.value else {
                self.problem(item.place, format!("a step is a mapping with one of {}, but this is {}", action_words(), item.kind()));
                continue;
            };
            steps.extend(self.step(item, entries, name, triggers, defaults));
        }
        steps
    }

    fn step(&mut self, node: &Node, entries: &[Entry], workflow: &str, triggers: &[Trigger], defaults: &AgentOptions) -> Option<Step> {
        let (actions, others): (Vec<&Entry>, Vec<&Entry>) = entries.iter().partition(|entry| action(&entry.key).is_some());
        let common_words = STEP.keys.iter().map(|key| key.name);
        let words: Vec<&'static str> = common_words.chain(ACTIONS.iter().map(|action| action.word)).collect();
        let told = self.found.count();
        let mut common = self.fields_of(others.into_iter(), node.place, &STEP, STEP.name, &words);
        let [entry] = actions.as_slice() else {
            match actions.get(1) {
                Some(second) => {
                    let message = format!("a step does one thing; `{}` belongs into a step of its own", second.key);
                    self.problem(second.place, message);
                }
                // An unknown key has been told already, and was probably meant to be the action.
                None if self.found.count() == told => {
                    self.problem(node.place, format!("the step does nothing; it needs one of {}", action_words()))
                }
                None => {}
            }
            return None;
        };
        let known = action(&entry.key)?;
        let action = self.action(known, entry, workflow, defaults);
        let conditional = common.has("if");
        let id = common.take_text("id");
        if let Some(id) = &id {
            if self.scope.knows(id) {
                self.problem(common.place_of_value("id", None), format!("an earlier step has the id {} already", quoted(id)));
            }
            self.scope.add(id.clone(), known);
        }
        if !conditional {
            self.check_target(known, entry, triggers);
        }
        Some(Step {
            id,
            condition: common.take_text("if"),
            continue_on_error: common.take_flag("continue_on_error").unwrap_or_default(),
            timeout_seconds: common.take_seconds("timeout"),
            action: action?,
        })
    }

    /// The action of a step; `None` if something it needs is wrong.
    fn action(&mut self, action: &'static Action, entry: &Entry, workflow: &str, defaults: &AgentOptions) -> Option<StepAction> {
        let bare = Node { place: entry.place, value: Value::Map(Vec::new()) };
        let left_out = entry.node.value == Value::Null;
        if left_out && !action.may_be_bare() {
            self.wrong_kind(&Node { place: entry.place, value: Value::Null }, action.mapping.name, &Kind::Mapping(&action.mapping));
            return None;
        }
        let node = if left_out { &bare } else { &entry.node };
        let mut fields = self.fields(node, &action.mapping, action.mapping.name)?;
        if let Some(keys) = one_of(action.word)
            && !keys.iter().any(|key| fields.has(key))
        {
            self.problem(entry.place, format!("{} does nothing; it needs {}", action.mapping.name, either(keys)));
        }
        match action.word {
            "agent" => self.agent(&mut fields, defaults).map(StepAction::Agent),
            "check" => self.check(&mut fields).map(StepAction::Check),
            "http" => self.http(&mut fields).map(StepAction::Http),
            "run_workflow" => {
                let workflow_to = fields.take_text("workflow")?;
                let place = fields.place_of_value("workflow", None);
                self.calls.push(Call { from: workflow.to_owned(), to: workflow_to.clone(), place });
                Some(StepAction::RunWorkflow(RunWorkflowStep { workflow: workflow_to, inputs: fields.take_pairs("inputs") }))
            }
            word => simple_action(word, &mut fields),
        }
    }

    fn agent(&mut self, fields: &mut Fields<'_>, defaults: &AgentOptions) -> Option<AgentStep> {
        self.check_paths(fields);
        let mode = match fields.take_text("mode").as_deref() {
            Some("ask") => Mode::Ask,
            Some("change") => Mode::Change,
            _ => Mode::Auto,
        };
        let status = fields.take_flag("status");
        let prompt = fields.take_text("prompt");
        let options = agent_options(fields, defaults);
        Some(AgentStep { mode, prompt: prompt?, options, status })
    }

    /// Checks the paths under `read` and the patterns under `paths`.
    pub(super) fn check_paths(&mut self, fields: &Fields<'_>) {
        for (index, path) in fields.texts("read").iter().enumerate() {
            if let Err(why) = check_path(path) {
                let place = fields.place_of_value("read", Some(index));
                self.problem(place, format!("{} cannot be read: it {why}", quoted(path)));
            }
        }
        if let Err(wrong) = PatternList::parse(fields.texts("paths"))
            && fields.has("paths")
        {
            for (index, error) in wrong {
                self.problem(fields.place_of_value("paths", Some(index)), error.to_string());
            }
        }
    }

    fn check(&mut self, fields: &mut Fields<'_>) -> Option<CheckStep> {
        const WORDS: [&str; 7] = ["success", "failure", "neutral", "cancelled", "skipped", "timed_out", "action_required"];
        let name = fields.take_text("name");
        let conclusion = fields.take_text("conclusion");
        if let Some(conclusion) = &conclusion
            && !conclusion.contains('{')
            && !WORDS.contains(&conclusion.trim())
        {
            let message = format!("a check cannot end as {}; its `conclusion` has to be {}", quoted(conclusion), either(WORDS));
            self.problem(fields.place_of_value("conclusion", None), message);
        }
        let summary = fields.take_text("summary");
        Some(CheckStep {
            name: name?,
            conclusion: conclusion?,
            title: fields.take_text("title"),
            summary: summary?,
            annotations: fields.take_text("annotations"),
            sha: fields.take_text("sha"),
        })
    }

    fn http(&mut self, fields: &mut Fields<'_>) -> Option<HttpStep> {
        let headers = fields.take_pairs("headers");
        for name in headers.keys().filter(|name| is_reserved_header(name)) {
            let message = format!("the header `{name}` is set by Patchbay and cannot be written here");
            self.problem(fields.place_of("headers"), message);
        }
        let url = fields.take_text("url")?;
        if let Err(message) = check_url(&url) {
            self.problem(fields.place_of_value("url", None), message);
        }
        Some(HttpStep {
            url,
            headers,
            inputs: fields.take_pairs("inputs"),
            retries: fields.take_whole("retries").unwrap_or(DEFAULT_RETRIES),
            wait: fields.take_flag("wait").unwrap_or_default(),
        })
    }
}

/// The default that the table of keys names.
const DEFAULT_RETRIES: u32 = 3;

/// The options that a mapping gives, and the defaults for the others.
pub(super) fn agent_options(fields: &mut Fields<'_>, defaults: &AgentOptions) -> AgentOptions {
    let defaults = defaults.clone();
    AgentOptions {
        model: fields.take_text("model").or(defaults.model),
        budget_microusd: fields.take_microusd("budget").or(defaults.budget_microusd),
        deadline_seconds: fields.take_seconds("deadline").or(defaults.deadline_seconds),
        image: fields.take_text("image").or(defaults.image),
        read: fields.take_texts("read").unwrap_or(defaults.read),
        paths: fields.take_texts("paths").unwrap_or(defaults.paths),
        base: fields.take_text("base").or(defaults.base),
        draft: fields.take_flag("draft").unwrap_or(defaults.draft),
        setup: fields.take_texts("setup").unwrap_or(defaults.setup),
        verify: fields.take_text("verify").or(defaults.verify),
    }
}

/// Actions that only take their values over.
fn simple_action(word: &str, fields: &mut Fields<'_>) -> Option<StepAction> {
    let number = fields.take_text("number");
    Some(match word {
        "comment" => StepAction::Comment(CommentStep { body: fields.take_text("body")?, key: fields.take_text("key"), number }),
        "label" => StepAction::Label(LabelStep { add: list(fields, "add"), remove: list(fields, "remove"), number }),
        "assign" => StepAction::Assign(AssignStep { add: list(fields, "add"), remove: list(fields, "remove"), number }),
        "request_review" => {
            StepAction::RequestReview(RequestReviewStep { users: list(fields, "users"), teams: list(fields, "teams"), number })
        }
        "close" => {
            let not_planned = fields.take_text("reason").is_some_and(|reason| reason == "not_planned");
            StepAction::Close(CloseStep { reason: if not_planned { CloseReason::NotPlanned } else { CloseReason::Completed }, number })
        }
        "pr_context" => {
            use ContextPart::{Comments, Commits, Diff, Files, Reviews};
            let include = parts(fields, &[Diff, Files, Comments, Reviews, Commits]);
            StepAction::PrContext(PrContextStep { include, max_chars: max_chars(fields), number })
        }
        "commit_context" => StepAction::CommitContext(CommitContextStep {
            include: parts(fields, &[ContextPart::Diff, ContextPart::Files]),
            max_chars: max_chars(fields),
            sha: fields.take_text("sha"),
        }),
        "file" => {
            StepAction::File(FileStep { path: fields.take_text("path")?, git_ref: fields.take_text("ref"), max_chars: max_chars(fields) })
        }
        _ => return None,
    })
}

fn list(fields: &mut Fields<'_>, key: &str) -> Vec<String> {
    fields.take_texts(key).unwrap_or_default()
}

fn max_chars(fields: &mut Fields<'_>) -> u32 {
    fields.take_whole("max_chars").unwrap_or(MAX_OUTPUT_CHARS as u32)
}

/// The parts that `include` names, each once; all of them if it is absent.
fn parts(fields: &mut Fields<'_>, all: &[ContextPart]) -> Vec<ContextPart> {
    let Some(words) = fields.take_texts("include") else { return all.to_vec() };
    let word = |part: &ContextPart| match part {
        ContextPart::Diff => "diff",
        ContextPart::Files => "files",
        ContextPart::Comments => "comments",
        ContextPart::Reviews => "reviews",
        ContextPart::Commits => "commits",
    };
    all.iter().copied().filter(|part| words.iter().any(|named| named == word(part))).collect()
}

fn action_words() -> String {
    either(ACTIONS.iter().map(|action| action.word))
}

/// Headers that say who called, what was sent, and how.
fn is_reserved_header(name: &str) -> bool {
    let name = name.to_lowercase();
    name.starts_with("webhook-")
        || matches!(name.as_str(), "host" | "content-length" | "content-type" | "transfer-encoding" | "connection" | "user-agent")
}

/// Checks the address of an `http` step; which hosts may be called is decided when it is.
fn check_url(url: &str) -> Result<(), String> {
    let Some((scheme, rest)) = url.split_once("://") else {
        return Err(format!("{} is no address; write one like `https://example.com/hook`", quoted(url)));
    };
    if scheme != "https" && scheme != "http" {
        return Err(format!("an address starts with `https://`, not with {}", quoted(&format!("{scheme}://"))));
    }
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.contains('@') {
        return Err(
            "an address with a password in it is read by everybody who reads the file; use a header that is worth nothing elsewhere"
                .to_owned(),
        );
    }
    let host = authority.split(':').next().unwrap_or_default();
    if host.is_empty() || url.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err(format!("{} is no address; write one like `https://example.com/hook`", quoted(url)));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_checked() {
        for url in ["https://example.com", "https://example.com:8443/a?b=c#d", "http://127.0.0.1:9/hook", "https://[::1]/x"] {
            assert_eq!(check_url(url), Ok(()), "{url}");
        }
        for url in [
            "example.com",
            "ftp://example.com",
            "https://",
            "https:///x",
            "https://user:pass@example.com",
            "https://exa mple.com",
            "https://a\n.b",
        ] {
            assert!(check_url(url).is_err(), "{url}");
        }
    }
}
