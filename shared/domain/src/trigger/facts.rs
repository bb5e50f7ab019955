//! What a decision needs to know beyond its event, and how it asks for it. Where facts come from is the caller's.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What is known so far. What is absent is asked for with a [`Need`], one at a time, and only if it can matter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// What a push or pull request changed.
    pub changed_paths: Option<ChangedPaths>,
    /// What the event's actor may do in the repository now (R26).
    pub permission: Option<Permission>,
    /// Whether the event's actor belongs to a team now, by [`team_key`].
    pub teams: BTreeMap<String, bool>,
    /// Patchbay's own account: what it does never starts anything.
    pub own_bot_user_id: Option<u64>,
    /// Patchbay's own App.
    pub own_app_id: Option<u64>,
}

/// The files that a push or pull request changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChangedPaths {
    /// All of them.
    Known(Vec<String>),
    /// Over 1,000 commits, a tree that is cut off, a difference that cannot be had: path filters let it pass.
    Unknown,
}

/// What an account may do in a repository, the least first (GitHub's words).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Permission {
    None,
    Read,
    Triage,
    Write,
    Maintain,
    Admin,
}

impl Permission {
    const ALL: [Permission; 6] =
        [Permission::None, Permission::Read, Permission::Triage, Permission::Write, Permission::Maintain, Permission::Admin];

    /// The forge's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Permission::None => "none",
            Permission::Read => "read",
            Permission::Triage => "triage",
            Permission::Write => "write",
            Permission::Maintain => "maintain",
            Permission::Admin => "admin",
        }
    }

    /// The permission of that word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|permission| permission.as_str() == word)
    }
}

/// What has to be found out before the decision can be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Need {
    /// The files that the event's push or pull request changed.
    ChangedPaths,
    /// What the event's actor may do in its repository.
    Permission,
    /// Whether the event's actor belongs to the team; both names in lower case.
    Team { organisation: String, team: String },
}

/// The key of a team in [`Facts::teams`]: `organisation/team` in lower case.
pub fn team_key(organisation: &str, team: &str) -> String {
    format!("{organisation}/{team}").to_lowercase()
}
