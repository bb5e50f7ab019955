//! CloudFormation's intrinsic functions: `Ref`, `GetAtt`, `Sub`, `Join`, `Select`, `Split`, `If`, `FindInMap`, `Base64`,
//! `GetAZs` and the conditions. Evaluation is lazy: only what a reader asks for is resolved, so that resources which
//! the local stack does not play (a VPC) need no meaning here. What a resource is called is `attributes`'.

use super::node::{Node, Value};
use super::{Scope, TemplateError};
use crate::aws::REGION;

impl Scope<'_> {
    /// The node with every call in it evaluated; entries that became `AWS::NoValue` are gone.
    ///
    /// # Errors
    /// An unknown function, parameter, resource, attribute, condition or mapping, with its line.
    pub fn resolve(&self, node: &Node) -> Result<Node, TemplateError> {
        let value = match &node.value {
            Value::List(items) => {
                let mut resolved = Vec::new();
                for item in items {
                    resolved.extend(self.resolve_present(item)?);
                }
                Value::List(resolved)
            }
            Value::Map(entries) => {
                let mut resolved = Vec::new();
                for (key, entry) in entries {
                    if let Some(entry) = self.resolve_present(entry)? {
                        resolved.push((key.clone(), entry));
                    }
                }
                Value::Map(resolved)
            }
            Value::Call(name, argument) => return self.call(node.line, name, argument),
            scalar => scalar.clone(),
        };
        Ok(Node { line: node.line, value })
    }

    /// Whether a named condition of the template holds.
    ///
    /// # Errors
    /// If there is no such condition, or it cannot be evaluated.
    pub fn condition(&self, line: usize, name: &str) -> Result<bool, TemplateError> {
        let node = self.root.at(&["Conditions", name]).ok_or_else(|| TemplateError::at(line, format!("there is no condition {name}")))?;
        self.holds(node)
    }

    fn resolve_present(&self, node: &Node) -> Result<Option<Node>, TemplateError> {
        let resolved = self.resolve(node)?;
        let absent = resolved.value == Value::Null && matches!(node.value, Value::Call(..));
        Ok((!absent).then_some(resolved))
    }

    fn call(&self, line: usize, name: &str, argument: &Node) -> Result<Node, TemplateError> {
        let text = |text: String| Ok(Node { line, value: Value::Text(text) });
        match name {
            "Ref" => self.reference(line, &argument.text()?),
            "GetAtt" => {
                let parts = argument.items()?;
                let [resource, attribute] = parts else { return Err(TemplateError::at(line, "GetAtt wants a resource and an attribute")) };
                text(self.attribute(line, &resource.text()?, &self.resolve(attribute)?.text()?)?)
            }
            "Sub" => text(self.substitute(line, argument)?),
            "Join" => {
                let [separator, items] = argument.items()? else {
                    return Err(TemplateError::at(line, "Join wants a separator and a list"));
                };
                let items = self.resolve(items)?;
                let texts = items.items()?.iter().map(Node::text).collect::<Result<Vec<_>, _>>()?;
                text(texts.join(&separator.text()?))
            }
            "Select" => {
                let [index, items] = argument.items()? else { return Err(TemplateError::at(line, "Select wants an index and a list")) };
                let (index, items) = (self.resolve(index)?.number()?, self.resolve(items)?);
                let index = usize::try_from(index).unwrap_or(usize::MAX);
                items.items()?.get(index).cloned().ok_or_else(|| TemplateError::at(line, format!("Select: the list has no item {index}")))
            }
            "Split" => {
                let [separator, whole] = argument.items()? else {
                    return Err(TemplateError::at(line, "Split wants a separator and a text"));
                };
                let (separator, whole) = (separator.text()?, self.resolve(whole)?.text()?);
                let parts = whole.split(&separator).map(|part| Node { line, value: Value::Text(part.to_owned()) });
                Ok(Node { line, value: Value::List(parts.collect()) })
            }
            "If" => {
                let [condition, yes, no] = argument.items()? else {
                    return Err(TemplateError::at(line, "If wants a condition and two values"));
                };
                self.resolve(if self.condition(line, &condition.text()?)? { yes } else { no })
            }
            "FindInMap" => self.find_in_map(line, argument),
            "Base64" => {
                use base64::Engine as _;
                text(base64::engine::general_purpose::STANDARD.encode(self.resolve(argument)?.text()?))
            }
            "GetAZs" => {
                let zones = ["a", "b", "c"].map(|zone| Node { line, value: Value::Text(format!("{REGION}{zone}")) });
                Ok(Node { line, value: Value::List(zones.to_vec()) })
            }
            "Equals" | "And" | "Or" | "Not" | "Condition" => {
                let call = Node { line, value: Value::Call(name.to_owned(), Box::new(argument.clone())) };
                Ok(Node { line, value: Value::Bool(self.holds(&call)?) })
            }
            other => Err(TemplateError::at(line, format!("the local stack does not know the function {other}"))),
        }
    }

    fn holds(&self, node: &Node) -> Result<bool, TemplateError> {
        // `Condition: X` inside of And, Or, Not is a mapping in its long form.
        if let Some(named) = node.get("Condition") {
            return self.condition(node.line, &named.text()?);
        }
        let Value::Call(name, argument) = &node.value else { return node.flag() };
        let each = |argument: &Node| argument.items()?.iter().map(|item| self.holds(item)).collect::<Result<Vec<_>, _>>();
        match name.as_str() {
            "Equals" => {
                let [left, right] = argument.items()? else { return Err(TemplateError::at(node.line, "Equals wants two values")) };
                Ok(self.comparable(left)? == self.comparable(right)?)
            }
            "And" => Ok(each(argument)?.into_iter().all(|holds| holds)),
            "Or" => Ok(each(argument)?.into_iter().any(|holds| holds)),
            "Not" => Ok(!each(argument)?.into_iter().all(|holds| holds)),
            "Condition" => self.condition(node.line, &argument.text()?),
            other => Err(TemplateError::at(node.line, format!("{other} is no condition"))),
        }
    }

    fn comparable(&self, node: &Node) -> Result<String, TemplateError> {
        let node = self.resolve(node)?;
        match &node.value {
            Value::Null => Ok(String::new()),
            _ => node.text(),
        }
    }

    fn find_in_map(&self, line: usize, argument: &Node) -> Result<Node, TemplateError> {
        let [map, first, second] = argument.items()? else { return Err(TemplateError::at(line, "FindInMap wants three keys")) };
        let (map, first, second) = (map.text()?, self.resolve(first)?.text()?, self.resolve(second)?.text()?);
        let missing = || TemplateError::at(line, format!("there is no mapping {map} → {first} → {second}"));
        self.resolve(self.root.at(&["Mappings", &map, &first, &second]).ok_or_else(missing)?)
    }

    /// `Sub` in both forms: a text, or a text with a mapping of local names.
    fn substitute(&self, line: usize, argument: &Node) -> Result<String, TemplateError> {
        let (pattern, locals) = match &argument.value {
            Value::List(parts) => match parts.as_slice() {
                [pattern, locals] => (pattern.text()?, Some(self.resolve(locals)?)),
                _ => return Err(TemplateError::at(line, "Sub wants a text, or a text and a mapping")),
            },
            _ => (argument.text()?, None),
        };
        let mut result = String::new();
        let mut rest = pattern.as_str();
        while let Some(start) = rest.find("${") {
            result.push_str(&rest[..start]);
            let tail = &rest[start + 2..];
            let end = tail.find('}').ok_or_else(|| TemplateError::at(line, "Sub: a ${ is never closed"))?;
            let name = &tail[..end];
            match name.strip_prefix('!') {
                Some(literal) => result.push_str(&format!("${{{literal}}}")),
                None => result.push_str(&self.substitution(line, name, locals.as_ref())?),
            }
            rest = &tail[end + 1..];
        }
        result.push_str(rest);
        Ok(result)
    }

    fn substitution(&self, line: usize, name: &str, locals: Option<&Node>) -> Result<String, TemplateError> {
        if let Some(local) = locals.and_then(|locals| locals.get(name)) {
            return local.text();
        }
        match name.split_once('.') {
            Some((resource, attribute)) => self.attribute(line, resource, attribute),
            None => self.reference(line, name)?.text(),
        }
    }
}
