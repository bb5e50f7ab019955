//! The table of event kinds: which actions each has, which of them count without `types`, which filters make sense and
//! which conclusions there are. Actions and defaults are those of GitHub Actions ("Events that trigger workflows").

use super::{EventKind, Filters};

/// What holds for one kind of event.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    pub kind: EventKind,
    /// The actions that `types` may name; empty where the forge tells none.
    pub actions: &'static [&'static str],
    /// The actions that count without `types`.
    pub default_actions: &'static [&'static str],
    /// The keys of the filters that make sense.
    pub filters: &'static [&'static str],
    /// What `conclusions` may name.
    pub conclusions: &'static [&'static str],
    /// Whose commits they are may differ from the repository: `forks` decides.
    pub from_forks: bool,
    /// Without `authors`, whoever did it has to have write permission: words and acts that anybody can bring about.
    pub needs_permission: bool,
    /// Apps tell it by nature, so that bots are no exception: `ignore_bots` is false unless it is written.
    pub told_by_apps: bool,
}

/// The keys of all filters, in the order of the documentation.
pub const FILTERS: [&str; 18] = [
    "types",
    "branches",
    "branches-ignore",
    "tags",
    "tags-ignore",
    "paths",
    "paths-ignore",
    "authors",
    "ignore_bots",
    "forks",
    "draft",
    "labels",
    "title",
    "body",
    "workflows",
    "conclusions",
    "environments",
    "cron",
];

/// The row of that kind.
pub fn rules(kind: EventKind) -> Rules {
    let plain = Rules {
        kind,
        actions: actions(kind),
        default_actions: default_actions(kind),
        filters: filters(kind),
        conclusions: &[],
        from_forks: false,
        needs_permission: false,
        told_by_apps: false,
    };
    match kind {
        EventKind::Push | EventKind::Schedule => plain,
        EventKind::Deployment => Rules { told_by_apps: true, ..plain },
        EventKind::PullRequest | EventKind::PullRequestReviewComment => Rules { from_forks: true, needs_permission: true, ..plain },
        EventKind::PullRequestReview => Rules { from_forks: true, needs_permission: true, conclusions: &REVIEW_STATES, ..plain },
        EventKind::Issues | EventKind::IssueComment | EventKind::Discussion | EventKind::DiscussionComment => {
            Rules { needs_permission: true, ..plain }
        }
        EventKind::Release | EventKind::Create | EventKind::Delete | EventKind::Manual => Rules { needs_permission: true, ..plain },
        EventKind::DeploymentStatus => Rules { told_by_apps: true, conclusions: &DEPLOYMENT_STATES, ..plain },
        EventKind::WorkflowRun | EventKind::CheckRun | EventKind::CheckSuite => {
            Rules { from_forks: true, told_by_apps: true, conclusions: &CHECK_CONCLUSIONS, ..plain }
        }
    }
}

/// The keys that are written, in the table's order.
pub fn written(filters: &Filters) -> Vec<&'static str> {
    let present = |key: &str| match key {
        "types" => filters.types.is_some(),
        "branches" => filters.branches.is_some(),
        "branches-ignore" => filters.branches_ignore.is_some(),
        "tags" => filters.tags.is_some(),
        "tags-ignore" => filters.tags_ignore.is_some(),
        "paths" => filters.paths.is_some(),
        "paths-ignore" => filters.paths_ignore.is_some(),
        "authors" => filters.authors.is_some(),
        "ignore_bots" => filters.ignore_bots.is_some(),
        "forks" => filters.forks.is_some(),
        "draft" => filters.draft.is_some(),
        "labels" => filters.labels.is_some(),
        "title" => filters.title.is_some(),
        "body" => filters.body.is_some(),
        "workflows" => filters.workflows.is_some(),
        "conclusions" => filters.conclusions.is_some(),
        "environments" => filters.environments.is_some(),
        _ => filters.cron.is_some(),
    };
    FILTERS.into_iter().filter(|key| present(key)).collect()
}

const REVIEW_STATES: [&str; 4] = ["approved", "changes_requested", "commented", "dismissed"];

const DEPLOYMENT_STATES: [&str; 7] = ["success", "failure", "error", "inactive", "in_progress", "queued", "pending"];

const CHECK_CONCLUSIONS: [&str; 9] =
    ["success", "failure", "neutral", "cancelled", "skipped", "timed_out", "action_required", "stale", "startup_failure"];

fn default_actions(kind: EventKind) -> &'static [&'static str] {
    match kind {
        EventKind::PullRequest => &["opened", "synchronize", "reopened"],
        all => actions(all),
    }
}

#[rustfmt::skip]
fn actions(kind: EventKind) -> &'static [&'static str] {
    match kind {
        EventKind::PullRequest => &[
            "assigned", "unassigned", "labeled", "unlabeled", "opened", "edited", "closed", "reopened", "synchronize",
            "converted_to_draft", "ready_for_review", "locked", "unlocked", "enqueued", "dequeued", "milestoned", "demilestoned",
            "review_requested", "review_request_removed", "auto_merge_enabled", "auto_merge_disabled",
        ],
        EventKind::PullRequestReview => &["submitted", "edited", "dismissed"],
        EventKind::PullRequestReviewComment | EventKind::IssueComment | EventKind::DiscussionComment => &["created", "edited", "deleted"],
        EventKind::Issues => &[
            "opened", "edited", "deleted", "transferred", "pinned", "unpinned", "closed", "reopened", "assigned", "unassigned",
            "labeled", "unlabeled", "locked", "unlocked", "milestoned", "demilestoned", "field_added", "field_removed", "typed", "untyped",
        ],
        EventKind::Release => &["published", "unpublished", "created", "edited", "deleted", "prereleased", "released"],
        EventKind::WorkflowRun => &["completed", "requested", "in_progress"],
        EventKind::CheckRun => &["created", "rerequested", "completed", "requested_action"],
        EventKind::CheckSuite => &["completed"],
        EventKind::Discussion => &[
            "created", "edited", "deleted", "transferred", "pinned", "unpinned", "labeled", "unlabeled", "locked", "unlocked",
            "category_changed", "answered", "unanswered",
        ],
        EventKind::Push | EventKind::Create | EventKind::Delete | EventKind::Deployment | EventKind::DeploymentStatus => &[],
        EventKind::Schedule | EventKind::Manual => &[],
    }
}

#[rustfmt::skip]
fn filters(kind: EventKind) -> &'static [&'static str] {
    match kind {
        EventKind::Push => &["branches", "branches-ignore", "tags", "tags-ignore", "paths", "paths-ignore", "authors", "ignore_bots"],
        EventKind::PullRequest => &[
            "types", "branches", "branches-ignore", "paths", "paths-ignore", "authors", "ignore_bots", "forks", "draft", "labels", "title", "body",
        ],
        EventKind::PullRequestReview => &[
            "types", "branches", "branches-ignore", "paths", "paths-ignore", "authors", "ignore_bots", "forks", "draft", "labels", "title", "body",
            "conclusions",
        ],
        EventKind::PullRequestReviewComment => &[
            "types", "branches", "branches-ignore", "paths", "paths-ignore", "authors", "ignore_bots", "forks", "draft", "labels", "title", "body",
        ],
        EventKind::Issues | EventKind::IssueComment | EventKind::Discussion | EventKind::DiscussionComment => {
            &["types", "authors", "ignore_bots", "labels", "title", "body"]
        }
        EventKind::Release => &["types", "tags", "tags-ignore", "authors", "ignore_bots", "title", "body"],
        EventKind::Deployment => &["authors", "ignore_bots", "environments"],
        EventKind::DeploymentStatus => &["authors", "ignore_bots", "conclusions", "environments"],
        EventKind::WorkflowRun | EventKind::CheckRun | EventKind::CheckSuite => {
            &["types", "branches", "branches-ignore", "authors", "ignore_bots", "forks", "workflows", "conclusions"]
        }
        EventKind::Create | EventKind::Delete => &["branches", "branches-ignore", "tags", "tags-ignore", "authors", "ignore_bots"],
        EventKind::Schedule => &["cron"],
        EventKind::Manual => &["authors"],
    }
}
