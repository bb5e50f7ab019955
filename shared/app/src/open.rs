//! How each function's use case is put together from its environment: one constructor per function, every missing
//! variable in one error, and only the secrets that function may read.

use crate::callback::Callback;
use crate::config::{AgentConfig, Capacity, RunLimits, StepConfig, TaskConfig};
use crate::dispatch::Dispatch;
use crate::drive::Driver;
use crate::intake::{Counts, Intake};
use crate::launch::Launcher;
use crate::matching::{Configurations, Matcher};
use crate::reap::Reaper;
use crate::redelivery::Recovery;
use crate::results::Results;
use crate::services::Services;
use crate::signing::Signing;
use crate::steps::Outside;
use patchbay_aws::blobs::Blobs;
use patchbay_aws::config::{AwsConfig, EnvReader};
use patchbay_aws::queue::Queue;
use patchbay_aws::secrets::Secrets;
use patchbay_aws::tables::core::CoreTable;
use patchbay_aws::tables::deliveries::DeliveriesTable;
use patchbay_aws::tables::runs::RunsTable;
use patchbay_aws::tables::threads::ThreadsTable;
use patchbay_aws::tasks::Tasks;
use patchbay_aws::vault::Vault;
use patchbay_domain::command::Names;
use patchbay_domain::run::Place;
use patchbay_forge::{Forge, GithubConfig, open_github};
use secrecy::SecretString;
use serde::Deserialize;
use std::sync::Arc;

/// The secret with the App's key, as the operator fills it.
#[derive(Deserialize, Clone)]
struct AppSecret {
    app_id: u64,
    slug: String,
    private_key: String,
}

impl Intake {
    /// `SECRET_WEBHOOK_ID`, `QUEUE_EVENTS_URL`, `BLOBS_BUCKET`.
    pub async fn from_env() -> anyhow::Result<Self> {
        let mut env = EnvReader::new();
        let (secret_id, queue, bucket) =
            (env.required("SECRET_WEBHOOK_ID"), env.required("QUEUE_EVENTS_URL"), env.required("BLOBS_BUCKET"));
        env.finish()?;
        let aws = AwsConfig::from_env()?;
        let (secrets, events, blobs) = (Secrets::new(&aws), Queue::new(&aws, queue), Blobs::new(&aws, &bucket));
        let intake = Self { secrets, secret_id, events, blobs, counts: Counts::default() };
        intake.warm_up().await;
        Ok(intake)
    }
}

impl Matcher {
    /// Everything of `Services`, `TABLE_DELIVERIES`, `TABLE_THREADS`, `BLOBS_BUCKET`, `APP_TRIGGER_LABEL`, limits.
    pub async fn from_env() -> anyhow::Result<Self> {
        let mut env = EnvReader::new();
        let (deliveries, threads, bucket) = (env.required("TABLE_DELIVERIES"), env.required("TABLE_THREADS"), env.required("BLOBS_BUCKET"));
        let trigger_label = env.text_or("APP_TRIGGER_LABEL", "patchbay");
        let limits = RunLimits::read(&mut env);
        let (aws, services) = open_services(env).await?;
        let names = Names { mention: services.mention.clone(), command: services.mention.clone() };
        Ok(Self {
            deliveries: DeliveriesTable::new(&aws, deliveries),
            threads: ThreadsTable::new(&aws, threads),
            blobs: Blobs::new(&aws, &bucket),
            services,
            names,
            trigger_label,
            limits,
            configurations: Configurations::default(),
        })
    }
}

impl Launcher {
    /// Everything of `Services`, the vault, ECS, the model's settings and capacities, `QUEUE_EVENTS_URL`, `SECRET_SIGNING_ID`.
    pub async fn from_env() -> anyhow::Result<Self> {
        let mut env = EnvReader::new();
        let (vault, key) = (env.required("TABLE_VAULT"), env.required("KMS_KEY_ID"));
        let (task, agent, capacity) = (TaskConfig::read(&mut env), AgentConfig::read(&mut env), Capacity::read(&mut env));
        let tasks = patchbay_aws::tasks::TasksConfig::read_for_start(&mut env);
        let (events, signing, steps) = (env.required("QUEUE_EVENTS_URL"), env.required("SECRET_SIGNING_ID"), StepConfig::read(&mut env));
        let (aws, services) = open_services(env).await?;
        let driver = Driver { dispatch: services.dispatch.clone(), place: Place::Launch };
        let outside = Outside {
            events: Queue::new(&aws, events),
            signing: Signing { secrets: Secrets::new(&aws), secret_id: signing },
            allowed: steps.allowed,
            callback_url: steps.callback_url,
        };
        let (tasks, vault) = (Tasks::new(&aws, tasks), Vault::new(&aws, vault, key));
        Ok(Self { services, driver, tasks, vault, task, agent, capacity, outside })
    }
}

impl Callback {
    /// `TABLE_RUNS`, `QUEUE_RUNS_URL`, `QUEUE_RESULTS_URL`, `SECRET_SIGNING_ID`.
    pub async fn from_env() -> anyhow::Result<Self> {
        let mut env = EnvReader::new();
        let names = DispatchNames::read(&mut env);
        let secret_id = env.required("SECRET_SIGNING_ID");
        env.finish()?;
        let aws = AwsConfig::from_env()?;
        Ok(Self { dispatch: names.open(&aws), signing: Signing { secrets: Secrets::new(&aws), secret_id } })
    }
}

impl Results {
    /// Everything of `Services`, `BLOBS_BUCKET`, `ECS_CLUSTER`, capacities.
    pub async fn from_env() -> anyhow::Result<Self> {
        let mut env = EnvReader::new();
        let bucket = env.required("BLOBS_BUCKET");
        let capacity = Capacity::read(&mut env);
        let tasks = patchbay_aws::tasks::TasksConfig::read(&mut env);
        let (aws, services) = open_services(env).await?;
        let driver = Driver { dispatch: services.dispatch.clone(), place: Place::Results };
        Ok(Self { services, driver, blobs: Blobs::new(&aws, &bucket), tasks: Tasks::new(&aws, tasks), capacity })
    }
}

impl Reaper {
    /// Runs, queues, the forge, `BLOBS_BUCKET`, `ECS_CLUSTER`, `QUEUE_EVENTS_URL`, `TABLE_DELIVERIES`, `TABLE_CORE`.
    pub async fn from_env() -> anyhow::Result<Self> {
        let mut env = EnvReader::new();
        let (bucket, core) = (env.required("BLOBS_BUCKET"), env.required("TABLE_CORE"));
        let (events, deliveries) = (env.required("QUEUE_EVENTS_URL"), env.required("TABLE_DELIVERIES"));
        let tasks = patchbay_aws::tasks::TasksConfig::read(&mut env);
        let Base { aws, forge, dispatch, .. } = open_base(env).await?;
        let recovery = Recovery { events: Queue::new(&aws, events), deliveries: DeliveriesTable::new(&aws, deliveries) };
        let core = CoreTable::new(&aws, core);
        Ok(Self { forge, dispatch, core, blobs: Blobs::new(&aws, &bucket), tasks: Tasks::new(&aws, tasks), recovery })
    }
}

/// The forge as the App, and the runs with their queues: what everybody has who calls the forge.
struct Base {
    aws: AwsConfig,
    forge: Arc<dyn Forge>,
    dispatch: Dispatch,
    app: AppSecret,
}

/// The runs and the two queues that wake who works on them.
struct DispatchNames {
    runs: String,
    runs_queue: String,
    results_queue: String,
}

impl DispatchNames {
    fn read(env: &mut EnvReader) -> Self {
        let (runs_queue, results_queue) = (env.required("QUEUE_RUNS_URL"), env.required("QUEUE_RESULTS_URL"));
        Self { runs: env.required("TABLE_RUNS"), runs_queue, results_queue }
    }

    fn open(self, aws: &AwsConfig) -> Dispatch {
        Dispatch {
            runs: RunsTable::new(aws, self.runs),
            runs_queue: Queue::new(aws, self.runs_queue),
            results_queue: Queue::new(aws, self.results_queue),
        }
    }
}

async fn open_base(mut env: EnvReader) -> anyhow::Result<Base> {
    let names = DispatchNames::read(&mut env);
    let app_secret = env.required("SECRET_GITHUB_APP_ID");
    let api_url = env.text_or("FORGE_GITHUB_API_URL", "https://api.github.com");
    let web_url = env.text_or("FORGE_GITHUB_WEB_URL", "https://github.com");
    env.finish()?;
    let aws = AwsConfig::from_env()?;
    let app: AppSecret = Secrets::new(&aws).get_json(&app_secret).await?;
    let private_key = SecretString::from(app.private_key.clone());
    let forge = open_github(GithubConfig { api_url, web_url, app_id: app.app_id, slug: app.slug.clone(), private_key })?;
    let dispatch = names.open(&aws);
    Ok(Base { aws, forge, dispatch, app })
}

async fn open_services(mut env: EnvReader) -> anyhow::Result<(AwsConfig, Services)> {
    let core = env.required("TABLE_CORE");
    let Base { aws, forge, dispatch, app } = open_base(env).await?;
    let services = Services {
        forge,
        dispatch,
        core: CoreTable::new(&aws, core),
        mention: app.slug,
        app_id: app.app_id,
        app_key: app.private_key.into(),
        known_secrets: Arc::default(),
    };
    Ok((aws, services))
}
