//! The names that templates see of an event: one table for the context, for checking templates, and for the reference page. What
//! a particular event fills in is `context`'s; the names of steps are the file's own.

/// One name below `event`.
#[derive(Debug)]
pub(super) struct Name {
    /// Without `event.`: `subject.title`.
    pub(super) path: &'static str,
    pub(super) holds: Holds,
    pub(super) about: &'static str,
}

/// What a name holds when the event has it; else nothing, or a list without entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Holds {
    Text,
    Number,
    Flag,
    List,
    /// Names of the event's own.
    Open,
}

const fn name(path: &'static str, holds: Holds, about: &'static str) -> Name {
    Name { path, holds, about }
}

/// Every name below `event`, in the order of the documentation.
pub(super) static EVENT: [Name; 61] = {
    use Holds::{Flag, List, Number, Open, Text};
    [
        name("kind", Text, "the event, as in `on`"),
        name("action", Text, "the action, for example `opened`"),
        name("delivery", Text, "the id of the delivery that brought it"),
        name("sha", Text, "the commit it is about: pushed, a pull request's head, checked, deployed"),
        name("actor.login", Text, "who caused it"),
        name("actor.id", Number, "their number, which survives a new name"),
        name("repository.owner", Text, "the repository's owner"),
        name("repository.name", Text, "the repository's name"),
        name("repository.full_name", Text, "`owner/name`"),
        name("repository.default_branch", Text, "the default branch"),
        name("subject.kind", Text, "`issue`, `pull_request` or `discussion`"),
        name("subject.number", Number, "the thread's number"),
        name("subject.title", Text, "the thread's title"),
        name("subject.body", Text, "the thread's first text"),
        name("subject.url", Text, "the thread's address"),
        name("subject.author", Text, "the login of who opened it"),
        name("subject.labels", List, "the names of its labels"),
        name("subject.draft", Flag, "whether it is a draft"),
        name("subject.open", Flag, "whether it is open"),
        name("subject.head", Text, "a pull request's branch"),
        name("subject.base", Text, "the branch that a pull request goes into"),
        name("comment.id", Number, "the comment's number"),
        name("comment.body", Text, "the comment's text; of a review, what it says"),
        name("comment.url", Text, "the comment's address"),
        name("comment.author", Text, "the login of who wrote it"),
        name("label", Text, "the label that came or went"),
        name("push.ref", Text, "the full ref, for example `refs/heads/main`"),
        name("push.branch", Text, "the branch"),
        name("push.tag", Text, "the tag"),
        name("push.before", Text, "the commit before"),
        name("push.after", Text, "the commit after"),
        name("push.commits", Number, "how many commits were pushed"),
        name("push.pusher", Text, "who pushed"),
        name("push.forced", Flag, "whether history was rewritten"),
        name("push.deleted", Flag, "whether the branch or tag was deleted"),
        name("review.state", Text, "`approved`, `changes_requested` or `commented`"),
        name("release.tag", Text, "the release's tag"),
        name("release.name", Text, "the release's name"),
        name("release.body", Text, "the release's text"),
        name("release.url", Text, "the release's address"),
        name("release.target", Text, "the branch or commit that the tag was made from"),
        name("release.draft", Flag, "whether it is a draft"),
        name("release.prerelease", Flag, "whether it is a prerelease"),
        name("deployment.id", Number, "the deployment's number"),
        name("deployment.environment", Text, "where it is deployed to"),
        name("deployment.ref", Text, "the branch, tag or commit, as it was asked for"),
        name("deployment.sha", Text, "the commit"),
        name("deployment.state", Text, "how it stands, of a `deployment_status`"),
        name("deployment.url", Text, "the deployment's address"),
        name("check.id", Number, "the number of the workflow run, check run or check suite"),
        name("check.name", Text, "the name of the workflow or check; a suite's is its App's"),
        name("check.conclusion", Text, "`success`, `failure`, …; nothing while it is not over"),
        name("check.head_branch", Text, "the branch"),
        name("check.head_sha", Text, "the commit"),
        name("check.url", Text, "its address"),
        name("check.pull_requests", List, "the numbers of the pull requests that it belongs to"),
        name("ref.name", Text, "the branch or tag that came or went"),
        name("ref.kind", Text, "`branch` or `tag`"),
        name("schedule.cron", Text, "the cron expression"),
        name("schedule.at", Text, "the time, UTC"),
        name("inputs", Open, "what the command, the API or the `run_workflow` step gave, by name"),
    ]
};

/// What is wrong with a name below `event`, with what was probably meant.
pub(super) fn check_event_name(path: &str) -> Result<(), Option<&'static Name>> {
    let known = |name: &Name| {
        let below = |inner: &str, outer: &str| inner.strip_prefix(outer).is_some_and(|rest| rest.starts_with('.'));
        name.path == path || below(name.path, path) || (name.holds == Holds::Open && below(path, name.path))
    };
    if path.is_empty() || EVENT.iter().any(known) {
        return Ok(());
    }
    let meant = super::problem::closest(path, EVENT.iter().map(|name| name.path));
    Err(EVENT.iter().find(|name| Some(name.path) == meant))
}
