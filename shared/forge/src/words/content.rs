//! Words about what is in a repository: files, lists of changed paths, and the texts that describe a pull request or a
//! commit to a model.

/// A text file at one commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileText {
    pub text: String,
    /// The blob's name: the same text has the same name everywhere.
    pub sha: String,
    /// Bytes.
    pub size: u64,
}

/// How big a file may be to be read as text.
pub const MAX_FILE_BYTES: u64 = 1024 * 1024;

/// Paths that a change touches.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PathList {
    /// In the order of their names, each once. A renamed file is there under both names.
    pub paths: Vec<String>,
    /// Whether these are all. If not, nobody knows what else was touched.
    pub complete: bool,
}

/// Texts about a pull request; what was not asked for is absent. All of it was written by whoever: data, never trusted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PullRequestContext {
    /// Unified diff.
    pub diff: Option<String>,
    /// A line for each file: `modified src/main.rs (+3 -1)`, `renamed old.rs -> new.rs (+0 -0)`.
    pub files: Option<String>,
    /// The conversation, oldest first: `@login wrote:`, the text, an empty line.
    pub comments: Option<String>,
    /// Reviews as comments with their verdict, then the comments on lines: `@login on path:line wrote:`.
    pub reviews: Option<String>,
    /// A line for each commit, oldest first: `0123456 subject (author)`. Forges list at most 250.
    pub commits: Option<String>,
    /// Whether anything was left out for want of room.
    pub truncated: bool,
}

/// Texts about a commit. All of it was written by whoever: data, never trusted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CommitContext {
    pub message: String,
    /// The author's login where the forge knows one, else the name in the commit.
    pub author: String,
    /// Unified diff against the first parent, if asked for.
    pub diff: Option<String>,
    /// As [`PullRequestContext::files`], if asked for.
    pub files: Option<String>,
    /// Whether anything was left out for want of room.
    pub truncated: bool,
}
