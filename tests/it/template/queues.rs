//! Rules about queues: how long they hide a message, who takes from them, where they give up (R14), and that
//! nobody speaks to them in plain text.

use super::document::{Template, list, referred};
use serde_json::{Value, json};

/// Messages stay hidden for at least six timeouts of the function that takes them.
pub(super) fn visibility(template: &Template) -> Vec<String> {
    let mut breaches = Vec::new();
    for (function, event) in template.queue_events() {
        for queue in referred(&event["Queue"]) {
            let hidden = template.property(&queue, "VisibilityTimeout").as_u64().unwrap_or(30);
            let needed = 6 * template.timeout(function);
            if hidden < needed {
                breaches.push(format!("{queue} hides for {hidden} s, {function} needs {needed} s"));
            }
        }
    }
    breaches
}

/// One bad message must not bring its batch back, and no queue may take the account's whole concurrency.
pub(super) fn events(template: &Template) -> Vec<String> {
    let mut breaches = Vec::new();
    for (function, event) in template.queue_events() {
        if event["FunctionResponseTypes"] != json!(["ReportBatchItemFailures"]) {
            breaches.push(format!("{function} does not report batch item failures"));
        }
        if smallest(template, &event["ScalingConfig"]["MaximumConcurrency"]).is_none_or(|n| n < 2) {
            breaches.push(format!("{function} needs a MaximumConcurrency that cannot be below 2"));
        }
    }
    if template.queue_events().len() < 3 {
        breaches.push("fewer than three functions take from queues".into());
    }
    breaches
}

/// The smallest number that a number or a reference to a parameter can be.
fn smallest(template: &Template, value: &Value) -> Option<u64> {
    let parameter = value["Ref"].as_str().map(|p| template.at(&format!("/Parameters/{p}/MinValue")));
    parameter.unwrap_or(value).as_u64()
}

/// Every queue has its own dead letter queue, which keeps longer; all are sealed and take SQS's largest message.
pub(super) fn dead_letters(template: &Template) -> Vec<String> {
    let mut breaches = Vec::new();
    for (queue, properties) in template.of_type("AWS::SQS::Queue") {
        if properties["SqsManagedSseEnabled"] != true {
            breaches.push(format!("{queue} is not encrypted"));
        }
        if properties["MaximumMessageSize"] != 1_048_576 {
            breaches.push(format!("{queue} does not take 1 MiB"));
        }
        if queue.ends_with("Dlq") {
            continue;
        }
        let dlq = format!("{queue}Dlq");
        if properties["RedrivePolicy"]["deadLetterTargetArn"] != json!({"Fn::GetAtt": format!("{dlq}.Arn")}) {
            breaches.push(format!("{queue} does not give up into {dlq}"));
        }
        if properties["RedrivePolicy"]["maxReceiveCount"].as_u64().is_none_or(|n| n < 5) {
            breaches.push(format!("{queue} gives up before the fifth receive"));
        }
        let kept = |q: &str| template.property(q, "MessageRetentionPeriod").as_u64().unwrap_or(345_600);
        if kept(&dlq) <= kept(queue) {
            breaches.push(format!("{dlq} does not keep longer than {queue}"));
        }
    }
    breaches
}

/// Each queue and the bucket has a policy that denies everything without TLS.
pub(super) fn tls_only(template: &Template) -> Vec<String> {
    let queues = template.of_type("AWS::SQS::Queue").into_iter().map(|(q, _)| q);
    let queue_policies = template.of_type("AWS::SQS::QueuePolicy");
    let bucket_policies = template.of_type("AWS::S3::BucketPolicy");
    let denies = |policy: &Value, resource: &str| {
        list(&policy["PolicyDocument"]["Statement"]).any(|s| {
            s["Effect"] == "Deny"
                && s["Condition"]["Bool"]["aws:SecureTransport"] == "false"
                && referred(&s["Resource"]).iter().any(|r| r == resource)
        })
    };
    let guarded = |resource: &str| queue_policies.iter().chain(&bucket_policies).any(|(_, p)| denies(p, resource));
    queues.chain(["Bucket"]).filter(|r| !guarded(r)).map(|r| format!("{r} takes plain HTTP")).collect()
}
