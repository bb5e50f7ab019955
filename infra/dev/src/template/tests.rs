//! Reading a small template that has everything the real one uses.

use super::*;
use crate::aws::Condition;
use std::time::Duration;

const TEMPLATE: &str = r#"
Parameters:
  Price: { Type: String, Default: "0.5" }
  Subnets: { Type: CommaDelimitedList, Default: "" }
  Image: { Type: String, Default: "", AllowedPattern: "^([a-z]+=[^=]+)?$" }
  Level: { Type: String, Default: info, AllowedValues: [info, debug] }
Conditions:
  NoSubnets: !Equals [!Join ["", !Ref Subnets], ""]
  Never: !Not [!Or [!Condition NoSubnets, !Equals [a, b]]]
Mappings:
  Sizes: { small: { memory: 256 } }
Globals:
  Function:
    Timeout: 30
    MemorySize: !FindInMap [Sizes, small, memory]
    Environment: { Variables: { PATCHBAY_LOG: !Ref Level, SHARED: global } }
Resources:
  Api: { Type: AWS::Serverless::HttpApi }
  Intake:
    Type: AWS::Serverless::Function
    Properties:
      FunctionName: !Sub "${AWS::StackName}-webhook-intake"
      CodeUri: functions/webhook-intake/
      Environment:
        Variables:
          SHARED: own
          QUEUE_URL: !Ref Events
          QUEUE_ARN: !GetAtt Events.Arn
          TABLE: !Ref Runs
          SECRET: !Ref Hook
          GATEWAY: !GetAtt GatewayUrl.FunctionUrl
          TEXT: !Sub ["${A}-${Runs.Arn}-${!Literal}", { A: !Ref Price }]
          SUBNETS: !If [NoSubnets, !Ref Made, !Join [",", !Ref Subnets]]
          GONE: !If [Never, x, !Ref AWS::NoValue]
      Events:
        Hook: { Type: HttpApi, Properties: { ApiId: !Ref Api, Method: post, Path: /webhooks/github } }
        Work:
          Type: SQS
          Properties: { Queue: !GetAtt Events.Arn, BatchSize: 5, MaximumBatchingWindowInSeconds: 1, FunctionResponseTypes: [ReportBatchItemFailures], ScalingConfig: { MaximumConcurrency: 2 } }
        Tick: { Type: Schedule, Properties: { Schedule: rate(1 minute) } }
  Gateway:
    Type: AWS::Serverless::Function
    Properties: { CodeUri: functions/task-gateway, Timeout: 900, FunctionUrlConfig: { AuthType: NONE, InvokeMode: RESPONSE_STREAM } }
  Made: { Type: AWS::EC2::Subnet, Condition: NoSubnets, Properties: { CidrBlock: !Cidr [x, 1] } }
  Absent: { Type: AWS::SQS::Queue, Condition: Never }
  Hook: { Type: AWS::SecretsManager::Secret }
  Events:
    Type: AWS::SQS::Queue
    Properties: { VisibilityTimeout: 180, RedrivePolicy: { deadLetterTargetArn: !GetAtt EventsDlq.Arn, maxReceiveCount: 5 } }
  EventsDlq: { Type: AWS::SQS::Queue, Properties: { QueueName: dead } }
  Runs:
    Type: AWS::DynamoDB::Table
    Properties:
      KeySchema: [{ AttributeName: pk, KeyType: HASH }, { AttributeName: sk, KeyType: RANGE }]
      GlobalSecondaryIndexes: [{ IndexName: due, KeySchema: [{ AttributeName: s, KeyType: HASH }], Projection: { ProjectionType: KEYS_ONLY } }]
      TimeToLiveSpecification: { AttributeName: ttl, Enabled: true }
  Task:
    Type: AWS::ECS::TaskDefinition
    Properties:
      Family: agent
      Memory: "2048"
      Volumes: [{ Name: work }]
      ContainerDefinitions:
        - Name: supervisor
          Command: [agent-task, supervise]
          Environment: [{ Name: PATCHBAY_WORK_DIR, Value: /work }]
          MountPoints: [{ SourceVolume: work, ContainerPath: /work }]
        - { Name: agent, Essential: false, User: "10002:10000", DependsOn: [{ ContainerName: supervisor, Condition: START }] }
  Ends:
    Type: AWS::Events::Rule
    Properties:
      EventPattern: { source: [aws.ecs], detail: { lastStatus: [STOPPED] } }
      Targets: [{ Id: q, Arn: !GetAtt Events.Arn }]
"#;

fn deployment() -> Deployment {
    Deployment {
        stack_name: "local".to_owned(),
        parameters: BTreeMap::new(),
        aws_endpoint: "http://127.0.0.1:9".to_owned(),
        function_urls: [("Gateway".to_owned(), "http://127.0.0.1:8/".to_owned())].into(),
        api_url: "http://127.0.0.1:7".to_owned(),
        arns: BTreeMap::new(),
    }
}

fn read(source: &str, deployment: &Deployment) -> Result<Model, TemplateError> {
    Template::parse(Path::new("template.yaml"), source)?.evaluate(deployment)
}

#[test]
fn a_function_gets_its_resolved_environment() {
    let model = read(TEMPLATE, &deployment()).unwrap();
    let intake = model.function("Intake").unwrap();
    let expected: BTreeMap<String, String> = [
        ("PATCHBAY_LOG", "info"),
        ("SHARED", "own"),
        ("QUEUE_URL", "http://127.0.0.1:9/000000000000/local-Events"),
        ("QUEUE_ARN", "arn:aws:sqs:us-east-1:000000000000:local-Events"),
        ("TABLE", "local-Runs"),
        ("SECRET", "arn:aws:secretsmanager:us-east-1:000000000000:secret:local-Hook-local1"),
        ("GATEWAY", "http://127.0.0.1:8/"),
        ("TEXT", "0.5-arn:aws:dynamodb:us-east-1:000000000000:table/local-Runs-${Literal}"),
        ("SUBNETS", "local-Made"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into();
    assert_eq!(intake.environment, expected);
    assert_eq!((intake.name.as_str(), intake.package.as_str()), ("local-webhook-intake", "webhook-intake"));
    assert_eq!((intake.timeout, intake.memory_mib), (Duration::from_secs(30), 256));
}

#[test]
fn a_functions_triggers_are_read() {
    let model = read(TEMPLATE, &deployment()).unwrap();
    let intake = model.function("Intake").unwrap();
    assert_eq!(intake.routes, [model::Route { method: "POST".to_owned(), path: "/webhooks/github".to_owned() }]);
    let mapping = model::QueueMapping {
        queue: "local-Events".to_owned(),
        batch_size: 5,
        batch_window: Duration::from_secs(1),
        partial_failures: true,
        max_concurrency: Some(2),
    };
    assert_eq!(intake.mappings, [mapping]);
    assert_eq!(intake.schedules, [model::Schedule { name: "Tick".to_owned(), every: Duration::from_secs(60) }]);
    assert_eq!(model.function("Gateway").unwrap().url, Some(model::FunctionUrl { streaming: true }));
}

#[test]
fn resources_are_read_and_those_whose_condition_fails_are_not() {
    let model = read(TEMPLATE, &deployment()).unwrap();
    let names: Vec<_> = model.queues.iter().map(|queue| queue.name.as_str()).collect();
    assert_eq!(names, ["local-Events", "dead"]);
    let events = &model.queues[0];
    assert_eq!(events.visibility_timeout, Duration::from_secs(180));
    assert_eq!(events.redrive.as_ref().map(|redrive| (redrive.dead_letter_queue.as_str(), redrive.max_receive_count)), Some(("dead", 5)));
    let table = &model.tables[0];
    assert_eq!((table.hash.as_str(), table.range.as_deref(), table.ttl_attribute.as_deref()), ("pk", Some("sk"), Some("ttl")));
    assert_eq!((table.indexes[0].name.as_str(), table.indexes[0].projection.as_str()), ("due", "KEYS_ONLY"));
    let task = &model.task_definitions[0];
    assert_eq!((task.family.as_str(), task.memory_mib), ("agent", Some(2048)));
    assert_eq!(task.containers[0].command, ["agent-task", "supervise"]);
    assert!(task.containers[0].essential && !task.containers[1].essential);
    assert_eq!(task.containers[1].depends_on[0].condition, Condition::Start);
    assert_eq!(model.rules[0].pattern, serde_json::json!({ "source": ["aws.ecs"], "detail": { "lastStatus": ["STOPPED"] } }));
    assert_eq!(model.rules[0].queue, "local-Events");
}

#[test]
fn parameters_are_overridden_and_checked() {
    let given = |name: &str, value: &str| Deployment { parameters: [(name.to_owned(), value.to_owned())].into(), ..deployment() };
    let model = read(TEMPLATE, &given("Subnets", "subnet-1, subnet-2")).unwrap();
    assert_eq!(model.function("Intake").unwrap().environment["SUBNETS"], "subnet-1,subnet-2");
    let error = read(TEMPLATE, &given("Level", "loud")).unwrap_err().to_string();
    assert!(error.contains("parameter Level is `loud`, allowed are info, debug"), "{error}");
    let error = read(TEMPLATE, &given("Image", "node")).unwrap_err().to_string();
    assert!(error.contains("parameter Image is `node`, which does not match ^([a-z]+=[^=]+)?$"), "{error}");
    assert!(read(TEMPLATE, &given("Image", "node=x")).is_ok());
    let error = read(TEMPLATE, &given("Colour", "red")).unwrap_err().to_string();
    assert!(error.contains("has no parameter Colour"), "{error}");
}

#[test]
fn an_error_says_file_line_and_resource() {
    let source = "Resources:\n  Work:\n    Type: AWS::SQS::Queue\n    Properties:\n      VisibilityTimeout: !Ref Nobody\n";
    let error = read(source, &deployment()).unwrap_err().to_string();
    assert_eq!(error, "template.yaml:5: Work: there is no resource or parameter Nobody");
    let source = "Resources:\n  Work:\n    Type: AWS::SQS::Queue\n    Properties:\n      VisibilityTimeout: !Transform x\n";
    let error = read(source, &deployment()).unwrap_err().to_string();
    assert_eq!(error, "template.yaml:5: Work: the local stack does not know the function Transform");
}
