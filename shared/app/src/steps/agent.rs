//! The `agent` step up to its request: the rendered prompt, the file's options, and whether people are shown a status comment.
//! The rest is a run of the agent like any other (`launch`, `results`).

use super::scene::{Scene, StepError, refused};
use patchbay_domain::run::plan::AgentRequest;
use patchbay_domain::task::Mode;
use patchbay_domain::text::strip_hidden;
use patchbay_domain::workflow::model::AgentStep;

/// The longest prompt, characters and bytes: it is kept in the run.
const MAX_PROMPT_CHARS: usize = 60_000;
const MAX_PROMPT_BYTES: usize = 100_000;

/// What the agent is asked.
pub(super) fn request(scene: &Scene<'_>, step: &AgentStep) -> Result<AgentRequest, StepError> {
    let prompt = scene.render("prompt", &step.prompt)?;
    let prompt = bounded(strip_hidden(&prompt).trim().to_owned());
    if prompt.is_empty() {
        return Err(refused("`prompt` came to nothing. Skip the step with `if` when there is nothing to ask."));
    }
    let answers_a_step = step.mode == Mode::Ask && scene.plan.outputs_are_used(scene.index);
    Ok(AgentRequest { mode: step.mode, prompt, options: step.options.clone(), status: step.status.unwrap_or(!answers_a_step) })
}

/// Cut where it is too long, and the agent is told so.
fn bounded(prompt: String) -> String {
    let mut bytes = 0;
    let end = prompt.char_indices().enumerate().find(|(count, (_, c))| {
        bytes += c.len_utf8();
        *count >= MAX_PROMPT_CHARS || bytes > MAX_PROMPT_BYTES
    });
    match end {
        None => prompt,
        Some((_, (at, _))) => format!("{}\n\n(cut here: the text was longer)", &prompt[..at]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prompt_is_cut_by_characters_and_by_bytes() {
        assert_eq!(bounded("x".repeat(MAX_PROMPT_CHARS)), "x".repeat(MAX_PROMPT_CHARS));
        let long = bounded("x".repeat(MAX_PROMPT_CHARS + 1));
        assert!(long.starts_with(&"x".repeat(MAX_PROMPT_CHARS)) && long.ends_with("(cut here: the text was longer)"));
        let wide = bounded("😀".repeat(MAX_PROMPT_CHARS));
        assert!(wide.len() <= MAX_PROMPT_BYTES + 50 && wide.ends_with("(cut here: the text was longer)"), "{}", wide.len());
    }
}
