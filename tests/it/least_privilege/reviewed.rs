//! What roles allow although no journey uses it, reviewed one by one.

/// Role (`*`: all of them), action, why.
pub(super) const REVIEWED: [(&str, &str, &str); 7] = [
    ("*", "logs:CreateLogStream", "Lambda makes the stream of the function's own log group with the function's role"),
    ("*", "logs:PutLogEvents", "Lambda writes the function's lines with the function's role"),
    ("*", "xray:PutTraceSegments", "Lambda sends traces with the function's role, because Tracing is Active"),
    ("*", "xray:PutTelemetryRecords", "Lambda sends traces with the function's role, because Tracing is Active"),
    ("RunReaperRole", "dynamodb:GetItem", GIANT),
    ("RunReaperRole", "s3:PutObject", GIANT),
    ("RunReaperRole", "kms:GenerateDataKey", GIANT),
];

const GIANT: &str = "the forge's log of deliveries is read every five minutes only; shared/app/tests/app/redelivery.rs plays it";
