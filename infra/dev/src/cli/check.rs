//! `patchbay check`: reads a workflow file as a deployment would, and says what is wrong with it.

use super::output::{print_result, printable};
use anyhow::Context as _;
use clap::Args;
use patchbay_domain::workflow::limits::MAX_FILE_BYTES;
use patchbay_domain::workflow::{Configuration, FILE_PATH, Problems, Workflow, read};
use serde_json::{Value, json};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The file to check; `-` reads standard input.
    #[arg(default_value = FILE_PATH)]
    file: PathBuf,
    /// Print one JSON object: file, ok, workflows, problems.
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let name = arguments.file.display().to_string();
    let checked = read(&text_of(&arguments.file)?);
    print_report(&name, &checked, arguments.json);
    Ok(if checked.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The configuration in a file that another command is about; `None` if it is wrong, which has been told then.
///
/// # Errors
/// If the file cannot be read.
pub(super) fn configuration_of(path: &Path, json: bool) -> anyhow::Result<Option<Configuration>> {
    Ok(checked(path, json)?.map(|(_, configuration)| configuration))
}

/// The same, with the text that it was read from.
///
/// # Errors
/// If the file cannot be read.
pub(super) fn checked(path: &Path, json: bool) -> anyhow::Result<Option<(String, Configuration)>> {
    let text = text_of(path)?;
    let checked = read(&text);
    if checked.is_err() {
        print_report(&path.display().to_string(), &checked, json);
    }
    Ok(checked.ok().map(|configuration| (text, configuration)))
}

fn print_report(name: &str, checked: &Result<Configuration, Problems>, json: bool) {
    let report = if json { json_report(name, checked).to_string() } else { text_report(name, checked) };
    print_result(report.trim_end());
}

/// The file's text, no more of it than is needed to see that it is too long.
fn text_of(path: &Path) -> anyhow::Result<String> {
    let most = MAX_FILE_BYTES as u64 + 1;
    let mut bytes = Vec::new();
    let read = if path == Path::new("-") {
        std::io::stdin().take(most).read_to_end(&mut bytes)
    } else {
        std::fs::File::open(path).and_then(|file| file.take(most).read_to_end(&mut bytes))
    };
    read.with_context(|| format!("{} cannot be read; name the file to check", path.display()))?;
    // A character that was cut is no news: the file is too long.
    let cut = bytes.len() as u64 == most;
    if cut {
        return Ok(String::from_utf8_lossy(&bytes).into_owned());
    }
    String::from_utf8(bytes).with_context(|| format!("{} is no text in UTF-8; save it as such", path.display()))
}

fn text_report(name: &str, checked: &Result<Configuration, Problems>) -> String {
    match checked {
        Ok(configuration) => {
            let workflows: Vec<String> = configuration.workflows.iter().map(workflow_line).collect();
            format!("{name} is right: {}\n{}", count(workflows.len(), "workflow"), workflows.join("\n"))
        }
        Err(problems) => {
            let found = count(problems.len() + problems.omitted, "problem");
            printable(&format!("{}\n{found}; a deployment would go on with the last version that was right", problems.text(name)))
        }
    }
}

/// `  fix-on-label  on issues  1 step`.
fn workflow_line(workflow: &Workflow) -> String {
    format!("  {}  on {}, {}", workflow.name, events(workflow).join(", "), count(workflow.steps.len(), "step"))
}

fn events(workflow: &Workflow) -> Vec<&'static str> {
    workflow.triggers.iter().map(|trigger| trigger.event.as_str()).collect()
}

fn count(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

fn json_report(name: &str, checked: &Result<Configuration, Problems>) -> Value {
    let (workflows, problems) = match checked {
        Ok(configuration) => (configuration.workflows.iter().map(workflow_json).collect(), Vec::new()),
        Err(problems) => {
            let problem = |problem: &patchbay_domain::workflow::Problem| json!({ "line": problem.line, "column": problem.column, "message": problem.message, "hint": problem.hint });
            (Vec::new(), problems.iter().map(problem).collect())
        }
    };
    json!({ "file": name, "ok": checked.is_ok(), "workflows": workflows, "problems": problems })
}

fn workflow_json(workflow: &Workflow) -> Value {
    let steps: Vec<&str> = workflow.steps.iter().map(|step| step.action.name()).collect();
    json!({ "name": workflow.name, "on": events(workflow), "steps": steps })
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "workflows:\n  triage:\n    on: [issues, push]\n    steps:\n      - agent: { prompt: x }\n";

    #[test]
    fn a_file_that_is_right_is_summed_up() {
        assert_eq!(text_report("a.yml", &read(GOOD)).trim_end(), "a.yml is right: 1 workflow\n  triage  on issues, push, 1 step");
        let expected = json!({
            "file": "a.yml", "ok": true, "problems": [],
            "workflows": [{ "name": "triage", "on": ["issues", "push"], "steps": ["agent"] }],
        });
        assert_eq!(json_report("a.yml", &read(GOOD)), expected);
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        let wrong = read(&GOOD.replace("steps", "step"));
        let text = text_report("a.yml", &wrong);
        assert!(text.contains(" --> a.yml:4:5\n") && text.contains("did you mean `steps`?"), "{text}");
        let json = json_report("a.yml", &wrong);
        assert_eq!((json["ok"].as_bool(), json["problems"][1]["line"].as_u64()), (Some(false), Some(4)), "{json}");
    }

    #[tokio::test]
    async fn the_exit_code_says_whether_the_file_is_right() {
        let dir = tempfile::tempdir().unwrap();
        let good = dir.path().join("good.yml");
        let bad = dir.path().join("bad.yml");
        std::fs::write(&good, GOOD).unwrap();
        std::fs::write(&bad, "workflows: 1\n").unwrap();
        let code = |file: PathBuf| async { format!("{:?}", run(Arguments { file, json: true }).await.unwrap()) };
        assert_eq!(code(good).await, format!("{:?}", ExitCode::SUCCESS));
        assert_eq!(code(bad).await, format!("{:?}", ExitCode::FAILURE));
        assert!(run(Arguments { file: dir.path().join("none.yml"), json: false }).await.is_err());
    }

    #[test]
    fn a_file_that_is_too_long_is_not_read_whole() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("long.yml");
        std::fs::write(&path, "é".repeat(MAX_FILE_BYTES)).unwrap();
        assert!(text_of(&path).unwrap().len() <= MAX_FILE_BYTES + 3);
        std::fs::write(&path, b"\xff").unwrap();
        assert!(text_of(&path).unwrap_err().to_string().contains("UTF-8"));
    }
}
