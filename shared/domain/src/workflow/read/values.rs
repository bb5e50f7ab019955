//! Values held against what their keys want: text, numbers, durations, money, words, lists, templates. Which key wants what is
//! `keys`'; values with a reader of their own (`on`, `steps`) only pass through here.

use super::super::amounts::{duration_text, parse_duration, parse_money};
use super::super::keys::{Key, Kind};
use super::super::limits::{MAX_BUDGET_MICROUSD, MAX_REGEXES};
use super::super::problem::{Place, closest, either, quoted};
use super::super::template::{TemplateError, names_in_condition, names_in_template};
use super::super::yaml::{Node, Scalar, Value};
use super::fields::Checked;
use super::{Reader, is_name};
use saphyr_parser::ScalarStyle;
use std::collections::{BTreeMap, BTreeSet};

impl Reader<'_> {
    /// The value of a key, if it is right; `place` is the key's own.
    pub(super) fn value(&mut self, key: &'static Key, node: &Node, place: Place) -> Option<Checked> {
        let name = format!("`{}`", key.name);
        match &key.kind {
            Kind::Mapping(_) | Kind::Concurrency | Kind::Triggers | Kind::Steps | Kind::Workflows => {
                if node.value == Value::Null {
                    self.problem(place, format!("{name} has no value; it needs {}", key.kind.expected()));
                    return None;
                }
                Some(Checked::Node)
            }
            Kind::Texts | Kind::Templates | Kind::Patterns | Kind::Words(_) => {
                self.texts(&name, node, place, &key.kind).map(Checked::Texts)
            }
            Kind::TemplateMap => self.pairs(&name, node, &key.kind).map(Checked::Pairs),
            kind => {
                let Value::Scalar(scalar) = &node.value else {
                    let node = if node.value == Value::Null { &Node { place, value: Value::Null } } else { node };
                    self.wrong_kind(node, &name, kind);
                    return None;
                };
                self.scalar(&name, node, scalar, kind)
            }
        }
    }

    fn scalar(&mut self, name: &str, node: &Node, scalar: &Scalar, kind: &Kind) -> Option<Checked> {
        let text = scalar.text.as_str();
        match kind {
            Kind::Flag => match (scalar.style, text) {
                (ScalarStyle::Plain, "true") => Some(Checked::Flag(true)),
                (ScalarStyle::Plain, "false") => Some(Checked::Flag(false)),
                _ => self.wrong(node, name, kind),
            },
            Kind::Whole { min, max } => match text.parse::<u32>() {
                Ok(number) if (min..=max).contains(&&number) => Some(Checked::Whole(number)),
                _ => self.wrong(node, name, kind),
            },
            Kind::Duration { min, max } => match parse_duration(text) {
                Ok(seconds) if (min..=max).contains(&&seconds) => Some(Checked::Whole(seconds)),
                Ok(_) => {
                    let message = format!("{name} is {text}; it may be from {} to {}", duration_text(*min), duration_text(*max));
                    self.problem(node.place, message);
                    None
                }
                Err(message) => self.wrong_because(node, name, &message),
            },
            Kind::Money => match parse_money(text) {
                Ok(amount) if (1..=MAX_BUDGET_MICROUSD).contains(&amount) => Some(Checked::Microusd(amount)),
                Ok(_) => self.wrong(node, name, kind),
                Err(message) => self.wrong_because(node, name, &message),
            },
            Kind::Word(words) => self.word(name, node, text, words).map(Checked::Text),
            Kind::Name if !is_name(text) => self.wrong(node, name, kind),
            Kind::Template | Kind::Condition => self.template(name, node, scalar, kind).map(Checked::Text),
            _ => self.text(name, node, scalar, kind).map(Checked::Text),
        }
    }

    fn wrong(&mut self, node: &Node, name: &str, kind: &Kind) -> Option<Checked> {
        self.wrong_kind(node, name, kind);
        None
    }

    fn wrong_because(&mut self, node: &Node, name: &str, message: &str) -> Option<Checked> {
        self.problem(node.place, format!("{name}: {message}"));
        None
    }

    fn word(&mut self, name: &str, node: &Node, text: &str, words: &'static [&'static str]) -> Option<String> {
        if words.contains(&text) {
            return Some(text.to_owned());
        }
        let hint = closest(text, words.iter().copied()).map(|meant| format!("did you mean `{meant}`?"));
        let message = format!("{name} cannot be {}; it has to be {}", quoted(text), either(words.iter().copied()));
        self.problem_with(node.place, message, hint);
        None
    }

    /// Literal text.
    fn text(&mut self, name: &str, node: &Node, scalar: &Scalar, kind: &Kind) -> Option<String> {
        let text = &scalar.text;
        if text.trim().is_empty() {
            self.problem(node.place, format!("{name} is empty; it needs {}", kind.expected()));
            return None;
        }
        let (length, most) = (text.chars().count(), kind.max_chars());
        if length > most {
            self.problem(node.place, format!("{name} has {length} characters; at most {most} are read"));
            return None;
        }
        if matches!(kind, Kind::Regex) {
            self.regexes += 1;
            if self.regexes > MAX_REGEXES {
                self.problem(node.place, format!("the file has more than {MAX_REGEXES} regular expressions; at most so many are read"));
                return None;
            }
        }
        if matches!(kind, Kind::Text) && text.contains("{{") {
            let hint = "only what a step writes or sends can come from an event; what it may do is fixed in the file".to_owned();
            self.problem_with(node.place, format!("{name} is no template, so `{{{{` has no meaning here; write plain text"), Some(hint));
            return None;
        }
        Some(text.clone())
    }

    /// A list of texts, or one alone.
    fn texts(&mut self, name: &str, node: &Node, place: Place, kind: &'static Kind) -> Option<Vec<String>> {
        let items = match &node.value {
            Value::List(items) => items.as_slice(),
            Value::Scalar(_) => std::slice::from_ref(node),
            Value::Null | Value::Map(_) => {
                let node = if node.value == Value::Null { &Node { place, value: Value::Null } } else { node };
                self.wrong_kind(node, name, kind);
                return None;
            }
        };
        if items.is_empty() {
            self.problem(node.place, format!("{name} is an empty list; leave the key out, or write what it should hold"));
            return None;
        }
        if let Some(item) = items.get(kind.max_entries()) {
            self.problem(item.place, format!("{name} has {} entries; at most {} are read", items.len(), kind.max_entries()));
            return None;
        }
        let texts: Vec<Option<String>> = items.iter().map(|item| self.item(name, item, kind)).collect();
        texts.into_iter().collect()
    }

    fn item(&mut self, name: &str, item: &Node, kind: &Kind) -> Option<String> {
        let entry = format!("an entry of {name}");
        let Value::Scalar(scalar) = &item.value else {
            self.wrong_kind(item, &entry, &Kind::Text);
            return None;
        };
        match kind {
            Kind::Words(words) => self.word(&entry, item, &scalar.text, words),
            Kind::Templates => self.template(&entry, item, scalar, kind),
            kind => self.text(&entry, item, scalar, kind),
        }
    }

    fn pairs(&mut self, name: &str, node: &Node, kind: &Kind) -> Option<BTreeMap<String, String>> {
        let Value::Map(entries) = &node.value else {
            self.wrong_kind(node, name, kind);
            return None;
        };
        if let Some(entry) = entries.get(kind.max_entries()) {
            self.problem(entry.place, format!("{name} has {} entries; at most {} are read", entries.len(), kind.max_entries()));
            return None;
        }
        let mut pairs = BTreeMap::new();
        for entry in entries {
            if !is_name(&entry.key) {
                let message = format!("{} is no name for an entry of {name}; expected {}", quoted(&entry.key), Kind::Name.expected());
                self.problem(entry.place, message);
                continue;
            }
            let title = format!("`{}` in {name}", entry.key);
            match &entry.node.value {
                Value::Null => _ = pairs.insert(entry.key.clone(), String::new()),
                Value::Scalar(scalar) if scalar.text.is_empty() => _ = pairs.insert(entry.key.clone(), String::new()),
                Value::Scalar(scalar) => {
                    let text = self.template(&title, &entry.node, scalar, &Kind::Template);
                    pairs.extend(text.map(|text| (entry.key.clone(), text)));
                }
                Value::List(_) | Value::Map(_) => self.wrong_kind(&entry.node, &title, &Kind::Template),
            }
        }
        Some(pairs)
    }

    /// A template or condition: its syntax, and the names it uses.
    pub(super) fn template(&mut self, name: &str, node: &Node, scalar: &Scalar, kind: &Kind) -> Option<String> {
        let text = scalar.text.as_str();
        if text.trim().is_empty() {
            self.problem(node.place, format!("{name} is empty; it needs {}", kind.expected()));
            return None;
        }
        let names = if matches!(kind, Kind::Condition) { names_in_condition(text) } else { names_in_template(text) };
        match names {
            Ok(names) => self.names(node, scalar, &names),
            Err(TemplateError { line, column, message }) => {
                let place = self.place_in(node, scalar, line, column);
                self.problem(place, format!("{name}: {message}"));
                return None;
            }
        }
        Some(text.to_owned())
    }

    /// Checks that every name a template uses is there.
    fn names(&mut self, node: &Node, scalar: &Scalar, names: &BTreeSet<String>) {
        for name in names {
            if self.found.is_full() {
                return;
            }
            let Some((message, hint)) = self.scope.check(name) else { continue };
            let offset = scalar.text.find(name.as_str());
            let (line, column) = offset.map_or((1, None), |offset| {
                let line = scalar.text[..offset].matches('\n').count() + 1;
                (line, super::super::template::column(&scalar.text, line, offset))
            });
            let mut place = self.place_in(node, scalar, u32::try_from(line).unwrap_or(1), column);
            if column.is_some() && place != node.place {
                place.length = name.chars().count();
            }
            self.problem_with(place, message, hint);
        }
    }

    /// The place in the file of a place in a template. Where YAML folds lines or resolves escapes it is the template's start.
    fn place_in(&self, node: &Node, scalar: &Scalar, line: u32, column: Option<u32>) -> Place {
        let (line, column) = (line as usize, column.map(|column| column as usize));
        let source_line = |number: usize| self.found.source.lines().nth(number.saturating_sub(1)).unwrap_or_default();
        if scalar.style == ScalarStyle::Literal {
            let in_template = scalar.text.lines().nth(line - 1).unwrap_or_default();
            // The place of a block is that of its first line with text.
            let empty = scalar.text.lines().take_while(|line| line.trim().is_empty()).count();
            let number = (node.place.line + line - 1).saturating_sub(empty);
            let Some(indent) = source_line(number).strip_suffix(in_template) else { return node.place };
            let length = if column.is_some() { 1 } else { in_template.chars().count() };
            return Place { line: number, column: indent.chars().count() + column.unwrap_or(1), length };
        }
        let quote = usize::from(matches!(scalar.style, ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted));
        let written: String = source_line(node.place.line).chars().skip(node.place.column - 1 + quote).collect();
        match column {
            Some(column) if line == 1 && written.starts_with(scalar.text.as_str()) => {
                Place { line: node.place.line, column: node.place.column + quote + column - 1, length: 1 }
            }
            _ => node.place,
        }
    }
}
