//! Reads template.yaml into JSON, with CloudFormation's short tags written out (`!Ref X` → `{"Ref": "X"}`,
//! `!GetAtt X.Y` → `{"Fn::GetAtt": "X.Y"}`). Knows the shape of a template, but no rule.

use saphyr::{LoadableYamlNode, Scalar, Yaml};
use serde_json::{Map, Value, json};
use std::path::{Path, PathBuf};

/// The template, as it is written.
pub(super) struct Template(Value);

/// The repository's root.
pub(super) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

impl Template {
    /// Reads the repository's template.
    pub(super) fn load() -> Self {
        let path = root().join("template.yaml");
        let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let documents = Yaml::load_from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        Self(to_json(&documents[0]))
    }

    /// Puts a value at a JSON pointer whose parent exists; `null` takes the place away.
    pub(super) fn put(&mut self, pointer: &str, value: Value) {
        let (parent, last) = pointer.rsplit_once('/').expect("a pointer starts with /");
        match self.0.pointer_mut(parent).unwrap_or_else(|| panic!("the template has no {parent}")) {
            Value::Object(map) if value.is_null() => {
                map.remove(last).unwrap_or_else(|| panic!("the template has no {pointer}"));
            }
            Value::Object(map) => {
                map.insert(last.to_owned(), value);
            }
            Value::Array(list) => list[last.parse::<usize>().expect("an index")] = value,
            other => panic!("{parent} is {other}"),
        }
    }

    /// What is at a JSON pointer; `null` if nothing is.
    pub(super) fn at(&self, pointer: &str) -> &Value {
        self.0.pointer(pointer).unwrap_or(&Value::Null)
    }

    /// One resource's property, by pointer below its `Properties`.
    pub(super) fn property(&self, resource: &str, pointer: &str) -> &Value {
        self.at(&format!("/Resources/{resource}/Properties/{pointer}"))
    }

    /// All resources of a type: logical id and properties.
    pub(super) fn of_type(&self, kind: &str) -> Vec<(&str, &Value)> {
        let resources = self.at("/Resources").as_object().expect("a template has resources");
        let found = resources.iter().filter(|(_, r)| r["Type"] == kind);
        found.map(|(id, r)| (id.as_str(), &r["Properties"])).collect()
    }

    /// All functions.
    pub(super) fn functions(&self) -> Vec<(&str, &Value)> {
        self.of_type("AWS::Serverless::Function")
    }

    /// A function's SQS events: function, properties of the event.
    pub(super) fn queue_events(&self) -> Vec<(&str, &Value)> {
        let events = self.functions().into_iter().flat_map(|(f, p)| each(&p["Events"]).map(move |e| (f, e)));
        events.filter(|(_, e)| e["Type"] == "SQS").map(|(f, e)| (f, &e["Properties"])).collect()
    }

    /// A function's timeout in seconds, its own or the one of Globals.
    pub(super) fn timeout(&self, function: &str) -> u64 {
        let own = self.property(function, "Timeout").as_u64();
        own.or(self.at("/Globals/Function/Timeout").as_u64()).expect("every function has a timeout")
    }

    /// Every statement of every role: role, statement.
    pub(super) fn statements(&self) -> Vec<(&str, &Value)> {
        let policies = self.of_type("AWS::IAM::Role").into_iter().flat_map(|(r, p)| list(&p["Policies"]).map(move |p| (r, p)));
        policies.flat_map(|(r, p)| list(&p["PolicyDocument"]["Statement"]).map(move |s| (r, s))).collect()
    }
}

/// A value that may be one or many, as many.
pub(super) fn list(value: &Value) -> Box<dyn Iterator<Item = &Value> + '_> {
    match value {
        Value::Null => Box::new(std::iter::empty()),
        Value::Array(items) => Box::new(items.iter()),
        one => Box::new(std::iter::once(one)),
    }
}

/// The values of a mapping; of anything else none.
pub(super) fn each(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_object().into_iter().flat_map(|m| m.values())
}

/// The logical ids that a value refers to by `Ref`, `Fn::GetAtt` or `Fn::Sub`.
pub(super) fn referred(value: &Value) -> Vec<String> {
    match value {
        Value::Object(map) => map.iter().flat_map(|(k, v)| referred_by(k, v)).collect(),
        Value::Array(items) => items.iter().flat_map(referred).collect(),
        _ => Vec::new(),
    }
}

fn referred_by(key: &str, value: &Value) -> Vec<String> {
    let first_name = |s: &str| s.split(['.', '}']).next().unwrap_or_default().to_owned();
    match (key, value) {
        ("Ref" | "Fn::GetAtt", Value::String(s)) => vec![first_name(s)],
        ("Fn::Sub", Value::String(s)) => s.split("${").skip(1).map(first_name).collect(),
        _ => referred(value),
    }
}

fn to_json(node: &Yaml<'_>) -> Value {
    match node {
        Yaml::Tagged(tag, inner) => {
            let name = if tag.suffix == "Ref" { "Ref".to_owned() } else { format!("Fn::{}", tag.suffix) };
            json!({ name: to_json(inner) })
        }
        Yaml::Mapping(map) => {
            let entry = |(k, v): (&Yaml<'_>, &Yaml<'_>)| (k.as_str().expect("keys are text").to_owned(), to_json(v));
            Value::Object(map.iter().map(entry).collect::<Map<_, _>>())
        }
        Yaml::Sequence(items) => items.iter().map(to_json).collect(),
        Yaml::Value(Scalar::String(s)) => json!(s),
        Yaml::Value(Scalar::Integer(i)) => json!(i),
        Yaml::Value(Scalar::FloatingPoint(f)) => json!(f.into_inner()),
        Yaml::Value(Scalar::Boolean(b)) => json!(b),
        Yaml::Value(Scalar::Null) => Value::Null,
        Yaml::Representation(..) | Yaml::Alias(_) | Yaml::BadValue => {
            panic!("the template holds {node:?}, which CloudFormation does not know")
        }
    }
}
