//! Filters by branch and tag: which ref an event is about, and what the lists say about it.

use super::list::{PatternList, Selection};
use super::reason::{How, Reason};
use crate::event::{Detail, Event, RefKind};

/// `branches` or `branches-ignore`, and `tags` or `tags-ignore`.
#[derive(Clone, Debug, Default)]
pub(super) struct RefFilter {
    pub(super) branches: Option<ListFilter>,
    pub(super) tags: Option<ListFilter>,
}

/// A list under its key, which says whether it lets in or keeps out.
#[derive(Clone, Debug)]
pub(super) struct ListFilter {
    pub(super) key: &'static str,
    pub(super) list: PatternList,
}

/// What an event is about, by its short name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RefName<'a> {
    Branch(&'a str),
    Tag(&'a str),
    /// Neither, by its full name; or a branch that the forge does not tell.
    Other(&'a str),
}

impl RefName<'_> {
    /// The ref of a push, the base of a pull request, the head branch of a check, the tag of a release, what was created or
    /// deleted. `None` for events without one.
    pub(super) fn of(event: &Event) -> Option<RefName<'_>> {
        match &event.detail {
            Detail::Push(push) => Some(Self::of_full_ref(&push.full_ref)),
            Detail::Ref(change) => Some(match change.kind {
                RefKind::Branch => RefName::Branch(&change.name),
                RefKind::Tag => RefName::Tag(&change.name),
            }),
            Detail::Release(release) => Some(RefName::Tag(&release.tag)),
            Detail::Check(check) => Some(check.head_branch.as_deref().map_or(RefName::Other(""), RefName::Branch)),
            _ => event.subject.as_ref().and_then(|subject| subject.refs.as_ref()).map(|refs| RefName::Branch(&refs.base_branch)),
        }
    }

    fn of_full_ref(full_ref: &str) -> RefName<'_> {
        match (full_ref.strip_prefix("refs/heads/"), full_ref.strip_prefix("refs/tags/")) {
            (Some(branch), _) => RefName::Branch(branch),
            (_, Some(tag)) => RefName::Tag(tag),
            _ => RefName::Other(full_ref),
        }
    }
}

impl RefFilter {
    /// Nothing if there is no filter. A filter of the other kind alone keeps the event out.
    pub(super) fn decide(&self, event: &Event) -> Option<Reason> {
        let name = RefName::of(event);
        match (&self.branches, &self.tags, name) {
            (None, None, _) => None,
            (Some(branches), _, Some(RefName::Branch(name))) => Some(branches.decide(name)),
            (_, Some(tags), Some(RefName::Tag(name))) => Some(tags.decide(name)),
            (None, Some(tags), Some(RefName::Branch(name))) => Some(tags.other_kind(How::OnlyTags, name)),
            (Some(branches), _, Some(RefName::Tag(name))) => Some(branches.other_kind(How::OnlyBranches, name)),
            (Some(one), _, other) | (None, Some(one), other) => {
                let name = if let Some(RefName::Other(name)) = other { name } else { "" };
                Some(one.decide(name))
            }
        }
    }
}

impl ListFilter {
    pub(super) fn decide(&self, name: &str) -> Reason {
        let all = || self.list.joined();
        match (self.is_ignore(), self.list.select(name)) {
            (false, Selection::Included(pattern)) => Reason::new(self.key, How::Matched, name, Some(pattern)),
            (false, Selection::Excluded(pattern)) => Reason::new(self.key, How::Excluded, name, Some(pattern)),
            (false, Selection::None) => Reason::new(self.key, How::MatchedNone, name, Some(&all())),
            (true, Selection::Included(pattern)) => Reason::new(self.key, How::Ignored, name, Some(pattern)),
            (true, Selection::Excluded(_) | Selection::None) => Reason::new(self.key, How::NotIgnored, name, Some(&all())),
        }
    }

    pub(super) fn is_ignore(&self) -> bool {
        self.key.ends_with("-ignore")
    }

    fn other_kind(&self, how: How, name: &str) -> Reason {
        Reason::new(self.key, how, name, Some(&self.list.joined()))
    }
}
