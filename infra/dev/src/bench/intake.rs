//! webhook-intake against the floor (`functions/webhook-intake/examples/floor.rs`), several processes of each, taking turns.
//! CPU is the process's own clock, so that a busy machine moves it little; only ratios of one run are judged.

use super::certificates::{Certificates, Roots};
use super::endpoint::Endpoint;
use super::figure::{Figure, median, millis};
use super::subject::Subject;
use super::{Bench, payload};
use crate::aws::REGION;
use crate::template::{Deployment, Template};
use anyhow::Context as _;
use bytes::Bytes;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

const PART: &str = "intake";
/// Processes of each subject.
const PROCESSES: usize = 9;
/// Turns of each process; within a turn it gets this many events in a row.
const TURNS: usize = 12;
const EVENTS_PER_TURN: usize = 40;
/// Events that nobody measures: connections, caches, the allocator.
const WARM_UP: usize = 40;
/// An issue of the usual size and a push of a hundred commits, with the most that CPU and p50 may be of the floor's.
const SIZES: [(&str, f64); 2] = [("11.6 KB", 1.0), ("100 KB", 0.7)];

/// One of the two that are compared.
struct Side {
    binary: PathBuf,
    environment: BTreeMap<String, String>,
    roots: Roots,
}

/// What one process took.
#[derive(Default)]
struct Taken {
    init_ms: f64,
    first_ms: f64,
    /// By size: CPU per event and median latency, in microseconds.
    warm: Vec<(f64, f64)>,
    peak_rss_mb: f64,
    /// Calls of one kind or another, per delivery.
    calls: f64,
}

pub(super) async fn measure(bench: &Bench) -> anyhow::Result<Vec<Figure>> {
    let certificates = Certificates::make()?;
    let intake = Side {
        binary: bench.bin_dir.join("webhook-intake"),
        environment: deployed_environment(&bench.template)?,
        roots: certificates.among_amazons(&bench.root)?,
    };
    let floor =
        Side { binary: bench.bin_dir.join("examples/floor"), environment: basic_environment(), roots: certificates.among_the_systems()? };
    let issue = payload::event("issues", &payload::issue_opened(&bench.root, 11_600)?)?;
    let push = payload::event("push", &payload::push(&bench.root, 100_000)?)?;
    let (mut ours, mut floors) = (Vec::new(), Vec::new());
    for turn in 1..=PROCESSES {
        bench.say(&format!("webhook-intake and the floor: process {turn} of {PROCESSES} each"));
        let (mut own, mut other) = (start_cold(&intake, &certificates, &issue).await?, start_cold(&floor, &certificates, &issue).await?);
        for event in [&issue, &push] {
            take_turns(&intake, &mut own, &floor, &mut other, event).await?;
        }
        ours.push(own);
        floors.push(other);
    }
    let mut figures = figures(&ours, &floors, &intake, &floor);
    figures.push(Figure::at_most(PART, "zip", super::sizes::zip_mb(&intake.binary)?, "MB", 4.0));
    Ok(figures)
}

/// A cold start as in AWS: TLS to both services, the roots read, the secret fetched; then one event.
async fn start_cold(side: &Side, certificates: &Certificates, event: &Bytes) -> anyhow::Result<Taken> {
    // Two names, so that no connection and no TLS session serves both.
    let (sqs, secrets) = (Endpoint::with_tls(certificates).await?, Endpoint::with_tls(certificates).await?);
    let mut environment = side.environment.clone();
    let mut set = |name: &str, value: String| _ = environment.insert(name.to_owned(), value);
    set("AWS_ENDPOINT_URL_SQS", format!("https://127.0.0.1:{}", sqs.port()));
    set("AWS_ENDPOINT_URL_SECRETS_MANAGER", format!("https://localhost:{}", secrets.port()));
    set("QUEUE_EVENTS_URL", format!("https://127.0.0.1:{}/000000000000/events", sqs.port()));
    set("SSL_CERT_FILE", side.roots.file.display().to_string());
    side.roots.folder.iter().for_each(|folder| set("SSL_CERT_DIR", folder.display().to_string()));
    let subject = Subject::start(&side.binary, &environment).await.with_context(|| side.binary.display().to_string())?;
    let init = subject.settled_cpu().await?;
    subject.invoke(event.clone()).await?;
    let first = subject.settled_cpu().await?.saturating_sub(init);
    subject.end().await;
    anyhow::ensure!(secrets.counts().get("GetSecretValue") == Some(&1) && sqs.counts().get("SendMessage") == Some(&1), "other calls");
    Ok(Taken { init_ms: millis(init), first_ms: millis(first), ..Taken::default() })
}

/// A warm process of each side, in turns, with the same event.
async fn take_turns(ours: &Side, own: &mut Taken, floor: &Side, other: &mut Taken, event: &Bytes) -> anyhow::Result<()> {
    let (mut ours, mut floor) = (Warm::start(ours, event).await?, Warm::start(floor, event).await?);
    for turn in 0..TURNS {
        // Whoever comes first may find a cooler machine.
        let order = if turn % 2 == 0 { [&mut ours, &mut floor] } else { [&mut floor, &mut ours] };
        for warm in order {
            warm.turn(event).await?;
        }
    }
    ours.end(own).await?;
    floor.end(other).await
}

/// webhook-intake in front of an endpoint, for those who want its messages.
pub(super) async fn start_warm(bench: &Bench, endpoint: &Endpoint) -> anyhow::Result<Subject> {
    start_plain(&bench.bin_dir.join("webhook-intake"), deployed_environment(&bench.template)?, endpoint).await
}

async fn start_plain(binary: &Path, mut environment: BTreeMap<String, String>, endpoint: &Endpoint) -> anyhow::Result<Subject> {
    let url = format!("http://127.0.0.1:{}", endpoint.port());
    environment.insert("QUEUE_EVENTS_URL".to_owned(), format!("{url}/000000000000/events"));
    environment.insert("AWS_ENDPOINT_URL".to_owned(), url);
    Subject::start(binary, &environment).await.with_context(|| binary.display().to_string())
}

/// A process that has seen events, on an endpoint of its own.
struct Warm {
    subject: Subject,
    endpoint: Endpoint,
    cpu_us: f64,
    latencies_us: Vec<f64>,
    calls_before: u64,
}

impl Warm {
    async fn start(side: &Side, event: &Bytes) -> anyhow::Result<Self> {
        let endpoint = Endpoint::plain().await?;
        let subject = start_plain(&side.binary, side.environment.clone(), &endpoint).await?;
        for _ in 0..WARM_UP {
            let (_, answer) = subject.invoke(event.clone()).await?;
            let answer: serde_json::Value = serde_json::from_slice(&answer)?;
            anyhow::ensure!(answer["statusCode"] == 202, "{} answers {answer}", side.binary.display());
        }
        let calls_before = endpoint.counts().values().sum();
        Ok(Self { subject, endpoint, cpu_us: 0.0, latencies_us: Vec::new(), calls_before })
    }

    async fn turn(&mut self, event: &Bytes) -> anyhow::Result<()> {
        let before = self.subject.settled_cpu().await?;
        for _ in 0..EVENTS_PER_TURN {
            let (took, _) = self.subject.invoke(event.clone()).await?;
            self.latencies_us.push(millis(took) * 1000.0);
        }
        self.cpu_us += millis(self.subject.settled_cpu().await?.saturating_sub(before)) * 1000.0;
        Ok(())
    }

    async fn end(self, taken: &mut Taken) -> anyhow::Result<()> {
        let events = self.latencies_us.len() as f64;
        let calls: u64 = self.endpoint.counts().values().sum();
        taken.warm.push((self.cpu_us / events, median(&self.latencies_us)));
        taken.peak_rss_mb = taken.peak_rss_mb.max(self.subject.peak_rss_mb()?);
        taken.calls = taken.calls.max((calls - self.calls_before) as f64 / events);
        self.subject.end().await;
        Ok(())
    }
}

fn figures(ours: &[Taken], floors: &[Taken], intake: &Side, floor: &Side) -> Vec<Figure> {
    let all = |of: &dyn Fn(&Taken) -> f64, taken: &[Taken]| median(&taken.iter().map(of).collect::<Vec<_>>());
    // Of each pair that took turns; the middle pair counts.
    let ratio = |of: &dyn Fn(&Taken) -> f64| median(&ours.iter().zip(floors).map(|(own, other)| of(own) / of(other)).collect::<Vec<_>>());
    let mut figures = Vec::new();
    let mut compare = |name: String, target: f64, unit: &str, of: &dyn Fn(&Taken) -> f64| {
        let beside = format!("{:.0} {unit} beside the floor's {:.0}", all(of, ours), all(of, floors));
        figures.push(Figure::at_most(PART, name, ratio(of), "×", target).beside(beside));
    };
    for (index, (size, target)) in SIZES.into_iter().enumerate() {
        compare(format!("warm CPU at {size}"), target, "µs", &|taken| taken.warm[index].0);
        compare(format!("warm p50 at {size}"), target, "µs", &|taken| taken.warm[index].1);
    }
    let roots = format!("{} root certificates beside the floor's {}", intake.roots.count, floor.roots.count);
    let init: fn(&Taken) -> f64 = |taken| taken.init_ms;
    let beside = format!("{:.1} ms beside {:.1} ms; {roots}", all(&init, ours), all(&init, floors));
    figures.push(Figure::at_most(PART, "INIT CPU", ratio(&init), "×", 0.6).beside(beside));
    let first: fn(&Taken) -> f64 = |taken| taken.first_ms;
    let beside = format!("the floor's {:.1} ms", all(&first, floors));
    figures.push(Figure::at_most(PART, "first event's CPU over TLS", all(&first, ours), "ms", 2.0).beside(beside));
    let most = |of: fn(&Taken) -> f64| ours.iter().map(of).fold(0.0, f64::max);
    figures.push(Figure::at_most(PART, "RSS at its peak", most(|taken| taken.peak_rss_mb), "MB", 12.0));
    figures.push(Figure::at_most(PART, "outbound calls per delivery", most(|taken| taken.calls), "calls", 1.0));
    figures
}

/// Lambda's own variables.
fn basic_environment() -> BTreeMap<String, String> {
    let variables = [
        ("AWS_LAMBDA_FUNCTION_NAME", "bench"),
        ("AWS_LAMBDA_FUNCTION_VERSION", "1"),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
        ("AWS_LAMBDA_LOG_FORMAT", "JSON"),
        ("AWS_REGION", REGION),
        ("AWS_ACCESS_KEY_ID", "ASIABENCHMARK"),
        ("AWS_SECRET_ACCESS_KEY", "of a benchmark"),
        ("AWS_SESSION_TOKEN", "as long as a session's token is, which is a few hundred characters, and all of them go into every request"),
        ("SECRET_WEBHOOK_ID", "arn:aws:secretsmanager:us-east-1:000000000000:secret:webhook"),
    ];
    variables.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// What the template gives webhook-intake, nothing that AWS adds.
fn deployed_environment(template: &Path) -> anyhow::Result<BTreeMap<String, String>> {
    let template = Template::load(template)?;
    let function_urls = template.functions_with_url()?.into_iter().map(|id| (id, String::new())).collect();
    let deployment = Deployment {
        stack_name: "bench".to_owned(),
        parameters: BTreeMap::new(),
        aws_endpoint: String::new(),
        function_urls,
        api_url: String::new(),
        arns: BTreeMap::new(),
    };
    let model = template.evaluate(&deployment)?;
    let function = model.functions.iter().find(|function| function.package == "webhook-intake");
    let mut environment = function.context("the template has no webhook-intake")?.environment.clone();
    environment.extend(basic_environment());
    Ok(environment)
}
