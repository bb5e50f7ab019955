//! The `check` step: a check run on a commit, known by the step's name as its external id (R33), with annotations that are written
//! as compilers write them.

use super::scene::{Scene, StepError, quotable, refused};
use patchbay_domain::run::plan::Outputs;
use patchbay_domain::workflow::model::{CheckStep, Conclusion};
use patchbay_forge::{Annotation, AnnotationLevel, CheckRunRef, CheckStatus, NewCheckRun};

/// Annotations that a check may have; GitHub takes fifty in a request.
const MAX_ANNOTATIONS: usize = 200;
/// GitHub's limit for a title is 255 characters.
const MAX_TITLE_CHARS: usize = 255;

/// Writes the check run, or brings the one of an earlier try up to date.
pub(super) async fn write(scene: &Scene<'_>, step: &CheckStep) -> Result<Outputs, StepError> {
    let sha = scene.commit(step.sha.as_ref())?;
    let conclusion = conclusion_of(&scene.value("conclusion", &step.conclusion)?)?;
    let title = match &step.title {
        Some(title) => scene.value("title", title)?,
        None => scene.plan.workflow.name.clone(),
    };
    let title: String = scene.outgoing(title).chars().take(MAX_TITLE_CHARS).collect();
    let text = scene.render("annotations", step.annotations.as_deref().unwrap_or_default())?;
    let (annotations, missed) = annotations_of(&scene.outgoing(text));
    let mut summary = scene.markdown("summary", &step.summary)?;
    if missed > 0 {
        let lines = if missed == 1 { "1 line".to_owned() } else { format!("{missed} lines") };
        summary.push_str(&format!(
            "\n\n({lines} of `annotations` could not be shown: `path:line: message` is one, {MAX_ANNOTATIONS} are the most.)"
        ));
    }
    let external_id = scene.name();
    let check = NewCheckRun {
        name: &step.name,
        head_sha: &sha,
        external_id: &external_id,
        status: CheckStatus::Completed,
        conclusion: Some(conclusion),
        title: if title.is_empty() { &step.name } else { &title },
        summary: &summary,
        annotations: &annotations,
        details_url: None,
    };
    let forge = &scene.services.forge;
    let known = if scene.is_retaken() { forge.find_check_run(&scene.at, &sha, &step.name, &external_id).await? } else { None };
    let written = match known {
        Some(known) => {
            forge.update_check_run(&scene.at, known.id, &check).await?;
            known
        }
        None => forge.create_check_run(&scene.at, &check).await?,
    };
    Ok(named(&written))
}

fn named(check: &CheckRunRef) -> Outputs {
    Outputs::from([("id".to_owned(), check.id.to_string()), ("url".to_owned(), check.url.clone())])
}

fn conclusion_of(word: &str) -> Result<Conclusion, StepError> {
    serde_json::from_value(serde_json::Value::String(word.to_lowercase())).map_err(|_| {
        let shown: String = quotable(word).chars().take(50).collect();
        refused(format!(
            "`conclusion` came to `{shown}`; it has to be one of `success`, `failure`, `neutral`, `cancelled`, `skipped`, `timed_out`, `action_required`."
        ))
    })
}

/// The annotations of a text, one a line, and how many lines were none.
fn annotations_of(text: &str) -> (Vec<Annotation>, usize) {
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let annotations: Vec<Annotation> = lines.iter().filter_map(|line| annotation_of(line)).take(MAX_ANNOTATIONS).collect();
    let missed = lines.len() - annotations.len();
    (annotations, missed)
}

/// `path:line: message`, `path:line:column: message`, with a level before the message or without.
fn annotation_of(line: &str) -> Option<Annotation> {
    let (path, rest) = line.split_once(':')?;
    let (number, rest) = rest.split_once(':')?;
    let start_line = number.trim().parse().ok().filter(|line: &u32| *line > 0)?;
    let rest = match rest.split_once(':') {
        Some((column, message)) if column.trim().parse::<u32>().is_ok() => message,
        _ => rest,
    };
    let (level, message) = match rest.split_once(':') {
        Some((word, message)) => match word.trim() {
            "notice" | "note" => (AnnotationLevel::Notice, message),
            "warning" => (AnnotationLevel::Warning, message),
            "failure" | "error" => (AnnotationLevel::Failure, message),
            _ => (AnnotationLevel::Warning, rest),
        },
        None => (AnnotationLevel::Warning, rest),
    };
    let (path, message) = (path.trim(), message.trim());
    let whole = !path.is_empty() && !message.is_empty();
    whole.then(|| Annotation { path: path.to_owned(), start_line, end_line: start_line, level, message: message.to_owned(), title: None })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn annotations_are_read_as_compilers_write_them() {
        let read = |line: &str| annotation_of(line).map(|a| (a.path, a.start_line, a.level, a.message));
        let of = |path: &str, line, level, message: &str| Some((path.to_owned(), line, level, message.to_owned()));
        use AnnotationLevel::{Failure, Notice, Warning};
        assert_eq!(read("src/a.rs:3: odd: very"), of("src/a.rs", 3, Warning, "odd: very"));
        assert_eq!(read("src/a.rs:3: failure: broken"), of("src/a.rs", 3, Failure, "broken"));
        assert_eq!(read("a b.md:12:4: notice: here"), of("a b.md", 12, Notice, "here"));
        for none in ["", "words", "a.rs: message", "a.rs:0: message", "a.rs:1:", ":1: message", "a.rs:x: message"] {
            assert_eq!(read(none), None, "{none}");
        }
    }

    #[test]
    fn lines_that_are_no_annotations_are_counted() {
        let (annotations, missed) = annotations_of("a:1: x\n\nHere is what I found\nb:2: y\n");
        assert_eq!((annotations.len(), missed), (2, 1));
        let (annotations, missed) = annotations_of(&"a:1: x\n".repeat(MAX_ANNOTATIONS + 3));
        assert_eq!((annotations.len(), missed), (MAX_ANNOTATIONS, 3));
    }

    #[test]
    fn a_conclusion_is_one_of_githubs_words() {
        assert!(matches!(conclusion_of("Success"), Ok(Conclusion::Success)));
        assert!(matches!(conclusion_of("timed_out"), Ok(Conclusion::TimedOut)));
        assert!(conclusion_of("good").is_err() && conclusion_of("").is_err());
    }
}
