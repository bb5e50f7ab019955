//! Reads `template.yaml`, the single source of what is deployed and of what the local stack plays.
//!
//! `node` is YAML with lines, `evaluate` CloudFormation's functions, `attributes` what a resource is called and where
//! it listens here, `model` what the readers (`functions`, `resources`) make of it. A template error names file and line.

mod attributes;
mod evaluate;
mod functions;
pub mod model;
pub mod node;
mod resources;
mod roles;

pub use model::Model;

use node::{Node, Value, parse_node};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// What is wrong with a template.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{}:{line}: {what}", file.display())]
pub struct TemplateError {
    pub file: PathBuf,
    pub line: usize,
    pub what: String,
}

impl TemplateError {
    pub(crate) fn at(line: usize, what: impl Into<String>) -> Self {
        Self { file: PathBuf::from("template.yaml"), line, what: what.into() }
    }

    /// The same error with something before its text, for example the resource it is about.
    pub(crate) fn of(self, subject: &str) -> Self {
        Self { what: format!("{subject}: {}", self.what), ..self }
    }
}

/// What a deployment would decide: names, parameters, and where things listen on this machine.
#[derive(Clone, Debug)]
pub struct Deployment {
    pub stack_name: String,
    /// Parameter values that differ from the template's defaults.
    pub parameters: BTreeMap<String, String>,
    /// The one endpoint of every AWS service, without a slash at the end.
    pub aws_endpoint: String,
    /// Function URLs by the function's logical id, with a slash at the end as AWS writes them.
    pub function_urls: BTreeMap<String, String>,
    /// The HTTP API's address, without a slash at the end.
    pub api_url: String,
    /// The ARNs of secrets and keys that AWS has chosen, by name; any other is made from its name.
    pub arns: BTreeMap<String, String>,
}

/// A template that has been read but not yet deployed anywhere.
#[derive(Clone, Debug)]
pub struct Template {
    file: PathBuf,
    root: Node,
}

impl Template {
    /// Reads the file.
    ///
    /// # Errors
    /// If it cannot be read or is no YAML mapping.
    pub fn load(file: &Path) -> Result<Self, TemplateError> {
        let named = |error: TemplateError| TemplateError { file: file.to_owned(), ..error };
        let source = std::fs::read_to_string(file).map_err(|error| named(TemplateError::at(1, format!("cannot be read: {error}"))))?;
        Self::parse(file, &source)
    }

    /// Reads a template's text; `file` is what errors say.
    ///
    /// # Errors
    /// If it is no YAML mapping.
    pub fn parse(file: &Path, source: &str) -> Result<Self, TemplateError> {
        let root = parse_node(source).map_err(|error| TemplateError { file: file.to_owned(), ..error })?;
        Ok(Self { file: file.to_owned(), root })
    }

    /// The logical ids of the functions that have a URL: their addresses must be known before anything is evaluated.
    ///
    /// # Errors
    /// If the template has no resources.
    pub fn functions_with_url(&self) -> Result<Vec<String>, TemplateError> {
        let resources = self.root.require("Resources").map_err(|error| TemplateError { file: self.file.clone(), ..error })?;
        let with_url = resources.entries().iter().filter(|(_, resource)| resource.at(&["Properties", "FunctionUrlConfig"]).is_some());
        Ok(with_url.map(|(id, _)| id.clone()).collect())
    }

    /// Evaluates the template for a deployment.
    ///
    /// # Errors
    /// The first thing that cannot be read, with its line and the resource it belongs to.
    pub fn evaluate(&self, deployment: &Deployment) -> Result<Model, TemplateError> {
        let named = |error: TemplateError| TemplateError { file: self.file.clone(), ..error };
        let scope = Scope::new(&self.root, deployment).map_err(named)?;
        model::read_model(&scope).map_err(named)
    }
}

/// A template and a deployment: everything that evaluation needs.
pub struct Scope<'a> {
    root: &'a Node,
    deployment: &'a Deployment,
    parameters: BTreeMap<String, Node>,
}

impl<'a> Scope<'a> {
    fn new(root: &'a Node, deployment: &'a Deployment) -> Result<Self, TemplateError> {
        let declared = root.get("Parameters").map(Node::entries).unwrap_or_default();
        if let Some(unknown) = deployment.parameters.keys().find(|name| !declared.iter().any(|(declared, _)| declared == *name)) {
            return Err(TemplateError::at(1, format!("has no parameter {unknown}")));
        }
        let mut parameters = BTreeMap::new();
        for (name, declaration) in declared {
            parameters.insert(name.clone(), parameter_value(name, declaration, deployment.parameters.get(name))?);
        }
        Ok(Self { root, deployment, parameters })
    }

    /// The resources whose condition holds, in the template's order: (logical id, type, resource).
    pub(crate) fn resources(&self) -> Result<Vec<(&'a str, String, &'a Node)>, TemplateError> {
        let mut present = Vec::new();
        for (id, resource) in self.root.require("Resources")?.entries() {
            if let Some(condition) = resource.get("Condition")
                && !self.condition(condition.line, &condition.text()?)?
            {
                continue;
            }
            present.push((id.as_str(), resource.require("Type").map_err(|error| error.of(id))?.text()?, resource));
        }
        Ok(present)
    }
}

fn parameter_value(name: &str, declaration: &Node, given: Option<&String>) -> Result<Node, TemplateError> {
    let line = declaration.line;
    let value = match (given, declaration.get("Default")) {
        (Some(given), _) => given.clone(),
        (None, Some(default)) => default.text()?,
        (None, None) => return Err(TemplateError::at(line, format!("parameter {name} has no default and no value was given"))),
    };
    if let Some(allowed) = declaration.get("AllowedValues") {
        let allowed = allowed.items()?.iter().map(Node::text).collect::<Result<Vec<_>, _>>()?;
        if !allowed.contains(&value) {
            return Err(TemplateError::at(line, format!("parameter {name} is `{value}`, allowed are {}", allowed.join(", "))));
        }
    }
    if let Some(pattern) = declaration.get("AllowedPattern") {
        let pattern = pattern.text()?;
        let whole = regex::Regex::new(&pattern).map_err(|error| TemplateError::at(line, format!("parameter {name}: {error}")))?;
        if !whole.is_match(&value) {
            return Err(TemplateError::at(line, format!("parameter {name} is `{value}`, which does not match {pattern}")));
        }
    }
    let kind = declaration.require("Type").map_err(|error| error.of(name))?.text()?;
    let text = |text: &str| Node { line, value: Value::Text(text.to_owned()) };
    if kind == "CommaDelimitedList" || kind.starts_with("List<") {
        return Ok(Node { line, value: Value::List(value.split(',').map(|part| text(part.trim())).collect()) });
    }
    Ok(text(&value))
}

#[cfg(test)]
mod tests;
