//! What an agent's change set may touch and how big it may be (R30, R31), the check itself being in `change_set`; and which
//! models a run may name.

mod agents;
mod models;

pub use agents::agent_configuration;
pub use models::{AllowedModel, AllowedModels};

use agents::{AGENT_CONFIGURATION, SAMPLES};
use serde::{Deserialize, Serialize};

/// The limits that a change set is held to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    pub max_files: usize,
    pub max_file_bytes: usize,
    pub max_total_bytes: usize,
    pub allow_binary: bool,
    /// Paths that may not be written or deleted. `*` stands for any part of a name, a leading `**/` for any folder,
    /// a trailing `/` for everything inside; letter case does not matter.
    pub protected: Vec<String>,
    /// Paths of the same form that may be changed although they are protected.
    pub allow_protected: Vec<String>,
    /// Filter patterns (`trigger::PatternList`) of the paths that may be touched at all; any if empty.
    pub allowed_paths: Vec<String>,
}

/// Continuous integration, ownership, git's own configuration, and what advises agents (R31). What configures them is
/// protected as well: `AGENT_CONFIGURATION`.
const PROTECTED: [&str; 44] = [
    ".github/workflows/",
    ".github/actions/",
    ".github/patchbay.yml",
    ".github/patchbay.yaml",
    ".github/dependabot.yml",
    ".github/dependabot.yaml",
    ".gitlab-ci.yml",
    ".gitlab-ci.yaml",
    ".gitlab/ci/",
    ".circleci/",
    "**/Jenkinsfile*",
    "azure-pipelines*",
    ".azure-pipelines/",
    ".azuredevops/",
    ".travis.yml",
    ".drone.yml",
    ".woodpecker*",
    ".woodpecker/",
    ".buildkite/",
    ".gitea/workflows/",
    ".forgejo/workflows/",
    "bitbucket-pipelines.yml",
    "appveyor.yml",
    ".appveyor.yml",
    ".cirrus.yml",
    ".semaphore/",
    ".teamcity/",
    "CODEOWNERS",
    ".github/CODEOWNERS",
    "docs/CODEOWNERS",
    ".gitlab/CODEOWNERS",
    ".gitea/CODEOWNERS",
    "**/.gitmodules",
    "**/.gitattributes",
    "**/.lfsconfig",
    "**/CLAUDE.md",
    "**/CLAUDE.local.md",
    "**/AGENTS.md",
    "**/GEMINI.md",
    "**/.cursorrules",
    "**/.windsurfrules",
    "**/.clinerules*",
    ".github/copilot-instructions.md",
    ".github/instructions/",
];

impl Default for Policy {
    fn default() -> Self {
        Self {
            max_files: 100,
            max_file_bytes: 1 << 20,
            max_total_bytes: 4 << 20,
            allow_binary: false,
            protected: PROTECTED.into_iter().chain(AGENT_CONFIGURATION.map(|(pattern, _)| pattern)).map(str::to_owned).collect(),
            allow_protected: SAMPLES.map(str::to_owned).to_vec(),
            allowed_paths: Vec::new(),
        }
    }
}

impl Policy {
    /// The pattern that protects a path, unless the path is allowed all the same.
    pub fn protecting(&self, path: &str) -> Option<&str> {
        let pattern = matches_any(self.protected.iter().map(String::as_str), path)?;
        if matches_any(self.allow_protected.iter().map(String::as_str), path).is_some() { None } else { Some(pattern) }
    }
}

/// The first of the patterns that stands for the path.
fn matches_any<'p>(patterns: impl IntoIterator<Item = &'p str>, path: &str) -> Option<&'p str> {
    let path = path.to_lowercase();
    let path: Vec<&str> = path.split('/').collect();
    patterns.into_iter().find(|pattern| matches(pattern, &path))
}

/// Whether a path, in small letters, is what the pattern stands for.
fn matches(pattern: &str, path: &[&str]) -> bool {
    let pattern = pattern.to_lowercase();
    let (pattern, inside) = pattern.strip_suffix('/').map_or((pattern.as_str(), false), |pattern| (pattern, true));
    let (pattern, anywhere) = pattern.strip_prefix("**/").map_or((pattern, false), |pattern| (pattern, true));
    let pattern: Vec<&str> = pattern.split('/').collect();
    let starts = if anywhere { path.len() } else { 1 };
    (0..starts).any(|start| {
        let rest = &path[start..];
        // The folder itself counts as well: as a file or a link it would stand in for what it holds.
        let long_enough = if inside { rest.len() >= pattern.len() } else { rest.len() == pattern.len() };
        long_enough && pattern.iter().zip(rest).all(|(pattern, name)| name_matches(pattern, name))
    })
}

/// One name against a pattern with `*`: the parts in their order, the first at the start, the last at the end.
fn name_matches(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| name.strip_prefix(first)) else { return false };
    let Some(last) = parts.next_back() else { return rest.is_empty() };
    for part in parts {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_stand_for_the_paths_they_should() {
        for (pattern, path, expected) in [
            (".github/workflows/", ".github/workflows/ci.yml", true),
            (".github/workflows/", ".github/workflows", true),
            (".github/workflows/", ".GitHub/Workflows/a/b.yml", true),
            (".github/workflows/", "docs/.github/workflows/ci.yml", false),
            ("**/.env", ".env", true),
            ("**/.env", "apps/web/.env", true),
            ("**/.env", ".env.example", false),
            ("**/.aider*", "x/.aider.conf.yml", true),
            ("**/.claude/", "a/.claude/settings.json", true),
            ("CODEOWNERS", "CODEOWNERS", true),
            ("CODEOWNERS", "src/CODEOWNERS", false),
            ("azure-pipelines*", "azure-pipelines-release.yml", true),
            ("a*b*c", "axxbyyc", true),
            ("a*b*c", "axxc", false),
            ("a*a", "a", false),
        ] {
            assert_eq!(matches_any([pattern], path).is_some(), expected, "{pattern} {path}");
        }
    }

    #[test]
    fn what_is_allowed_is_not_protected() {
        let policy = Policy { allow_protected: vec![".github/workflows/docs.yml".into()], ..Policy::default() };
        assert_eq!(policy.protecting(".GitHub/workflows/docs.yml"), None);
        assert_eq!(policy.protecting(".github/workflows/ci.yml"), Some(".github/workflows/"));
        assert_eq!(policy.protecting("src/main.rs"), None);
    }
}
