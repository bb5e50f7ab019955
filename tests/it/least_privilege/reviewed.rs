//! What roles allow although no journey uses it, reviewed one by one.

/// Role (`*`: all of them), action, why.
pub(super) const REVIEWED: [(&str, &str, &str); 4] = [
    ("*", "logs:CreateLogStream", "Lambda makes the stream of the function's own log group with the function's role"),
    ("*", "logs:PutLogEvents", "Lambda writes the function's lines with the function's role"),
    ("*", "xray:PutTraceSegments", "Lambda sends traces with the function's role, because Tracing is Active"),
    ("*", "xray:PutTelemetryRecords", "Lambda sends traces with the function's role, because Tracing is Active"),
];
