//! RunTask and its many answers, stopping and looking up (R17, R18).

use crate::fake::FakeAws;
use patchbay_aws::tasks::{TaskRequest, TaskStart, Tasks, TasksConfig};
use patchbay_aws::{AwsError, EnvReader};
use serde_json::{Value, json};

const ARN: &str = "arn:aws:ecs:us-east-1:123456789012:task/patchbay/0af9";

fn config() -> TasksConfig {
    let mut env = EnvReader::from_pairs([
        ("ECS_CLUSTER", "patchbay"),
        ("ECS_TASK_DEFINITION", "agent-task:3"),
        ("ECS_IMAGES", "node=agent-task-1:7,jvm=agent-task-2:1"),
        ("ECS_SUBNETS", "subnet-1,subnet-2"),
        ("ECS_SECURITY_GROUPS", "sg-1"),
        ("ECS_ASSIGN_PUBLIC_IP", "ENABLED"),
    ]);
    let config = TasksConfig::read_for_start(&mut env);
    env.finish().unwrap();
    config
}

async fn open() -> (FakeAws, Tasks) {
    let aws = FakeAws::start().await;
    let tasks = Tasks::new(&aws.config(), config());
    (aws, tasks)
}

fn request() -> TaskRequest {
    TaskRequest {
        client_token: "token-1".into(),
        started_by: "ws/run/1".into(),
        image: None,
        environment: vec![("PATCHBAY_RUN".into(), "run_1".into()), ("PATCHBAY_BOOTSTRAP_SECRET".into(), "s".into())],
    }
}

async fn start_with(status: u16, answer: Value) -> Result<TaskStart, AwsError> {
    let (aws, tasks) = open().await;
    aws.answer(status, answer);
    tasks.run(&request()).await
}

#[tokio::test]
async fn a_task_is_asked_for_with_the_overrides_on_the_supervisor_only() {
    let (aws, tasks) = open().await;
    aws.answer(200, json!({"tasks": [{"taskArn": ARN}], "failures": []}));
    assert_eq!(tasks.run(&request()).await, Ok(TaskStart::Started { arn: ARN.into() }));
    let calls = aws.take_calls();
    assert_eq!(calls.len(), 1);
    let body = &calls[0].body;
    assert_eq!((&body["clientToken"], &body["startedBy"], &body["cluster"]), (&json!("token-1"), &json!("ws/run/1"), &json!("patchbay")));
    let overrides = body["overrides"]["containerOverrides"].as_array().unwrap();
    assert_eq!(overrides.len(), 1, "the agent's container gets nothing");
    assert_eq!(overrides[0]["name"], "supervisor");
    assert_eq!(overrides[0]["environment"][0], json!({"name": "PATCHBAY_RUN", "value": "run_1"}));
    let network = &body["networkConfiguration"]["awsvpcConfiguration"];
    assert_eq!(network, &json!({"subnets": ["subnet-1", "subnet-2"], "securityGroups": ["sg-1"], "assignPublicIp": "ENABLED"}));
    assert!(body["overrides"]["taskRoleArn"].is_null());
}

#[tokio::test]
async fn an_image_is_asked_for_by_its_name() {
    let (aws, tasks) = open().await;
    assert_eq!(tasks.image_names().collect::<Vec<_>>(), ["jvm", "node"]);
    for (image, definition) in [(None, "agent-task:3"), (Some("node"), "agent-task-1:7"), (Some("jvm"), "agent-task-2:1")] {
        aws.answer(200, json!({"tasks": [{"taskArn": ARN}], "failures": []}));
        tasks.run(&TaskRequest { image: image.map(str::to_owned), ..request() }).await.unwrap();
        assert_eq!(aws.take_calls()[0].body["taskDefinition"], definition);
    }
    let unknown = tasks.run(&TaskRequest { image: Some("go".into()), ..request() }).await.unwrap();
    assert!(matches!(unknown, TaskStart::Refused { .. }) && aws.take_calls().is_empty());
}

#[test]
fn a_list_of_images_that_cannot_be_meant_is_refused() {
    let check = |images: &str, said: &str| {
        let start = [("ECS_CLUSTER", "c"), ("ECS_TASK_DEFINITION", "t"), ("ECS_SUBNETS", "s"), ("ECS_SECURITY_GROUPS", "g")];
        let mut env = EnvReader::from_pairs(start.into_iter().chain([("ECS_IMAGES", images)]));
        TasksConfig::read_for_start(&mut env);
        let error = env.finish().unwrap_err().to_string();
        assert!(error.contains("ECS_IMAGES") && error.contains(said), "{error}");
    };
    check("node=a:1,node=b:1", "has two images called `node`");
    check("node=a:1,jvm", "has `jvm`, which is not NAME=TASK_DEFINITION");
    check("=a:1", "has `=a:1`, which is not NAME=TASK_DEFINITION");
}

#[tokio::test]
async fn a_known_token_gives_the_task_that_it_started() {
    let conflict = json!({"__type": "ConflictException", "message": "token in use", "resourceIds": [ARN]});
    assert_eq!(start_with(400, conflict).await, Ok(TaskStart::Started { arn: ARN.into() }));
    let nameless = json!({"__type": "ConflictException", "message": "token in use"});
    assert!(matches!(start_with(400, nameless).await, Err(AwsError::Transient(_))));
}

#[tokio::test]
async fn a_failure_inside_a_good_answer_is_no_task() {
    let failures = |reason: &str| json!({"tasks": [], "failures": [{"arn": "x", "reason": reason, "detail": "more"}]});
    assert_eq!(start_with(200, failures("RESOURCE:MEMORY")).await, Ok(TaskStart::NoCapacity { detail: "RESOURCE:MEMORY: more".into() }));
    assert_eq!(start_with(200, failures("MISSING")).await, Ok(TaskStart::Refused { detail: "MISSING: more".into() }));
    assert!(matches!(start_with(200, json!({"tasks": [], "failures": []})).await, Err(AwsError::Transient(_))));
}

#[tokio::test]
async fn no_room_is_told_apart_from_a_request_that_can_never_work() {
    let error = |kind: &str, message: &str| json!({"__type": kind, "message": message});
    let quota = error("InvalidParameterException", "You've reached the limit on the number of vCPUs you can run concurrently");
    assert!(matches!(start_with(400, quota).await, Ok(TaskStart::NoCapacity { .. })));
    let full = error("ClientException", "Capacity is unavailable at this time.");
    assert!(matches!(start_with(400, full).await, Ok(TaskStart::NoCapacity { .. })));
    let missing = error("InvalidParameterException", "No Container Instances were found in your cluster.");
    assert!(matches!(start_with(400, missing).await, Ok(TaskStart::Refused { .. })));
    let denied = error("AccessDeniedException", "not authorized to perform ecs:RunTask");
    assert!(matches!(start_with(400, denied).await, Ok(TaskStart::Refused { .. })));
}

#[tokio::test]
async fn a_service_that_keeps_failing_leaves_the_question_open() {
    let (aws, tasks) = open().await;
    for _ in 0..3 {
        aws.answer(500, json!({"__type": "ServerException", "message": "oops"}));
    }
    assert!(matches!(tasks.run(&request()).await, Err(AwsError::Transient(_))));
    let tokens: Vec<Value> = aws.take_calls().iter().map(|call| call.body["clientToken"].clone()).collect();
    assert_eq!(tokens, vec![json!("token-1"); 3], "every try has the same token");
}

#[tokio::test]
async fn a_function_without_the_settings_starts_nothing() {
    let aws = FakeAws::start().await;
    let mut env = EnvReader::from_pairs([("ECS_CLUSTER", "patchbay")]);
    let tasks = Tasks::new(&aws.config(), TasksConfig::read(&mut env));
    assert!(matches!(tasks.run(&request()).await, Err(AwsError::Permanent(_))));
}

#[tokio::test]
async fn stopping_a_task_that_is_gone_is_done() {
    let (aws, tasks) = open().await;
    aws.answer(200, json!({"task": {"taskArn": ARN}}));
    tasks.stop(ARN, &"x".repeat(2_000)).await.unwrap();
    assert_eq!(aws.take_calls()[0].body["reason"].as_str().unwrap().len(), 255);
    aws.answer(400, json!({"__type": "InvalidParameterException", "message": "The referenced task was not found."}));
    tasks.stop(ARN, "over").await.unwrap();
    aws.answer(400, json!({"__type": "ClusterNotFoundException", "message": "Cluster not found."}));
    assert!(matches!(tasks.stop(ARN, "over").await, Err(AwsError::Permanent(_))), "a missing cluster is no missing task");
}

#[tokio::test]
async fn a_task_is_described_or_unknown() {
    let (aws, tasks) = open().await;
    let container = json!({"name": "supervisor", "exitCode": 3, "reason": "because"});
    aws.answer(
        200,
        json!({"tasks": [{"taskArn": ARN, "lastStatus": "STOPPED", "stopCode": "EssentialContainerExited", "containers": [container]}]}),
    );
    let status = tasks.describe(ARN).await.unwrap().unwrap();
    assert!(status.stopped);
    assert_eq!(status.stop_code.as_deref(), Some("EssentialContainerExited"));
    assert_eq!((status.containers[0].name.as_str(), status.containers[0].exit_code), ("supervisor", Some(3)));
    aws.answer(200, json!({"tasks": [], "failures": [{"arn": ARN, "reason": "MISSING"}]}));
    assert_eq!(tasks.describe(ARN).await, Ok(None));
}

#[tokio::test]
async fn running_tasks_are_listed_page_by_page() {
    let (aws, tasks) = open().await;
    aws.answer(200, json!({"taskArns": [ARN], "nextToken": "more"}));
    aws.answer(200, json!({"tasks": [{"taskArn": ARN, "startedBy": "ws/run/1", "createdAt": 1_700_000_000.5}]}));
    aws.answer(200, json!({"taskArns": []}));
    let running = tasks.list_running().await.unwrap();
    assert_eq!((running.len(), running[0].started_by.as_deref()), (1, Some("ws/run/1")));
    assert_eq!(running[0].created_at.map(|at| at.as_second()), Some(1_700_000_000));
    assert_eq!(aws.take_operations(), ["ListTasks", "DescribeTasks", "ListTasks"]);
    aws.answer(200, json!({"taskArns": [ARN]}));
    assert_eq!(tasks.find("ws/run/1").await, Ok(vec![ARN.to_owned()]));
    assert_eq!(aws.take_calls()[0].body["startedBy"], "ws/run/1");
}
