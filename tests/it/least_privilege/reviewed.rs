//! What roles allow although no journey uses it, reviewed one by one.

/// Role (`*`: all of them), action, why.
pub(super) const REVIEWED: [(&str, &str, &str); 8] = [
    ("*", "logs:CreateLogStream", "Lambda makes the stream of the function's own log group with the function's role"),
    ("*", "logs:PutLogEvents", "Lambda writes the function's lines with the function's role"),
    ("*", "xray:PutTraceSegments", "Lambda sends traces with the function's role, because Tracing is Active"),
    ("*", "xray:PutTelemetryRecords", "Lambda sends traces with the function's role, because Tracing is Active"),
    ("RunReaperRole", "dynamodb:GetItem", GIANT),
    ("RunReaperRole", "s3:PutObject", GIANT),
    ("RunReaperRole", "kms:GenerateDataKey", GIANT),
    ("RunReaperRole", "sqs:SendMessage", GIANT),
];

const GIANT: &str = "a delivery too large for the front door is taken from the forge's log only every five minutes";
