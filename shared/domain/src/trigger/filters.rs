//! A trigger's filters as they are written. Their patterns are compiled and decided elsewhere in `trigger`.

use super::EventKind;
use serde::{Deserialize, Serialize};

/// One event kind with its filters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trigger {
    pub event: EventKind,
    pub filters: Filters,
}

/// All filters of all events, as written; which make sense for which event is checked when they are compiled. An absent
/// filter lets everything pass, but for `types` (its event's default actions), `authors` (whoever may write), `forks` and `ignore_bots`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct Filters {
    /// Actions: `opened`, `labeled`, …
    pub types: Option<Vec<String>>,
    pub branches: Option<Vec<String>>,
    pub branches_ignore: Option<Vec<String>>,
    pub tags: Option<Vec<String>>,
    pub tags_ignore: Option<Vec<String>>,
    pub paths: Option<Vec<String>>,
    pub paths_ignore: Option<Vec<String>>,
    /// Logins (patterns), `@org/team`, `write` and the other permission words, `app:<id>`, an account's numeric id, `*` for
    /// anybody; `!` negates, the last that is true decides. Only negated ones leave the rest to the default.
    pub authors: Option<Vec<String>>,
    /// Patterns; on `labeled` and `unlabeled` that very label, else any of the thread's.
    pub labels: Option<Vec<String>>,
    /// A regular expression that the title must contain a match of.
    pub title: Option<String>,
    /// A regular expression that the text (body or comment) must contain a match of.
    pub body: Option<String>,
    /// Only drafts, or only what is none.
    pub draft: Option<bool>,
    /// Whether pull requests from forks count; default false.
    pub forks: Option<bool>,
    /// Whether what bots and Apps do is ignored; default true, but for what Apps tell by nature (deployments, workflow runs, checks). Apps named in `authors` by id are let through.
    #[serde(rename = "ignore_bots")]
    pub ignore_bots: Option<bool>,
    /// Names of the forge's own workflows or checks (patterns), for `workflow_run`, `check_run`, `check_suite`.
    pub workflows: Option<Vec<String>>,
    /// `success`, `failure`, …: how a workflow run, check or deployment ended, or what a review said (`approved`, …).
    pub conclusions: Option<Vec<String>>,
    /// Deployment environments (patterns).
    pub environments: Option<Vec<String>>,
    /// `schedule`: cron expressions of five fields, UTC.
    pub cron: Option<Vec<String>>,
}
