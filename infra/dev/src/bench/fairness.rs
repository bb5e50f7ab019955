//! One tenant with two thousand queued deliveries, and another whose issues come one by one: how long the other's wait from
//! the accepted webhook to the agent's start, beside what they wait for when nobody else is there (R20).

use super::endpoint::Endpoint;
use super::figure::{Figure, percentile};
use super::latency::one_issue;
use super::scene::{FILES, Scene};
use super::{Bench, payload};
use crate::aws::{NewMessage, QueueHandle};
use crate::stack::STACK_NAME;
use crate::stack::forge::PERSON;
use anyhow::Context as _;
use patchbay_domain::envelope::{Delivery, EventMessage};
use patchbay_domain::ids::{ConnectionId, DeliveryId};

const PART: &str = "fairness";
/// So many wait whenever the quiet tenant asks.
const QUEUED: usize = 2000;
/// Issues of the quiet tenant in each of the two situations.
const QUIET: usize = 40;
const TARGET: f64 = 2.0;
/// As many processes of a function as this machine may well have cores for: a queue is measured here, not a processor that
/// ten of them share. In AWS each has its own.
const CONCURRENCY: (&str, &str) = ("MaximumConcurrency", "2");

pub(super) async fn measure(bench: &Bench) -> anyhow::Result<Vec<Figure>> {
    let (name, value) = CONCURRENCY;
    let scene = Scene::open(bench, |config| _ = config.parameters.insert(name.to_owned(), value.to_owned())).await?;
    for owner in ["noisy", "quiet"] {
        scene.github.create_org(owner, PERSON)?;
    }
    let noise = Noise::of(bench, &scene, "noisy").await?;
    scene.github.install_app("quiet")?;
    scene.github.create_repository("quiet", "talk", &FILES)?;
    scene.settle().await?;

    bench.say("fairness: a quiet tenant alone");
    one_issue(&scene, "quiet/talk").await?;
    let mut idle = Vec::new();
    for _ in 0..QUIET {
        scene.settle().await?;
        idle.push(one_issue(&scene, "quiet/talk").await?.0);
    }
    scene.settle().await?;

    bench.say(&format!("fairness: the same beside {QUEUED} deliveries of another"));
    let (mut beside, mut least) = (Vec::new(), usize::MAX);
    for _ in 0..QUIET {
        noise.fill()?;
        beside.push(one_issue(&scene, "quiet/talk").await?.0);
        least = least.min(noise.queue.depth()?.visible);
    }
    anyhow::ensure!(least > 0, "the noisy tenant's deliveries were through before the quiet one's issue was");
    scene.close().await;
    let (idle_p95, beside_p95) = (percentile(&idle, 0.95), percentile(&beside, 0.95));
    let how = format!("{beside_p95:.0} ms beside {idle_p95:.0} ms idle; {QUEUED} waited when it asked, and never fewer than {least}");
    Ok(vec![Figure::at_most(PART, "a quiet tenant's p95, webhook → agent", beside_p95 / idle_p95, "×", TARGET).beside(how)])
}

/// A tenant's deliveries that start nothing, as webhook-intake queues them.
struct Noise {
    queue: QueueHandle,
    group: String,
    delivery: Delivery,
}

impl Noise {
    async fn of(bench: &Bench, scene: &Scene, owner: &str) -> anyhow::Result<Self> {
        let installation = scene.github.install_app(owner)?;
        scene.github.create_repository(owner, "talk", &FILES)?;
        scene.github.open_issue(&format!("{owner}/talk"), PERSON, "Talk", "Nobody is asked.", &[])?;
        scene.settle().await?;
        let delivery = scene.github.deliveries().into_iter().rfind(|delivery| delivery.event == "issues").context("a delivery")?;
        let body = scene.github.delivery_payload(&delivery.guid)?.to_string();
        let endpoint = Endpoint::plain().await?;
        let intake = super::intake::start_warm(bench, &endpoint).await?;
        intake.invoke(payload::event("issues", &body)?).await?;
        intake.end().await;
        let message = EventMessage::parse(&endpoint.last_message().context("intake sent nothing")?)?;
        let EventMessage::V1(delivery) = message else { anyhow::bail!("intake sent something else") };
        let queue = scene.stack.aws().queue(&format!("{STACK_NAME}-EventsQueue")).context("an events queue")?;
        Ok(Self { queue, group: ConnectionId::of_installation("github", installation).0, delivery })
    }

    /// Sends new ones until `QUEUED` wait.
    fn fill(&self) -> anyhow::Result<()> {
        for _ in self.queue.depth()?.visible..QUEUED {
            let id = DeliveryId(uuid::Uuid::new_v4().to_string());
            let body = EventMessage::V1(Delivery { id, ..self.delivery.clone() }).to_text()?;
            self.queue.send(NewMessage { body, group: Some(self.group.clone()), ..NewMessage::default() })?;
        }
        Ok(())
    }
}
