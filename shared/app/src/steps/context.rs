//! Steps that read: a pull request, a commit, a file. What they read becomes outputs, data that no later template takes for
//! anything else.

use super::scene::{Scene, StepError, refused};
use patchbay_domain::run::plan::Outputs;
use patchbay_domain::workflow::limits::MAX_OUTPUT_CHARS;
use patchbay_domain::workflow::model::{CommitContextStep, FileStep, PrContextStep};

fn most(max_chars: u32) -> usize {
    usize::try_from(max_chars).unwrap_or(MAX_OUTPUT_CHARS).min(MAX_OUTPUT_CHARS)
}

fn outputs<const N: usize>(given: [(&str, Option<String>); N]) -> Outputs {
    given.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}

/// Reads the wanted parts of a pull request.
pub(super) async fn pull_request(scene: &Scene<'_>, step: &PrContextStep) -> Result<Outputs, StepError> {
    let number = scene.pull_request(step.number.as_ref())?;
    let read = scene.services.forge.pull_request_context(&scene.at, number, &step.include, most(step.max_chars)).await?;
    Ok(outputs([
        ("diff", read.diff),
        ("files", read.files),
        ("comments", read.comments),
        ("reviews", read.reviews),
        ("commits", read.commits),
        ("truncated", Some(read.truncated.to_string())),
    ]))
}

/// Reads a commit.
pub(super) async fn commit(scene: &Scene<'_>, step: &CommitContextStep) -> Result<Outputs, StepError> {
    let sha = scene.commit(step.sha.as_ref())?;
    let read = scene.services.forge.commit_context(&scene.at, &sha, &step.include, most(step.max_chars)).await?;
    Ok(outputs([
        ("message", Some(read.message)),
        ("author", Some(read.author)),
        ("diff", read.diff),
        ("files", read.files),
        ("truncated", Some(read.truncated.to_string())),
    ]))
}

/// Reads a file; one that does not exist is no failure.
pub(super) async fn file(scene: &Scene<'_>, step: &FileStep) -> Result<Outputs, StepError> {
    let path = scene.value("path", &step.path)?;
    let path = path.trim_start_matches('/');
    if path.is_empty() {
        return Err(refused("`path` came to nothing."));
    }
    let git_ref = match &step.git_ref {
        Some(template) => Some(scene.value("ref", template)?).filter(|git_ref| !git_ref.is_empty()),
        None => None,
    };
    let found = scene.services.forge.read_file(&scene.at, path, git_ref.as_deref()).await?;
    let Some(file) = found else {
        return Ok(outputs([
            ("content", Some(String::new())),
            ("exists", Some("false".to_owned())),
            ("truncated", Some("false".to_owned())),
        ]));
    };
    let content: String = file.text.chars().take(most(step.max_chars)).collect();
    let truncated = content.len() < file.text.len();
    Ok(outputs([
        ("content", Some(content)),
        ("exists", Some("true".to_owned())),
        ("sha", Some(file.sha)),
        ("truncated", Some(truncated.to_string())),
    ]))
}
