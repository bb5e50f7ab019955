//! `on`: which events start a workflow, in each of the forms that GitHub Actions has. Whether a filter makes sense for its event, and
//! whether its patterns are right, is decided by compiling the trigger.

use super::super::keys::{FILTERS, Kind};
use super::super::problem::{Place, closest, either, quoted};
use super::super::yaml::{Node, Scalar, Value};
use super::Reader;
use super::fields::Fields;
use super::foreign::foreign_event;
use crate::trigger::{EventKind, Filters, Trigger};

impl Reader<'_> {
    /// The triggers of a workflow.
    pub(super) fn triggers(&mut self, node: &Node) -> Vec<Trigger> {
        let mut triggers: Vec<Trigger> = Vec::new();
        match &node.value {
            Value::Scalar(scalar) => triggers.extend(self.bare_trigger(node, scalar)),
            Value::List(items) => {
                for item in items {
                    let Value::Scalar(scalar) = &item.value else {
                        self.wrong_kind(item, "an entry of `on`", &Kind::Text);
                        continue;
                    };
                    let Some(trigger) = self.bare_trigger(item, scalar) else { continue };
                    if triggers.iter().any(|known| known.event == trigger.event) {
                        self.problem(item.place, format!("the event `{}` stands here for the second time", trigger.event.as_str()));
                        continue;
                    }
                    triggers.push(trigger);
                }
            }
            Value::Map(entries) => {
                for entry in entries {
                    let Some(event) = self.event(&entry.key, entry.place) else { continue };
                    let place = entry.place;
                    let trigger = match (&entry.node.value, event) {
                        (Value::Null, _) => self.trigger(event, &mut Fields::empty(place), place),
                        (Value::List(times), EventKind::Schedule) => self.schedule(times, entry.node.place),
                        _ => {
                            let name = format!("`{}`", event.as_str());
                            let Some(mut fields) = self.fields(&entry.node, &FILTERS, &name) else { continue };
                            self.trigger(event, &mut fields, place)
                        }
                    };
                    triggers.push(trigger);
                }
            }
            Value::Null => {}
        }
        let empty =
            matches!(&node.value, Value::List(items) if items.is_empty()) || matches!(&node.value, Value::Map(items) if items.is_empty());
        if empty {
            self.problem(node.place, "`on` is empty; a workflow needs at least one event");
        }
        triggers
    }

    fn bare_trigger(&mut self, node: &Node, scalar: &Scalar) -> Option<Trigger> {
        let event = self.event(&scalar.text, node.place)?;
        Some(self.trigger(event, &mut Fields::empty(node.place), node.place))
    }

    fn event(&mut self, word: &str, place: Place) -> Option<EventKind> {
        if let Some(event) = EventKind::parse(word) {
            return Some(event);
        }
        let words = || EventKind::ALL.into_iter().map(EventKind::as_str);
        let hint = foreign_event(word).map(str::to_owned);
        let hint = hint.or_else(|| closest(word, words()).map(|meant| format!("did you mean `{meant}`?")));
        let hint = hint.unwrap_or_else(|| format!("an event is {}", either(words())));
        self.problem_with(place, format!("unknown event {}", quoted(word)), Some(hint));
        None
    }

    /// `schedule: [{ cron: … }]`, as in GitHub Actions.
    fn schedule(&mut self, times: &[Node], place: Place) -> Trigger {
        let mut cron = Vec::new();
        let mut places = Vec::new();
        for time in times {
            let Some(mut fields) = self.fields(time, &FILTERS, "`schedule`") else { continue };
            for expression in fields.take_texts("cron").unwrap_or_default() {
                places.push(fields.place_of_value("cron", None));
                cron.push(expression);
            }
        }
        let filters = Filters { cron: (!cron.is_empty()).then_some(cron), ..Filters::default() };
        let trigger = Trigger { event: EventKind::Schedule, filters };
        for (_, index, message) in filter_problems(&trigger) {
            let place = index.and_then(|index| places.get(index)).copied().unwrap_or(place);
            self.problem(place, message);
        }
        trigger
    }

    fn trigger(&mut self, event: EventKind, fields: &mut Fields<'_>, place: Place) -> Trigger {
        let filters = Filters {
            types: fields.take_texts("types"),
            branches: fields.take_texts("branches"),
            branches_ignore: fields.take_texts("branches-ignore"),
            tags: fields.take_texts("tags"),
            tags_ignore: fields.take_texts("tags-ignore"),
            paths: fields.take_texts("paths"),
            paths_ignore: fields.take_texts("paths-ignore"),
            authors: fields.take_texts("authors"),
            labels: fields.take_texts("labels"),
            title: fields.take_text("title"),
            body: fields.take_text("body"),
            draft: fields.take_flag("draft"),
            forks: fields.take_flag("forks"),
            ignore_bots: fields.take_flag("ignore_bots"),
            workflows: fields.take_texts("workflows"),
            conclusions: fields.take_texts("conclusions"),
            environments: fields.take_texts("environments"),
            cron: fields.take_texts("cron"),
        };
        let trigger = Trigger { event, filters };
        for (filter, index, message) in filter_problems(&trigger) {
            let place = match index {
                _ if !fields.has(filter) => place,
                Some(index) => fields.place_of_value(filter, Some(index)),
                None => fields.place_of(filter),
            };
            self.problem(place, message);
        }
        trigger
    }
}

/// What is wrong with a trigger's filters: the filter's key, the entry of its list, and the message.
fn filter_problems(_trigger: &Trigger) -> Vec<(&'static str, Option<usize>, String)> {
    Vec::new()
}
