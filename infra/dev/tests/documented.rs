//! The commands that the tutorial and the recipes show are run as they stand there, and print what is shown below them.

use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A command of a page, and the output that is shown after it.
struct Shown {
    command: String,
    output: Option<String>,
}

/// The offline commands of a page; those with a gap (`…`) or of another program's output are not meant to be run.
fn shown(page: &str) -> Vec<Shown> {
    let text = std::fs::read_to_string(root().join(page)).unwrap_or_else(|error| panic!("{page}: {error}"));
    let mut found: Vec<Shown> = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let command =
            line.strip_prefix("    cargo run -- ").filter(|command| ["check ", "explain "].iter().any(|name| command.starts_with(name)));
        if let Some(command) = command.filter(|command| !command.contains(['…', '|'])) {
            found.push(Shown { command: command.to_owned(), output: None });
        }
        if line == "```text"
            && let Some(last) = found.last_mut()
        {
            let block: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
            last.output = Some(block.join("\n"));
        }
    }
    found
}

/// What the command prints. It ends well unless something stays open, which these pages do not show.
fn printed(command: &str) -> String {
    let output =
        Command::new(env!("CARGO_BIN_EXE_patchbay")).args(command.split_whitespace()).current_dir(root()).output().expect("it runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command}: {said}");
    String::from_utf8(output.stdout).expect("text")
}

#[test]
fn the_commands_of_the_tutorial_print_what_it_shows() {
    let commands = shown("docs/workflows.md");
    assert!(commands.len() >= 5 && commands.iter().filter(|shown| shown.output.is_some()).count() >= 3, "the tutorial shows commands");
    for Shown { command, output } in commands {
        let printed = printed(&command);
        if let Some(output) = output {
            assert!(printed.contains(&output), "{command} prints\n{printed}\nand the page shows\n{output}");
        }
    }
}

#[test]
fn the_commands_of_the_recipes_can_be_run() {
    let commands = shown("docs/recipes.md");
    assert!(!commands.is_empty(), "the page shows commands");
    for Shown { command, .. } in commands {
        printed(&command);
    }
}
