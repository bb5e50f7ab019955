//! Which permissions a call needs: its own action and those that AWS asks for on the caller's behalf, such as the key's
//! behind a sealed object, or handing a role to a task. From AWS's service authorization reference.

use super::Access;
use crate::aws::calls::Call;
use crate::aws::{ACCOUNT, REGION, kms, secrets};
use serde_json::Value;
use std::collections::BTreeMap;

/// One question to IAM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Request {
    pub(super) action: String,
    pub(super) resource: String,
    /// The condition keys that are known.
    pub(super) context: BTreeMap<String, String>,
}

impl Request {
    pub(super) fn new(action: &str, resource: &str) -> Self {
        Self { action: action.to_owned(), resource: resource.to_owned(), context: BTreeMap::new() }
    }

    pub(super) fn with(mut self, key: &str, value: &str) -> Self {
        self.context.insert(key.to_owned(), value.to_owned());
        self
    }
}

/// Everything that a call is held against.
pub(super) fn of_call(call: &Call, input: &Value, access: &Access) -> Vec<Request> {
    match call.service {
        "dynamodb" => of_dynamodb(call, input),
        "sqs" => {
            // A batch needs what its entries need.
            let operation = call.operation.strip_suffix("Batch").unwrap_or(&call.operation);
            each_resource(&format!("sqs:{operation}"), call, |queue| arn("sqs", queue))
        }
        "s3" => of_s3(call, access),
        "secretsmanager" => of_secrets(call, input, access),
        "kms" => vec![of_kms(call, input)],
        _ => of_ecs(call, input, access),
    }
}

fn arn(service: &str, name: &str) -> String {
    format!("arn:aws:{service}:{REGION}:{ACCOUNT}:{name}")
}

fn each_resource(action: &str, call: &Call, arn: impl Fn(&str) -> String) -> Vec<Request> {
    call.resources.iter().map(|resource| Request::new(action, &arn(resource))).collect()
}

/// A transaction has no permission of its own: each of its parts needs the one of the single call.
fn of_dynamodb(call: &Call, input: &Value) -> Vec<Request> {
    let table = |name: &str| arn("dynamodb", &format!("table/{name}"));
    let Some(parts) = input["TransactItems"].as_array() else {
        return each_resource(&call.action(), call, table);
    };
    let parts = parts.iter().filter_map(Value::as_object).flatten();
    let request = |(kind, part): (&String, &Value)| {
        let name = part["TableName"].as_str().unwrap_or_default();
        let name = name.rsplit('/').next().unwrap_or(name);
        let kind = if kind == "ConditionCheck" { "ConditionCheckItem".to_owned() } else { format!("{kind}Item") };
        Request::new(&format!("dynamodb:{kind}"), &table(name))
    };
    parts.map(request).collect()
}

fn of_s3(call: &Call, access: &Access) -> Vec<Request> {
    let (action, of_key) = match call.operation.as_str() {
        "PutObject" => ("s3:PutObject", Some("kms:GenerateDataKey")),
        "GetObject" | "HeadObject" => ("s3:GetObject", Some("kms:Decrypt")),
        "DeleteObject" => ("s3:DeleteObject", None),
        _ => ("s3:ListBucket", None),
    };
    let mut requests = each_resource(action, call, |resource| format!("arn:aws:s3:::{resource}"));
    let bucket = call.resources.first().and_then(|resource| resource.split('/').next()).unwrap_or_default();
    let bucket = format!("arn:aws:s3:::{bucket}");
    if let (Some(action), Some(key)) = (of_key, access.sealed_by.get(&bucket)) {
        requests.push(through(Request::new(action, key), "s3").with("kms:EncryptionContext:aws:s3:arn", &bucket));
    }
    requests
}

fn of_secrets(call: &Call, input: &Value, access: &Access) -> Vec<Request> {
    let given = input["SecretId"].as_str().or(input["Name"].as_str()).unwrap_or_default();
    let secret = if given.starts_with("arn:") { given.to_owned() } else { secrets::arn(given) };
    let mut requests = vec![Request::new(&call.action(), &secret)];
    let of_key = match call.operation.as_str() {
        "GetSecretValue" => Some("kms:Decrypt"),
        "PutSecretValue" | "CreateSecret" => Some("kms:GenerateDataKey"),
        _ => None,
    };
    if let (Some(action), Some(key)) = (of_key, access.sealed_by.get(&secret)) {
        requests.push(through(Request::new(action, key), "secretsmanager").with("kms:EncryptionContext:SecretARN", &secret));
    }
    requests
}

fn through(request: Request, service: &str) -> Request {
    request.with("kms:ViaService", &format!("{service}.{REGION}.amazonaws.com"))
}

fn of_kms(call: &Call, input: &Value) -> Request {
    let given = input["KeyId"].as_str().map(str::to_owned);
    // Decrypt need not name the key: the ciphertext does.
    let given = given.or_else(|| kms::key_of(input)).unwrap_or_default();
    let key = if given.starts_with("arn:") { given } else { kms::arn(given.rsplit('/').next().unwrap_or(&given)) };
    let context = input["EncryptionContext"].as_object().into_iter().flatten();
    context.fold(Request::new(&call.action(), &key), |request, (name, value)| {
        request.with(&format!("kms:EncryptionContext:{name}"), value.as_str().unwrap_or_default())
    })
}

fn of_ecs(call: &Call, input: &Value, access: &Access) -> Vec<Request> {
    let last = |text: &str| text.rsplit('/').next().unwrap_or(text).to_owned();
    let cluster = last(input["cluster"].as_str().unwrap_or("default"));
    let in_cluster = |request: Request| request.with("ecs:cluster", &arn("ecs", &format!("cluster/{cluster}")));
    let task = |id: &str| arn("ecs", &format!("task/{cluster}/{}", last(id)));
    match call.operation.as_str() {
        "RunTask" => {
            let definition = last(input["taskDefinition"].as_str().unwrap_or_default());
            let (family, revision) = definition.split_once(':').unwrap_or((&definition, "1"));
            let mut requests = vec![in_cluster(Request::new("ecs:RunTask", &arn("ecs", &format!("task-definition/{family}:{revision}"))))];
            if let Some(role) = access.execution_roles.get(family) {
                requests.push(Request::new("iam:PassRole", role).with("iam:PassedToService", "ecs-tasks.amazonaws.com"));
            }
            if !input["tags"].is_null() || !input["propagateTags"].is_null() {
                requests.push(Request::new("ecs:TagResource", &task("new")).with("ecs:CreateAction", "RunTask"));
            }
            requests
        }
        "StopTask" => vec![in_cluster(Request::new("ecs:StopTask", &task(input["task"].as_str().unwrap_or_default())))],
        "DescribeTasks" => {
            let tasks = input["tasks"].as_array().into_iter().flatten().filter_map(Value::as_str);
            tasks.map(|id| in_cluster(Request::new("ecs:DescribeTasks", &task(id)))).collect()
        }
        "DescribeTaskDefinition" => vec![Request::new("ecs:DescribeTaskDefinition", "*")],
        _ => vec![in_cluster(Request::new(&call.action(), "*"))],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn asked(service: &'static str, operation: &str, resources: &[&str], input: &Value) -> Vec<String> {
        let resources = resources.iter().map(ToString::to_string).collect();
        let call = Call { service, operation: operation.to_owned(), resources, caller: "f".to_owned(), peer: None };
        let pair = |name: &str, value: &str| [(name.to_owned(), value.to_owned())].into();
        let mut access =
            Access { sealed_by: pair("arn:aws:s3:::blobs", "arn:key"), execution_roles: pair("agent", "arn:role"), ..Access::default() };
        access.sealed_by.insert(secrets::arn("hook"), "arn:key".to_owned());
        let text = |request: Request| {
            let context: Vec<String> = request.context.iter().map(|(key, value)| format!("{key}={value}")).collect();
            [request.action, request.resource, context.join(",")].join(" ").trim_end().to_owned()
        };
        of_call(&call, input, &access).into_iter().map(text).collect()
    }

    #[test]
    fn a_transaction_asks_for_each_of_its_parts() {
        let parts = json!({"TransactItems": [{"Put": {"TableName": "a"}}, {"ConditionCheck": {"TableName": "b"}}]});
        let table = |name: &str| format!("arn:aws:dynamodb:us-east-1:000000000000:table/{name}");
        let expected = [format!("dynamodb:PutItem {}", table("a")), format!("dynamodb:ConditionCheckItem {}", table("b"))];
        assert_eq!(asked("dynamodb", "TransactWriteItems", &["a", "b"], &parts), expected);
        assert_eq!(asked("dynamodb", "Query", &["a/index/due"], &json!({})), [format!("dynamodb:Query {}/index/due", table("a"))]);
    }

    #[test]
    fn a_batch_asks_for_what_its_entries_need() {
        let expected = ["sqs:SendMessage arn:aws:sqs:us-east-1:000000000000:runs"];
        assert_eq!(asked("sqs", "SendMessageBatch", &["runs"], &json!({})), expected);
    }

    #[test]
    fn what_is_sealed_asks_for_the_key_as_well() {
        let via = "kms:ViaService=s3.us-east-1.amazonaws.com";
        let get = [
            "s3:GetObject arn:aws:s3:::blobs/a/b".to_owned(),
            format!("kms:Decrypt arn:key kms:EncryptionContext:aws:s3:arn=arn:aws:s3:::blobs,{via}"),
        ];
        assert_eq!(asked("s3", "HeadObject", &["blobs/a/b"], &Value::Null), get);
        assert_eq!(asked("s3", "PutObject", &["open/a"], &Value::Null), ["s3:PutObject arn:aws:s3:::open/a"]);
        let hook = secrets::arn("hook");
        let secret = asked("secretsmanager", "GetSecretValue", &["hook"], &json!({"SecretId": "hook"}));
        assert_eq!(secret[0], format!("secretsmanager:GetSecretValue {hook}"));
        assert!(secret[1].starts_with(&format!("kms:Decrypt arn:key kms:EncryptionContext:SecretARN={hook}")), "{secret:?}");
    }

    #[test]
    fn a_task_is_started_with_its_role_and_its_tags() {
        let input = json!({"cluster": "c", "taskDefinition": "agent:3", "propagateTags": "TASK_DEFINITION"});
        let ecs = "arn:aws:ecs:us-east-1:000000000000";
        let expected = [
            format!("ecs:RunTask {ecs}:task-definition/agent:3 ecs:cluster={ecs}:cluster/c"),
            "iam:PassRole arn:role iam:PassedToService=ecs-tasks.amazonaws.com".to_owned(),
            format!("ecs:TagResource {ecs}:task/c/new ecs:CreateAction=RunTask"),
        ];
        assert_eq!(asked("ecs", "RunTask", &["agent:3"], &input), expected);
        let listed = asked("ecs", "ListTasks", &["c"], &json!({"cluster": format!("{ecs}:cluster/c")}));
        assert_eq!(listed, [format!("ecs:ListTasks * ecs:cluster={ecs}:cluster/c")]);
    }
}
