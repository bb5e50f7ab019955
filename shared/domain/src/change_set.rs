//! The change set: what the agent changed, as data that nobody trusts, and the rules it must pass (R29–R31).

mod leak;
mod path;
mod validate;

pub use leak::Leak;
pub use path::{check_path, same_name};
pub use validate::{Refusal, Why, validate};

use serde::{Deserialize, Serialize};

/// Everything that differs from the base commit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ChangeSet {
    /// The commit that the agent started from, 40 hex digits.
    pub base_sha: String,
    pub files: Vec<FileChange>,
    /// A Conventional Commit message: subject, empty line, body.
    pub commit_message: String,
    /// Whether the model wrote the message; false is the deterministic fall-back.
    pub message_by_model: bool,
}

/// One changed path, relative to the repository's root, `/`-separated.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FileChange {
    pub path: String,
    pub change: Change,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Change {
    /// The file's new content, whole. `added` is false where the base has the path already.
    Write {
        mode: String,
        content: Content,
        added: bool,
    },
    Delete,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Content {
    /// Valid UTF-8 without NUL.
    Text(String),
    /// Anything else, standard base64.
    Base64(String),
}

#[cfg(test)]
mod tests;
