//! What a request asks for: which service, which operation, which resources, and who asks.
//!
//! Reads AWS's JSON protocols (`X-Amz-Target`) and S3's paths. Signatures are not checked, but a request without
//! an Authorization header is refused, as a client without credentials would be by AWS.

use super::calls::Call;
use super::error::AwsError;
use super::{ACCESS_KEY_PREFIX, s3};
use axum::extract::ConnectInfo;
use http::request::Parts;
use serde_json::Value;
use std::collections::BTreeSet;
use std::net::SocketAddr;

/// The services that speak JSON: target prefix and IAM's name.
const TARGETS: [(&str, &str); 5] = [
    ("DynamoDB_20120810", "dynamodb"),
    ("AmazonSQS", "sqs"),
    ("secretsmanager", "secretsmanager"),
    ("TrentService", "kms"),
    ("AmazonEC2ContainerServiceV20141113", "ecs"),
];

/// What the `X-Amz-Target` of a service's operations begins with; `None` for S3.
pub(super) fn target_prefix(service: &str) -> Option<&'static str> {
    TARGETS.iter().find(|(_, known)| *known == service).map(|(prefix, _)| *prefix)
}

/// Understands a request; `input` is the body's JSON, null for S3.
///
/// # Errors
/// `MissingAuthenticationTokenException` without credentials, `UnknownOperationException` for a service that is not here.
pub(super) fn parse_call(parts: &Parts, input: &Value) -> Result<Call, AwsError> {
    let caller = caller(parts)?;
    let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|info| info.0);
    let Some(target) = header(parts, "x-amz-target") else {
        if header(parts, "content-type").is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded")) {
            return Err(AwsError::unknown_operation("query protocol", "of any service"));
        }
        let request = s3::request::parse_request(parts)?;
        return Ok(Call { service: "s3", operation: request.operation().to_owned(), resources: vec![request.resource()], caller, peer });
    };
    let (prefix, operation) = target.rsplit_once('.').unwrap_or((target, ""));
    let (_, service) = TARGETS.iter().find(|(known, _)| *known == prefix).ok_or_else(|| AwsError::unknown_operation(prefix, operation))?;
    Ok(Call { service, operation: operation.to_owned(), resources: resources(service, input), caller, peer })
}

/// The access key id's function name, or the id itself, from `Credential=<id>/<date>/…`.
fn caller(parts: &Parts) -> Result<String, AwsError> {
    let refused = || AwsError::with_status(403, "MissingAuthenticationTokenException", "Missing Authentication Token");
    let authorization = header(parts, "authorization").ok_or_else(refused)?;
    let credential = authorization.split_once("Credential=").ok_or_else(refused)?.1;
    let key = credential.split(['/', ',']).next().filter(|key| !key.is_empty()).ok_or_else(refused)?;
    Ok(key.strip_prefix(ACCESS_KEY_PREFIX).filter(|function| !function.is_empty()).unwrap_or(key).to_owned())
}

fn header<'a>(parts: &'a Parts, name: &str) -> Option<&'a str> {
    parts.headers.get(name).and_then(|value| value.to_str().ok())
}

/// The names of what a call addresses, in IAM's granularity: a table's index is a resource of its own.
fn resources(service: &str, input: &Value) -> Vec<String> {
    let last = |text: &str, separator: char| text.rsplit(separator).next().unwrap_or(text).to_owned();
    let named = |member: &str| input[member].as_str();
    match service {
        "dynamodb" => tables(input).into_iter().collect(),
        "sqs" => named("QueueUrl").map(|url| last(url, '/')).or(named("QueueName").map(str::to_owned)).into_iter().collect(),
        "secretsmanager" => named("SecretId").or(named("Name")).map(str::to_owned).into_iter().collect(),
        "kms" => named("KeyId").map(|key| last(key, '/')).into_iter().collect(),
        "ecs" => named("taskDefinition").or(named("task")).or(named("cluster")).map(|name| last(name, '/')).into_iter().collect(),
        _ => Vec::new(),
    }
}

fn tables(input: &Value) -> BTreeSet<String> {
    let table = |item: &Value| {
        let name = item["TableName"].as_str()?;
        Some(item["IndexName"].as_str().map_or_else(|| name.to_owned(), |index| format!("{name}/index/{index}")))
    };
    let transacted = input["TransactItems"].as_array().into_iter().flatten().filter_map(Value::as_object);
    let batched = input["RequestItems"].as_object().into_iter().flat_map(|tables| tables.keys().cloned());
    table(input).into_iter().chain(transacted.flat_map(|item| item.values().filter_map(table))).chain(batched).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn call(headers: &[(&str, &str)], input: &Value) -> Result<Call, AwsError> {
        let mut request = http::Request::post("http://127.0.0.1/");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        parse_call(&request.body(()).unwrap().into_parts().0, input)
    }

    const SIGNED: (&str, &str) =
        ("authorization", "AWS4-HMAC-SHA256 Credential=LOCALrun-launcher/20261120/us-east-1/sqs/aws4_request, Signature=0");

    #[test]
    fn caller_is_read_from_the_access_key_id() {
        let input = json!({"QueueUrl": "http://127.0.0.1:1/000000000000/runs"});
        let call = call(&[SIGNED, ("x-amz-target", "AmazonSQS.SendMessage")], &input).unwrap();
        assert_eq!((call.action().as_str(), call.caller.as_str()), ("sqs:SendMessage", "run-launcher"));
        assert_eq!(call.resources, ["runs"]);
    }

    #[test]
    fn request_without_credentials_is_refused() {
        let error = call(&[("x-amz-target", "AmazonSQS.SendMessage")], &Value::Null).unwrap_err();
        assert_eq!((error.status, error.code.as_str()), (403, "MissingAuthenticationTokenException"));
    }

    #[test]
    fn unknown_service_is_named() {
        let error = call(&[SIGNED, ("x-amz-target", "AWSEvents.PutRule")], &Value::Null).unwrap_err();
        assert!(error.message.contains("AWSEvents:PutRule"), "{error}");
    }

    #[test]
    fn transaction_names_every_table_and_a_query_its_index() {
        let transaction =
            json!({"TransactItems": [{"Put": {"TableName": "a"}}, {"Update": {"TableName": "b"}}, {"Put": {"TableName": "a"}}]});
        assert_eq!(resources("dynamodb", &transaction), ["a", "b"]);
        assert_eq!(resources("dynamodb", &json!({"TableName": "runs", "IndexName": "due"})), ["runs/index/due"]);
    }
}
