//! Verbs and views of the people around a thread, and of teams.

use anyhow::Result;

use super::LocalGithub;
use super::seed::person;
use super::world::NewReviewComment;

impl LocalGithub {
    /// Gives a team of an organization exactly these members; makes the team.
    ///
    /// # Errors
    /// When there is no such organization or person.
    pub fn set_team_members(&self, organization: &str, slug: &str, members: &[&str]) -> Result<()> {
        self.act(|world| world.set_team(organization, slug, members))
    }

    /// A person assigns somebody.
    ///
    /// # Errors
    /// When there is no such thread or person.
    pub fn assign(&self, repository: &str, number: u64, login: &str, assignee: &str) -> Result<()> {
        self.act_in(repository, |world, id| world.add_assignees(id, number, &[assignee.to_owned()], &person(world, login)?))
    }

    /// A person reviews a pull request (`COMMENTED`, `APPROVED`, `CHANGES_REQUESTED`), with comments on lines: path, line,
    /// text. Returns the review's id.
    ///
    /// # Errors
    /// When there is no such pull request or person, or the pull request does not touch a path.
    pub fn review(
        &self,
        repository: &str,
        number: u64,
        login: &str,
        state: &str,
        body: &str,
        comments: &[(&str, u64, &str)],
    ) -> Result<u64> {
        let comment = |(path, line, body): &(&str, u64, &str)| NewReviewComment {
            path: (*path).to_owned(),
            line: Some(*line),
            side: "RIGHT".to_owned(),
            body: (*body).to_owned(),
            in_reply_to: None,
        };
        let comments = comments.iter().map(comment).collect();
        self.act_in(repository, |world, id| world.add_review(id, number, state, body, comments, &person(world, login)?))
    }

    /// The names of a thread's labels.
    #[must_use]
    pub fn labels_of(&self, repository: &str, number: u64) -> Vec<String> {
        self.issue(repository, number).map(|issue| issue.labels).unwrap_or_default()
    }

    /// The logins of who is assigned to a thread.
    #[must_use]
    pub fn assignees_of(&self, repository: &str, number: u64) -> Vec<String> {
        self.see(repository, |_, found| Some(found.issues.get(&number)?.assignees.clone())).unwrap_or_default()
    }

    /// Who is asked for a review of a pull request: logins, then teams as `@slug`.
    #[must_use]
    pub fn reviewers_of(&self, repository: &str, number: u64) -> Vec<String> {
        self.see(repository, |_, found| {
            let pull = found.issues.get(&number)?.pull.as_ref()?;
            let teams = pull.requested_teams.iter().map(|slug| format!("@{slug}"));
            Some(pull.requested_reviewers.iter().cloned().chain(teams).collect())
        })
        .unwrap_or_default()
    }

    /// Why an issue was closed (`completed`, `not_planned`), or `reopened`.
    #[must_use]
    pub fn state_reason_of(&self, repository: &str, number: u64) -> Option<String> {
        self.see(repository, |_, found| found.issues.get(&number)?.state_reason.clone())
    }
}
