//! What is said about a configuration file: a check run on the commit that brought it, green, or with every mistake at its
//! line. What is wrong with a file is `domain::workflow`'s to find.

use super::Matcher;
use super::compiled::Compiled;
use super::configuration::is_passing;
use crate::messages::decisions as texts;
use patchbay_aws::tables::core::WorkflowsRow;
use patchbay_domain::workflow::model::Conclusion;
use patchbay_domain::workflow::{FILE_PATH, Problem, Problems};
use patchbay_forge::{Annotation, AnnotationLevel, CheckStatus, NewCheckRun, RepoAt};
use std::sync::Arc;

const CHECK_NAME: &str = "patchbay / configuration";
/// By which the check run is found again.
const EXTERNAL_ID: &str = "patchbay-configuration";

/// What reading the file came to.
#[derive(Debug)]
pub(super) enum Reading {
    /// There is no file.
    Nothing,
    Good {
        text: String,
        sha: String,
        compiled: Arc<Compiled>,
    },
    /// With the mistakes, or why it is no text file at all.
    Broken {
        sha: Option<String>,
        problems: Option<Problems>,
        why: String,
    },
}

impl Reading {
    pub(super) fn unreadable(why: String) -> Self {
        Reading::Broken { sha: None, problems: None, why }
    }

    /// The version, where there is a text.
    pub(super) fn sha(&self) -> Option<&str> {
        match self {
            Reading::Nothing => None,
            Reading::Good { sha, .. } => Some(sha),
            Reading::Broken { sha, .. } => sha.as_deref(),
        }
    }

    fn problems(&self) -> &[Problem] {
        match self {
            Reading::Broken { problems: Some(problems), .. } => problems,
            _ => &[],
        }
    }

    /// The first thing that is wrong, in one line; empty if nothing is.
    pub(super) fn first_problem(&self) -> String {
        match (self.problems().first(), self) {
            (Some(first), _) => format!("{FILE_PATH}:{}:{}: {}", first.line, first.column, first.message),
            (None, Reading::Broken { why, .. }) => why.clone(),
            (None, _) => String::new(),
        }
    }
}

impl Matcher {
    /// Says what is wrong with the file on the default branch's head, where no push brought it to light.
    pub(super) async fn report_on_head(&self, at: &RepoAt, reading: &Reading, retaken: bool) -> anyhow::Result<()> {
        let Some(branch) = &at.repository.default_branch else { return Ok(()) };
        match self.services.forge.branch_head(at, branch).await {
            Ok(Some(head)) => self.report(at, &head, reading, None, retaken).await,
            Err(error) if is_passing(&error) => Err(error.into()),
            Ok(None) | Err(_) => Ok(()),
        }
    }

    /// Shows on a commit whether its file is good. An App that may not write checks is no reason to do nothing else.
    pub(super) async fn report(
        &self,
        at: &RepoAt,
        sha: &str,
        reading: &Reading,
        known: Option<&WorkflowsRow>,
        retaken: bool,
    ) -> anyhow::Result<()> {
        let (conclusion, title, summary) = match reading {
            Reading::Nothing => (Conclusion::Success, texts::no_file_title(), texts::no_file_summary()),
            Reading::Good { compiled, .. } => {
                let names = compiled.names();
                (Conclusion::Success, texts::good_file_title(names.len()), texts::good_file_summary(&names))
            }
            Reading::Broken { problems, why, .. } => {
                let told = problems.as_ref().map_or_else(|| why.clone(), |problems| problems.text(FILE_PATH));
                let count = problems.as_ref().map_or(1, |problems| problems.len() + problems.omitted);
                let keeps = known.is_some_and(|row| !row.names.is_empty());
                (Conclusion::Failure, texts::broken_file_title(count), texts::broken_file_summary(&told, keeps))
            }
        };
        let annotations: Vec<Annotation> = reading.problems().iter().map(annotation).collect();
        let check = NewCheckRun {
            name: CHECK_NAME,
            head_sha: sha,
            external_id: EXTERNAL_ID,
            status: CheckStatus::Completed,
            conclusion: Some(conclusion),
            title: &title,
            summary: &summary,
            annotations: &annotations,
            details_url: None,
        };
        match self.write_check(at, &check, retaken).await {
            Err(error) if is_passing(&error) => Err(error.into()),
            Err(error) => {
                tracing::warn!(repository = at.repository.full_name(), %error, "the configuration's check run cannot be written");
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }

    async fn write_check(&self, at: &RepoAt, check: &NewCheckRun<'_>, retaken: bool) -> Result<(), patchbay_forge::ForgeError> {
        let forge = &self.services.forge;
        let known = if retaken { forge.find_check_run(at, check.head_sha, check.name, check.external_id).await? } else { None };
        match known {
            Some(known) => forge.update_check_run(at, known.id, check).await,
            None => forge.create_check_run(at, check).await.map(drop),
        }
    }
}

fn annotation(problem: &Problem) -> Annotation {
    let hint = problem.hint.as_ref().map(|hint| format!("\n{hint}")).unwrap_or_default();
    Annotation {
        path: FILE_PATH.to_owned(),
        start_line: problem.line,
        end_line: problem.line,
        level: AnnotationLevel::Failure,
        message: format!("{} (column {}){hint}", problem.message, problem.column),
        title: None,
    }
}
