//! A mapping held against its table of keys: unknown keys, missing keys, and the values of the rest, checked. What a value
//! has to be is decided in `values`.

use super::super::keys::{Kind, Mapping, Presence};
use super::super::problem::{Place, closest, either, quoted};
use super::super::yaml::{Entry, Node, Value};
use super::Reader;
use super::foreign::{foreign_key, foreign_value};
use std::collections::BTreeMap;

/// The checked values of a mapping, by key. Keys whose values were wrong are missing.
pub(super) struct Fields<'n> {
    pub(super) place: Place,
    fields: BTreeMap<&'static str, Field<'n>>,
}

struct Field<'n> {
    place: Place,
    node: &'n Node,
    value: Checked,
}

/// A value that is what its key wants.
#[derive(Debug, Default)]
pub(super) enum Checked {
    Text(String),
    Flag(bool),
    Whole(u32),
    Microusd(u64),
    Texts(Vec<String>),
    Pairs(BTreeMap<String, String>),
    /// A value that has a reader of its own, or was taken.
    #[default]
    Node,
}

impl<'n> Fields<'n> {
    /// The fields of a mapping that was left out.
    pub(super) fn empty(place: Place) -> Self {
        Self { place, fields: BTreeMap::new() }
    }

    /// Whether the key is there, right or wrong.
    pub(super) fn has(&self, key: &str) -> bool {
        self.fields.contains_key(key)
    }

    /// The keys that are there with a value that is wrong, if none has been taken yet.
    pub(super) fn wrong(&self) -> Vec<&'static str> {
        self.fields.iter().filter(|(_, field)| matches!(field.value, Checked::Node)).map(|(key, _)| *key).collect()
    }

    /// Where the key stands, and else the mapping.
    pub(super) fn place_of(&self, key: &str) -> Place {
        self.fields.get(key).map_or(self.place, |field| field.place)
    }

    /// Where the value stands; of a list, the entry at `index`.
    pub(super) fn place_of_value(&self, key: &str, index: Option<usize>) -> Place {
        let Some(field) = self.fields.get(key) else { return self.place };
        match (&field.node.value, index) {
            (Value::List(items), Some(index)) => items.get(index).map_or(field.node.place, |item| item.place),
            _ => field.node.place,
        }
    }

    /// The value of a key that has a reader of its own; that there is none has been told.
    pub(super) fn node(&self, key: &str) -> Option<&'n Node> {
        self.fields.get(key).map(|field| field.node).filter(|node| node.value != Value::Null)
    }

    /// The texts of a list that is not taken yet.
    pub(super) fn texts(&self, key: &str) -> &[String] {
        match self.fields.get(key).map(|field| &field.value) {
            Some(Checked::Texts(texts)) => texts,
            _ => &[],
        }
    }

    pub(super) fn take_text(&mut self, key: &str) -> Option<String> {
        match self.take(key)? {
            Checked::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(super) fn take_flag(&mut self, key: &str) -> Option<bool> {
        match self.take(key)? {
            Checked::Flag(flag) => Some(flag),
            _ => None,
        }
    }

    pub(super) fn take_whole(&mut self, key: &str) -> Option<u32> {
        match self.take(key)? {
            Checked::Whole(number) => Some(number),
            _ => None,
        }
    }

    /// The same as a whole number; says that the key is a duration.
    pub(super) fn take_seconds(&mut self, key: &str) -> Option<u32> {
        self.take_whole(key)
    }

    pub(super) fn take_microusd(&mut self, key: &str) -> Option<u64> {
        match self.take(key)? {
            Checked::Microusd(amount) => Some(amount),
            _ => None,
        }
    }

    pub(super) fn take_texts(&mut self, key: &str) -> Option<Vec<String>> {
        match self.take(key)? {
            Checked::Texts(texts) => Some(texts),
            _ => None,
        }
    }

    pub(super) fn take_pairs(&mut self, key: &str) -> BTreeMap<String, String> {
        match self.take(key) {
            Some(Checked::Pairs(pairs)) => pairs,
            _ => BTreeMap::new(),
        }
    }

    fn take(&mut self, key: &str) -> Option<Checked> {
        self.fields.get_mut(key).map(|field| std::mem::take(&mut field.value))
    }
}

impl Reader<'_> {
    /// The fields of a mapping that messages call `name`; `None` if the node is none.
    pub(super) fn fields<'n>(&mut self, node: &'n Node, mapping: &'static Mapping, name: &str) -> Option<Fields<'n>> {
        let Value::Map(entries) = &node.value else {
            self.wrong_kind(node, name, &Kind::Mapping(mapping));
            return None;
        };
        let known: Vec<&'static str> = mapping.keys.iter().map(|key| key.name).collect();
        Some(self.fields_of(entries.iter(), node.place, mapping, name, &known))
    }

    /// The fields among these entries. `words` are those that an unknown key may have been meant to be.
    pub(super) fn fields_of<'n>(
        &mut self,
        entries: impl Iterator<Item = &'n Entry>,
        place: Place,
        mapping: &'static Mapping,
        name: &str,
        words: &[&'static str],
    ) -> Fields<'n> {
        let mut fields = BTreeMap::new();
        for entry in entries {
            let Some(key) = mapping.keys.iter().find(|key| key.name == entry.key) else {
                self.unknown_key(entry, mapping, name, words);
                continue;
            };
            let value = self.value(key, &entry.node, entry.place);
            // A key with a wrong value is not missing, but it has no value either.
            fields.insert(key.name, Field { place: entry.place, node: &entry.node, value: value.unwrap_or_default() });
        }
        for key in mapping.keys.iter().filter(|key| key.presence == Presence::Required && !fields.contains_key(key.name)) {
            self.problem(place, format!("{name} has no `{}`; it needs {}", key.name, key.kind.expected()));
        }
        Fields { place, fields }
    }

    fn unknown_key(&mut self, entry: &Entry, mapping: &'static Mapping, name: &str, words: &[&'static str]) {
        if self.found.is_full() {
            return self.problem(entry.place, String::new());
        }
        let hint = foreign_key(mapping.name, &entry.key).map(str::to_owned);
        let hint = hint.or_else(|| closest(&entry.key, words.iter().copied()).map(|meant| format!("did you mean `{meant}`?")));
        let hint = hint.unwrap_or_else(|| format!("known are {}", either(words.iter().copied()).replace(" or ", " and ")));
        self.problem_with(entry.place, format!("unknown key {} in {name}", quoted(&entry.key)), Some(hint));
    }

    /// Says that a node is not what `name` wants.
    pub(super) fn wrong_kind(&mut self, node: &Node, name: &str, kind: &Kind) {
        let message = match &node.value {
            Value::Null => format!("{name} has no value; it needs {}", kind.expected()),
            Value::Scalar(scalar) => format!("{name} is {}; it has to be {}", quoted(&scalar.text), kind.expected()),
            Value::List(_) | Value::Map(_) => format!("{name} is {}; it has to be {}", node.kind(), kind.expected()),
        };
        self.problem_with(node.place, message, foreign_value(name).map(str::to_owned));
    }
}
