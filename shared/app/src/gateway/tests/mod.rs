//! The gateway whole: against DynamoDB (dynoxide), a stand-in for the other services, and a scripted model.

mod cloud;
mod model_calls;
mod run_calls;

use super::{Gateway, GatewayConfig, GatewayError, Prices, Reply, ReplyBody, hash};
use crate::dispatch::Dispatch;
use cloud::Cloud;
use jiff::{SignedDuration, Timestamp};
use patchbay_aws::blobs::Blobs;
use patchbay_aws::queue::Queue;
use patchbay_aws::secrets::Secrets;
use patchbay_aws::tables::runs::{RunsTable, Save};
use patchbay_aws::vault::Vault;
use patchbay_domain::event::{Actor, ActorKind, Repository, SubjectKind};
use patchbay_domain::ids::{ConnectionId, DeliveryId, RunId, WorkspaceId};
use patchbay_domain::policy::AllowedModels;
use patchbay_domain::run::apply::accept;
use patchbay_domain::run::state::{NewRun, Request, ThreadRef};
use patchbay_domain::run::{Input, Run, State, apply};
use patchbay_domain::task::{Mode, ModelProvider, Usage};
use serde_json::{Value, json};

const BOOTSTRAP: &str = "the-bootstrap-secret";
/// A dollar: 1,000,000 microdollars.
const BUDGET: u64 = 1_000_000;

/// A gateway with one running run.
struct World {
    cloud: Cloud,
    gateway: Gateway,
    run: Run,
}

impl World {
    async fn new() -> Self {
        Self::with_config(|_| {}).await
    }

    async fn with_config(change: impl FnOnce(&mut GatewayConfig)) -> Self {
        let cloud = Cloud::start().await;
        let aws = patchbay_aws::AwsConfig::at_endpoint(&cloud.url);
        let mut config = GatewayConfig {
            model_secret_id: "model".into(),
            provider: ModelProvider::Openai,
            model: "the-model".into(),
            prices: Prices::per_million(1.0, 10.0),
            allowed: AllowedModels::default(),
        };
        change(&mut config);
        let gateway = Gateway {
            dispatch: Dispatch {
                runs: RunsTable::new(&aws, "runs"),
                runs_queue: Queue::new(&aws, format!("{}/queue/runs", cloud.url)),
                results_queue: Queue::new(&aws, format!("{}/queue/results", cloud.url)),
            },
            vault: Vault::new(&aws, "vault", "key"),
            blobs: Blobs::new(&aws, "blobs"),
            secrets: Secrets::new(&aws),
            config,
            http: super::config::model_client().unwrap(),
        };
        let run = running("d1");
        let world = Self { cloud, gateway, run };
        world.create(&world.run).await;
        world
    }

    /// Saves a run and puts its brief into the vault, as the launcher does.
    async fn create(&self, run: &Run) {
        self.gateway.dispatch.runs.create(run).await.unwrap();
        let expires = Timestamp::now() + SignedDuration::from_secs(600);
        let brief = json!({ "run": run.id }).to_string();
        let vault = &self.gateway.vault;
        vault.put_brief(&run.workspace, &run.id, run.attempt, brief.as_bytes(), &hash(BOOTSTRAP), expires).await.unwrap();
    }

    fn exchange_body(&self, run: &Run, secret: &str) -> Vec<u8> {
        json!({ "workspace": run.workspace, "run": run.id, "attempt": run.attempt, "bootstrap_secret": secret }).to_string().into_bytes()
    }

    /// The `Authorization` header of the run's supervisor.
    async fn exchange(&self) -> String {
        self.exchange_for(&self.run).await
    }

    async fn exchange_for(&self, run: &Run) -> String {
        let reply = self.gateway.exchange(&self.exchange_body(run, BOOTSTRAP)).await.unwrap();
        format!("Bearer {}", json_of(reply).await["capability"].as_str().unwrap())
    }

    /// Tells the stored run something, as another function would.
    async fn tell(&self, input: Input) -> Run {
        let run = &self.run;
        self.gateway.dispatch.tell(&run.workspace, &run.id, &input).await.unwrap().unwrap()
    }

    async fn stored_run(&self) -> Run {
        self.gateway.dispatch.runs.load(&self.run.workspace, &self.run.id).await.unwrap().unwrap()
    }

    /// The run's workflow names this model.
    async fn name_model(&self, model: Option<&str>) {
        let mut run = self.stored_run().await;
        let version = run.version;
        run.request.options.model = model.map(str::to_owned);
        assert_eq!(self.gateway.dispatch.runs.save(&run, version).await.unwrap(), Save::Saved);
    }

    async fn usage(&self) -> Usage {
        self.gateway.dispatch.runs.usage(&self.run.workspace, &self.run.id).await.unwrap()
    }
}

fn running(delivery: &str) -> Run {
    let workspace = WorkspaceId::of_account("github", 1);
    let now = Timestamp::now();
    let new = NewRun {
        id: RunId::derive(&workspace, "mention", delivery),
        workspace,
        connection: ConnectionId::of_installation("github", 7),
        repository: Repository { id: 5, owner: "acme".into(), name: "hello".into(), default_branch: None, private: true },
        thread: Some(ThreadRef { kind: SubjectKind::Issue, number: 12, title: "t".into(), url: "u".into() }),
        request: Request {
            mode: Mode::Auto,
            prompt: "p".into(),
            requester: Actor { id: 9, login: "ada".into(), kind: ActorKind::Person },
            url: "u".into(),
            delivery: DeliveryId(delivery.into()),
            label: None,
            authority: Default::default(),
            options: Default::default(),
        },
        plan: None,
        deadline_seconds: 1800,
        budget_microusd: BUDGET,
    };
    let inputs = [Input::SlotsClaimed, Input::TaskStarted { attempt: 1, arn: "arn:task/1".into() }];
    inputs.iter().fold(accept(new, now), |run, input| apply(&run, input, now).next)
}

async fn bytes_of(reply: Reply) -> Vec<u8> {
    match reply.body {
        ReplyBody::Whole(bytes) => bytes,
        ReplyBody::Stream(mut chunks) => {
            let mut bytes = Vec::new();
            while let Some(chunk) = chunks.recv().await {
                bytes.extend_from_slice(&chunk);
            }
            bytes
        }
    }
}

async fn json_of(reply: Reply) -> Value {
    serde_json::from_slice(&bytes_of(reply).await).unwrap()
}

/// Status and code of a refusal.
fn refused(result: Result<Reply, GatewayError>) -> (u16, &'static str) {
    match result {
        Ok(reply) => (reply.status, "not refused"),
        Err(error) => (error.status, error.code),
    }
}
