//! Issues, comments and labels: what can happen to them, with the events that follow.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::super::error::ApiError;
use super::super::json;
use super::super::state::{Comment, IdKind, Issue, Label, now};
use super::events::Draft;
use super::{Doer, World};

/// What a request changes in an issue; `None` leaves a field as it is.
#[derive(Debug, Default)]
pub(crate) struct IssueEdit {
    pub title: Option<String>,
    pub body: Option<Option<String>>,
    pub open: Option<bool>,
    pub state_reason: Option<String>,
    pub labels: Option<Vec<String>>,
    pub assignees: Option<Vec<String>>,
}

impl World {
    /// Opens an issue; each label makes an event of its own after `opened`.
    pub(crate) fn open_issue(
        &mut self,
        repository: u64,
        doer: &Doer,
        title: &str,
        body: Option<String>,
        labels: &[String],
    ) -> Result<u64, ApiError> {
        if title.trim().is_empty() {
            return Err(ApiError::field("Issue", "title", "missing_field"));
        }
        let number = self.add_issue(repository, doer, title, body)?;
        let keys = labels.iter().map(|name| self.ensure_label(repository, name, "ededed")).collect::<Result<Vec<_>, _>>()?;
        self.issue_mut(repository, number)?.labels = keys.clone();
        self.emit_issue(repository, number, "opened", Map::new(), doer)?;
        for key in keys {
            self.emit_label(repository, number, "labeled", &key, doer)?;
        }
        Ok(number)
    }

    /// Adds the issue itself, without an event; pull requests start with it too.
    pub(super) fn add_issue(&mut self, repository: u64, doer: &Doer, title: &str, body: Option<String>) -> Result<u64, ApiError> {
        let id = self.state.next_id(IdKind::Issue);
        let repository = self.repository_mut(repository)?;
        if repository.archived {
            return Err(ApiError::forbidden("Repository was archived so is read-only."));
        }
        let number = repository.next_number();
        let at = now();
        let issue = Issue {
            id,
            number,
            title: title.to_owned(),
            body,
            author: doer.login.clone(),
            via_app: doer.via_app,
            open: true,
            state_reason: None,
            locked: false,
            labels: Vec::new(),
            assignees: Vec::new(),
            comments: Vec::new(),
            created_at: at,
            updated_at: at,
            closed_at: None,
            closed_by: None,
            pull: None,
        };
        repository.issues.insert(number, issue);
        repository.updated_at = at;
        Ok(number)
    }

    /// Changes an issue, with one event for each kind of change.
    pub(crate) fn edit_issue(&mut self, repository: u64, number: u64, edit: IssueEdit, doer: &Doer) -> Result<(), ApiError> {
        let issue = self.issue_mut(repository, number)?;
        let mut changes = Map::new();
        if let Some(title) = edit.title.filter(|title| *title != issue.title) {
            changes.insert("title".to_owned(), json!({"from": issue.title}));
            issue.title = title;
        }
        if let Some(body) = edit.body.filter(|body| *body != issue.body) {
            changes.insert("body".to_owned(), json!({"from": issue.body.clone().unwrap_or_default()}));
            issue.body = body;
        }
        issue.updated_at = now();
        if let Some(assignees) = edit.assignees {
            issue.assignees = assignees;
        }
        if !changes.is_empty() {
            self.emit_issue(repository, number, "edited", Map::from_iter([("changes".to_owned(), Value::Object(changes))]), doer)?;
        }
        if let Some(labels) = edit.labels {
            self.set_labels(repository, number, &labels, doer)?;
        }
        match edit.open {
            Some(open) => self.set_open(repository, number, open, edit.state_reason, doer),
            None => Ok(()),
        }
    }

    /// Closes or reopens an issue or pull request.
    pub(crate) fn set_open(
        &mut self,
        repository: u64,
        number: u64,
        open: bool,
        reason: Option<String>,
        doer: &Doer,
    ) -> Result<(), ApiError> {
        let issue = self.issue_mut(repository, number)?;
        if issue.open == open {
            return Ok(());
        }
        let is_pull = issue.pull.is_some();
        issue.open = open;
        issue.updated_at = now();
        issue.closed_at = (!open).then(now);
        issue.closed_by = (!open).then(|| doer.login.clone());
        issue.state_reason = match (open, is_pull) {
            (_, true) => None,
            (true, false) => Some("reopened".to_owned()),
            (false, false) => Some(reason.unwrap_or_else(|| "completed".to_owned())),
        };
        self.emit_issue(repository, number, if open { "reopened" } else { "closed" }, Map::new(), doer)
    }

    /// Adds a comment and returns its id.
    pub(crate) fn add_comment(&mut self, repository: u64, number: u64, doer: &Doer, body: &str) -> Result<u64, ApiError> {
        check_body(body)?;
        if self.repository(repository)?.archived {
            return Err(ApiError::forbidden("Repository was archived so is read-only."));
        }
        if self.issue(repository, number)?.locked && doer.via_app {
            return Err(ApiError::forbidden("Unable to create comment because issue is locked."));
        }
        let id = self.state.next_id(IdKind::Comment);
        let at = now();
        let issue = self.issue_mut(repository, number)?;
        issue.updated_at = at;
        issue.comments.push(Comment {
            id,
            author: doer.login.clone(),
            via_app: doer.via_app,
            body: body.to_owned(),
            created_at: at,
            updated_at: at,
            history: vec![(Timestamp::now(), body.to_owned())],
            deleted: false,
        });
        self.emit_comment(repository, number, id, "created", None, doer)?;
        Ok(id)
    }

    /// Changes a comment's text.
    pub(crate) fn edit_comment(&mut self, repository: u64, id: u64, body: &str, doer: &Doer) -> Result<(), ApiError> {
        check_body(body)?;
        let number = self.thread_of_comment(repository, id)?;
        let comment = self.comment_mut(repository, number, id)?;
        let before = std::mem::replace(&mut comment.body, body.to_owned());
        comment.updated_at = now();
        comment.history.push((Timestamp::now(), body.to_owned()));
        let changes = json!({"body": {"from": before}});
        self.emit_comment(repository, number, id, "edited", Some(changes), doer)
    }

    /// Removes a comment; its history stays for inspection.
    pub(crate) fn delete_comment(&mut self, repository: u64, id: u64, doer: &Doer) -> Result<(), ApiError> {
        let number = self.thread_of_comment(repository, id)?;
        self.emit_comment(repository, number, id, "deleted", None, doer)?;
        self.comment_mut(repository, number, id)?.deleted = true;
        Ok(())
    }

    /// The number of the thread that a comment stands in; 404 for a deleted one.
    pub(crate) fn thread_of_comment(&self, repository: u64, id: u64) -> Result<u64, ApiError> {
        let has = |issue: &&Issue| issue.visible_comments().any(|comment| comment.id == id);
        self.repository(repository)?.issues.values().find(has).map(|issue| issue.number).ok_or_else(ApiError::not_found)
    }

    fn comment_mut(&mut self, repository: u64, number: u64, id: u64) -> Result<&mut Comment, ApiError> {
        self.issue_mut(repository, number)?.comments.iter_mut().find(|comment| comment.id == id).ok_or_else(ApiError::not_found)
    }

    /// The key of a label, which is made if the repository has none of that name.
    pub(crate) fn ensure_label(&mut self, repository: u64, name: &str, color: &str) -> Result<String, ApiError> {
        let key = name.to_lowercase();
        if name.trim().is_empty() {
            return Err(ApiError::field("Label", "name", "missing_field"));
        }
        if !self.repository(repository)?.labels.contains_key(&key) {
            let id = self.state.next_id(IdKind::Label);
            let label = Label { id, name: name.to_owned(), color: color.to_owned(), description: None };
            self.repository_mut(repository)?.labels.insert(key.clone(), label);
        }
        Ok(key)
    }

    /// Puts labels on a thread; those that it has already make no event.
    pub(crate) fn add_labels(&mut self, repository: u64, number: u64, names: &[String], doer: &Doer) -> Result<(), ApiError> {
        self.issue(repository, number)?;
        for name in names {
            let key = self.ensure_label(repository, name, "ededed")?;
            let issue = self.issue_mut(repository, number)?;
            if issue.labels.contains(&key) {
                continue;
            }
            issue.labels.push(key.clone());
            issue.updated_at = now();
            self.emit_label(repository, number, "labeled", &key, doer)?;
        }
        Ok(())
    }

    /// Takes a label off a thread; 404 if it has none of that name.
    pub(crate) fn remove_label(&mut self, repository: u64, number: u64, name: &str, doer: &Doer) -> Result<(), ApiError> {
        let key = name.to_lowercase();
        let issue = self.issue_mut(repository, number)?;
        if !issue.labels.contains(&key) {
            return Err(ApiError::new(404, "Label does not exist"));
        }
        issue.labels.retain(|has| *has != key);
        issue.updated_at = now();
        self.emit_label(repository, number, "unlabeled", &key, doer)
    }

    /// Gives a thread exactly these labels.
    pub(crate) fn set_labels(&mut self, repository: u64, number: u64, names: &[String], doer: &Doer) -> Result<(), ApiError> {
        let wanted: Vec<String> = names.iter().map(|name| name.to_lowercase()).collect();
        let surplus: Vec<String> = self.issue(repository, number)?.labels.iter().filter(|key| !wanted.contains(key)).cloned().collect();
        for key in surplus {
            self.remove_label(repository, number, &key, doer)?;
        }
        self.add_labels(repository, number, names, doer)
    }

    // The same happening is an `issues` event for an issue and a `pull_request` event for a pull request.
    pub(super) fn emit_issue(
        &mut self,
        repository: u64,
        number: u64,
        action: &str,
        mut fields: Map<String, Value>,
        doer: &Doer,
    ) -> Result<(), ApiError> {
        if self.issue(repository, number)?.pull.is_some() {
            return self.emit_pull(repository, number, action, fields, doer);
        }
        let found = self.repository(repository)?;
        fields.insert("issue".to_owned(), json::issue(self, found, self.issue(repository, number)?));
        self.emit(Draft::of("issues", action, doer).in_repository(repository).with(fields))
    }

    fn emit_label(&mut self, repository: u64, number: u64, action: &str, key: &str, doer: &Doer) -> Result<(), ApiError> {
        let found = self.repository(repository)?;
        let url = self.repository_api_url(found);
        let label = found.labels.get(key).map(|label| json::label(&url, label));
        self.emit_issue(repository, number, action, Map::from_iter([("label".to_owned(), json!(label))]), doer)
    }

    fn emit_comment(
        &mut self,
        repository: u64,
        number: u64,
        id: u64,
        action: &str,
        changes: Option<Value>,
        doer: &Doer,
    ) -> Result<(), ApiError> {
        let found = self.repository(repository)?;
        let issue = self.issue(repository, number)?;
        let comment = issue.visible_comments().find(|comment| comment.id == id).ok_or_else(ApiError::not_found)?;
        let mut fields = Map::new();
        if let Some(changes) = changes {
            fields.insert("changes".to_owned(), changes);
        }
        fields.insert("issue".to_owned(), json::issue(self, found, issue));
        fields.insert("comment".to_owned(), json::comment(self, found, issue, comment));
        self.emit(Draft::of("issue_comment", action, doer).in_repository(repository).with(fields))
    }
}

/// GitHub's rule for texts of comments: not empty, at most 65,536 characters.
pub(crate) fn check_body(body: &str) -> Result<(), ApiError> {
    if body.trim().is_empty() {
        return Err(ApiError::custom("IssueComment", "Body cannot be blank"));
    }
    if body.chars().count() > 65_536 {
        return Err(ApiError::custom("IssueComment", "Body is too long (maximum is 65536 characters)"));
    }
    Ok(())
}
