//! What an agent's change set may touch and how big it may be (R30, R31). The check itself is in `change_set`.

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
}

/// Continuous integration, ownership, git's own configuration, and what configures agents (R31).
const PROTECTED: [&str; 58] = [
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
    "**/.aider*",
    "**/.env",
    "**/.env.local",
    "**/.mcp.json",
    "**/.claude/",
    "**/CLAUDE.md",
    "**/CLAUDE.local.md",
    "**/AGENTS.md",
    "**/GEMINI.md",
    "**/.gemini/",
    "**/.codex/",
    "**/.cursor/",
    "**/.cursorrules",
    "**/.windsurf/",
    "**/.windsurfrules",
    "**/.continue/",
    "**/.roo/",
    "**/.clinerules*",
    "**/.clinerules/",
    "**/.opencode/",
    ".github/copilot-instructions.md",
    ".github/instructions/",
    ".vscode/mcp.json",
];

impl Default for Policy {
    fn default() -> Self {
        Self {
            max_files: 100,
            max_file_bytes: 1 << 20,
            max_total_bytes: 4 << 20,
            allow_binary: false,
            protected: PROTECTED.map(str::to_owned).to_vec(),
            allow_protected: Vec::new(),
        }
    }
}

impl Policy {
    /// The pattern that protects a path, unless the path is allowed all the same.
    pub fn protecting(&self, path: &str) -> Option<&str> {
        let pattern = self.protected.iter().find(|pattern| matches(pattern, path))?;
        if self.allow_protected.iter().any(|allowed| matches(allowed, path)) { None } else { Some(pattern) }
    }
}

/// Whether a path is what the pattern stands for.
fn matches(pattern: &str, path: &str) -> bool {
    let (pattern, path) = (pattern.to_lowercase(), path.to_lowercase());
    let (pattern, inside) = pattern.strip_suffix('/').map_or((pattern.as_str(), false), |pattern| (pattern, true));
    let (pattern, anywhere) = pattern.strip_prefix("**/").map_or((pattern, false), |pattern| (pattern, true));
    let pattern: Vec<&str> = pattern.split('/').collect();
    let path: Vec<&str> = path.split('/').collect();
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
            assert_eq!(matches(pattern, path), expected, "{pattern} {path}");
        }
    }

    #[test]
    fn what_is_allowed_is_not_protected() {
        let policy = Policy { allow_protected: vec![".github/workflows/docs.yml".into()], ..Policy::default() };
        assert_eq!(policy.protecting(".github/workflows/docs.yml"), None);
        assert_eq!(policy.protecting(".github/workflows/ci.yml"), Some(".github/workflows/"));
        assert_eq!(policy.protecting("src/main.rs"), None);
    }
}
