//! The section `Rules`: CloudFormation takes only some functions there, and neither linter says so.

use super::document::{Template, each};
use serde_json::Value;

/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference-rules.html>
const FUNCTIONS: [&str; 10] = [
    "Fn::And",
    "Fn::Contains",
    "Fn::EachMemberEquals",
    "Fn::EachMemberIn",
    "Fn::Equals",
    "Fn::Not",
    "Fn::Or",
    "Fn::RefAll",
    "Fn::ValueOf",
    "Fn::ValueOfAll",
];

/// Every function in a rule is one that rules know.
pub(super) fn functions(template: &Template) -> Vec<String> {
    let mut used = Vec::new();
    each(template.at("/Rules")).for_each(|rule| collect(rule, &mut used));
    let unknown = used.into_iter().filter(|name| !FUNCTIONS.contains(&name.as_str()));
    unknown.map(|name| format!("Rules cannot use {name}: no stack could be made")).collect()
}

fn collect(value: &Value, used: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            used.extend(map.keys().filter(|key| key.starts_with("Fn::")).cloned());
            map.values().for_each(|value| collect(value, used));
        }
        Value::Array(list) => list.iter().for_each(|value| collect(value, used)),
        _ => {}
    }
}
