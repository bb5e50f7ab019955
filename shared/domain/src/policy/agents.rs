//! Files by which a repository configures coding agents and the tools around them (R25, R31): taken away before an agent
//! starts, and never written for one. Texts that merely advise a model (`AGENTS.md`, `CLAUDE.md`) are not among them.

use super::matches_any;

/// The pattern (as in `Policy`), and why.
pub(super) const AGENT_CONFIGURATION: [(&str, &str); 23] = [
    ("**/.env/", "Aider and many tools load it into their own environment: it redirects the model and runs shell"),
    ("**/.env.*/", "Aider and many tools load it into their own environment: it redirects the model and runs shell"),
    ("**/.envrc/", "direnv runs it"),
    ("**/.aider*/", "Aider's own configuration: test and lint commands run shell"),
    ("**/.mcp.json/", "starts MCP servers"),
    ("**/mcp.json/", "starts MCP servers"),
    ("**/opencode.json/", "opencode: commands and MCP servers"),
    ("**/opencode.jsonc/", "opencode: commands and MCP servers"),
    ("**/.opencode/", "opencode: plugins and commands"),
    ("**/.claude/", "Claude Code: hooks, permissions and commands"),
    ("**/.claude.json/", "Claude Code: MCP servers"),
    ("**/.codex/", "Codex: configuration and MCP servers"),
    ("**/.gemini/", "Gemini CLI: tools and MCP servers"),
    ("**/.cursor/", "Cursor: hooks and MCP servers"),
    ("**/.windsurf/", "Windsurf: hooks and workflows"),
    ("**/.continue/", "Continue: tools and MCP servers"),
    ("**/.roo/", "Roo Code: MCP servers"),
    ("**/.kilocode/", "Kilo Code: MCP servers"),
    ("**/.clinerules/", "Cline: hooks and workflows"),
    ("**/.goose/", "Goose: extensions"),
    ("**/.vscode/tasks.json/", "tasks run when the folder is opened"),
    ("**/.vscode/settings.json/", "names programs that the editor and its agents start"),
    ("**/.github/copilot-setup-steps.yml/", "Copilot runs it"),
];

/// What people are meant to copy and edit: it configures nothing as it is.
pub(super) const SAMPLES: [&str; 4] = ["**/.env.*example/", "**/.env.*sample/", "**/.env.*template/", "**/.env.*dist/"];

/// Why a path of a repository must be out of an agent's sight, if it must.
pub fn agent_configuration(path: &str) -> Option<&'static str> {
    if matches_any(SAMPLES, path).is_some() {
        return None;
    }
    let pattern = matches_any(AGENT_CONFIGURATION.map(|(pattern, _)| pattern), path)?;
    AGENT_CONFIGURATION.iter().find(|(known, _)| *known == pattern).map(|(_, reason)| *reason)
}

#[cfg(test)]
mod tests {
    use super::super::Policy;
    use super::*;

    #[test]
    fn configuration_goes_and_everything_else_stays() {
        let goes =
            [".env", "app/.env", ".ENV", ".env.local", ".aider.conf.yml", "x/.aiderignore", ".claude/settings.json", ".cursor/mcp.json"];
        let more = [".vscode/tasks.json", "a/.vscode/tasks.json", ".mcp.json", ".envrc", ".env/x", "a/.aider.d/b", ".env.production"];
        for path in goes.iter().chain(&more) {
            assert!(agent_configuration(path).is_some(), "{path} must go");
        }
        let samples = [".env.example", ".env.local.example", "app/.env.sample", ".env.dist"];
        let others =
            ["AGENTS.md", "CLAUDE.md", "src/env.rs", ".environment", "docs/aider.md", "x.vscode/tasks.json", ".gitignore", "x.env.local"];
        for path in samples.iter().chain(&others) {
            assert!(agent_configuration(path).is_none(), "{path} must stay");
        }
    }

    #[test]
    fn what_is_taken_from_an_agent_is_never_written_for_one() {
        let policy = Policy::default();
        for path in [".env.production", ".envrc", "a/opencode.json", ".vscode/tasks.json", ".kilocode/mcp.json", ".goose/x", ".claude.json"]
        {
            assert!(policy.protecting(path).is_some(), "{path}");
        }
        assert_eq!(policy.protecting(".env.example"), None);
        assert_eq!(policy.protecting("apps/.env.local.example"), None);
    }
}
