//! The scripted agent: does what the `script` block of its prompt says, and in a round of repair what its `repair` block
//! says; the same every time. Where the prompt has no such block, that of the working copy's `scripted.md` counts. For tests
//! and trials.

use super::agent::{Agent, Invocation, Workplace, write_read_files};
use super::script::PROMPT;
use crate::job::AgentJob;
use patchbay_domain::task::ModelProvider;
use std::path::PathBuf;
use std::{fs, io};

pub(crate) struct Scripted;

/// Where blocks are looked for that the prompt does not have.
const FALLBACK: &str = "scripted.md";
const NOTHING: &str = "answer The scripted agent found no script in the request.\n";

impl Agent for Scripted {
    fn name(&self) -> String {
        "scripted 1".to_owned()
    }

    fn programs(&self) -> Vec<PathBuf> {
        Vec::new()
    }

    fn prepare(&self, job: &AgentJob, place: &Workplace) -> io::Result<Invocation> {
        let script = place.home.join("script");
        let fence = if job.repair { "```repair" } else { "```script" };
        let in_file = || script_of(&fs::read_to_string(place.tree.join(FALLBACK)).ok()?, fence);
        fs::write(&script, script_of(&job.prompt, fence).or_else(in_file).unwrap_or_else(|| NOTHING.to_owned()))?;
        fs::write(place.home.join(PROMPT), &job.prompt)?;
        write_read_files(job, place)?;
        let route = match job.model.provider {
            ModelProvider::Openai => "/v1/chat/completions",
            ModelProvider::Anthropic => "/v1/messages",
        };
        let url = format!("http://127.0.0.1:{}{route}", place.model_port);
        let environment = vec![("SCRIPT_MODEL_URL", url), ("SCRIPT_MODEL", job.model.model.clone())];
        Ok(Invocation { program: "/proc/self/exe".into(), args: vec!["scripted".into(), script.into()], environment })
    }

    fn answer(&self, stdout: &str) -> Option<String> {
        Some(stdout.trim().to_owned()).filter(|s| !s.is_empty())
    }

    fn said(&self, _stdout: &str) -> String {
        String::new()
    }
}

/// The lines of the text's first block that begins with `fence`, if it has one that says something.
fn script_of(text: &str, fence: &str) -> Option<String> {
    let lines = text.lines().map(str::trim).skip_while(|l| *l != fence).skip(1).take_while(|l| *l != "```");
    Some(lines.map(|l| format!("{l}\n")).collect()).filter(|script: &String| !script.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use patchbay_domain::task::{Mode, ModelSettings};

    #[test]
    fn the_script_is_the_first_script_block() {
        let prompt =
            "Please\n```rust\nnot this\n```\n```script\nwrite a b\r\n  delete c\n```\nand\n```script\nno\n```\n```repair\ndelete a\n```\n";
        assert_eq!(script_of(prompt, "```script").as_deref(), Some("write a b\ndelete c\n"));
        assert_eq!(script_of(prompt, "```repair").as_deref(), Some("delete a\n"));
        for nothing in ["nothing", "```script\n```\n"] {
            assert_eq!(script_of(nothing, "```script"), None, "{nothing}");
        }
    }

    #[test]
    fn a_prompt_without_a_script_leaves_it_to_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let place = Workplace { tree: folder.path().to_owned(), home: folder.path().to_owned(), model_port: 1 };
        let played = |prompt: &str| {
            Scripted.prepare(&job(prompt), &place).unwrap();
            fs::read_to_string(folder.path().join("script")).unwrap()
        };
        assert_eq!(played("Mend it."), NOTHING);
        fs::write(folder.path().join(FALLBACK), "```script\nanswer From the file.\n```\n").unwrap();
        assert_eq!(played("Mend it."), "answer From the file.\n");
        assert_eq!(played("```script\nanswer Asked.\n```"), "answer Asked.\n");
    }

    fn job(prompt: &str) -> AgentJob {
        let model = ModelSettings { provider: ModelProvider::Openai, model: "m-1".into(), edit_format: None, settings_file: None };
        AgentJob { mode: Mode::Change, prompt: prompt.into(), model, read: Vec::new(), files: Vec::new(), repair: false }
    }
}
