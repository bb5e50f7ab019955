//! The stage: a local GitHub with acme/hello, the App installed, dana who may write and robin who may read; the cloud; and
//! every use case on top of the two.

use crate::cloud::{Cloud, Sent};
use crate::watched_forge::WatchedForge;
use jiff::{SignedDuration, Timestamp};
use patchbay_app::callback::Callback;
use patchbay_app::config::{AgentConfig, Capacity, RunLimits, TaskConfig};
use patchbay_app::dispatch::Dispatch;
use patchbay_app::drive::Driver;
use patchbay_app::launch::Launcher;
use patchbay_app::matching::{Configurations, Matcher};
use patchbay_app::reap::Reaper;
use patchbay_app::redelivery::Recovery;
use patchbay_app::results::{Results, ResultsMessage};
use patchbay_app::services::Services;
use patchbay_app::signing::Signing;
use patchbay_app::steps::Outside;
use patchbay_app::steps::http::guard::AllowedAddresses;
use patchbay_aws::EnvReader;
use patchbay_aws::blobs::Blobs;
use patchbay_aws::lambda::Handled;
use patchbay_aws::queue::Queue;
use patchbay_aws::secrets::Secrets;
use patchbay_aws::tables::core::{Connection, ConnectionStatus, CoreTable};
use patchbay_aws::tables::deliveries::DeliveriesTable;
use patchbay_aws::tables::runs::RunsTable;
use patchbay_aws::tables::threads::ThreadsTable;
use patchbay_aws::tasks::{Tasks, TasksConfig};
use patchbay_aws::vault::Vault;
use patchbay_domain::command::Names;
use patchbay_domain::envelope::RunMessage;
use patchbay_domain::event::{Provider, Repository};
use patchbay_domain::ids::{ConnectionId, WorkspaceId};
use patchbay_domain::policy::AllowedModels;
use patchbay_domain::run::{Place, Run};
use patchbay_domain::task::{ModelProvider, ModelSettings};
use patchbay_forge::{Forge, GithubConfig, RepoAt, open_github};
use patchbay_testing::github::{AppConfig, LocalGithub, LocalGithubConfig, generate_app_key};
use std::sync::{Arc, LazyLock};
use tempfile::TempDir;

pub(crate) const REPO: &str = "acme/hello";
pub(crate) const CALLBACK_URL: &str = "https://patchbay.example";
pub(crate) const APP_ID: u64 = 4242;
static KEY: LazyLock<String> = LazyLock::new(|| generate_app_key().unwrap());

pub(crate) struct Stage {
    pub(crate) cloud: Cloud,
    pub(crate) github: LocalGithub,
    pub(crate) forge: Arc<WatchedForge>,
    pub(crate) services: Services,
    pub(crate) connection: Connection,
    pub(crate) at: RepoAt,
    _folder: TempDir,
}

/// When Lambda would end the invocation.
pub(crate) fn ends_at() -> Timestamp {
    Timestamp::now() + SignedDuration::from_secs(60)
}

impl Stage {
    /// With the installation in the books.
    pub(crate) async fn set() -> Self {
        let stage = Self::without_connection().await;
        stage.note_connection(ConnectionStatus::Active).await;
        stage
    }

    pub(crate) async fn without_connection() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let app = AppConfig::new(APP_ID, "patchbay", &KEY);
        let github = LocalGithub::start(LocalGithubConfig::new(folder.path(), app)).await.unwrap();
        github.create_user("dana").unwrap();
        github.create_user("robin").unwrap();
        github.create_org("acme", "dana").unwrap();
        let installation = github.install_app("acme").unwrap();
        let id = github.create_repository("acme", "hello", &[("README.md", "# hello\n")]).unwrap();
        let repository = Repository { id, owner: "acme".into(), name: "hello".into(), default_branch: Some("main".into()), private: true };
        let at = RepoAt { connection: ConnectionId::of_installation("github", installation), repository };
        let real = open_github(GithubConfig {
            api_url: github.api_url().to_owned(),
            web_url: github.web_url().to_owned(),
            app_id: APP_ID,
            slug: "patchbay".to_owned(),
            private_key: KEY.clone().into(),
        });
        let forge = Arc::new(WatchedForge::new(real.unwrap()));
        let found = forge.installation(&at.connection).await.unwrap();
        let connection = Connection {
            workspace: WorkspaceId::of_account("github", found.account_id),
            connection: at.connection.clone(),
            provider: Provider::Github,
            installation_id: installation,
            account_id: found.account_id,
            account_login: found.account_login,
            status: ConnectionStatus::Active,
            all_repositories: found.all_repositories,
            permissions: found.permissions,
            updated_at: Timestamp::now(),
        };
        let cloud = Cloud::start().await;
        let services = services(&cloud, forge.clone());
        forge.forget();
        Self { cloud, github, forge, services, connection, at, _folder: folder }
    }

    /// The books say that the installation is so.
    pub(crate) async fn note_connection(&self, status: ConnectionStatus) {
        let record = Connection { status, updated_at: Timestamp::now(), ..self.connection.clone() };
        assert!(self.services.core.save_connection(&record).await.unwrap());
    }

    pub(crate) fn launcher(&self) -> Launcher {
        let aws = self.cloud.config();
        let mut env = EnvReader::from_pairs([
            ("ECS_CLUSTER", "patchbay"),
            ("ECS_TASK_DEFINITION", "agent-task:1"),
            ("ECS_IMAGES", "jvm=agent-task-2:1,node=agent-task-1:1"),
            ("ECS_SUBNETS", "subnet-1"),
            ("ECS_SECURITY_GROUPS", "sg-1"),
        ]);
        let tasks = TasksConfig::read_for_start(&mut env);
        let model = ModelSettings { provider: ModelProvider::Openai, model: "m".into(), edit_format: None, settings_file: None };
        Launcher {
            services: self.services.clone(),
            driver: self.driver(Place::Launch),
            tasks: Tasks::new(&aws, tasks),
            vault: self.vault(),
            task: TaskConfig { gateway_url: "https://gateway.example".into() },
            agent: AgentConfig { model: Some(model), allowed: AllowedModels::parse("small,vendor/*").unwrap() },
            capacity: CAPACITY,
            outside: Outside {
                events: Queue::new(&aws, format!("{}/queue/events", self.cloud.url)),
                signing: self.signing(),
                allowed: AllowedAddresses::parse("127.0.0.1").unwrap(),
                callback_url: CALLBACK_URL.into(),
            },
        }
    }

    pub(crate) fn signing(&self) -> Signing {
        Signing { secrets: Secrets::new(&self.cloud.config()), secret_id: "signing".into() }
    }

    pub(crate) fn callback(&self) -> Callback {
        Callback { dispatch: self.services.dispatch.clone(), signing: self.signing() }
    }

    pub(crate) fn results(&self) -> Results {
        let (services, driver) = (self.services.clone(), self.driver(Place::Results));
        Results { services, driver, blobs: self.blobs(), tasks: self.tasks(), capacity: CAPACITY }
    }

    pub(crate) fn reaper(&self) -> Reaper {
        let aws = self.cloud.config();
        let events = Queue::new(&aws, format!("{}/queue/events", self.cloud.url));
        let recovery = Recovery { events, deliveries: DeliveriesTable::new(&aws, "deliveries") };
        let Services { forge, dispatch, .. } = self.services.clone();
        Reaper { forge, dispatch, core: CoreTable::new(&aws, "core"), blobs: self.blobs(), tasks: self.tasks(), recovery }
    }

    pub(crate) fn matcher(&self) -> Matcher {
        let aws = self.cloud.config();
        Matcher {
            services: self.services.clone(),
            deliveries: DeliveriesTable::new(&aws, "deliveries"),
            threads: ThreadsTable::new(&aws, "threads"),
            blobs: self.blobs(),
            names: Names { mention: "patchbay".into(), command: "patchbay".into() },
            trigger_label: "patchbay".into(),
            limits: RunLimits { deadline_seconds: 1800, budget_microusd: 2_000_000 },
            configurations: Configurations::default(),
        }
    }

    pub(crate) fn driver(&self, place: Place) -> Driver {
        Driver { dispatch: self.services.dispatch.clone(), place }
    }

    pub(crate) fn blobs(&self) -> Blobs {
        Blobs::new(&self.cloud.config(), "blobs")
    }

    pub(crate) fn vault(&self) -> Vault {
        Vault::new(&self.cloud.config(), "vault", "key")
    }

    fn tasks(&self) -> Tasks {
        Tasks::new(&self.cloud.config(), TasksConfig::read(&mut EnvReader::from_pairs([("ECS_CLUSTER", "patchbay")])))
    }

    /// run-launcher gets a message about the run.
    pub(crate) async fn launch(&self, run: &Run) -> Handled {
        self.launcher().handle_message(message(run), ends_at()).await.unwrap()
    }

    /// run-results gets a message about the run.
    pub(crate) async fn apply(&self, run: &Run) -> Handled {
        self.results().handle_message(ResultsMessage::Run(message(run)), ends_at()).await.unwrap()
    }

    /// Lets the functions work until no message is left but those that are held back.
    pub(crate) async fn drain(&self) {
        for _ in 0..50 {
            let Some(Sent { queue, body, .. }) = self.cloud.receive() else { return };
            let handled = match queue.as_str() {
                "runs" => self.launcher().handle_message(serde_json::from_value(body).unwrap(), ends_at()).await,
                "results" => self.results().handle_message(ResultsMessage::parse(&body.to_string()).unwrap(), ends_at()).await,
                other => panic!("who reads {other}?"),
            };
            assert_eq!(handled.unwrap(), Handled::Done);
        }
        panic!("the queues never empty");
    }
}

pub(crate) fn message(run: &Run) -> RunMessage {
    RunMessage::V1 { workspace: run.workspace.clone(), run: run.id.clone() }
}

pub(crate) const CAPACITY: Capacity = Capacity { repository: 5, workspace: 20 };

fn services(cloud: &Cloud, forge: Arc<WatchedForge>) -> Services {
    let aws = cloud.config();
    let queue = |name: &str| Queue::new(&aws, format!("{}/queue/{name}", cloud.url));
    let dispatch = Dispatch { runs: RunsTable::new(&aws, "runs"), runs_queue: queue("runs"), results_queue: queue("results") };
    let core = CoreTable::new(&aws, "core");
    Services {
        forge,
        dispatch,
        core,
        mention: "patchbay".into(),
        app_id: APP_ID,
        app_key: KEY.clone().into(),
        known_secrets: Arc::default(),
    }
}
