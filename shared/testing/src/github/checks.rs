//! Verbs and views of what runs on commits: check runs of our App and of others, workflows of Actions.

use anyhow::Result;

use super::LocalGithub;
use super::seed::person;
use super::state::{CheckAnnotation, CheckRun, CheckSuite};
use super::world::{CheckEdit, NewCheck};

/// A check run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckRunView {
    /// Its id.
    pub id: u64,
    /// The slug of the App that reports it.
    pub app: String,
    /// Its name.
    pub name: String,
    /// The App's own word for it.
    pub external_id: String,
    /// `queued`, `in_progress` or `completed`.
    pub status: String,
    /// How it ended.
    pub conclusion: Option<String>,
    /// Its title.
    pub title: String,
    /// Its summary, Markdown.
    pub summary: String,
    /// Remarks on lines, in the order they were added.
    pub annotations: Vec<CheckAnnotationView>,
    /// Where "Details" leads.
    pub details_url: Option<String>,
}

/// A remark of a check run on lines of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckAnnotationView {
    /// The file.
    pub path: String,
    /// The first line.
    pub start_line: u64,
    /// The last line.
    pub end_line: u64,
    /// `notice`, `warning` or `failure`.
    pub level: String,
    /// What is said.
    pub message: String,
}

impl LocalGithub {
    /// Another App reports a check run that is over, in a person's name; returns its id.
    ///
    /// # Errors
    /// When there is no such repository, person or commit, or no such conclusion.
    pub fn report_check(&self, repository: &str, login: &str, app: &str, name: &str, sha: &str, conclusion: &str) -> Result<u64> {
        let edit = CheckEdit { conclusion: Some(conclusion.to_owned()), ..CheckEdit::default() };
        let new = NewCheck { app: Some(app.to_owned()), name: name.to_owned(), head_sha: sha.to_owned(), edit };
        self.act_in(repository, |world, id| world.create_check_run(id, new, &person(world, login)?))
    }

    /// A workflow of Actions has run (`workflow_run`, `completed`): on a branch's head, or with `login:branch` on that of
    /// an open pull request from a fork. Returns the run's id.
    ///
    /// # Errors
    /// When there is no such repository, person or branch.
    pub fn finish_workflow_run(&self, repository: &str, login: &str, name: &str, head: &str, conclusion: &str) -> Result<u64> {
        self.act_in(repository, |world, id| world.finish_workflow_run(id, name, head, conclusion, &person(world, login)?))
    }

    /// The check runs of a commit, whoever reports them, oldest first.
    #[must_use]
    pub fn check_runs(&self, repository: &str, sha: &str) -> Vec<CheckRunView> {
        self.see(repository, |world, found| {
            let of_commit = found.check_runs.values().filter_map(|run| {
                let suite = found.check_suites.get(&run.suite).filter(|suite| suite.head_sha == sha)?;
                Some(view(&world.app.slug, suite, run))
            });
            Some(of_commit.collect())
        })
        .unwrap_or_default()
    }
}

fn view(own: &str, suite: &CheckSuite, run: &CheckRun) -> CheckRunView {
    let annotation = |one: &CheckAnnotation| CheckAnnotationView {
        path: one.path.clone(),
        start_line: one.start_line,
        end_line: one.end_line,
        level: one.annotation_level.clone(),
        message: one.message.clone(),
    };
    CheckRunView {
        id: run.id,
        app: suite.app.clone().unwrap_or_else(|| own.to_owned()),
        name: run.name.clone(),
        external_id: run.external_id.clone(),
        status: run.status.clone(),
        conclusion: run.conclusion.clone(),
        title: run.title.clone().unwrap_or_default(),
        summary: run.summary.clone().unwrap_or_default(),
        annotations: run.annotations.iter().map(annotation).collect(),
        details_url: run.details_url.clone(),
    }
}
