//! Check runs: making them, changing them, with the events of theirs and of the suites that they complete. GitHub also
//! sends a `check_suite` event `requested` at each push; that one is not played.

use serde_json::Map;

use super::super::error::ApiError;
use super::super::json;
use super::super::state::{CheckAnnotation, CheckRun, CheckSuite, IdKind, now};
use super::events::Draft;
use super::{Doer, World};

/// GitHub takes this many annotations with one request.
const MOST_ANNOTATIONS: usize = 50;
/// The longest summary, in characters.
const LONGEST_SUMMARY: usize = 65_535;
const CONCLUSIONS: [&str; 7] = ["success", "failure", "neutral", "cancelled", "skipped", "timed_out", "action_required"];
const LEVELS: [&str; 3] = ["notice", "warning", "failure"];

/// A check run before it exists.
#[derive(Debug)]
pub(crate) struct NewCheck {
    /// Another App's slug; `None`: ours.
    pub app: Option<String>,
    pub name: String,
    pub head_sha: String,
    pub edit: CheckEdit,
}

/// What a request says of a check run; `None` leaves a field as it is. Annotations are added.
#[derive(Debug, Default)]
pub(crate) struct CheckEdit {
    pub name: Option<String>,
    pub external_id: Option<String>,
    pub details_url: Option<String>,
    pub status: Option<String>,
    pub conclusion: Option<String>,
    pub title: Option<String>,
    pub summary: Option<String>,
    pub annotations: Vec<CheckAnnotation>,
}

impl World {
    /// Makes a check run; 422 for a commit that does not exist.
    pub(crate) fn create_check_run(&mut self, repository: u64, new: NewCheck, doer: &Doer) -> Result<u64, ApiError> {
        check_edit(&new.edit)?;
        if self.git(repository).read_commit(&new.head_sha).is_none() {
            return Err(ApiError::unprocessable(format!("No commit found for SHA: {}", new.head_sha)));
        }
        let suite = self.suite_of(repository, new.app, &new.head_sha)?;
        let id = self.state.next_id(IdKind::CheckRun);
        let run = CheckRun {
            id,
            suite,
            name: new.name,
            external_id: String::new(),
            details_url: None,
            status: "queued".to_owned(),
            conclusion: None,
            title: None,
            summary: None,
            annotations: Vec::new(),
            started_at: now(),
            completed_at: None,
        };
        self.repository_mut(repository)?.check_runs.insert(id, run);
        let completed = self.apply_check_edit(repository, id, new.edit)?;
        self.emit_check(repository, id, "created", doer)?;
        if completed { self.emit_completed(repository, id, doer) } else { Ok(()) }.map(|()| id)
    }

    /// Changes a check run.
    pub(crate) fn update_check_run(&mut self, repository: u64, id: u64, edit: CheckEdit, doer: &Doer) -> Result<(), ApiError> {
        check_edit(&edit)?;
        if self.apply_check_edit(repository, id, edit)? { self.emit_completed(repository, id, doer) } else { Ok(()) }
    }

    // One suite for each App and commit.
    fn suite_of(&mut self, repository: u64, app: Option<String>, sha: &str) -> Result<u64, ApiError> {
        let found = self.repository(repository)?;
        if let Some(suite) = found.check_suites.values().find(|suite| suite.app == app && suite.head_sha == sha) {
            return Ok(suite.id);
        }
        let refs = self.git(repository).refs()?;
        let branch = refs.iter().find_map(|(name, at)| name.strip_prefix("refs/heads/").filter(|_| at == sha)).map(str::to_owned);
        let id = self.state.next_id(IdKind::CheckSuite);
        let suite = CheckSuite { id, app, head_sha: sha.to_owned(), head_branch: branch, created_at: now(), updated_at: now() };
        self.repository_mut(repository)?.check_suites.insert(id, suite);
        Ok(id)
    }

    // Whether the run was completed by it.
    fn apply_check_edit(&mut self, repository: u64, id: u64, edit: CheckEdit) -> Result<bool, ApiError> {
        let run = self.repository_mut(repository)?.check_runs.get_mut(&id).ok_or_else(ApiError::not_found)?;
        let was_completed = run.status == "completed";
        run.name = edit.name.unwrap_or_else(|| run.name.clone());
        run.external_id = edit.external_id.unwrap_or_else(|| run.external_id.clone());
        run.details_url = edit.details_url.or(run.details_url.take());
        run.title = edit.title.or(run.title.take());
        run.summary = edit.summary.or(run.summary.take());
        run.annotations.extend(edit.annotations);
        if let Some(status) = edit.status {
            run.status = status;
        }
        match edit.conclusion {
            Some(conclusion) => {
                (run.status, run.conclusion, run.completed_at) = ("completed".to_owned(), Some(conclusion), Some(now()));
            }
            // A run that is not over has no conclusion (any more).
            None if run.status != "completed" => (run.conclusion, run.completed_at) = (None, None),
            None => {}
        }
        Ok(run.status == "completed" && !was_completed)
    }

    fn emit_completed(&mut self, repository: u64, id: u64, doer: &Doer) -> Result<(), ApiError> {
        self.emit_check(repository, id, "completed", doer)?;
        let found = self.repository(repository)?;
        let run = found.check_runs.get(&id).ok_or_else(ApiError::not_found)?;
        let suite = found.check_suites.get(&run.suite).ok_or_else(ApiError::not_found)?;
        let value = json::check_suite(self, found, suite);
        if value["status"] != "completed" {
            return Ok(());
        }
        let fields = Map::from_iter([("check_suite".to_owned(), value)]);
        self.emit(Draft::of("check_suite", "completed", doer).in_repository(repository).with(fields))
    }

    fn emit_check(&mut self, repository: u64, id: u64, action: &str, doer: &Doer) -> Result<(), ApiError> {
        let found = self.repository(repository)?;
        let run = found.check_runs.get(&id).ok_or_else(ApiError::not_found)?;
        let fields = Map::from_iter([("check_run".to_owned(), json::check_run(self, found, run))]);
        self.emit(Draft::of("check_run", action, doer).in_repository(repository).with(fields))
    }
}

fn check_edit(edit: &CheckEdit) -> Result<(), ApiError> {
    let refuse = |text: String| Err(ApiError::unprocessable(format!("Invalid request.\n\n{text}")));
    let known = |word: &Option<String>, words: &[&str]| word.as_deref().is_none_or(|word| words.contains(&word));
    if !known(&edit.status, &["queued", "in_progress", "completed"]) {
        return refuse("status is not a valid status.".to_owned());
    }
    if !known(&edit.conclusion, &CONCLUSIONS) {
        return refuse("conclusion is not a valid conclusion.".to_owned());
    }
    if edit.status.as_deref() == Some("completed") && edit.conclusion.is_none() {
        return refuse("Missing parameter: conclusion is required for completed check runs.".to_owned());
    }
    if edit.annotations.len() > MOST_ANNOTATIONS {
        return refuse(format!("No more than {MOST_ANNOTATIONS} items are allowed; {} were supplied.", edit.annotations.len()));
    }
    if edit.summary.as_ref().is_some_and(|summary| summary.chars().count() > LONGEST_SUMMARY) {
        return refuse(format!("Only {LONGEST_SUMMARY} characters are allowed for output.summary."));
    }
    let sound = |one: &CheckAnnotation| {
        LEVELS.contains(&one.annotation_level.as_str()) && one.start_line >= 1 && one.end_line >= one.start_line && !one.path.is_empty()
    };
    if edit.annotations.iter().all(sound) { Ok(()) } else { refuse("An annotation is not valid.".to_owned()) }
}
