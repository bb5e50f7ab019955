//! Words that people bring along from GitHub Actions, and what Patchbay has instead. Words that are only misspelt are found by their
//! likeness, elsewhere.

/// What to say about a key that does not exist in the mapping of that name.
pub(super) fn foreign_key(mapping: &str, key: &str) -> Option<&'static str> {
    Some(match (mapping, key) {
        ("the file", "jobs") => "there are no jobs; write `workflows:` with a name, and below it `on:` and `steps:`",
        ("the file", "on" | "steps") => "this belongs into a workflow: `workflows:`, then a name, then `on:` and `steps:`",
        ("the file", "name") => "a workflow's name is its key below `workflows:`",
        ("the file" | "a workflow", "env" | "defaults") => "there are no variables; write the value where it is needed",
        ("the file" | "a workflow", "permissions") => "what Patchbay may do is what its App was granted",
        ("a workflow", "jobs") => "there are no jobs; write the steps below `steps:`",
        ("a workflow", "name") => "a workflow's name is its key below `workflows:`",
        ("a workflow", "if") => "conditions belong to steps; what starts a workflow is said by the filters in `on:`",
        ("a workflow", "runs-on") => "there are no runners; remove it",
        ("`concurrency`", "cancel-in-progress") => "write `cancel: true`",
        ("a step", "run" | "uses" | "shell" | "with" | "env") => {
            "Patchbay runs no commands of its own: a step is one of its actions, such as `agent` or `comment`; commands for the agent's \
             sandbox are `setup` and `verify` of an agent step"
        }
        ("a step", "name") => "a step's name is its `id`",
        ("a step", "continue-on-error") => "write `continue_on_error`",
        ("a step", "timeout-minutes") => "write `timeout: 20m`",
        ("`agent`", "timeout") => "write `deadline` here, or `timeout` beside `agent`",
        ("an event", "workflows-ignore") => "write the names with `!` in `workflows`",
        ("an event", "inputs") => "inputs need not be declared; read them as `event.inputs.<name>`",
        _ => return None,
    })
}

/// What to say about a value that is of the wrong kind.
pub(super) fn foreign_value(name: &str) -> Option<&'static str> {
    match name {
        "`image`" => {
            Some("no address of an image can be written here; the deployment has a name for each that may be used (`AgentImage1` …)")
        }
        _ => None,
    }
}

/// What to say about an event that does not exist.
pub(super) fn foreign_event(word: &str) -> Option<&'static str> {
    Some(match word {
        "workflow_dispatch" | "repository_dispatch" | "workflow_call" => {
            "the event that people, the API and `run_workflow` cause is `manual`"
        }
        "pull_request_target" => "write `pull_request`: a workflow is always read from the default branch",
        _ => return None,
    })
}

/// What to say about a name that templates do not know.
pub(super) fn foreign_name(name: &str) -> Option<&'static str> {
    Some(match name {
        "github" => "what GitHub's payload calls `github.event.…` is `event.…` here, in Patchbay's own shape",
        "inputs" => "write `event.inputs.<name>`",
        "secrets" | "vars" | "env" => "templates see no secrets and no variables",
        "needs" | "jobs" => "outputs of earlier steps are `steps.<id>.outputs.<name>`",
        _ => return None,
    })
}
