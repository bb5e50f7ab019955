//! The JSON Schema of a configuration file, made from the tables of `keys`, for editors. It says what can be said without
//! looking at two places at once; `read` says the rest.

use super::keys::{ACTIONS, AGENT_DEFAULTS, CONCURRENCY, FILE, Key, Kind, Mapping, Presence, STEP, WORKFLOW, filters_of, one_of};
use super::limits::{MAX_NAME_CHARS, MAX_PATTERN_CHARS, MAX_PATTERNS};
use crate::trigger::EventKind;
use crate::trigger::kinds::rules;
use serde_json::{Map, Value, json};

/// What names of workflows, steps and inputs look like.
const NAME: &str = "^[A-Za-z0-9_-]+$";

/// The schema, of JSON Schema 2020-12.
pub fn schema() -> Value {
    let mut root = mapping(&FILE);
    let definitions = json!({
        "agent": mapping(&AGENT_DEFAULTS),
        "workflow": mapping(&WORKFLOW),
        "concurrency": mapping(&CONCURRENCY),
        "triggers": triggers(),
        "step": step(),
        "patterns": patterns(),
    });
    root["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
    root["title"] = json!("Patchbay workflows (.github/patchbay.yml)");
    root["$defs"] = definitions;
    root
}

fn mapping(mapping: &'static Mapping) -> Value {
    let properties: Map<String, Value> = mapping.keys.iter().map(|key| (key.name.to_owned(), property(key))).collect();
    let required: Vec<&str> = mapping.keys.iter().filter(|key| key.presence == Presence::Required).map(|key| key.name).collect();
    let mut schema = json!({ "type": "object", "additionalProperties": false, "properties": properties });
    if !required.is_empty() {
        schema["required"] = json!(required);
    }
    schema
}

fn property(key: &'static Key) -> Value {
    let mut schema = value(&key.kind);
    schema["description"] = json!(key.about);
    if let Presence::Default(text) = key.presence {
        schema["default"] = match &key.kind {
            Kind::Flag => json!(text == "true"),
            Kind::Whole { .. } => text.parse::<u32>().map_or_else(|_| json!(text), |number| json!(number)),
            Kind::Words(words) => json!(words),
            _ => json!(text),
        };
    }
    schema
}

fn value(kind: &'static Kind) -> Value {
    // YAML takes `1.10` and `true` for something else than text; the reader takes them as they are written.
    let text = || json!({ "type": ["string", "number", "boolean"], "minLength": 1, "maxLength": kind.max_chars() });
    let one_or_many = |item: Value| {
        let list = json!({ "type": "array", "items": item, "minItems": 1, "maxItems": kind.max_entries() });
        json!({ "anyOf": [item, list] })
    };
    match kind {
        Kind::Text | Kind::Command | Kind::Template | Kind::Condition | Kind::Regex => text(),
        Kind::Name => json!({ "type": ["string", "number"], "pattern": NAME, "maxLength": kind.max_chars() }),
        Kind::Flag => json!({ "type": "boolean" }),
        Kind::Whole { min, max } => json!({ "type": "integer", "minimum": min, "maximum": max }),
        Kind::Duration { .. } => json!({ "type": "string", "pattern": "^(?=[0-9])([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?$" }),
        Kind::Money => json!({ "type": "string", "pattern": "^[0-9]+(\\.[0-9]{1,6})? *USD$" }),
        Kind::Word(words) => json!({ "enum": words }),
        Kind::Words(words) => one_or_many(json!({ "enum": words })),
        Kind::Patterns => json!({ "$ref": "#/$defs/patterns" }),
        Kind::Texts | Kind::Templates => one_or_many(text()),
        Kind::TemplateMap => {
            let value = json!({ "type": ["string", "number", "boolean", "null"], "maxLength": kind.max_chars() });
            let names = json!({ "pattern": NAME, "maxLength": MAX_NAME_CHARS });
            json!({ "type": "object", "propertyNames": names, "additionalProperties": value, "maxProperties": kind.max_entries() })
        }
        // The only mapping that a key of the tables holds.
        Kind::Mapping(_) => json!({ "$ref": "#/$defs/agent" }),
        Kind::Concurrency => json!({ "anyOf": [{ "type": "string" }, { "$ref": "#/$defs/concurrency" }] }),
        Kind::Triggers => json!({ "$ref": "#/$defs/triggers" }),
        Kind::Steps => json!({ "type": "array", "items": { "$ref": "#/$defs/step" }, "minItems": 1, "maxItems": kind.max_entries() }),
        Kind::Workflows => json!({
            "type": "object",
            "propertyNames": { "pattern": NAME, "maxLength": MAX_NAME_CHARS },
            "additionalProperties": { "$ref": "#/$defs/workflow" },
            "minProperties": 1,
            "maxProperties": kind.max_entries(),
        }),
    }
}

fn patterns() -> Value {
    let pattern = json!({ "type": ["string", "number", "boolean"], "minLength": 1, "maxLength": MAX_PATTERN_CHARS });
    json!({ "anyOf": [pattern, { "type": "array", "items": pattern, "minItems": 1, "maxItems": MAX_PATTERNS }] })
}

fn triggers() -> Value {
    let words: Vec<&str> = EventKind::ALL.into_iter().map(EventKind::as_str).collect();
    let event = |event: EventKind| {
        let filters = filters(event);
        let mut forms = vec![json!({ "type": "null" }), filters.clone()];
        if event == EventKind::Schedule {
            forms.push(json!({ "type": "array", "items": filters, "minItems": 1 }));
        }
        (event.as_str().to_owned(), json!({ "anyOf": forms }))
    };
    let events: Map<String, Value> = EventKind::ALL.into_iter().map(event).collect();
    json!({
        "anyOf": [
            { "enum": words },
            { "type": "array", "items": { "enum": words }, "minItems": 1, "uniqueItems": true },
            { "type": "object", "additionalProperties": false, "properties": events, "minProperties": 1 },
        ],
    })
}

/// The filters of one event, with its own actions and conclusions.
fn filters(event: EventKind) -> Value {
    let known = rules(event);
    let property = |key: &'static Key| {
        let mut schema = property(key);
        let words = match key.name {
            "types" => known.actions,
            "conclusions" => known.conclusions,
            _ => &[],
        };
        if !words.is_empty() {
            schema.as_object_mut().map(|schema| schema.remove("$ref"));
            schema["anyOf"] = json!([{ "enum": words }, { "type": "array", "items": { "enum": words }, "minItems": 1 }]);
        }
        (key.name.to_owned(), schema)
    };
    let properties: Map<String, Value> = filters_of(event).map(property).collect();
    let mut schema = json!({ "type": "object", "additionalProperties": false, "properties": properties });
    if event == EventKind::Schedule {
        schema["required"] = json!(["cron"]);
    }
    schema
}

fn step() -> Value {
    let mut schema = mapping(&STEP);
    let mut choices = Vec::new();
    for action in &ACTIONS {
        let mut own = mapping(&action.mapping);
        if let Some(keys) = one_of(action.word) {
            own["anyOf"] = keys.iter().map(|key| json!({ "required": [key] })).collect();
        }
        if action.may_be_bare() {
            own["type"] = json!(["object", "null"]);
        }
        own["description"] = json!(action.about);
        schema["properties"][action.word] = own;
        choices.push(json!({ "required": [action.word] }));
    }
    schema["oneOf"] = json!(choices);
    schema
}
