//! Check runs, the App's own: looked for, created, brought up to date. GitHub takes 50 annotations per request, and adds
//! those of an update to what is there.

use super::client::GithubForge;
use super::route::Call;
use super::tokens::Purpose;
use crate::{Annotation, AnnotationLevel, CheckRunRef, CheckStatus, ForgeError, MAX_SUMMARY_CHARS, NewCheckRun, RepoAt};
use patchbay_domain::workflow::model::Conclusion;
use serde::Deserialize;
use serde_json::{Value, json};

/// How many annotations GitHub takes with one request.
const MAX_ANNOTATIONS: usize = 50;
/// How many pages of 100 check runs are read at most when looking for one.
const MAX_PAGES: usize = 10;

#[derive(Deserialize)]
struct CheckRunAnswer {
    id: u64,
    #[serde(default)]
    html_url: Option<String>,
    external_id: Option<String>,
    app: Option<super::answers::IdAnswer>,
    #[serde(default)]
    output: OutputAnswer,
}

#[derive(Default, Deserialize)]
struct OutputAnswer {
    #[serde(default)]
    annotations_count: usize,
}

#[derive(Deserialize)]
struct CheckRunsAnswer {
    check_runs: Vec<CheckRunAnswer>,
}

impl GithubForge {
    pub(super) async fn look_for_check_run(
        &self,
        at: &RepoAt,
        sha: &str,
        name: &str,
        external_id: &str,
    ) -> Result<Option<CheckRunRef>, ForgeError> {
        let app = self.app_id.to_string();
        let template = "/repos/{owner}/{repo}/commits/{sha}/check-runs";
        let mut call = Call::get(template, &[&at.repository.owner, &at.repository.name, sha]).with_query(&[
            ("check_name", name),
            ("app_id", &app),
            ("filter", "all"),
            ("per_page", "100"),
        ]);
        let mut newest: Option<CheckRunAnswer> = None;
        for _ in 0..MAX_PAGES {
            let answer = self.call(at, Purpose::Check, &call).await?;
            for run in answer.json::<CheckRunsAnswer>()?.check_runs {
                let own = run.app.as_ref().is_some_and(|app| app.id == self.app_id);
                let newer = newest.as_ref().is_none_or(|known| known.id < run.id);
                if own && newer && run.external_id.as_deref() == Some(external_id) {
                    newest = Some(run);
                }
            }
            match answer.link_query("next") {
                Some(next) => call = call.with_raw_query(&next),
                None => break,
            }
        }
        Ok(newest.map(CheckRunAnswer::into_check_run))
    }

    pub(super) async fn post_check_run(&self, at: &RepoAt, check: &NewCheckRun<'_>) -> Result<CheckRunRef, ForgeError> {
        let (first, rest) = check.annotations.split_at(check.annotations.len().min(MAX_ANNOTATIONS));
        let mut body = fields(check, first, rest.is_empty());
        body["name"] = json!(check.name);
        body["head_sha"] = json!(check.head_sha);
        let call = Call::post("/repos/{owner}/{repo}/check-runs", &[&at.repository.owner, &at.repository.name], body);
        let created: CheckRunAnswer = self.call(at, Purpose::Check, &call).await?.json()?;
        let created = created.into_check_run();
        self.patch_check_run(at, created.id, check, rest).await?;
        Ok(created)
    }

    pub(super) async fn bring_check_run_up_to_date(&self, at: &RepoAt, id: u64, check: &NewCheckRun<'_>) -> Result<(), ForgeError> {
        let written = if check.annotations.is_empty() { 0 } else { self.count_annotations(at, id).await? };
        let rest = &check.annotations[written.min(check.annotations.len())..];
        if rest.is_empty() {
            return self.patch_once(at, id, fields(check, rest, true)).await;
        }
        self.patch_check_run(at, id, check, rest).await
    }

    async fn count_annotations(&self, at: &RepoAt, id: u64) -> Result<usize, ForgeError> {
        let template = "/repos/{owner}/{repo}/check-runs/{check_run}";
        let call = Call::get(template, &[&at.repository.owner, &at.repository.name, &id.to_string()]);
        Ok(self.call(at, Purpose::Check, &call).await?.json::<CheckRunAnswer>()?.output.annotations_count)
    }

    /// Adds the annotations that are left, the conclusion with the last of them; nothing without any.
    async fn patch_check_run(&self, at: &RepoAt, id: u64, check: &NewCheckRun<'_>, left: &[Annotation]) -> Result<(), ForgeError> {
        let mut requests = left.chunks(MAX_ANNOTATIONS).peekable();
        while let Some(annotations) = requests.next() {
            let last = requests.peek().is_none();
            self.patch_once(at, id, fields(check, annotations, last)).await?;
        }
        Ok(())
    }

    async fn patch_once(&self, at: &RepoAt, id: u64, body: Value) -> Result<(), ForgeError> {
        let template = "/repos/{owner}/{repo}/check-runs/{check_run}";
        let call = Call::patch(template, &[&at.repository.owner, &at.repository.name, &id.to_string()], body);
        self.call(at, Purpose::Check, &call).await.map(drop)
    }
}

impl CheckRunAnswer {
    fn into_check_run(self) -> CheckRunRef {
        CheckRunRef { id: self.id, url: self.html_url.unwrap_or_default() }
    }
}

/// What creating and updating have in common. Before the last annotations the run is still in progress.
fn fields(check: &NewCheckRun<'_>, annotations: &[Annotation], last: bool) -> Value {
    let summary: String = check.summary.chars().take(MAX_SUMMARY_CHARS).collect();
    let mut output = json!({"title": check.title, "summary": summary});
    if !annotations.is_empty() {
        output["annotations"] = annotations.iter().map(annotation).collect();
    }
    let mut body = json!({"external_id": check.external_id, "output": output});
    if let Some(url) = check.details_url {
        body["details_url"] = json!(url);
    }
    let status = if last || check.status != CheckStatus::Completed { check.status } else { CheckStatus::InProgress };
    body["status"] = json!(match status {
        CheckStatus::Queued => "queued",
        CheckStatus::InProgress => "in_progress",
        CheckStatus::Completed => "completed",
    });
    if let (CheckStatus::Completed, Some(conclusion)) = (status, check.conclusion) {
        body["conclusion"] = json!(conclusion_word(conclusion));
    }
    body
}

fn conclusion_word(conclusion: Conclusion) -> &'static str {
    match conclusion {
        Conclusion::Success => "success",
        Conclusion::Failure => "failure",
        Conclusion::Neutral => "neutral",
        Conclusion::Cancelled => "cancelled",
        Conclusion::Skipped => "skipped",
        Conclusion::TimedOut => "timed_out",
        Conclusion::ActionRequired => "action_required",
    }
}

fn annotation(annotation: &Annotation) -> Value {
    let mut value = json!({
        "path": annotation.path,
        "start_line": annotation.start_line,
        "end_line": annotation.end_line,
        "annotation_level": match annotation.level {
            AnnotationLevel::Notice => "notice",
            AnnotationLevel::Warning => "warning",
            AnnotationLevel::Failure => "failure",
        },
        "message": annotation.message,
    });
    if let Some(title) = &annotation.title {
        value["title"] = json!(title);
    }
    value
}
