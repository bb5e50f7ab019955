//! What roles allow although no journey uses it, reviewed one by one.

/// Role (`*`: all of them), action, why.
pub(super) const REVIEWED: [(&str, &str, &str); 21] = [
    ("*", "logs:CreateLogStream", "Lambda makes the stream of the function's own log group with the function's role"),
    ("*", "logs:PutLogEvents", "Lambda writes the function's lines with the function's role"),
    ("*", "xray:PutTraceSegments", "Lambda sends traces with the function's role, because Tracing is Active"),
    ("*", "xray:PutTelemetryRecords", "Lambda sends traces with the function's role, because Tracing is Active"),
    ("RunReaperRole", "dynamodb:GetItem", GIANT),
    ("RunReaperRole", "s3:PutObject", GIANT),
    ("RunReaperRole", "kms:GenerateDataKey", GIANT),
    ("RunReaperRole", "sqs:SendMessage", GIANT),
    ("RunLauncherRole", "sqs:SendMessage", STEPS),
    ("RunLauncherRole", "secretsmanager:GetSecretValue", STEPS),
    ("RunLauncherRole", "kms:Decrypt", STEPS),
    ("StepCallbackRole", "sqs:SendMessage", STEPS),
    ("StepCallbackRole", "dynamodb:GetItem", STEPS),
    ("StepCallbackRole", "dynamodb:PutItem", STEPS),
    ("StepCallbackRole", "secretsmanager:GetSecretValue", STEPS),
    ("StepCallbackRole", "kms:Decrypt", STEPS),
    ("RunReaperRole", "dynamodb:BatchGetItem", SCHEDULE),
    ("RunReaperRole", "dynamodb:PutItem", SCHEDULE),
    ("RunReaperRole", "dynamodb:DeleteItem", SCHEDULE),
    ("TriggerMatcherRole", "dynamodb:UpdateItem", GATE),
    (
        "TriggerMatcherRole",
        "dynamodb:GetItem",
        "the text of a configuration, where the process does not remember it; shared/app/tests/app/workflows.rs plays it",
    ),
];

const STEPS: &str = "no journey has a workflow with an http or run_workflow step; shared/app/tests/app/steps plays them";
const SCHEDULE: &str = "a schedule is due every five minutes at most; shared/app/tests/app/schedules.rs plays it";
const GATE: &str = "concurrency groups, cooldowns and broken files; shared/app/tests/app/workflow_gates.rs and workflows.rs play them";

const GIANT: &str = "the forge's log of deliveries is read every five minutes only; shared/app/tests/app/redelivery.rs plays it";
