//! The keys of every step's action, with its outputs and what it needs of the event.

use super::super::limits::MAX_RETRIES;
use super::{AGENT_OPTIONS, Key, Kind, Mapping, Presence, default, optional, required};

/// What a step can do.
#[derive(Debug)]
pub(in super::super) struct Action {
    /// Its word in the file.
    pub(in super::super) word: &'static str,
    pub(in super::super) mapping: Mapping,
    /// What later steps can read, with what it is.
    pub(in super::super) outputs: &'static [(&'static str, &'static str)],
    /// Whether it has outputs besides these whose names only show when it runs.
    pub(in super::super) more_outputs: bool,
    /// What it works on, unless told by the key.
    pub(in super::super) works_on: Option<(Target, &'static str)>,
    /// What it does, a sentence.
    pub(in super::super) about: &'static str,
}

/// What an event has to have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Target {
    /// An issue, pull request or discussion.
    Thread,
    PullRequest,
    Commit,
}

/// The action of that word.
pub(in super::super) fn action(word: &str) -> Option<&'static Action> {
    ACTIONS.iter().find(|action| action.word == word)
}

const NUMBER: Key = optional("number", Kind::Template, "The number of the thread to work on; else the event's own.");
const MAX_CHARS: Key = default("max_chars", Kind::Whole { min: 1, max: 32_000 }, "32000", "Characters after which an output is cut.");

const AGENT_KEYS: [Key; 13] = {
    let [model, budget, deadline, image, read, paths, base, draft, setup, verify] = AGENT_OPTIONS;
    [
        default(
            "mode",
            Kind::Word(&["ask", "change", "auto"]),
            "auto",
            "`ask` answers, `change` opens a pull request, `auto` does what fits.",
        ),
        required("prompt", Kind::Template, "What the agent is asked to do."),
        optional("status", Kind::Flag, "Whether the status comment is shown; else unless it asks and a later step uses its outputs."),
        model,
        budget,
        deadline,
        image,
        read,
        paths,
        base,
        draft,
        setup,
        verify,
    ]
};

/// All actions, in the order of the documentation.
pub(in super::super) static ACTIONS: [Action; 12] = [
    Action {
        word: "agent",
        mapping: Mapping { name: "`agent`", keys: &AGENT_KEYS },
        outputs: &[
            ("answer", "what it answered, if it changed nothing"),
            ("pull_request", "the number of its pull request"),
            ("url", "the address of the pull request"),
            ("branch", "the branch that it pushed"),
            ("commit", "the commit that it pushed"),
            ("changed", "`true` if it changed something, else `false`"),
            ("cost", "US dollars"),
        ],
        more_outputs: false,
        works_on: None,
        about: "Runs the coding agent.",
    },
    Action {
        word: "comment",
        mapping: Mapping {
            name: "`comment`",
            keys: &[
                required("body", Kind::Template, "The comment, Markdown."),
                optional("key", Kind::Template, "With a key, the thread has one comment of this key, edited in place."),
                NUMBER,
            ],
        },
        outputs: &[("id", "the comment's number"), ("url", "the comment's address")],
        more_outputs: false,
        works_on: Some((Target::Thread, "number")),
        about: "Writes a comment.",
    },
    Action {
        word: "label",
        mapping: Mapping {
            name: "`label`",
            keys: &[
                optional("add", Kind::Templates, "Labels to add; a text that renders to several lines is several labels."),
                optional("remove", Kind::Templates, "Labels to take off."),
                NUMBER,
            ],
        },
        outputs: &[],
        more_outputs: false,
        works_on: Some((Target::Thread, "number")),
        about: "Adds labels and takes them off; one of `add` and `remove` has to be there.",
    },
    Action {
        word: "assign",
        mapping: Mapping {
            name: "`assign`",
            keys: &[
                optional("add", Kind::Templates, "Logins to assign."),
                optional("remove", Kind::Templates, "Logins to take off."),
                NUMBER,
            ],
        },
        outputs: &[],
        more_outputs: false,
        works_on: Some((Target::Thread, "number")),
        about: "Assigns people and takes them off; one of `add` and `remove` has to be there.",
    },
    Action {
        word: "request_review",
        mapping: Mapping {
            name: "`request_review`",
            keys: &[
                optional("users", Kind::Templates, "Logins."),
                optional("teams", Kind::Templates, "Teams of the organisation, by their short names."),
                NUMBER,
            ],
        },
        outputs: &[],
        more_outputs: false,
        works_on: Some((Target::PullRequest, "number")),
        about: "Asks for a review of a pull request; one of `users` and `teams` has to be there.",
    },
    Action {
        word: "close",
        mapping: Mapping {
            name: "`close`",
            keys: &[
                default(
                    "reason",
                    Kind::Word(&["completed", "not_planned"]),
                    "completed",
                    "Why an issue is closed; pull requests have no reason.",
                ),
                NUMBER,
            ],
        },
        outputs: &[],
        more_outputs: false,
        works_on: Some((Target::Thread, "number")),
        about: "Closes an issue or pull request; nothing is merged.",
    },
    Action {
        word: "check",
        mapping: Mapping {
            name: "`check`",
            keys: &[
                required("name", Kind::Text, "The check's name, the same for every commit."),
                required(
                    "conclusion",
                    Kind::Template,
                    "How it ended: renders to `success`, `failure`, `neutral`, `cancelled`, `skipped`, `timed_out` or `action_required`.",
                ),
                optional("title", Kind::Template, "The headline; else the workflow's name."),
                required("summary", Kind::Template, "The text, Markdown."),
                optional(
                    "annotations",
                    Kind::Template,
                    "One a line: `path:line: message`, or `path:line: warning: message` (also `notice`, `failure`).",
                ),
                optional("sha", Kind::Template, "The commit; else the event's own."),
            ],
        },
        outputs: &[("id", "the check run's number"), ("url", "the check run's address")],
        more_outputs: false,
        works_on: Some((Target::Commit, "sha")),
        about: "Writes a check run on a commit.",
    },
    Action {
        word: "pr_context",
        mapping: Mapping {
            name: "`pr_context`",
            keys: &[
                default(
                    "include",
                    Kind::Words(&["diff", "files", "comments", "reviews", "commits"]),
                    "[diff, files, comments, reviews, commits]",
                    "The parts to read; each is an output.",
                ),
                MAX_CHARS,
                NUMBER,
            ],
        },
        outputs: &[
            ("diff", "the changes, as a unified diff"),
            ("files", "one changed path a line, with its status"),
            ("comments", "the thread's comments, oldest first"),
            ("reviews", "the reviews and their comments"),
            ("commits", "one commit a line: SHA and subject"),
            ("truncated", "`true` if one of them was cut"),
        ],
        more_outputs: false,
        works_on: Some((Target::PullRequest, "number")),
        about: "Reads a pull request.",
    },
    Action {
        word: "commit_context",
        mapping: Mapping {
            name: "`commit_context`",
            keys: &[
                default("include", Kind::Words(&["diff", "files"]), "[diff, files]", "The parts to read; each is an output."),
                MAX_CHARS,
                optional("sha", Kind::Template, "The commit; else the event's own."),
            ],
        },
        outputs: &[
            ("message", "the commit's message"),
            ("author", "the author's login or name"),
            ("diff", "the changes, as a unified diff"),
            ("files", "one changed path a line, with its status"),
            ("truncated", "`true` if one of them was cut"),
        ],
        more_outputs: false,
        works_on: Some((Target::Commit, "sha")),
        about: "Reads a commit.",
    },
    Action {
        word: "file",
        mapping: Mapping {
            name: "`file`",
            keys: &[
                required("path", Kind::Template, "The file's path."),
                optional("ref", Kind::Template, "Branch, tag or commit; else the default branch."),
                MAX_CHARS,
            ],
        },
        outputs: &[
            ("content", "the text"),
            ("exists", "`true` or `false`"),
            ("sha", "the SHA of its content"),
            ("truncated", "`true` if it was cut"),
        ],
        more_outputs: false,
        works_on: None,
        about: "Reads a file of the repository.",
    },
    Action {
        word: "http",
        mapping: Mapping {
            name: "`http`",
            keys: &[
                required("url", Kind::Text, "The address, `https://…`; no template, so that no event chooses where the call goes."),
                optional("headers", Kind::TemplateMap, "Headers to send."),
                optional("inputs", Kind::TemplateMap, "What is sent as `data.inputs`."),
                default("retries", Kind::Whole { min: 0, max: MAX_RETRIES }, "3", "How often a call that failed is tried again."),
                default("wait", Kind::Flag, "false", "Whether the run waits until the receiver calls back, or for the step's timeout."),
            ],
        },
        outputs: &[("status", "the answer's HTTP status"), ("body", "the answer's body, or the callback's")],
        more_outputs: true,
        works_on: None,
        about: "Calls an external workflow engine, signed per Standard Webhooks. The top level of a JSON answer becomes outputs as well.",
    },
    Action {
        word: "run_workflow",
        mapping: Mapping {
            name: "`run_workflow`",
            keys: &[
                required("workflow", Kind::Name, "A workflow of the same file that has the event `manual`."),
                optional("inputs", Kind::TemplateMap, "What the workflow sees as `event.inputs`."),
            ],
        },
        outputs: &[("delivery", "the delivery under which it was started")],
        more_outputs: false,
        works_on: None,
        about: "Starts another workflow.",
    },
];

/// The mappings of which at least one of two keys has to be there.
pub(in super::super) fn one_of(word: &str) -> Option<[&'static str; 2]> {
    match word {
        "label" | "assign" => Some(["add", "remove"]),
        "request_review" => Some(["users", "teams"]),
        _ => None,
    }
}

impl Action {
    /// Whether the file may leave its mapping out altogether.
    pub(in super::super) fn may_be_bare(&self) -> bool {
        one_of(self.word).is_none() && self.mapping.keys.iter().all(|key| key.presence != Presence::Required)
    }
}
