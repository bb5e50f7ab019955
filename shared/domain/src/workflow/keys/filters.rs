//! The keys of an event in `on`: every filter there is. Which event has which of them is `trigger`'s.

use super::{Key, Kind, Mapping, default, optional};
use crate::trigger::EventKind;
use crate::trigger::kinds::rules;

/// All filters.
pub(in super::super) static FILTERS: Mapping = Mapping {
    name: "an event",
    keys: &[
        optional("types", Kind::Patterns, "The event's actions, such as `opened` or `labeled`; else the same as in GitHub Actions."),
        optional("branches", Kind::Patterns, "Branches: what was pushed to, or a pull request's base."),
        optional("branches-ignore", Kind::Patterns, "Branches that do not count; not together with `branches`."),
        optional("tags", Kind::Patterns, "Tags that were pushed."),
        optional("tags-ignore", Kind::Patterns, "Tags that do not count; not together with `tags`."),
        optional("paths", Kind::Patterns, "Paths, one of which must have changed."),
        optional("paths-ignore", Kind::Patterns, "Paths that do not count; not together with `paths`."),
        optional(
            "authors",
            Kind::Patterns,
            "Who may start it: logins (patterns), `@organisation/team`, `write` and the other permissions, `app:<id>`, `*` for anybody; `!` \
             takes away. Else: whoever may write.",
        ),
        optional("labels", Kind::Patterns, "On `labeled` and `unlabeled` that label, else any of the thread's."),
        optional("title", Kind::Regex, "What the title has to contain."),
        optional("body", Kind::Regex, "What the text (body or comment) has to contain."),
        optional("draft", Kind::Flag, "Only drafts, or only what is none."),
        default("forks", Kind::Flag, "false", "Whether what comes from forks counts."),
        default("ignore_bots", Kind::Flag, "true", "Whether what bots and Apps do is ignored."),
        optional("workflows", Kind::Patterns, "Names of the forge's own workflows or checks."),
        optional("conclusions", Kind::Patterns, "How it ended: `success`, `failure`, …; what a review said: `approved`, …."),
        optional("environments", Kind::Patterns, "Deployment environments."),
        optional("cron", Kind::Patterns, "Times of the schedule: cron expressions of five fields, UTC."),
    ],
};

/// The filters of one event, in the order of the documentation.
pub(in super::super) fn filters_of(event: EventKind) -> impl Iterator<Item = &'static Key> {
    let known = rules(event).filters;
    FILTERS.keys.iter().filter(move |key| known.contains(&key.name))
}
