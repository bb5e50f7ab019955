//! Filters by changed file. Which files an event changed is a fact, asked for only where a filter wants to know.

use super::branch::{ListFilter, RefName};
use super::facts::{ChangedPaths, Facts, Need};
use super::list::Selection;
use super::reason::{How, Reason};
use crate::event::Event;

/// What a filter that may need facts says.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Verdict {
    Said(Reason),
    Needs(Need),
}

/// Starts if at least one changed file ends up included (`paths`) or is not ignored (`paths-ignore`). Not looked at for
/// tags, and passed if nobody can tell what changed.
pub(super) fn decide(filter: &ListFilter, event: &Event, facts: &Facts) -> Verdict {
    if let Some(RefName::Tag(tag)) = RefName::of(event) {
        return Verdict::Said(Reason::new(filter.key, How::PathsOfTag, tag, None));
    }
    match &facts.changed_paths {
        None => Verdict::Needs(Need::ChangedPaths),
        Some(ChangedPaths::Unknown) => Verdict::Said(Reason::new(filter.key, How::ChangeUnknown, "", Some(&filter.list.joined()))),
        Some(ChangedPaths::Known(paths)) if paths.is_empty() => {
            Verdict::Said(Reason::new(filter.key, How::NothingChanged, "", Some(&filter.list.joined())))
        }
        Some(ChangedPaths::Known(paths)) => Verdict::Said(decide_paths(filter, paths)),
    }
}

fn decide_paths(filter: &ListFilter, paths: &[String]) -> Reason {
    let passes = |path: &&String| match filter.list.select(path) {
        Selection::Included(_) => !filter.is_ignore(),
        Selection::Excluded(_) | Selection::None => filter.is_ignore(),
    };
    if let Some(path) = paths.iter().find(passes) {
        return filter.decide(path);
    }
    // Nothing passes: a file that a pattern names tells more than one that none does.
    let named = paths.iter().find(|path| filter.list.select(path) != Selection::None);
    match named {
        Some(path) => filter.decide(path),
        None => Reason::new(filter.key, How::MatchedNone, &first_of(paths), Some(&filter.list.joined())),
    }
}

fn first_of(paths: &[String]) -> String {
    paths.iter().take(10).map(String::as_str).collect::<Vec<_>>().join(", ")
}
