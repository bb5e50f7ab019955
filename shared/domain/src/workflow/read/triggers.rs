//! `on`: which events start a workflow, in each of the forms that GitHub Actions has. Whether a filter makes sense for its event, and
//! whether its patterns are right, is decided by compiling the trigger.

use super::super::keys::{FILTERS, Kind, filters_of};
use super::super::problem::{Place, closest, either, quoted};
use super::super::yaml::{Entry, Node, Scalar, Value};
use super::Reader;
use super::fields::Fields;
use super::foreign::foreign_event;
use crate::trigger::{EventKind, FilterProblem, Filters, Trigger, compile};

impl Reader<'_> {
    /// The triggers of a workflow.
    pub(super) fn triggers(&mut self, node: &Node) -> Vec<Trigger> {
        let empty = match &node.value {
            Value::Scalar(scalar) => return self.bare_trigger(node, scalar).into_iter().collect(),
            Value::List(items) if !items.is_empty() => return self.trigger_list(items),
            Value::Map(entries) if !entries.is_empty() => {
                return entries.iter().filter_map(|entry| self.trigger_entry(entry)).collect();
            }
            value => *value != Value::Null,
        };
        if empty {
            self.problem(node.place, "`on` is empty; a workflow needs at least one event");
        }
        Vec::new()
    }

    fn trigger_list(&mut self, items: &[Node]) -> Vec<Trigger> {
        let mut triggers: Vec<Trigger> = Vec::new();
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
        triggers
    }

    fn bare_trigger(&mut self, node: &Node, scalar: &Scalar) -> Option<Trigger> {
        let event = self.event(&scalar.text, node.place)?;
        Some(self.trigger(event, &mut Fields::empty(node.place), node.place))
    }

    /// An event with its filters.
    fn trigger_entry(&mut self, entry: &Entry) -> Option<Trigger> {
        let event = self.event(&entry.key, entry.place)?;
        match (&entry.node.value, event) {
            (Value::Null, _) => Some(self.trigger(event, &mut Fields::empty(entry.place), entry.place)),
            (Value::List(times), EventKind::Schedule) => Some(self.schedule(times, entry.node.place)),
            (Value::Map(_), _) => {
                let mut fields = self.filters(event, &entry.node)?;
                Some(self.trigger(event, &mut fields, entry.place))
            }
            _ => {
                let filters = either(filters_of(event).map(|key| key.name));
                self.problem(entry.node.place, format!("`{}` has to be a mapping of filters ({filters})", event.as_str()));
                None
            }
        }
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

    /// The filters in a mapping, whether or not they make sense for the event.
    fn filters<'n>(&mut self, event: EventKind, node: &'n Node) -> Option<Fields<'n>> {
        let name = format!("`{}`", event.as_str());
        let Value::Map(entries) = &node.value else {
            self.wrong_kind(node, &name, &Kind::Mapping(&FILTERS));
            return None;
        };
        let known: Vec<&'static str> = filters_of(event).map(|key| key.name).collect();
        Some(self.fields_of(entries.iter(), node.place, &FILTERS, &name, &known))
    }

    /// `schedule: [{ cron: … }]`, as in GitHub Actions.
    fn schedule(&mut self, times: &[Node], place: Place) -> Trigger {
        let mut cron = Vec::new();
        let mut places = Vec::new();
        let mut wrong = false;
        for time in times {
            let Value::Map(_) = &time.value else {
                self.problem(time.place, "an entry of `schedule` has to be a mapping: `cron: '0 4 * * *'`");
                wrong = true;
                continue;
            };
            let Some(mut fields) = self.filters(EventKind::Schedule, time) else { continue };
            let expressions = fields.take_texts("cron");
            wrong |= fields.has("cron") && expressions.is_none();
            for (index, expression) in expressions.unwrap_or_default().into_iter().enumerate() {
                places.push(fields.place_of_value("cron", Some(index)));
                cron.push(expression);
            }
        }
        let filters = Filters { cron: (!cron.is_empty()).then_some(cron), ..Filters::default() };
        let trigger = Trigger { event: EventKind::Schedule, filters };
        for FilterProblem { index, message, .. } in compile(&trigger).err().unwrap_or_default() {
            match index.and_then(|index| places.get(index)) {
                Some(place) => self.problem(*place, message),
                // That there is no time follows from what was told.
                None if wrong => {}
                None => self.problem(place, message),
            }
        }
        trigger
    }

    fn trigger(&mut self, event: EventKind, fields: &mut Fields<'_>, place: Place) -> Trigger {
        let wrong = fields.wrong();
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
        for FilterProblem { filter, index, message } in compile(&trigger).err().unwrap_or_default() {
            match index {
                // Something else about it has been told.
                _ if wrong.contains(&filter) => {}
                _ if !fields.has(filter) => self.problem(place, message),
                Some(index) => self.problem(fields.place_of_value(filter, Some(index)), message),
                None => self.problem(fields.place_of(filter), message),
            }
        }
        trigger
    }
}
