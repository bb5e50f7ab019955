//! The bench: a repository, a gateway, and the two processes with folders of their own.

use super::gateway::{Commit, Gateway, Model, SECRET};
use super::git_server::{TOKEN, git, serve};
use jiff::{SignedDuration, Timestamp};
use patchbay_domain::event::{Repository, SubjectKind};
use patchbay_domain::ids::RunId;
use patchbay_domain::task::{
    Brief, BriefOptions, BriefThread, FailureCode, Limits, Mode, ModelProvider, ModelSettings, TaskOutcome, TaskResult,
};
use serde_json::json;
use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio::process::{Child, Command};

/// Nothing in these tests takes longer, on a busy machine either.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Bench {
    pub(crate) gateway: Arc<Gateway>,
    pub(crate) supervisor: Child,
    pub(crate) worker: Child,
    folder: TempDir,
}

/// What a test changes of the usual run.
pub(crate) struct Setup {
    pub(crate) mode: Mode,
    pub(crate) prompt: String,
    pub(crate) model: Model,
    pub(crate) limits: Limits,
    pub(crate) options: BriefOptions,
    pub(crate) branch: String,
    pub(crate) token: String,
    pub(crate) environment: Vec<(&'static str, String)>,
    /// What happened at the gateway before the task came.
    pub(crate) before: fn(&Gateway),
    files: Box<dyn FnOnce(&Path)>,
}

impl Setup {
    pub(crate) fn new(mode: Mode, script: &str) -> Self {
        let deadline_at = Timestamp::now() + SignedDuration::from_secs(600);
        Self {
            mode,
            prompt: format!("Please do this.\n\n```script\n{script}\n```"),
            model: Model {
                status: 200,
                agent: reply("the model's words"),
                commit: Commit::Text("feat(hello): greet the world\n\nIt was silent."),
            },
            limits: Limits { deadline_at, max_files: 100, max_file_bytes: 1 << 20, max_total_bytes: 4 << 20 },
            options: BriefOptions::default(),
            branch: "main".to_owned(),
            token: TOKEN.to_owned(),
            environment: Vec::new(),
            before: |_| (),
            files: Box::new(|_| ()),
        }
    }

    /// Puts more into the base commit than `README.md`.
    pub(crate) fn files(mut self, write: impl FnOnce(&Path) + 'static) -> Self {
        self.files = Box::new(write);
        self
    }

    pub(crate) fn setup(mut self, commands: &[&str]) -> Self {
        self.options.setup = commands.iter().map(|command| (*command).to_owned()).collect();
        self
    }

    /// The workflow's check, and what the scripted agent does when it failed.
    pub(crate) fn verify(mut self, command: &str, repair: &str) -> Self {
        self.options.verify = Some(command.to_owned());
        self.prompt = format!("{}\n\n```repair\n{repair}\n```", self.prompt);
        self
    }

    pub(crate) fn model(mut self, status: u16, agent: serde_json::Value) -> Self {
        self.model = Model { status, agent, ..self.model };
        self
    }

    pub(crate) async fn start(self) -> Bench {
        let folder = tempfile::tempdir().unwrap();
        make_repository(folder.path(), self.files);
        let brief = Brief {
            run: RunId("run_1".into()),
            attempt: 1,
            mode: self.mode,
            prompt: self.prompt,
            thread: Some(BriefThread { kind: SubjectKind::Issue, number: 7, closes_issue: Some(7) }),
            title: "Greet the world".into(),
            requester: "ada".into(),
            repository: Repository {
                id: 1,
                owner: "acme".into(),
                name: "hello".into(),
                default_branch: Some("main".into()),
                private: false,
            },
            clone_url: format!("{}/acme/hello.git", serve(folder.path().join("served")).await),
            clone_token: self.token,
            base_branch: self.branch,
            model: ModelSettings { provider: ModelProvider::Openai, model: "test".into(), edit_format: None, settings_file: None },
            limits: self.limits,
            options: self.options,
        };
        let gateway = Gateway::start(brief, self.model).await;
        (self.before)(&gateway);
        fs::create_dir_all(folder.path().join("work")).unwrap();
        fs::create_dir_all(folder.path().join("private")).unwrap();
        let supervisor = process("supervise", &folder, &gateway.url, &self.environment);
        let worker = process("work", &folder, &gateway.url, &self.environment);
        Bench { gateway, supervisor, worker, folder }
    }
}

impl Bench {
    /// The task's result.
    pub(crate) async fn result(&self) -> TaskResult {
        let mut result = self.gateway.result.subscribe();
        let arrived = tokio::time::timeout(PATIENCE, result.wait_for(Option::is_some)).await.expect("no result").unwrap();
        arrived.clone().unwrap()
    }

    /// The failure that the task reported.
    pub(crate) async fn failure(&self) -> (FailureCode, String) {
        match self.result().await.outcome {
            TaskOutcome::Failed { failure } => (failure.code, failure.detail),
            other => panic!("not a failure: {other:?}"),
        }
    }

    /// The exit codes of supervisor and worker.
    pub(crate) async fn exits(&mut self) -> (Option<i32>, Option<i32>) {
        let both = async { (self.supervisor.wait().await.unwrap().code(), self.worker.wait().await.unwrap().code()) };
        tokio::time::timeout(PATIENCE, both).await.expect("the processes did not end")
    }

    /// What the supervisor's log says.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("supervise.log")).unwrap()
    }

    pub(crate) fn base_sha(&self) -> String {
        git(&self.folder.path().join("source"), &["rev-parse", "HEAD"])
    }
}

/// A chat completion that says this.
pub(crate) fn reply(text: &str) -> serde_json::Value {
    json!({"choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}]})
}

pub(crate) fn signal(child: &Child, signal: nix::sys::signal::Signal) {
    let pid = i32::try_from(child.id().expect("it runs")).unwrap();
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), signal).unwrap();
}

fn make_repository(folder: &Path, write: Box<dyn FnOnce(&Path)>) {
    let source = folder.join("source");
    fs::create_dir_all(&source).unwrap();
    git(&source, &["init", "-q", "-b", "main"]);
    fs::write(source.join("README.md"), "# hello\n").unwrap();
    // What is committed are the bytes that the test writes, whatever attributes it writes as well.
    fs::create_dir_all(source.join(".git/info")).unwrap();
    fs::write(source.join(".git/info/attributes"), "* -text !eol !ident !filter !working-tree-encoding\n").unwrap();
    write(&source);
    git(&source, &["add", "-A", "-f"]);
    git(&source, &["commit", "-q", "-m", "base"]);
    let bare = folder.join("served/acme");
    fs::create_dir_all(&bare).unwrap();
    git(&bare, &["clone", "-q", "--bare", source.to_str().unwrap(), "hello.git"]);
}

fn process(half: &str, folder: &TempDir, gateway: &str, environment: &[(&'static str, String)]) -> Child {
    let at = |name: &str| folder.path().join(name);
    let log = fs::File::create(at(&format!("{half}.log"))).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_agent-task"));
    command.arg(half).env_clear().env("PATH", path());
    command.env("PATCHBAY_WORK_DIR", at("work")).env("PATCHBAY_PRIVATE_DIR", at("private")).env("PATCHBAY_AGENT", "scripted");
    command.env("PATCHBAY_GATEWAY_URL", gateway).env("PATCHBAY_WORKSPACE", "ws_github_1").env("PATCHBAY_RUN", "run_1");
    command.env("PATCHBAY_ATTEMPT", "1").env("PATCHBAY_CORRELATION", "delivery-1").env("PATCHBAY_HEARTBEAT_SECONDS", "1");
    if half == "supervise" {
        command.env("PATCHBAY_BOOTSTRAP_SECRET", SECRET);
    }
    command.envs(environment.iter().map(|(k, v)| (*k, v.as_str()))).kill_on_drop(true);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().unwrap()
}

#[expect(clippy::disallowed_methods, reason = "the processes need git, wherever the tester has it")]
fn path() -> std::ffi::OsString {
    std::env::var_os("PATH").unwrap()
}
