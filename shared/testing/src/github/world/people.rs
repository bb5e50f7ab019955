//! People around a thread: who is assigned to it, who is asked for a review; and the teams of an organization.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::super::access::Level;
use super::super::error::ApiError;
use super::super::json;
use super::super::state::{AccountKind, Repository, now};
use super::{Doer, World};

/// GitHub assigns this many people at most.
const MOST_ASSIGNEES: usize = 10;

impl World {
    /// Assigns people; who cannot be assigned is left out without a word.
    pub(crate) fn add_assignees(&mut self, repository: u64, number: u64, logins: &[String], doer: &Doer) -> Result<(), ApiError> {
        for login in logins {
            let Some(login) = self.collaborator(repository, login)? else { continue };
            let issue = self.issue_mut(repository, number)?;
            if issue.assignees.contains(&login) || issue.assignees.len() >= MOST_ASSIGNEES {
                continue;
            }
            issue.assignees.push(login.clone());
            issue.updated_at = now();
            self.emit_assignee(repository, number, "assigned", &login, doer)?;
        }
        Ok(())
    }

    /// Takes people off; who is not assigned is left out without a word.
    pub(crate) fn remove_assignees(&mut self, repository: u64, number: u64, logins: &[String], doer: &Doer) -> Result<(), ApiError> {
        for login in logins {
            let issue = self.issue_mut(repository, number)?;
            let Some(position) = issue.assignees.iter().position(|has| has.eq_ignore_ascii_case(login)) else { continue };
            let login = issue.assignees.remove(position);
            issue.updated_at = now();
            self.emit_assignee(repository, number, "unassigned", &login, doer)?;
        }
        Ok(())
    }

    fn emit_assignee(&mut self, repository: u64, number: u64, action: &str, login: &str, doer: &Doer) -> Result<(), ApiError> {
        let fields = Map::from_iter([("assignee".to_owned(), self.user_json(login))]);
        self.emit_issue(repository, number, action, fields, doer)
    }

    /// Asks for reviews: of all who are named, or 422 and of nobody.
    pub(crate) fn request_reviewers(
        &mut self,
        repository: u64,
        number: u64,
        users: &[String],
        teams: &[String],
        doer: &Doer,
    ) -> Result<(), ApiError> {
        self.pull(repository, number)?;
        let author = self.issue(repository, number)?.author.clone();
        if users.iter().any(|login| login.eq_ignore_ascii_case(&author)) {
            return Err(ApiError::unprocessable("Review cannot be requested from pull request author."));
        }
        let found = self.repository(repository)?;
        let (full_name, owner) = (json::full_name(&self.state, found), self.state.account(&found.owner));
        let known = |slug: &&String| owner.is_some_and(|owner| owner.teams.contains_key(*slug));
        let users = users.iter().map(|login| self.collaborator(repository, login)).collect::<Result<Vec<_>, _>>()?;
        if users.contains(&None) || !teams.iter().all(|slug| known(&slug)) {
            return Err(ApiError::unprocessable(format!(
                "Reviews may only be requested from collaborators. One or more of the users or teams you specified is not a collaborator of the {full_name} repository."
            )));
        }
        for login in users.into_iter().flatten() {
            let requested = &mut self.pull_mut(repository, number)?.requested_reviewers;
            if !requested.contains(&login) {
                requested.push(login.clone());
                self.emit_reviewer(repository, number, ("requested_reviewer", self.user_json(&login)), doer)?;
            }
        }
        for slug in teams {
            let requested = &mut self.pull_mut(repository, number)?.requested_teams;
            if !requested.contains(slug) {
                requested.push(slug.clone());
                let owner = self.state.account(&self.repository(repository)?.owner).ok_or_else(ApiError::not_found)?;
                self.emit_reviewer(repository, number, ("requested_team", json::team(&self.urls, owner, slug)), doer)?;
            }
        }
        Ok(())
    }

    fn emit_reviewer(&mut self, repository: u64, number: u64, (field, value): (&str, Value), doer: &Doer) -> Result<(), ApiError> {
        self.emit_pull(repository, number, "review_requested", Map::from_iter([(field.to_owned(), value)]), doer)
    }

    /// Gives a team of an organization exactly these members; makes the team.
    pub(crate) fn set_team(&mut self, organization: &str, slug: &str, members: &[&str]) -> Result<(), ApiError> {
        let members: BTreeSet<String> = members.iter().map(|login| login.to_lowercase()).collect();
        if let Some(stranger) = members.iter().find(|login| self.state.account(login).is_none()) {
            return Err(ApiError::new(404, format!("there is nobody called {stranger}")));
        }
        let account = self.state.accounts.get_mut(&organization.to_lowercase());
        let account = account.filter(|account| account.kind == AccountKind::Organization).ok_or_else(ApiError::not_found)?;
        account.teams.insert(slug.to_owned(), members);
        Ok(())
    }

    // The login, in its own spelling, of a person who has to do with the repository: its owner, a member, a collaborator.
    fn collaborator(&self, repository: u64, login: &str) -> Result<Option<String>, ApiError> {
        let found: &Repository = self.repository(repository)?;
        let key = login.to_lowercase();
        let Some(account) = self.state.account(&key).filter(|account| account.kind == AccountKind::User) else { return Ok(None) };
        let is_member = self.state.account(&found.owner).is_some_and(|owner| owner.members.contains_key(&key));
        let invited = found.permissions.get(&key).is_some_and(|level| *level >= Level::Read);
        Ok((found.owner == key || is_member || invited).then(|| account.login.clone()))
    }
}
