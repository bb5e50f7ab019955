//! The file's keys: for every mapping which there are, what their values have to be, what is taken when they are absent. The reader, the
//! JSON Schema and the reference pages are all made from these tables. What the values become is `read`'s.

mod actions;
mod filters;

pub(super) use actions::{ACTIONS, Action, Target, action, one_of};
pub(super) use filters::{FILTERS, filters_of};

use super::limits::{
    MAX_BUDGET_MICROUSD, MAX_CONDITION_CHARS, MAX_COOLDOWN_SECONDS, MAX_DEADLINE_SECONDS, MAX_ENTRIES, MAX_NAME_CHARS, MAX_PATTERN_CHARS,
    MAX_PATTERNS, MAX_REGEX_CHARS, MAX_STEPS, MAX_TEMPLATE_CHARS, MAX_TEXT_CHARS, MAX_TIMEOUT_SECONDS, MAX_WORKFLOWS,
};

/// A mapping of the file: what it is called in messages, and its keys.
#[derive(Debug)]
pub(super) struct Mapping {
    pub(super) name: &'static str,
    pub(super) keys: &'static [Key],
}

/// A key with the value that it wants.
#[derive(Debug)]
pub(super) struct Key {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) presence: Presence,
    /// What it does: a sentence for the reference page and for editors.
    pub(super) about: &'static str,
}

/// Whether a key has to be there, and what is taken if it is not.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Presence {
    Required,
    Optional,
    /// The value that is taken, as the file would write it.
    Default(&'static str),
}

/// What a value has to be.
#[derive(Debug)]
pub(super) enum Kind {
    /// Literal text.
    Text,
    /// A shell command.
    Command,
    /// Text that MiniJinja renders.
    Template,
    /// A MiniJinja expression, without braces.
    Condition,
    /// A name for a workflow or step.
    Name,
    Flag,
    Whole {
        min: u32,
        max: u32,
    },
    /// Seconds.
    Duration {
        min: u32,
        max: u32,
    },
    Money,
    /// One of these.
    Word(&'static [&'static str]),
    /// A list of these, or one of them.
    Words(&'static [&'static str]),
    /// A list of literal texts, or one of them.
    Texts,
    /// A list of templates, or one of them.
    Templates,
    /// A list of filter patterns (or of words that are compared like them), or one of them.
    Patterns,
    /// A regular expression.
    Regex,
    /// Names with literal values; the values are templates.
    TemplateMap,
    /// A mapping with keys of its own.
    Mapping(&'static Mapping),
    /// `concurrency`: a mapping, or its group alone.
    Concurrency,
    /// `on`: events with their filters.
    Triggers,
    /// Steps, in their order.
    Steps,
    /// Workflows by name.
    Workflows,
}

impl Kind {
    /// What is right, for messages and reference pages.
    pub(super) fn expected(&self) -> String {
        use super::amounts::{duration_text, money_text};
        match self {
            Kind::Text => "text".to_owned(),
            Kind::Command => "a shell command".to_owned(),
            Kind::Template => "text (a template)".to_owned(),
            Kind::Condition => "an expression".to_owned(),
            Kind::Name => format!("a name (letters, digits, `_`, `-`; at most {MAX_NAME_CHARS})"),
            Kind::Flag => "`true` or `false`".to_owned(),
            Kind::Whole { min, max } => format!("a whole number from {min} to {max}"),
            Kind::Duration { min, max } => format!("a duration like `20m`, from {} to {}", duration_text(*min), duration_text(*max)),
            Kind::Money => format!("an amount like `1.50 USD`, at most {}", money_text(MAX_BUDGET_MICROUSD)),
            Kind::Word(words) => super::problem::either(words.iter().copied()),
            Kind::Words(words) => format!("a list of {}", super::problem::either(words.iter().copied())),
            Kind::Texts => "a list of texts".to_owned(),
            Kind::Templates => "a list of texts (templates)".to_owned(),
            Kind::Patterns => "a list of patterns".to_owned(),
            Kind::Regex => "a regular expression".to_owned(),
            Kind::TemplateMap => "a mapping of names to texts (templates)".to_owned(),
            Kind::Mapping(mapping) => format!("a mapping ({})", super::problem::either(mapping.keys.iter().map(|key| key.name))),
            Kind::Concurrency => "a mapping (`group` or `cancel`), or the group alone".to_owned(),
            Kind::Triggers => "a mapping of events to their filters".to_owned(),
            Kind::Steps => "a list of steps".to_owned(),
            Kind::Workflows => "a mapping of names to workflows".to_owned(),
        }
    }

    /// The most characters of one text.
    pub(super) fn max_chars(&self) -> usize {
        match self {
            Kind::Template | Kind::Templates | Kind::TemplateMap => MAX_TEMPLATE_CHARS,
            Kind::Condition => MAX_CONDITION_CHARS,
            Kind::Patterns => MAX_PATTERN_CHARS,
            Kind::Regex => MAX_REGEX_CHARS,
            Kind::Name => MAX_NAME_CHARS,
            _ => MAX_TEXT_CHARS,
        }
    }

    /// The most entries of a list or mapping.
    pub(super) fn max_entries(&self) -> usize {
        match self {
            Kind::Patterns => MAX_PATTERNS,
            Kind::Steps => MAX_STEPS,
            Kind::Workflows => MAX_WORKFLOWS,
            _ => MAX_ENTRIES,
        }
    }
}

const fn required(name: &'static str, kind: Kind, about: &'static str) -> Key {
    Key { name, kind, presence: Presence::Required, about }
}

const fn optional(name: &'static str, kind: Kind, about: &'static str) -> Key {
    Key { name, kind, presence: Presence::Optional, about }
}

const fn default(name: &'static str, kind: Kind, value: &'static str, about: &'static str) -> Key {
    Key { name, kind, presence: Presence::Default(value), about }
}

/// The whole file.
pub(super) static FILE: Mapping = Mapping {
    name: "the file",
    keys: &[
        optional("agent", Kind::Mapping(&AGENT_DEFAULTS), "What holds for every agent step that does not say otherwise."),
        required("workflows", Kind::Workflows, "The workflows, by name."),
    ],
};

/// One workflow.
pub(super) static WORKFLOW: Mapping = Mapping {
    name: "a workflow",
    keys: &[
        required("on", Kind::Triggers, "The events that start it, each with its filters; also one event's name, or a list of names."),
        optional("concurrency", Kind::Concurrency, "Runs of the same group are not at work at the same time."),
        optional(
            "cooldown",
            Kind::Duration { min: 1, max: MAX_COOLDOWN_SECONDS },
            "At least so long between two starts for the same thread or branch; an event in between waits, and a newer one takes its place.",
        ),
        required("steps", Kind::Steps, "What is done, in this order."),
    ],
};

/// `concurrency`.
pub(super) static CONCURRENCY: Mapping = Mapping {
    name: "`concurrency`",
    keys: &[
        required("group", Kind::Template, "The group's name, for example with the thread's number in it."),
        default("cancel", Kind::Flag, "false", "Whether a new run ends the one before; else it waits for it."),
    ],
};

/// What every step has besides its action.
pub(super) static STEP: Mapping = Mapping {
    name: "a step",
    keys: &[
        optional("id", Kind::Name, "The name by which later steps read its outputs: `steps.<id>.outputs.…`."),
        optional("if", Kind::Condition, "The step is skipped when this is false."),
        default("continue_on_error", Kind::Flag, "false", "Whether the workflow goes on when the step fails."),
        optional("timeout", Kind::Duration { min: 1, max: MAX_TIMEOUT_SECONDS }, "How long it may take; each action has a default."),
    ],
};

/// `agent` at the top of the file.
pub(super) static AGENT_DEFAULTS: Mapping = Mapping { name: "`agent`", keys: &AGENT_OPTIONS };

/// What an agent step and the file's `agent` have in common.
const AGENT_OPTIONS: [Key; 10] = [
    optional("model", Kind::Text, "The model, by its provider's name; else the deployment's."),
    optional("budget", Kind::Money, "What the model may cost; never more than the deployment's own limit."),
    optional(
        "deadline",
        Kind::Duration { min: 30, max: MAX_DEADLINE_SECONDS },
        "How long it may take; never more than the deployment's own limit.",
    ),
    optional(
        "image",
        Kind::Name,
        "The image that the agent runs in, by a name that the deployment has for one; else the deployment's own.",
    ),
    optional("read", Kind::Texts, "Files of the repository that the agent is shown and may not change."),
    optional("paths", Kind::Patterns, "Patterns for what the change may touch; else everything that is not protected."),
    optional("base", Kind::Text, "The branch to start from and to open the pull request against; else the default branch."),
    default("draft", Kind::Flag, "false", "Whether the pull request is a draft."),
    optional("setup", Kind::Texts, "Shell commands that run in the sandbox before the agent."),
    optional(
        "verify",
        Kind::Command,
        "A shell command that runs in the sandbox after a change; when it fails, the agent gets one round to repair it.",
    ),
];
