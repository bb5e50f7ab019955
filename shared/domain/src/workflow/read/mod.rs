//! Reads a configuration file: YAML to a [`Configuration`], or to everything that is wrong with it. `fields` and `values` hold
//! mappings and values against the tables of `keys`, `triggers` and `steps` make the model of them, `scope` knows which names
//! templates may use, `references` looks at what one part says about another. Where files come from is `app`'s.

mod fields;
mod foreign;
mod references;
mod scope;
mod steps;
mod triggers;
mod values;

use super::keys::{AGENT_DEFAULTS, CONCURRENCY, FILE, Kind, WORKFLOW};
use super::limits::{MAX_FILE_BYTES, MAX_NAME_CHARS, MAX_STEPS, MAX_WORKFLOWS};
use super::model::{AgentOptions, Concurrency, Configuration, Workflow};
use super::problem::{Found, Place, Problems, quoted};
use super::yaml::{self, Node, Value};
use references::Call;
use scope::Scope;

/// Reads and checks a whole file. All problems are found at once, unless the text is no YAML.
///
/// # Errors
/// Everything that is wrong, each with line, column, the line itself and what would be right.
pub fn read(text: &str) -> Result<Configuration, Problems> {
    let mut reader = Reader { found: Found::nothing(text), scope: Scope::default(), calls: Vec::new(), regexes: 0 };
    let configuration = reader.file(text);
    match reader.found.into_problems() {
        None => Ok(configuration),
        Some(problems) => Err(problems),
    }
}

/// Whether a text may name a workflow or a step.
pub fn is_name(text: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    !text.is_empty() && text.len() <= MAX_NAME_CHARS && text.chars().all(allowed)
}

/// A file under way: what is wrong so far, and what later parts have to know of earlier ones.
struct Reader<'s> {
    found: Found<'s>,
    scope: Scope,
    calls: Vec<Call>,
    regexes: usize,
}

impl Reader<'_> {
    fn problem(&mut self, place: Place, message: impl Into<String>) {
        self.found.add(place, message, None);
    }

    fn problem_with(&mut self, place: Place, message: impl Into<String>, hint: Option<String>) {
        self.found.add(place, message, hint);
    }

    fn file(&mut self, text: &str) -> Configuration {
        let start = Place { line: 1, column: 1, length: 1 };
        if text.len() > MAX_FILE_BYTES {
            let hint = "several workflows that do the same can be one with several events".to_owned();
            self.problem_with(start, format!("the file has {} bytes; at most {MAX_FILE_BYTES} are read", text.len()), Some(hint));
            return Configuration::default();
        }
        let Some(root) = yaml::parse(&mut self.found) else { return Configuration::default() };
        let Some(fields) = self.fields(&root, &FILE, FILE.name) else { return Configuration::default() };
        let defaults = match fields.node("agent") {
            Some(node) => self.agent_defaults(node),
            None => AgentOptions::default(),
        };
        let workflows = fields.node("workflows").map(|node| self.workflows(node, &defaults)).unwrap_or_default();
        self.check_calls(&workflows);
        Configuration { workflows }
    }

    fn agent_defaults(&mut self, node: &Node) -> AgentOptions {
        let Some(mut fields) = self.fields(node, &AGENT_DEFAULTS, AGENT_DEFAULTS.name) else { return AgentOptions::default() };
        self.check_paths(&fields);
        steps::agent_options(&mut fields, &AgentOptions::default())
    }

    fn workflows(&mut self, node: &Node, defaults: &AgentOptions) -> Vec<Workflow> {
        let Value::Map(entries) = &node.value else {
            self.wrong_kind(node, "`workflows`", &Kind::Workflows);
            return Vec::new();
        };
        if entries.is_empty() {
            self.problem(node.place, "`workflows` is empty; it needs at least one workflow");
        }
        if let Some(entry) = entries.get(MAX_WORKFLOWS) {
            self.problem(entry.place, format!("there are {} workflows; at most {MAX_WORKFLOWS} are read", entries.len()));
        }
        let mut workflows = Vec::new();
        for entry in entries.iter().take(MAX_WORKFLOWS) {
            if !is_name(&entry.key) {
                let message = format!("{} is no name for a workflow; expected {}", quoted(&entry.key), Kind::Name.expected());
                self.problem(entry.place, message);
            }
            workflows.extend(self.workflow(&entry.key, &entry.node, entry.place, defaults));
        }
        workflows
    }

    /// One workflow; `None` if it is no mapping.
    fn workflow(&mut self, name: &str, node: &Node, place: Place, defaults: &AgentOptions) -> Option<Workflow> {
        let title = format!("the workflow {}", quoted(name));
        let node = if node.value == Value::Null { &Node { place, value: Value::Map(Vec::new()) } } else { node };
        let mut fields = self.fields(node, &WORKFLOW, &title)?;
        let triggers = fields.node("on").map(|on| self.triggers(on)).unwrap_or_default();
        self.scope = Scope::of_workflow();
        let concurrency = fields.node("concurrency").and_then(|node| self.concurrency(node));
        let steps = fields.node("steps").map(|node| self.steps(node, name, &triggers, defaults)).unwrap_or_default();
        Some(Workflow { name: name.to_owned(), triggers, concurrency, cooldown_seconds: fields.take_seconds("cooldown"), steps })
    }

    fn concurrency(&mut self, node: &Node) -> Option<Concurrency> {
        if let Value::Scalar(scalar) = &node.value {
            let group = self.template("`concurrency`", node, scalar, &Kind::Template)?;
            return Some(Concurrency { group, cancel: false });
        }
        let mut fields = self.fields(node, &CONCURRENCY, CONCURRENCY.name)?;
        Some(Concurrency { group: fields.take_text("group")?, cancel: fields.take_flag("cancel").unwrap_or_default() })
    }

    /// The nodes of a list of steps, as many as may be.
    fn step_nodes<'n>(&mut self, node: &'n Node) -> &'n [Node] {
        let Value::List(items) = &node.value else {
            self.wrong_kind(node, "`steps`", &Kind::Steps);
            return &[];
        };
        if items.is_empty() {
            self.problem(node.place, "`steps` is empty; a workflow needs at least one step");
        }
        if let Some(item) = items.get(MAX_STEPS) {
            self.problem(item.place, format!("the workflow has {} steps; at most {MAX_STEPS} are read", items.len()));
        }
        &items[..items.len().min(MAX_STEPS)]
    }
}
