//! The filter by label.

use super::branch::ListFilter;
use super::list::Selection;
use super::reason::{How, Reason};
use crate::event::{Detail, Event};

/// For `labeled` and `unlabeled` that very label decides, else it is enough that one of the thread's labels is included.
/// Upper and lower case are the same, as they are for the forge.
pub(super) fn decide(filter: &ListFilter, event: &Event) -> Reason {
    let own: &[String] = match (&event.detail, &event.subject) {
        (Detail::Label { name }, _) => std::slice::from_ref(name),
        (_, Some(subject)) => &subject.labels,
        (_, None) => &[],
    };
    let included = own.iter().find(|label| matches!(filter.list.select(label), Selection::Included(_)));
    let named = || own.iter().find(|label| filter.list.select(label) != Selection::None);
    match included.or_else(named) {
        Some(label) => filter.decide(label),
        None => Reason::new(filter.key, How::MatchedNone, &own.join(", "), Some(&filter.list.joined())),
    }
}
