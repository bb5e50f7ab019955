//! Putting a stack together, in the order in which the parts need each other's addresses: listeners, forge, AWS, and only
//! then the template's final values and the functions.

use super::config::{ForgeConfig, ModelConfig, STACK_NAME, StackConfig};
use super::control::{self, Control};
use super::forge::Forge;
use super::http::api::Api;
use super::http::function_url::{FunctionFace, UrlFaultHook};
use super::lambda::{Launch, Pool};
use super::logs::LogBook;
use super::mappings::Poller;
use super::parameters::parameters;
use super::servers::Listeners;
use super::{Background, Stack, rules, schedules, secrets};
use crate::aws::{Aws, AwsConfig, Queue};
use crate::model::ScriptedModel;
use crate::template::{Deployment, Model, Template};
use anyhow::{Context as _, bail};
use axum::Router;
use serde_json::json;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::task::JoinHandle;

/// Processes of one function at once; beyond it, invocations wait.
const CONCURRENCY: usize = 16;

pub(super) async fn start(config: StackConfig) -> anyhow::Result<Stack> {
    let template = Template::load(&config.template)?;
    let mut deployment = Deployment {
        stack_name: STACK_NAME.to_owned(),
        parameters: config.parameters.clone(),
        aws_endpoint: "http://127.0.0.1:0".to_owned(),
        function_urls: BTreeMap::new(),
        api_url: String::new(),
        arns: BTreeMap::new(),
    };
    let declared = template.functions_with_url()?;
    deployment.function_urls = declared.iter().map(|id| (id.clone(), String::new())).collect();
    let data_dir = &config.data_dir;
    std::fs::create_dir_all(data_dir).with_context(|| format!("{} cannot be made", data_dir.display()))?;
    let logs = LogBook::open(data_dir.join("logs"))?;
    let listeners = Listeners::bind(config.port, declared.into_iter()).await?;
    deployment.function_urls = listeners.function_urls()?;
    let front_url = listeners.front_url()?;
    deployment.api_url = match &config.forge {
        ForgeConfig::Local => front_url.clone(),
        ForgeConfig::Real(forge) => forge.public_url.clone(),
    };
    let webhook_secret_file = config.data_dir.join("webhook-secret");
    let forge = Forge::start(&config, &format!("{front_url}/webhooks/github"), &webhook_secret_file).await?;
    deployment.parameters = parameters(&config.model, &forge, &config.parameters);

    // Names do not depend on where AWS listens; queue URLs do, and another emulator chooses some ids itself. So: names first, then AWS, then everything.
    let names = template.evaluate(&deployment)?;
    check_binaries(&names, &config.bin_dir)?;
    let (aws, scripted) = start_aws(&config, &names, &logs).await?;
    let aws = Arc::new(aws);
    let signing = secrets::load_or_make(&config.data_dir.join("signing-secret"), secrets::random_hex)?;
    deployment.arns = put_secrets(&aws, &names, &forge, model_secret(&config.model, scripted.as_ref()), &signing).await?;
    deployment.arns.extend(aws.foreign_keys().clone());
    deployment.aws_endpoint = aws.endpoint().trim_end_matches('/').to_owned();
    let model = template.evaluate(&deployment)?;

    aws.enforce(model.access.clone());
    let pools: Vec<Arc<Pool>> =
        model.functions.iter().map(|function| Pool::new(launch(function, &config.bin_dir, &aws, &logs), CONCURRENCY)).collect();
    if let Some(callers) = &config.callers {
        callers.are(&pools);
    }
    let control_token = secrets::random_hex()?;
    let control = Control {
        pools: pools.clone(),
        token: control_token.clone(),
        queues: model.queues.iter().filter_map(|queue| aws.any_queue(&queue.name)).collect(),
        aws: Arc::downgrade(&aws),
        github: forge.local().map(Arc::downgrade),
        urls: json!({ "api": front_url, "functions": deployment.function_urls, "aws": aws.endpoint(), "forge": forge.web_url(), "forge_api": forge.api_url() }),
    };
    let mut tasks = serve(listeners, &model, &pools, control::router(Arc::new(control)), config.url_faults.as_ref());
    tasks.extend(poll(&model, &pools, &aws, &logs)?);
    tasks.extend(tick(&config, &model, &pools));
    tasks.push(forward_task_events(&config, &model, &aws)?);
    Ok(Stack { aws, forge, pools, logs, model, front_url, webhook_secret_file, control_token, tasks: Background(tasks), scripted })
}

fn launch(function: &crate::template::model::Function, bin_dir: &Path, aws: &Aws, logs: &Arc<LogBook>) -> Launch {
    let aws_endpoint = aws.endpoint().trim_end_matches('/').to_owned();
    Launch { function: function.clone(), binary: bin_dir.join(&function.package), aws_endpoint, logs: Arc::clone(logs) }
}

/// Every function's binary is there; else one error that names all that are not.
fn check_binaries(model: &Model, bin_dir: &Path) -> anyhow::Result<()> {
    let packages = model.functions.iter().map(|function| function.package.as_str()).chain(["agent-task"]);
    let missing: Vec<_> = packages.filter(|package| !bin_dir.join(package).is_file()).collect();
    if !missing.is_empty() {
        bail!("{} has no {}; run: cargo build --workspace --bins", bin_dir.display(), missing.join(", "));
    }
    Ok(())
}

async fn start_aws(config: &StackConfig, model: &Model, logs: &Arc<LogBook>) -> anyhow::Result<(Aws, Option<ScriptedModel>)> {
    let scripted = match &config.model {
        ModelConfig::Scripted => Some(ScriptedModel::start().await?),
        ModelConfig::Real { .. } => None,
    };
    let sink = Arc::clone(logs);
    let aws_config = AwsConfig {
        data_dir: aws_folder(&config.data_dir)?,
        bin_dir: config.bin_dir.clone(),
        tables: model.tables.clone(),
        queues: model.queues.clone(),
        buckets: model.buckets.clone(),
        keys: model.keys.clone(),
        cluster: model.cluster.clone().context("the template has no ECS cluster")?,
        task_definitions: model.task_definitions.clone(),
        task_env_overrides: config.task_env_overrides.clone(),
        on_log: Some(Arc::new(move |line: &crate::aws::LogLine| sink.write_of_task(&line.container, &line.task, &line.line))),
        elsewhere: config.aws_elsewhere.clone(),
        faults: config.faults.clone(),
        queue_faults: config.queue_faults.clone(),
        ..AwsConfig::default()
    };
    let aws = Aws::start(aws_config).await.context("the emulated AWS does not start")?;
    Ok((aws, scripted))
}

fn model_secret(config: &ModelConfig, scripted: Option<&ScriptedModel>) -> serde_json::Value {
    match config {
        ModelConfig::Scripted => json!({ "base_url": scripted.map(ScriptedModel::base_url), "api_key": "scripted" }),
        ModelConfig::Real { base_url, api_key, .. } => json!({ "base_url": base_url, "api_key": api_key }),
    }
}

/// Secrets follow the configuration: a restart may bring another model or a rotated key. Their ARNs by name.
async fn put_secrets(
    aws: &Aws,
    model: &Model,
    forge: &Forge,
    of_model: serde_json::Value,
    signing: &str,
) -> anyhow::Result<BTreeMap<String, String>> {
    let app = forge.app();
    let mut arns = BTreeMap::new();
    for (id, text) in [
        ("WebhookSecret", json!({ "github": [app.webhook_secret] })),
        ("GithubAppSecret", json!({ "app_id": app.app_id, "slug": app.slug, "private_key": app.private_key })),
        ("ModelSecret", of_model),
        ("SigningSecret", json!({ "key": signing })),
    ] {
        let name = model.secrets.get(id).with_context(|| format!("the template has no secret {id}"))?;
        arns.insert(name.clone(), aws.put_secret(name, &text.to_string()).await?);
    }
    Ok(arns)
}

fn aws_folder(data_dir: &Path) -> anyhow::Result<PathBuf> {
    let folder = data_dir.join("aws");
    std::fs::create_dir_all(&folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    Ok(folder)
}

fn serve(
    listeners: Listeners,
    model: &Model,
    pools: &[Arc<Pool>],
    control: Router,
    url_faults: Option<&UrlFaultHook>,
) -> Vec<JoinHandle<()>> {
    let of = |package: &str| pools.iter().find(|pool| pool.package() == package).cloned();
    let mut routes = Vec::new();
    for function in &model.functions {
        for (route, pool) in function.routes.iter().filter_map(|route| Some((route, of(&function.package)?))) {
            routes.push((route.clone(), pool));
        }
    }
    let faces = model.functions.iter().filter_map(|function| {
        let streaming = function.url?.streaming;
        Some((function.id.clone(), FunctionFace { pool: of(&function.package)?, streaming, faults: url_faults.cloned() }))
    });
    listeners.serve(Api::new(routes), control, faces.collect())
}

fn poll(model: &Model, pools: &[Arc<Pool>], aws: &Aws, logs: &Arc<LogBook>) -> anyhow::Result<Vec<JoinHandle<()>>> {
    let mut pollers = Vec::new();
    for (function, pool) in model.functions.iter().zip(pools) {
        for mapping in &function.mappings {
            let queue = queue(aws, &mapping.queue)?;
            let refused = || format!("the event source mapping of {} to {} cannot be made", function.id, mapping.queue);
            aws.check_polling(&function.package, &mapping.queue).with_context(refused)?;
            let poller = Poller { mapping: mapping.clone(), pool: Arc::clone(pool), queue, logs: Arc::clone(logs) };
            pollers.push(tokio::spawn(poller.run()));
        }
    }
    Ok(pollers)
}

fn tick(config: &StackConfig, model: &Model, pools: &[Arc<Pool>]) -> Vec<JoinHandle<()>> {
    let mut tasks = Vec::new();
    for (function, pool) in model.functions.iter().zip(pools) {
        for schedule in &function.schedules {
            if let Some(every) = schedules::rate(config.schedules, schedule) {
                tasks.push(tokio::spawn(schedules::run(schedule.name.clone(), every, Arc::clone(pool))));
            }
        }
    }
    tasks
}

/// ECS's events go to the queues of the rules whose pattern they match.
fn forward_task_events(config: &StackConfig, model: &Model, aws: &Arc<Aws>) -> anyhow::Result<JoinHandle<()>> {
    let targets =
        model.rules.iter().map(|rule| Ok((rule.pattern.clone(), queue(aws, &rule.queue)?))).collect::<anyhow::Result<Vec<_>>>()?;
    let mut events = aws.task_events();
    let faults = config.task_event_faults.clone();
    Ok(tokio::spawn(async move {
        while let Some(event) = events.recv().await {
            for (_, queue) in targets.iter().filter(|(pattern, _)| rules::matches(pattern, &event)) {
                rules::send(&event, queue, faults.as_ref().and_then(|hook| hook(&event))).await;
            }
        }
    }))
}

fn queue(aws: &Aws, name: &str) -> anyhow::Result<Queue> {
    aws.any_queue(name).with_context(|| format!("the template has no queue {name}"))
}
