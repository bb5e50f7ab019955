//! ECS: RunTask's rules, and what a container sees.

use super::{World, soon};
use crate::aws::{AwsConfig, Condition, ContainerSpec, Dependency, MountPoint, StopCode, TaskDefinitionSpec, TaskRecord, VolumeSpec};
use aws_sdk_ecs::Client;
use aws_sdk_ecs::operation::run_task::builders::RunTaskFluentBuilder;
use aws_sdk_ecs::types::{ContainerOverride, KeyValuePair, TaskOverride};
use serde_json::Value;
use tokio::sync::mpsc::UnboundedReceiver;

pub(super) fn client(world: &World) -> Client {
    Client::new(&world.sdk())
}

pub(super) fn run(client: &Client) -> RunTaskFluentBuilder {
    client.run_task().cluster("agents").task_definition("agent:1")
}

/// A container that runs a shell script.
pub(super) fn script(name: &str, script: &str) -> ContainerSpec {
    ContainerSpec::new(name, &["/bin/sh", "-c", script])
}

pub(super) fn task(containers: Vec<ContainerSpec>) -> impl FnOnce(&mut AwsConfig) {
    let volumes = vec![VolumeSpec { name: "work".to_owned() }, VolumeSpec { name: "private".to_owned() }];
    let definition = TaskDefinitionSpec { family: "agent".to_owned(), containers, volumes, memory_mib: None };
    |config| config.task_definitions = vec![definition]
}

/// The next event with this status.
pub(super) async fn event(events: &mut UnboundedReceiver<Value>, status: &str) -> Value {
    soon(async {
        loop {
            let event = events.recv().await.expect("the stack ended");
            if event["detail"]["lastStatus"] == status {
                return event["detail"].clone();
            }
        }
    })
    .await
}

pub(super) fn log(world: &World, task: &TaskRecord, container: &str) -> String {
    let path = world.folder.path().join("data/logs").join(&task.id).join(format!("{container}.log"));
    std::fs::read_to_string(path).unwrap_or_default()
}

fn overriding(container: &str, name: &str, value: &str) -> TaskOverride {
    let pair = KeyValuePair::builder().name(name).value(value).build();
    TaskOverride::builder().container_overrides(ContainerOverride::builder().name(container).environment(pair).build()).build()
}

fn mount(volume: &str, path: &str) -> MountPoint {
    MountPoint { volume: volume.to_owned(), container_path: path.to_owned(), read_only: false }
}

#[tokio::test(flavor = "multi_thread")]
async fn task_runs_to_its_end_and_is_told_of() {
    let world = World::with(task(vec![script("supervisor", "echo out; echo err >&2; exit 3")])).await;
    let (client, mut events) = (client(&world), world.aws.task_events());
    let ran = run(&client).started_by("run_1").overrides(overriding("supervisor", "A", "b")).send().await.unwrap();
    let arn = ran.tasks()[0].task_arn().unwrap().to_owned();
    assert_eq!(ran.tasks()[0].last_status(), Some("PROVISIONING"));
    assert_eq!(event(&mut events, "RUNNING").await["taskArn"], arn.as_str());
    let stopped = event(&mut events, "STOPPED").await;
    assert_eq!(stopped["stopCode"], "EssentialContainerExited");
    assert_eq!(stopped["startedBy"], "run_1");
    assert_eq!(stopped["clusterArn"], "arn:aws:ecs:us-east-1:000000000000:cluster/agents");
    assert_eq!(stopped["containers"][0]["exitCode"], 3);
    assert_eq!(stopped["overrides"]["containerOverrides"][0]["environment"][0]["value"], "b");
    let described = client.describe_tasks().cluster("agents").tasks(&arn).tasks("none").send().await.unwrap();
    let described_task = &described.tasks()[0];
    assert_eq!(described_task.containers()[0].exit_code(), Some(3));
    assert!(described_task.stopped_at().is_some() && described_task.started_at().is_some());
    assert_eq!(described.failures()[0].reason(), Some("MISSING"));
    let log = log(&world, &world.aws.tasks()[0], "supervisor");
    assert!(log.contains("out\n") && log.contains("err\n"), "{log}");
    world.aws.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn same_client_token_starts_one_task() {
    let world = World::with(task(vec![script("supervisor", "sleep 60")])).await;
    let client = client(&world);
    let tries = (0..10).map(|_| tokio::spawn(run(&client).client_token("token").overrides(overriding("supervisor", "A", "1")).send()));
    let mut arns = Vec::new();
    for attempt in tries.collect::<Vec<_>>() {
        arns.push(attempt.await.unwrap().unwrap().tasks()[0].task_arn().unwrap().to_owned());
    }
    arns.dedup();
    assert_eq!(arns.len(), 1);
    let other = run(&client).client_token("token").overrides(overriding("supervisor", "A", "2")).send().await;
    let error = other.unwrap_err().into_service_error();
    let aws_sdk_ecs::operation::run_task::RunTaskError::ConflictException(conflict) = error else { panic!("{error:?}") };
    assert_eq!(conflict.resource_ids(), arns);
    assert_eq!(world.aws.tasks().len(), 1);
    world.aws.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn run_task_refuses_what_ecs_refuses() {
    let world = World::with(task(vec![script("supervisor", "exit 0")])).await;
    let client = client(&world);
    let long = run(&client).overrides(overriding("supervisor", "A", &"x".repeat(8192)));
    let foreign = run(&client).overrides(overriding("sidecar", "A", "b"));
    let token = run(&client).client_token("t".repeat(65));
    for refused in [long, foreign, token] {
        let error = refused.send().await.unwrap_err().into_service_error();
        assert!(error.is_invalid_parameter_exception(), "{error:?}");
    }
    let error = client.run_task().cluster("other").task_definition("agent").send().await.unwrap_err().into_service_error();
    assert!(error.is_cluster_not_found_exception(), "{error:?}");
    let error = client.run_task().cluster("agents").task_definition("other").send().await.unwrap_err().into_service_error();
    assert!(error.is_client_exception(), "{error:?}");
    assert!(world.aws.tasks().is_empty());
    world.aws.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn container_sees_only_its_environment_with_paths_of_this_machine() {
    let mut supervisor = script("supervisor", "echo hello > $WORK/file; env; pwd; [ -w $PRIVATE ]");
    supervisor.environment =
        [("WORK", "/work"), ("SOCKET", "/work/relay.sock"), ("PRIVATE", "/private"), ("SET", "static"), ("PATHLIKE", "/worker")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into();
    supervisor.mount_points = vec![mount("work", "/work"), mount("private", "/private")];
    let mut agent = script("agent", "cat $WORK/file; rm $WORK/file");
    agent.environment = supervisor.environment.clone();
    agent.mount_points = vec![mount("work", "/work")];
    agent.depends_on = vec![Dependency { container: "supervisor".to_owned(), condition: Condition::Success }];
    supervisor.essential = false;
    let settings = |config: &mut AwsConfig| {
        let set = [("SET", "/work/kept"), ("FOREIGN", "not in the definition")];
        config.task_env_overrides = set.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    };
    let world = World::with(|config| {
        task(vec![supervisor, agent])(config);
        settings(config);
    })
    .await;
    let mut events = world.aws.task_events();
    run(&client(&world)).overrides(overriding("supervisor", "OWN", "value")).send().await.unwrap();
    let stopped = event(&mut events, "STOPPED").await;
    assert_eq!((&stopped["containers"][0]["exitCode"], &stopped["containers"][1]["exitCode"]), (&Value::from(0), &Value::from(0)));
    let record = &world.aws.tasks()[0];
    let seen = log(&world, record, "supervisor");
    let line = |name: &str| seen.lines().find_map(|line| line.strip_prefix(&format!("{name}="))).unwrap_or_default().to_owned();
    let work = line("WORK");
    assert!(work.contains("patchbay-task-") && work.ends_with("/work"), "{work}");
    assert_eq!(line("SOCKET"), format!("{work}/relay.sock"));
    assert_eq!((line("PATHLIKE").as_str(), line("SET").as_str(), line("OWN").as_str()), ("/worker", "/work/kept", "value"));
    assert!(!seen.contains("CARGO") && !seen.contains("FOREIGN"), "{seen}");
    assert_eq!(log(&world, record, "agent"), "hello\n", "both see one volume");
    assert!(!std::path::Path::new(&work).exists(), "directories go with the task");
    world.aws.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn containers_run_as_their_users_or_say_that_they_do_not() {
    let mut supervisor = script("supervisor", "id -u; echo $PATCHBAY_LOCAL_NOTES; ls -ld $WORK $PRIVATE; : > $WORK/file");
    supervisor.user = Some("10001:10000".to_owned());
    supervisor.environment = [("WORK", "/work"), ("PRIVATE", "/private")].map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    supervisor.mount_points = vec![mount("work", "/work"), mount("private", "/private")];
    supervisor.essential = false;
    let mut agent = script("agent", "id -u; : > $WORK/own && echo may write");
    agent.user = Some("10002:10000".to_owned());
    agent.environment = supervisor.environment.clone();
    agent.mount_points = vec![mount("work", "/work")];
    agent.depends_on = vec![Dependency { container: "supervisor".to_owned(), condition: Condition::Complete }];
    let world = World::with(task(vec![supervisor, agent])).await;
    let mut events = world.aws.task_events();
    run(&client(&world)).send().await.unwrap();
    event(&mut events, "STOPPED").await;
    let record = &world.aws.tasks()[0];
    let (supervisor, agent) = (log(&world, record, "supervisor"), log(&world, record, "agent"));
    assert!(agent.ends_with("may write\n"), "{agent}");
    if nix::unistd::geteuid().is_root() {
        assert!(supervisor.starts_with("10001\n\n"), "own user and nothing to note: {supervisor}");
        assert!(agent.starts_with("10002\n"), "{agent}");
        assert!(supervisor.contains("drwxrws---") && supervisor.contains("drwx------"), "{supervisor}");
    } else {
        assert!(supervisor.contains("same user as the supervisor"), "{supervisor}");
    }
    world.aws.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn program_that_does_not_exist_fails_to_start() {
    let world = World::with(task(vec![script("other", "sleep 60"), ContainerSpec::new("supervisor", &["no-such-program"])])).await;
    let mut events = world.aws.task_events();
    run(&client(&world)).send().await.unwrap();
    let stopped = event(&mut events, "STOPPED").await;
    assert_eq!(stopped["stopCode"], "TaskFailedToStart");
    assert!(stopped["stoppedReason"].as_str().unwrap().starts_with("CannotStartContainerError"), "{stopped}");
    world.aws.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tasks_of_a_dead_stack_are_stopped_by_the_next() {
    let world = World::with(task(vec![script("supervisor", "sleep 60")])).await;
    let mut events = world.aws.task_events();
    run(&client(&world)).client_token("token").send().await.unwrap();
    event(&mut events, "RUNNING").await;
    let id = world.aws.tasks()[0].id.clone();
    let record = world.folder.path().join("data/ecs").join(format!("{id}.json"));
    let while_running = std::fs::read(&record).unwrap();
    world.aws.shutdown().await;
    // As a killed process leaves it.
    std::fs::write(&record, while_running).unwrap();
    let aws = crate::aws::Aws::start(super::config(world.folder.path())).await.unwrap();
    let lost = event(&mut aws.task_events(), "STOPPED").await;
    assert!(lost["taskArn"].as_str().unwrap().ends_with(&id));
    assert_eq!(aws.tasks()[0].stop_code, Some(StopCode::TerminationNotice));
    aws.shutdown().await;
}
