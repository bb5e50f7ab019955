//! The filter by label.

use super::list::{PatternList, Selection};
use super::reason::{How, Reason};
use crate::event::{Detail, Event};

/// For `labeled` and `unlabeled` that very label decides, else it is enough that one of the thread's labels is included.
/// Upper and lower case are the same, as they are for the forge.
pub(super) fn decide(labels: &PatternList, event: &Event) -> Reason {
    let own: &[String] = match (&event.detail, &event.subject) {
        (Detail::Label { name }, _) => std::slice::from_ref(name),
        (_, Some(subject)) => &subject.labels,
        (_, None) => &[],
    };
    let mut excluded = None;
    for label in own {
        match labels.select(label) {
            Selection::Included(pattern) => return Reason::new("labels", How::Matched, label, Some(pattern)),
            Selection::Excluded(pattern) => excluded = excluded.or(Some(Reason::new("labels", How::Excluded, label, Some(pattern)))),
            Selection::None => {}
        }
    }
    excluded.unwrap_or_else(|| Reason::new("labels", How::MatchedNone, &own.join(", "), Some(&labels.joined())))
}
