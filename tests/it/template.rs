//! What template.yaml must hold beyond what `sam validate --lint` and cfn-lint see.
//!
//! `document` reads the template, `alarms`, `queues`, `privileges`, `resources` and `rules` hold the rules. A rule takes the template and
//! returns its breaches, so that `every_rule_notices_its_breach` can break the template in memory and see the rule fail.

mod alarms;
mod document;
mod privileges;
mod queues;
mod resources;
mod rules;

use document::Template;
use serde_json::{Value, json};

type Rule = fn(&Template) -> Vec<String>;

#[track_caller]
fn holds(rule: Rule) {
    let breaches = rule(&Template::load());
    assert!(breaches.is_empty(), "template.yaml breaks a rule:\n  {}", breaches.join("\n  "));
}

#[test]
fn a_queue_hides_a_message_for_six_timeouts_of_its_function() {
    holds(queues::visibility);
}

#[test]
fn every_queue_event_reports_batch_item_failures_and_bounds_its_concurrency() {
    holds(queues::events);
}

#[test]
fn every_queue_gives_up_into_a_queue_of_its_own_after_five_receives_at_least() {
    holds(queues::dead_letters);
}

#[test]
fn queues_and_bucket_refuse_plain_http() {
    holds(queues::tls_only);
}

#[test]
fn every_function_has_a_role_of_its_own() {
    holds(privileges::own_roles);
}

#[test]
fn no_role_holds_a_wildcard_outside_the_reviewed_list() {
    holds(privileges::wildcards);
}

#[test]
fn only_the_listed_functions_read_a_secret_or_the_vault() {
    holds(privileges::readers);
}

#[test]
fn every_use_of_the_key_is_bound_to_what_it_is_for() {
    holds(privileges::key_uses);
}

#[test]
fn a_function_is_told_of_exactly_what_it_may_use() {
    holds(privileges::environment_matches);
}

#[test]
fn no_environment_holds_a_secret() {
    holds(privileges::no_secret_values);
}

#[test]
fn every_function_folder_is_exactly_one_resource() {
    holds(resources::folders);
}

#[test]
fn every_alarm_has_its_section_in_the_operators_guide_and_every_section_its_alarm() {
    let template = Template::load();
    let guide = std::fs::read_to_string(crate::world::project().join("docs/operate.md")).expect("docs/operate.md is there");
    let breaches = alarms::documented(&template, &guide);
    assert!(breaches.is_empty(), "\n  {}", breaches.join("\n  "));
    let other = guide.replacen("#### Stuck run", "#### Stuck runner", 1);
    assert_eq!(alarms::documented(&template, &other).len(), 2, "one section is missing, and one is of no alarm");
    assert_eq!(alarms::documented(&template, &format!("{guide}\n#### Stuck run\n")).len(), 1, "one section is there twice");
}

#[test]
fn every_table_recovers_and_forgets() {
    holds(resources::tables);
}

#[test]
fn parameter_rules_use_only_functions_that_rules_know() {
    holds(rules::functions);
}

#[test]
fn every_function_logs_into_a_group_that_forgets() {
    holds(resources::log_groups);
}

#[test]
fn the_agent_task_has_no_role_and_the_agent_no_way_to_the_supervisors_files() {
    holds(resources::agent_task);
}

#[test]
fn another_image_is_nothing_but_another_image_of_the_agent() {
    holds(resources::agent_images);
}

#[test]
fn the_bucket_is_sealed_private_and_forgets() {
    holds(resources::bucket);
}

#[test]
fn everything_that_needs_an_alarm_has_one() {
    holds(alarms::watched);
}

#[test]
fn every_alarm_tells_somebody_and_says_where_its_remedy_stands() {
    holds(alarms::telling);
}

#[test]
fn every_metric_that_is_watched_is_emitted() {
    holds(alarms::emitted);
}

#[test]
fn the_dashboard_shows_every_alarm() {
    holds(alarms::shown);
}

#[test]
fn the_task_gateway_streams_and_webhooks_are_throttled_by_the_stage_only() {
    holds(resources::doors);
}

#[test]
fn a_new_version_takes_over_under_the_eyes_of_its_alarms() {
    holds(resources::deployment);
}

/// One breach per line: the rule, the place, what is put there (`null` takes the place away).
#[test]
fn every_rule_notices_its_breach() {
    let statement = json!({"Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": {"Ref": "GithubAppSecret"}});
    let everything = json!({"Effect": "Allow", "Action": "dynamodb:*", "Resource": {"Fn::GetAtt": "RunsTable.Arn"}});
    let all_tables = json!({"Effect": "Allow", "Action": "dynamodb:GetItem", "Resource": "*"});
    let vault = json!({"Effect": "Allow", "Action": "dynamodb:Query", "Resource": {"Fn::GetAtt": "VaultTable.Arn"}});
    let unsealed = json!({"Effect": "Allow", "Action": "kms:Decrypt", "Resource": {"Fn::GetAtt": "Key.Arn"}});
    let in_role = |role: &str| format!("/Resources/{role}/Properties/Policies/0/PolicyDocument/Statement/0");
    let container = |n: usize, what: &str| format!("/Resources/AgentTaskDefinition/Properties/ContainerDefinitions/{n}/{what}");
    let own = |resource: &str, what: &str| format!("/Resources/{resource}/Properties/{what}");
    let breaches: Vec<(Rule, String, Value)> = vec![
        (queues::visibility, own("EventsQueue", "VisibilityTimeout"), json!(359)),
        (queues::visibility, own("RunResults", "Timeout"), json!(121)),
        (queues::visibility, "/Globals/Function/Timeout".into(), json!(90)),
        (queues::events, own("RunLauncher", "Events/Runs/Properties/FunctionResponseTypes"), Value::Null),
        (queues::events, own("RunLauncher", "Events/Runs/Properties/ScalingConfig"), json!({"MaximumConcurrency": 1})),
        (queues::events, "/Parameters/MaximumConcurrency/MinValue".into(), json!(1)),
        (queues::dead_letters, own("RunsQueue", "RedrivePolicy"), Value::Null),
        (queues::dead_letters, own("RunsQueue", "RedrivePolicy/maxReceiveCount"), json!(4)),
        (queues::dead_letters, own("RunsQueue", "RedrivePolicy/deadLetterTargetArn"), json!({"Fn::GetAtt": "EventsQueueDlq.Arn"})),
        (queues::dead_letters, own("RunsQueue", "SqsManagedSseEnabled"), json!(false)),
        (queues::tls_only, "/Resources/RunsQueueDlqPolicy".into(), Value::Null),
        (queues::tls_only, "/Resources/BucketPolicy".into(), Value::Null),
        (privileges::own_roles, own("RunResults", "Role"), json!({"Fn::GetAtt": "RunLauncherRole.Arn"})),
        (privileges::own_roles, own("RunResultsRole", "ManagedPolicyArns"), json!(["arn:aws:iam::aws:policy/AdministratorAccess"])),
        (privileges::own_roles, own("RunResults", "Policies"), json!(["AmazonS3FullAccess"])),
        (privileges::wildcards, in_role("RunResultsRole"), everything),
        (privileges::wildcards, in_role("RunResultsRole"), all_tables),
        (privileges::readers, in_role("WebhookIntakeRole"), statement.clone()),
        (privileges::readers, in_role("AgentExecutionRole"), statement),
        (privileges::readers, in_role("RunReaperRole"), vault),
        (
            privileges::readers,
            in_role("RunResultsRole"),
            json!({"Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": {"Ref": "SigningSecret"}}),
        ),
        (privileges::key_uses, in_role("RunReaperRole"), unsealed),
        (
            privileges::key_uses,
            in_role("RunReaperRole"),
            json!({"Effect": "Allow", "Action": "kms:Decrypt", "Resource": {"Fn::GetAtt": "Key.Arn"}, "Condition": {"StringLike": {"kms:EncryptionContext:workspace": "ws_*"}}}),
        ),
        (privileges::environment_matches, own("TriggerMatcher", "Environment/Variables/TABLE_RUNS"), Value::Null),
        (privileges::environment_matches, own("WebhookIntake", "Environment/Variables/SECRET_MODEL_ID"), json!({"Ref": "ModelSecret"})),
        (privileges::environment_matches, own("TaskGateway", "Environment/Variables/TABLE_CORE"), json!({"Ref": "CoreTable"})),
        (privileges::no_secret_values, own("TaskGateway", "Environment/Variables/MODEL_API_KEY"), json!("sk-123")),
        (privileges::no_secret_values, own("TaskGateway", "Environment/Variables/X"), json!("{{resolve:secretsmanager:x}}")),
        (privileges::no_secret_values, container(1, "Secrets"), json!([{"Name": "X", "ValueFrom": "arn"}])),
        (rules::functions, "/Rules/ExistingVpcNeedsSubnets/RuleCondition".into(), json!({"Fn::Select": [0, {"Ref": "SubnetIds"}]})),
        (resources::folders, own("RunReaper", "CodeUri"), json!("functions/run-results")),
        (resources::folders, "/Resources/RunReaper".into(), Value::Null),
        (resources::folders, container(0, "Command"), json!(["agent", "supervise"])),
        (resources::tables, own("VaultTable", "PointInTimeRecoverySpecification"), Value::Null),
        (resources::tables, own("VaultTable", "TimeToLiveSpecification/AttributeName"), json!("expires")),
        (resources::tables, "/Resources/VaultTable/DeletionPolicy".into(), Value::Null),
        (resources::log_groups, own("RunReaperLogs", "RetentionInDays"), Value::Null),
        (resources::log_groups, own("RunReaper", "LoggingConfig"), Value::Null),
        (resources::agent_task, own("AgentTaskDefinition", "TaskRoleArn"), json!({"Fn::GetAtt": "AgentExecutionRole.Arn"})),
        (resources::agent_task, own("AgentTaskDefinition", "PidMode"), json!("task")),
        (resources::agent_task, container(1, "User"), json!("10001:10000")),
        (resources::agent_task, container(0, "User"), json!("0")),
        (resources::agent_task, container(1, "ReadonlyRootFilesystem"), json!(false)),
        (resources::agent_task, container(1, "MountPoints/0/SourceVolume"), json!("private")),
        (resources::agent_task, container(1, "Essential"), json!(true)),
        (resources::agent_images, own("Agent2TaskDefinition", "TaskRoleArn"), json!({"Fn::GetAtt": "AgentExecutionRole.Arn"})),
        (resources::agent_images, own("Agent3TaskDefinition", "ContainerDefinitions/0/Image"), json!({"Ref": "AgentImage3"})),
        (resources::agent_images, own("Agent4TaskDefinition", "ContainerDefinitions/1/Image"), json!({"Ref": "AgentImage"})),
        (resources::agent_images, own("RunLauncher", "Environment/Variables/ECS_IMAGES/Fn::Join/1/0"), json!("node=x")),
        (resources::bucket, own("Bucket", "PublicAccessBlockConfiguration/BlockPublicPolicy"), json!(false)),
        (resources::bucket, own("Bucket", "LifecycleConfiguration/Rules/0/ExpirationInDays"), json!(30)),
        (alarms::watched, "/Resources/RunsQueueDlqAlarm".into(), Value::Null),
        (alarms::watched, own("RunsQueueAgeAlarm", "Threshold"), json!(3000)),
        (alarms::watched, "/Resources/RunReaperErrorsAlarm".into(), Value::Null),
        (alarms::watched, "/Resources/CertificateExpiryAlarm".into(), Value::Null),
        (alarms::watched, own("WebhookFailuresAlarm", "Threshold"), json!(5)),
        (alarms::watched, own("StuckRunAlarm", "MetricName"), json!("run.stück")),
        (alarms::watched, own("UninstallSpikeAlarm", "Threshold"), json!(1000)),
        (alarms::telling, own("StuckRunAlarm", "AlarmActions"), json!([])),
        (alarms::telling, own("StuckRunAlarm", "AlarmDescription"), json!("A run went past its deadline. docs/operate.md#stuck")),
        (alarms::telling, own("StuckRunAlarm", "TreatMissingData"), Value::Null),
        (alarms::emitted, own("StuckRunAlarm", "MetricName"), json!("runs.stuck")),
        (alarms::emitted, own("StuckRunAlarm", "Namespace"), json!("Patchbay")),
        (alarms::emitted, own("StuckRunAlarm", "Dimensions/0/Value"), json!("run-launcher")),
        (
            alarms::emitted,
            own("RedactionAlarm", "Metrics/0/Expression/Fn::Sub"),
            json!("SELECT SUM(\"redaction.hits\") FROM SCHEMA(\"Patchbay/${AWS::StackName}\", service)"),
        ),
        (alarms::emitted, own("RedactionAlarm", "Metrics/0/Expression/Fn::Sub"), json!("SUM(METRICS())")),
        (
            alarms::emitted,
            own("Dashboard", "DashboardBody/Fn::Sub"),
            json!(
                r#"{"widgets":[{"properties":{"metrics":[["Patchbay/${AWS::StackName}","webhook.recieved","service","webhook-intake"]]}}]}"#
            ),
        ),
        (alarms::emitted, "/Globals/Function/Environment/Variables/METRICS_NAMESPACE".into(), json!("Patchbay")),
        (alarms::shown, own("Dashboard", "DashboardBody/Fn::Sub"), json!(r#"{"widgets":[]}"#)),
        (resources::deployment, "/Globals/Function/AutoPublishAlias".into(), Value::Null),
        (resources::deployment, own("RunReaper", "DeploymentPreference/Alarms"), json!([])),
        (resources::deployment, own("RunReaper", "DeploymentPreference/Alarms/Fn::If/1/0"), json!({"Ref": "TaskGatewayErrorsAlarm"})),
        (resources::deployment, own("RunReaper", "VersionDescription"), json!("1.0")),
        (resources::deployment, own("Configuration", "Content/Fn::Join/1/8"), json!("2.00")),
        (resources::deployment, own("TaskGateway", "Environment/Variables/X"), json!({"Ref": "MaximumConcurrency"})),
        (resources::doors, own("TaskGateway", "FunctionUrlConfig/InvokeMode"), json!("BUFFERED")),
        (resources::doors, own("HttpApi", "DefaultRouteSettings"), Value::Null),
    ];
    for (rule, place, value) in breaches {
        let mut template = Template::load();
        template.put(&place, value.clone());
        assert!(!rule(&template).is_empty(), "nobody noticed {value} at {place}");
    }
}
