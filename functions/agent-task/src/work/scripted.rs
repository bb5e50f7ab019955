//! The scripted agent: does what the `script` block of its prompt says, and in a round of repair what its `repair` block
//! says; the same every time. For tests and trials.

use super::agent::{Agent, Invocation, Workplace, write_read_files};
use super::script::PROMPT;
use crate::job::AgentJob;
use patchbay_domain::task::ModelProvider;
use std::path::PathBuf;
use std::{fs, io};

pub(crate) struct Scripted;

impl Agent for Scripted {
    fn name(&self) -> String {
        "scripted 1".to_owned()
    }

    fn programs(&self) -> Vec<PathBuf> {
        Vec::new()
    }

    fn prepare(&self, job: &AgentJob, place: &Workplace) -> io::Result<Invocation> {
        let script = place.home.join("script");
        fs::write(&script, script_of(&job.prompt, if job.repair { "```repair" } else { "```script" }))?;
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

/// The lines of the prompt's first block that begins with `fence`.
fn script_of(prompt: &str, fence: &str) -> String {
    let mut lines = prompt.lines().map(str::trim).skip_while(|l| *l != fence).skip(1).take_while(|l| *l != "```").peekable();
    if lines.peek().is_none() {
        return "answer The scripted agent found no script in the request.\n".to_owned();
    }
    lines.map(|l| format!("{l}\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_script_is_the_first_script_block() {
        let prompt =
            "Please\n```rust\nnot this\n```\n```script\nwrite a b\r\n  delete c\n```\nand\n```script\nno\n```\n```repair\ndelete a\n```\n";
        assert_eq!(script_of(prompt, "```script"), "write a b\ndelete c\n");
        assert_eq!(script_of(prompt, "```repair"), "delete a\n");
        assert!(script_of("nothing", "```script").starts_with("answer "));
    }
}
