//! A bare git repository on disk, driven through the `git` program: objects, refs and history.
//!
//! Nothing here knows GitHub; `git_tree` writes trees, `git_diff` reads differences, `git_http` speaks the wire protocol.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, anyhow, bail};
use jiff::Timestamp;

/// The object id of "nothing", as it stands in push payloads.
pub(crate) const ZERO_SHA: &str = "0000000000000000000000000000000000000000";
/// The tree without entries; git knows it without storing it.
pub(crate) const EMPTY_TREE: &str = "4b825dc642cb6eb9a060e54bf8d69288fbee4904";

/// A bare repository's directory.
#[derive(Debug, Clone)]
pub(crate) struct GitDir {
    path: PathBuf,
}

/// Who made a commit, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Signature {
    pub name: String,
    pub email: String,
    pub date: Timestamp,
}

/// A commit object, read.
#[derive(Debug, Clone)]
pub(crate) struct Commit {
    pub sha: String,
    pub tree: String,
    pub parents: Vec<String>,
    pub author: Signature,
    pub committer: Signature,
    pub message: String,
}

/// A `git` command that no configuration of the machine or of the user can change.
pub(crate) fn git_command() -> Command {
    let mut command = Command::new("git");
    for name in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_NAMESPACE", "GIT_CONFIG_PARAMETERS"] {
        command.env_remove(name);
    }
    command.env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_TERMINAL_PROMPT", "0").env("LC_ALL", "C");
    command
}

impl GitDir {
    /// The repository at `path`, which must exist already.
    pub(crate) fn at(path: PathBuf) -> Self {
        Self { path }
    }

    /// Makes an empty bare repository whose HEAD names `branch`.
    pub(crate) fn init(path: PathBuf, branch: &str) -> Result<Self> {
        let output =
            git_command().args(["init", "--quiet", "--bare", "--initial-branch", branch]).arg(&path).output().context("run git init")?;
        if !output.status.success() {
            bail!("git init: {}", String::from_utf8_lossy(&output.stderr));
        }
        let dir = Self { path };
        for (key, value) in [
            ("http.receivepack", "true"),
            ("receive.advertisePushOptions", "false"),
            ("uploadpack.allowFilter", "true"),
            ("uploadpack.allowAnySHA1InWant", "true"),
            ("core.logAllRefUpdates", "false"),
            ("gc.auto", "0"),
        ] {
            dir.run(&["config", key, value], None)?;
        }
        Ok(dir)
    }

    /// Runs a git command on this repository and returns its standard output; a failure carries git's own words.
    pub(crate) fn run(&self, arguments: &[&str], input: Option<&[u8]>) -> Result<Vec<u8>> {
        self.run_with(arguments, input, None)
    }

    /// As `run`, with an index file of its own.
    pub(crate) fn run_with(&self, arguments: &[&str], input: Option<&[u8]>, index: Option<&Path>) -> Result<Vec<u8>> {
        let mut command = git_command();
        command.arg("--git-dir").arg(&self.path).args(arguments);
        command.stdin(if input.is_some() { Stdio::piped() } else { Stdio::null() }).stdout(Stdio::piped()).stderr(Stdio::piped());
        if let Some(index) = index {
            command.env("GIT_INDEX_FILE", index);
        }
        let mut child = command.spawn().context("run git; is it installed?")?;
        let feeder = match (input, child.stdin.take()) {
            (Some(input), Some(mut stdin)) => {
                let input = input.to_vec();
                // A thread of its own: git may answer before it has read everything.
                Some(std::thread::spawn(move || stdin.write_all(&input)))
            }
            _ => None,
        };
        let output = child.wait_with_output().context("wait for git")?;
        if let Some(feeder) = feeder {
            // A closed pipe shows in git's exit code; a panic of the writer cannot happen.
            let _ = feeder.join();
        }
        if output.status.success() {
            return Ok(output.stdout);
        }
        Err(anyhow!("git {}: {}", arguments.first().unwrap_or(&""), String::from_utf8_lossy(&output.stderr).trim()))
    }

    /// As `run`, as trimmed text.
    pub(crate) fn text(&self, arguments: &[&str]) -> Result<String> {
        Ok(String::from_utf8_lossy(&self.run(arguments, None)?).trim().to_owned())
    }

    /// All refs with the object they name.
    pub(crate) fn refs(&self) -> Result<BTreeMap<String, String>> {
        let text = self.text(&["for-each-ref", "--format=%(refname) %(objectname)"])?;
        Ok(text.lines().filter_map(|line| line.split_once(' ')).map(|(name, sha)| (name.to_owned(), sha.to_owned())).collect())
    }

    /// The commit that a branch, tag, full ref or SHA names; `None` if there is none.
    pub(crate) fn resolve(&self, revision: &str) -> Option<String> {
        if revision.is_empty()
            || revision.starts_with('-')
            || revision.contains("..")
            || revision.contains("@{")
            || revision.contains(['^', '~', ':', ' '])
        {
            return None;
        }
        let candidates = [format!("refs/heads/{revision}"), format!("refs/tags/{revision}"), revision.to_owned()];
        candidates.iter().find_map(|name| {
            self.text(&["rev-parse", "--verify", "--quiet", "--end-of-options", &format!("{name}^{{commit}}")])
                .ok()
                .filter(|sha| sha.len() == 40)
        })
    }

    /// The object that exactly this full ref names.
    pub(crate) fn ref_target(&self, full_name: &str) -> Option<String> {
        self.text(&["show-ref", "--verify", "--hash", "--end-of-options", full_name]).ok().filter(|sha| sha.len() == 40)
    }

    /// `blob`, `tree`, `commit` or `tag`; `None` if the object does not exist.
    pub(crate) fn kind(&self, sha: &str) -> Option<String> {
        if !is_sha(sha) {
            return None;
        }
        self.text(&["cat-file", "-t", sha]).ok()
    }

    /// Stores a blob and returns its id.
    pub(crate) fn write_blob(&self, content: &[u8]) -> Result<String> {
        let output = self.run(&["hash-object", "-w", "--stdin"], Some(content))?;
        Ok(String::from_utf8_lossy(&output).trim().to_owned())
    }

    /// A blob's bytes; `None` if there is no such blob.
    pub(crate) fn read_blob(&self, sha: &str) -> Option<Vec<u8>> {
        if !is_sha(sha) {
            return None;
        }
        self.run(&["cat-file", "blob", sha], None).ok()
    }

    /// Stores a commit object and returns its id; no ref moves.
    pub(crate) fn write_commit(
        &self,
        tree: &str,
        parents: &[String],
        message: &str,
        author: &Signature,
        committer: &Signature,
    ) -> Result<String> {
        let mut text = format!("tree {tree}\n");
        for parent in parents {
            text.push_str(&format!("parent {parent}\n"));
        }
        text.push_str(&format!("author {}\ncommitter {}\n\n{message}", author.line(), committer.line()));
        let output = self.run(&["hash-object", "-w", "-t", "commit", "--stdin"], Some(text.as_bytes()))?;
        Ok(String::from_utf8_lossy(&output).trim().to_owned())
    }

    /// A commit's content; `None` if there is no such commit.
    pub(crate) fn read_commit(&self, sha: &str) -> Option<Commit> {
        if !is_sha(sha) {
            return None;
        }
        let raw = self.run(&["cat-file", "commit", sha], None).ok()?;
        parse_commit(sha, &String::from_utf8_lossy(&raw))
    }

    /// Moves or makes a ref; with `old` only if it still names that object (`ZERO_SHA`: only if it does not exist).
    pub(crate) fn update_ref(&self, full_name: &str, new: &str, old: Option<&str>) -> Result<()> {
        let mut arguments = vec!["update-ref", full_name, new];
        arguments.extend(old);
        self.run(&arguments, None).map(drop)
    }

    /// Removes a ref.
    pub(crate) fn delete_ref(&self, full_name: &str) -> Result<()> {
        self.run(&["update-ref", "-d", full_name], None).map(drop)
    }

    /// Whether git allows such a ref name.
    pub(crate) fn is_valid_ref(&self, full_name: &str) -> bool {
        full_name.starts_with("refs/") && self.run(&["check-ref-format", full_name], None).is_ok()
    }

    /// Points HEAD at a branch.
    pub(crate) fn set_head(&self, branch: &str) -> Result<()> {
        self.run(&["symbolic-ref", "HEAD", &format!("refs/heads/{branch}")], None).map(drop)
    }

    /// Whether `ancestor` is in `descendant`'s history (or is it).
    pub(crate) fn is_ancestor(&self, ancestor: &str, descendant: &str) -> bool {
        self.run(&["merge-base", "--is-ancestor", ancestor, descendant], None).is_ok()
    }

    /// The best common ancestor of two commits.
    pub(crate) fn merge_base(&self, one: &str, other: &str) -> Option<String> {
        self.text(&["merge-base", one, other]).ok().filter(|sha| sha.len() == 40)
    }

    /// Whether two commits merge without a conflict.
    pub(crate) fn merges_cleanly(&self, one: &str, other: &str) -> bool {
        self.run(&["merge-tree", "--write-tree", one, other], None).is_ok()
    }

    /// Commits reachable from `include` but from none of `exclude`, newest first, at most `limit`.
    pub(crate) fn history(&self, include: &str, exclude: &[String], limit: usize) -> Result<Vec<String>> {
        let limit = format!("--max-count={limit}");
        let mut arguments = vec!["rev-list", "--topo-order", &limit, include];
        if !exclude.is_empty() {
            arguments.push("--not");
            arguments.extend(exclude.iter().map(String::as_str));
        }
        Ok(self.text(&arguments)?.lines().map(str::to_owned).collect())
    }

    /// How many commits `to` has that `from` has not.
    pub(crate) fn count_between(&self, from: &str, to: &str) -> u64 {
        self.text(&["rev-list", "--count", &format!("{from}..{to}")]).ok().and_then(|count| count.parse().ok()).unwrap_or(0)
    }
}

impl Signature {
    fn line(&self) -> String {
        let clean = |text: &str| text.replace(['<', '>', '\n', '\0'], "");
        format!("{} <{}> {} +0000", clean(&self.name), clean(&self.email), self.date.as_second())
    }

    fn parse(line: &str) -> Option<Self> {
        let (name, rest) = line.split_once('<')?;
        let (email, rest) = rest.split_once('>')?;
        let seconds = rest.split_whitespace().next()?.parse().ok()?;
        Some(Self { name: name.trim().to_owned(), email: email.to_owned(), date: Timestamp::from_second(seconds).ok()? })
    }
}

/// Whether the text is a full object id.
pub(crate) fn is_sha(text: &str) -> bool {
    text.len() == 40 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn parse_commit(sha: &str, raw: &str) -> Option<Commit> {
    let (head, message) = raw.split_once("\n\n")?;
    let field = |name: &str| head.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned);
    Some(Commit {
        sha: sha.to_owned(),
        tree: field("tree ")?,
        parents: head.lines().filter_map(|line| line.strip_prefix("parent ")).map(str::to_owned).collect(),
        author: Signature::parse(&field("author ")?)?,
        committer: Signature::parse(&field("committer ")?)?,
        message: message.strip_suffix('\n').unwrap_or(message).to_owned(),
    })
}
