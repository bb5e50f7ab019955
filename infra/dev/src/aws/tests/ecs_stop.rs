//! ECS: how tasks are stopped, and that nothing of them is left.

use super::ecs::{client, event, log, run, script, task};
use super::{World, soon};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// Completes when a container has written a line; the line may be `pid <number>`.
#[derive(Clone, Default)]
struct Lines(Arc<(Mutex<Vec<String>>, Notify)>);

impl Lines {
    fn sink(&self) -> crate::aws::LogSink {
        let lines = self.clone();
        Arc::new(move |line: &crate::aws::LogLine| {
            lines.0.0.lock().unwrap().push(line.line.clone());
            lines.0.1.notify_one();
        })
    }

    async fn first(&self, prefix: &str) -> String {
        soon(async {
            loop {
                if let Some(line) = self.0.0.lock().unwrap().iter().find_map(|line| line.strip_prefix(prefix)) {
                    return line.trim().to_owned();
                }
                self.0.1.notified().await;
            }
        })
        .await
    }
}

fn is_alive(pid: &str) -> bool {
    let state = std::fs::read_to_string(Path::new("/proc").join(pid).join("stat")).unwrap_or_default();
    !state.is_empty() && !state.contains(") Z")
}

#[tokio::test(flavor = "multi_thread")]
async fn stop_task_lets_a_container_end_by_itself() {
    let lines = Lines::default();
    let supervisor = script("supervisor", "trap 'echo flushed; exit 0' TERM; echo ready; while :; do sleep 0.05; done");
    let world = World::with(|config| {
        task(vec![supervisor])(config);
        config.on_log = Some(lines.sink());
    })
    .await;
    let (client, mut events) = (client(&world), world.aws.task_events());
    let ran = run(&client).started_by("run_1").send().await.unwrap();
    lines.first("ready").await;
    let listed = client.list_tasks().cluster("agents").started_by("run_1").send().await.unwrap();
    assert_eq!(listed.task_arns(), [ran.tasks()[0].task_arn().unwrap()]);
    assert!(client.list_tasks().cluster("agents").started_by("other").send().await.unwrap().task_arns().is_empty());
    let stop = || client.stop_task().cluster("agents").task(ran.tasks()[0].task_arn().unwrap()).reason("asked to").send();
    let stopping = stop().await.unwrap();
    assert_eq!(stopping.task().unwrap().desired_status(), Some("STOPPED"));
    let stopped = event(&mut events, "STOPPED").await;
    assert_eq!((stopped["stopCode"].as_str(), stopped["stoppedReason"].as_str()), (Some("UserInitiated"), Some("asked to")));
    assert_eq!(stopped["containers"][0]["exitCode"], 0);
    assert!(log(&world, &world.aws.tasks()[0], "supervisor").ends_with("flushed\n"));
    assert_eq!(stop().await.unwrap().task().unwrap().last_status(), Some("STOPPED"), "stopping again changes nothing");
    let error = client.stop_task().cluster("agents").task("none").send().await.unwrap_err().into_service_error();
    assert!(error.is_invalid_parameter_exception(), "{error:?}");
    world.aws.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn container_that_ignores_sigterm_is_killed_after_its_stop_timeout() {
    let lines = Lines::default();
    let mut supervisor = script("supervisor", "trap '' TERM; echo ready; while :; do sleep 0.05; done");
    supervisor.stop_timeout = Duration::from_millis(400);
    let world = World::with(|config| {
        task(vec![supervisor])(config);
        config.on_log = Some(lines.sink());
    })
    .await;
    let (client, mut events) = (client(&world), world.aws.task_events());
    let ran = run(&client).send().await.unwrap();
    lines.first("ready").await;
    let asked_at = Instant::now();
    client.stop_task().cluster("agents").task(ran.tasks()[0].task_arn().unwrap()).send().await.unwrap();
    let stopped = event(&mut events, "STOPPED").await;
    assert!(asked_at.elapsed() >= Duration::from_millis(400), "it had its time");
    assert_eq!(stopped["containers"][0]["exitCode"], 137);
    world.aws.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn container_over_its_memory_is_killed_and_the_other_lives() {
    let lines = Lines::default();
    let mut agent = script("agent", "x=$(head -c 200000000 /dev/zero | tr '\\0' x); echo never; sleep 60");
    agent.memory_mib = Some(60);
    agent.essential = false;
    let supervisor = script("supervisor", "echo up; while :; do sleep 0.05; done");
    let world = World::with(|config| {
        task(vec![supervisor, agent])(config);
        config.on_log = Some(lines.sink());
    })
    .await;
    let (client, mut events) = (client(&world), world.aws.task_events());
    let ran = run(&client).send().await.unwrap();
    let arn = ran.tasks()[0].task_arn().unwrap();
    let agent = soon(async {
        loop {
            let described = client.describe_tasks().cluster("agents").tasks(arn).send().await.unwrap();
            let agent = described.tasks()[0].containers()[1].clone();
            if agent.last_status() == Some("STOPPED") {
                assert_eq!(described.tasks()[0].last_status(), Some("RUNNING"));
                return agent;
            }
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!(agent.exit_code(), Some(137));
    assert_eq!(agent.reason(), Some("OutOfMemoryError: Container killed due to memory usage"));
    client.stop_task().cluster("agents").task(arn).send().await.unwrap();
    let stopped = event(&mut events, "STOPPED").await;
    assert_eq!(stopped["containers"][1]["reason"], "OutOfMemoryError: Container killed due to memory usage");
    world.aws.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn essential_end_takes_every_process_along() {
    let lines = Lines::default();
    let agent = script("agent", "setsid sh -c 'echo pid $$; while :; do sleep 0.05; done' & while :; do sleep 0.05; done");
    let supervisor = script("supervisor", "while [ ! -e $WORK/end ]; do sleep 0.05; done");
    let world = World::with(|config| {
        let (mut agent, mut supervisor) = (agent, supervisor);
        agent.essential = false;
        agent.stop_timeout = Duration::from_millis(300);
        supervisor.environment = [("WORK".to_owned(), "/work".to_owned())].into();
        let mount = crate::aws::MountPoint { volume: "work".to_owned(), container_path: "/work".to_owned(), read_only: false };
        supervisor.mount_points = vec![mount];
        task(vec![supervisor, agent])(config);
        config.task_definitions[0].memory_mib = Some(1024);
        config.on_log = Some(lines.sink());
    })
    .await;
    let mut events = world.aws.task_events();
    run(&client(&world)).send().await.unwrap();
    let pid = lines.first("pid ").await;
    assert!(is_alive(&pid));
    let scratch = world.aws.tasks()[0].scratch.clone().unwrap();
    std::fs::write(scratch.join("work/end"), "").unwrap();
    event(&mut events, "STOPPED").await;
    assert!(!is_alive(&pid), "a process that left its group and session is found too");
    assert!(!scratch.exists());
    world.aws.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn shutdown_leaves_no_process_behind() {
    let lines = Lines::default();
    let world = World::with(|config| {
        task(vec![script("supervisor", "trap '' TERM; echo pid $$; while :; do sleep 0.05; done")])(config);
        config.on_log = Some(lines.sink());
    })
    .await;
    run(&client(&world)).send().await.unwrap();
    let pid = lines.first("pid ").await;
    let scratch = world.aws.tasks()[0].scratch.clone().unwrap();
    world.aws.shutdown().await;
    assert!(!is_alive(&pid));
    assert!(!scratch.exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn dropping_the_stack_kills_its_processes() {
    let lines = Lines::default();
    let (pid, scratch) = {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let sink = lines.sink();
        let left = tokio::task::block_in_place(|| {
            runtime.block_on(async {
                let world = World::with(|config| {
                    task(vec![script("supervisor", "echo pid $$; while :; do sleep 0.05; done")])(config);
                    config.on_log = Some(sink);
                })
                .await;
                run(&client(&world)).send().await.unwrap();
                let pid = lines.first("pid ").await;
                (pid, world.aws.tasks()[0].scratch.clone().unwrap())
            })
        });
        runtime.shutdown_background();
        left
    };
    soon(async {
        while is_alive(&pid) {
            tokio::task::yield_now().await;
        }
    })
    .await;
    // The next start on the same data would do this.
    std::fs::remove_dir_all(scratch).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn dropping_the_emulation_alone_ends_its_tasks_too() {
    let lines = Lines::default();
    let world = World::with(|config| {
        task(vec![script("supervisor", "trap '' TERM; echo pid $$; while :; do sleep 0.05; done")])(config);
        config.on_log = Some(lines.sink());
    })
    .await;
    let mut events = world.aws.task_events();
    run(&client(&world)).send().await.unwrap();
    let pid = lines.first("pid ").await;
    drop(world.aws);
    event(&mut events, "STOPPED").await;
    assert!(!is_alive(&pid));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_that_fails_takes_its_task_along_at_once() {
    let lines = Lines::default();
    let supervisor = script("supervisor", "trap 'echo flushed; exit 0' TERM; echo pid $$; while :; do sleep 0.05; done");
    let world = World::with(|config| {
        task(vec![supervisor])(config);
        config.on_log = Some(lines.sink());
    })
    .await;
    let (client, mut events) = (client(&world), world.aws.task_events());
    run(&client).send().await.unwrap();
    let pid = lines.first("pid ").await;
    world.aws.lose_tasks("the machine failed");
    let stopped = event(&mut events, "STOPPED").await;
    assert_eq!((stopped["stopCode"].as_str(), stopped["stoppedReason"].as_str()), (Some("TerminationNotice"), Some("the machine failed")));
    assert_eq!(stopped["containers"][0]["exitCode"], 137);
    assert!(!is_alive(&pid));
    assert!(!log(&world, &world.aws.tasks()[0], "supervisor").contains("flushed"));
    world.aws.shutdown().await;
}
