//! A YAML node of the template with its line, and CloudFormation's intrinsic functions as calls.
//!
//! Both spellings become the same [`Value::Call`]: `!Sub x` and `Fn::Sub: x`. What a call means is `evaluate`'s.

use super::TemplateError;
use saphyr::{LoadableYamlNode, MarkedYaml, Scalar, YamlData};

/// One node and the line (from 1) on which it starts.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    pub line: usize,
    pub value: Value,
}

/// What a node holds.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    List(Vec<Node>),
    Map(Vec<(String, Node)>),
    /// An intrinsic function that has not been evaluated: its name without `Fn::`, and its argument.
    Call(String, Box<Node>),
}

/// Reads a template's text into a tree.
///
/// # Errors
/// What is wrong and on which line: broken YAML, no mapping at the top, an alias, a key that is no text.
pub fn parse_node(source: &str) -> Result<Node, TemplateError> {
    let documents = MarkedYaml::load_from_str(source)
        .map_err(|error| TemplateError::at(error.marker().line(), format!("is no YAML: {}", error.info())))?;
    let [document] = documents.as_slice() else {
        return Err(TemplateError::at(1, format!("holds {} YAML documents, expected one", documents.len())));
    };
    let root = convert(document)?;
    match root.value {
        Value::Map(_) => Ok(root),
        _ => Err(TemplateError::at(root.line, "is no mapping at the top")),
    }
}

fn convert(yaml: &MarkedYaml<'_>) -> Result<Node, TemplateError> {
    let line = yaml.span.start.line();
    let value = match &yaml.data {
        YamlData::Tagged(tag, inner) => return convert_tagged(line, tag, inner),
        YamlData::Value(scalar) => convert_scalar(scalar),
        YamlData::Sequence(items) => Value::List(items.iter().map(convert).collect::<Result<_, _>>()?),
        YamlData::Mapping(entries) => {
            let entries =
                entries.iter().map(|(key, value)| Ok((convert_key(key)?, convert(value)?))).collect::<Result<Vec<_>, TemplateError>>()?;
            long_form(entries)
        }
        YamlData::Representation(text, ..) => Value::Text(text.to_string()),
        YamlData::Alias(_) => return Err(TemplateError::at(line, "YAML aliases are not read")),
        YamlData::BadValue => return Err(TemplateError::at(line, "has a value that YAML cannot read")),
    };
    Ok(Node { line, value })
}

fn convert_tagged(line: usize, tag: &saphyr::Tag, inner: &MarkedYaml<'_>) -> Result<Node, TemplateError> {
    if tag.is_yaml_core_schema() {
        return convert(inner);
    }
    let mut argument = convert(inner)?;
    // What is inside of a tag has no place of its own.
    if argument.line == 0 {
        argument.line = line;
    }
    // `!GetAtt A.Arn` and `!GetAtt [A, Arn]` are the same call.
    if tag.suffix == "GetAtt"
        && let Value::Text(text) = &argument.value
        && let Some((resource, attribute)) = text.split_once('.')
    {
        let parts = [resource, attribute].map(|part| Node { line, value: Value::Text(part.to_owned()) });
        argument.value = Value::List(parts.to_vec());
    }
    Ok(Node { line, value: Value::Call(tag.suffix.clone(), Box::new(argument)) })
}

fn convert_key(key: &MarkedYaml<'_>) -> Result<String, TemplateError> {
    match &key.data {
        YamlData::Value(scalar) => match convert_scalar(scalar) {
            Value::Text(text) => Ok(text),
            Value::Int(number) => Ok(number.to_string()),
            Value::Bool(flag) => Ok(flag.to_string()),
            _ => Err(TemplateError::at(key.span.start.line(), "has a key that is no text")),
        },
        _ => Err(TemplateError::at(key.span.start.line(), "has a key that is no text")),
    }
}

fn convert_scalar(scalar: &Scalar<'_>) -> Value {
    match scalar {
        Scalar::Null => Value::Null,
        Scalar::Boolean(flag) => Value::Bool(*flag),
        Scalar::Integer(number) => Value::Int(*number),
        Scalar::FloatingPoint(number) => Value::Float(number.into_inner()),
        Scalar::String(text) => Value::Text(text.to_string()),
    }
}

/// `{ "Fn::Sub": x }` and `{ Ref: x }` are calls; every other mapping stays one.
fn long_form(mut entries: Vec<(String, Node)>) -> Value {
    let name = match entries.as_slice() {
        [(key, _)] if key == "Ref" => Some("Ref".to_owned()),
        [(key, _)] => key.strip_prefix("Fn::").map(str::to_owned),
        _ => None,
    };
    match (name, entries.pop()) {
        (Some(name), Some((_, argument))) => Value::Call(name, Box::new(argument)),
        (None, Some(last)) => {
            entries.push(last);
            Value::Map(entries)
        }
        (_, None) => Value::Map(entries),
    }
}

impl Node {
    /// The value under `key`, if this is a mapping that has one which is not null.
    pub fn get(&self, key: &str) -> Option<&Node> {
        match &self.value {
            Value::Map(entries) => entries.iter().find(|(name, node)| name == key && node.value != Value::Null).map(|(_, node)| node),
            _ => None,
        }
    }

    /// The value at a path of keys.
    pub fn at(&self, path: &[&str]) -> Option<&Node> {
        path.iter().try_fold(self, |node, key| node.get(key))
    }

    /// The value under `key`.
    ///
    /// # Errors
    /// The key's name and this node's line, if it is missing.
    pub fn require(&self, key: &str) -> Result<&Node, TemplateError> {
        self.get(key).ok_or_else(|| TemplateError::at(self.line, format!("has no {key}")))
    }

    /// The entries of a mapping; anything else has none.
    pub fn entries(&self) -> &[(String, Node)] {
        match &self.value {
            Value::Map(entries) => entries,
            _ => &[],
        }
    }

    /// The items of a list.
    ///
    /// # Errors
    /// If this is no list.
    pub fn items(&self) -> Result<&[Node], TemplateError> {
        match &self.value {
            Value::List(items) => Ok(items),
            _ => Err(TemplateError::at(self.line, format!("expected a list, found {}", self.kind()))),
        }
    }

    /// A scalar as text: CloudFormation turns numbers and booleans into text wherever text is wanted.
    ///
    /// # Errors
    /// If this is no scalar.
    pub fn text(&self) -> Result<String, TemplateError> {
        match &self.value {
            Value::Text(text) => Ok(text.clone()),
            Value::Int(number) => Ok(number.to_string()),
            Value::Float(number) => Ok(number.to_string()),
            Value::Bool(flag) => Ok(flag.to_string()),
            _ => Err(TemplateError::at(self.line, format!("expected text, found {}", self.kind()))),
        }
    }

    /// A whole number that is not negative, also from text that is one.
    ///
    /// # Errors
    /// If this is no such number.
    pub fn number(&self) -> Result<u64, TemplateError> {
        let text = self.text()?;
        text.parse().map_err(|_| TemplateError::at(self.line, format!("expected a whole number, found `{text}`")))
    }

    /// A boolean, also from the text `true` or `false`.
    ///
    /// # Errors
    /// If this is no boolean.
    pub fn flag(&self) -> Result<bool, TemplateError> {
        match &self.value {
            Value::Bool(flag) => Ok(*flag),
            Value::Text(text) if text == "true" => Ok(true),
            Value::Text(text) if text == "false" => Ok(false),
            _ => Err(TemplateError::at(self.line, format!("expected true or false, found {}", self.kind()))),
        }
    }

    /// The node as JSON, for values that travel on as JSON (event patterns).
    pub fn to_json(&self) -> serde_json::Value {
        match &self.value {
            Value::Null => serde_json::Value::Null,
            Value::Bool(flag) => (*flag).into(),
            Value::Int(number) => (*number).into(),
            Value::Float(number) => (*number).into(),
            Value::Text(text) => text.as_str().into(),
            Value::List(items) => items.iter().map(Node::to_json).collect(),
            Value::Map(entries) => serde_json::Value::Object(entries.iter().map(|(key, node)| (key.clone(), node.to_json())).collect()),
            Value::Call(name, argument) => serde_json::json!({ format!("Fn::{name}"): argument.to_json() }),
        }
    }

    fn kind(&self) -> &'static str {
        match self.value {
            Value::Null => "nothing",
            Value::Bool(_) => "a boolean",
            Value::Int(_) | Value::Float(_) => "a number",
            Value::Text(_) => "text",
            Value::List(_) => "a list",
            Value::Map(_) => "a mapping",
            Value::Call(..) => "a function that is not known before deployment",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_survive_and_both_spellings_are_one_call() {
        let short = parse_node("a: !Ref Queue\n").unwrap();
        let long = parse_node("a: { Ref: Queue }\n").unwrap();
        let call = |node: &Node| node.get("a").unwrap().value.clone();
        assert_eq!(call(&short), call(&long));
        assert!(matches!(call(&short), Value::Call(name, _) if name == "Ref"));
        let short = parse_node("a: !GetAtt Queue.Arn\n").unwrap();
        let long = parse_node("a:\n  Fn::GetAtt: [Queue, Arn]\n").unwrap();
        let arguments = |node: &Node| match call(node) {
            Value::Call(_, argument) => argument.items().unwrap().iter().map(|part| part.text().unwrap()).collect::<Vec<_>>(),
            other => panic!("{other:?}"),
        };
        assert_eq!(arguments(&short), arguments(&long));
    }

    #[test]
    fn an_error_names_the_line() {
        let error = parse_node("a: 1\nb: [1\nc: 2\n").unwrap_err();
        assert!(error.line >= 2, "{error}");
        let root = parse_node("a:\n  b: x\n").unwrap();
        let error = root.get("a").unwrap().get("b").unwrap().number().unwrap_err();
        assert_eq!((error.line, error.what.as_str()), (2, "expected a whole number, found `x`"));
    }
}
