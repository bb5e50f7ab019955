//! `patchbay up`: the stack, staying up, with data that survives restarts.

use super::data_dir::{DataDir, ForgeUser, Info, LocalAws};
use super::output::{Progress, print_result};
use super::{DEFAULT_PORT, Project, default_data_dir, parse_pair, setup};
use crate::aws::parse_addresses;
use crate::chaos::Chaos;
use crate::stack::{ForgeConfig, Stack, forge};
use clap::Args;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use tokio::signal::unix::{SignalKind, signal};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The loopback port that webhooks come to; 0 takes a free one.
    #[arg(long, default_value_t = DEFAULT_PORT)]
    port: u16,
    /// The folder of the stack's data [default: .patchbay/data of the project].
    #[arg(long)]
    data: Option<PathBuf>,
    /// A real GitHub's API instead of the local one, such as https://api.github.com.
    #[arg(long, requires = "public_url")]
    forge: Option<String>,
    /// Where the real GitHub, and whoever calls back, reaches this machine: a tunnel to the port.
    #[arg(long, requires = "forge")]
    public_url: Option<String>,
    /// A parameter of template.yaml, as a deployment would set it. Can be given several times.
    #[arg(long = "parameter", value_name = "NAME=VALUE", value_parser = parse_pair)]
    parameters: Vec<(String, String)>,
    /// Another AWS emulator in place of the stack's own: URL for DynamoDB, SQS, S3, Secrets Manager and KMS, or SERVICE=URL
    /// for one of them (dynamodb, sqs, s3, secretsmanager, kms). Can be given several times.
    #[arg(long, value_name = "[SERVICE=]URL")]
    aws_endpoint: Vec<String>,
    /// Let AWS and the local GitHub fail, as this seed will have it; what struck is listed at the end.
    #[arg(long, value_name = "SEED")]
    chaos: Option<u64>,
    #[command(flatten)]
    common: setup::Common,
}

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let project = Project::find()?;
    let progress = Progress::new(arguments.common.json);
    let data = DataDir::take(&arguments.data.clone().unwrap_or_else(|| default_data_dir(&project)))?;
    let chaos = arguments.chaos.map(Chaos::forever);
    let Some(stack) = or_stopped(start(&arguments, &project, &data, chaos.as_ref(), &progress)).await else { return Ok(ExitCode::FAILURE) };
    let stack = stack?;
    let info = info(&stack, &arguments, &data)?;
    data.publish(&info)?;
    if arguments.common.json {
        print_result(&serde_json::to_string(&info)?);
    } else {
        describe(&info, &progress);
    }
    stopped().await;
    progress.say("Stopping.");
    data.withdraw();
    stack.shutdown().await;
    if let Some(chaos) = chaos {
        progress.say(chaos.summary().to_string().trim_end());
    }
    Ok(ExitCode::SUCCESS)
}

async fn start(
    arguments: &Arguments,
    project: &Project,
    data: &DataDir,
    chaos: Option<&Arc<Chaos>>,
    progress: &Progress,
) -> anyhow::Result<Stack> {
    // What is missing for a real forge is said before anything is built.
    let forge = match (&arguments.forge, &arguments.public_url) {
        (Some(api_url), Some(public_url)) => ForgeConfig::Real(setup::real_forge(api_url, public_url)?),
        _ => ForgeConfig::Local,
    };
    let aws_elsewhere = parse_addresses(&arguments.aws_endpoint)?;
    let mut config = setup::prepare(project, data.path().to_owned(), !arguments.common.no_build, progress).await?;
    config.port = (arguments.port != 0).then_some(arguments.port);
    config.forge = forge;
    config.parameters.extend(arguments.parameters.iter().cloned());
    config.aws_elsewhere = aws_elsewhere;
    if let Some(chaos) = chaos {
        chaos.install(&mut config);
    }
    progress.say(&format!("Model: {}.", config.model.describe()));
    let step = progress.step("Starting the stack");
    let stack = Stack::start(config).await;
    drop(step);
    stack
}

fn info(stack: &Stack, arguments: &Arguments, data: &DataDir) -> anyhow::Result<Info> {
    let webhook_url = stack.webhook_url();
    Ok(Info {
        public_webhook_url: arguments.public_url.as_ref().map(|url| format!("{}/webhooks/github", url.trim_end_matches('/'))),
        webhook_url,
        aws_elsewhere: parse_addresses(&arguments.aws_endpoint)?,
        forge_url: stack.forge().web_url().to_owned(),
        forge_api_url: stack.forge().api_url().to_owned(),
        webhook_secret_file: stack.webhook_secret_file().to_owned(),
        forge_user: stack.forge().person_token().map(|token| ForgeUser { login: forge::PERSON.to_owned(), token: token.to_owned() }),
        data_dir: data.path().to_owned(),
        control_url: format!("{}/_patchbay", stack.front_url()),
        control_token: stack.control_token().to_owned(),
        aws: LocalAws { endpoint: stack.aws().endpoint().to_owned(), resources: stack.template().names.clone() },
    })
}

fn describe(info: &Info, progress: &Progress) {
    progress.say(&format!("Webhooks:   {}", info.webhook_url));
    if let Some(public) = &info.public_webhook_url {
        progress.say(&format!(
            "Give GitHub {public} as the App's webhook URL, and point the tunnel at {}.",
            info.control_url.trim_end_matches("/_patchbay")
        ));
    }
    progress.say(&format!("GitHub:     {} (API {})", info.forge_url, info.forge_api_url));
    for (service, url) in &info.aws_elsewhere {
        progress.say(&format!("AWS:        {service} is at {url}, not the stack's own"));
    }
    if !info.aws_elsewhere.is_empty() {
        progress.say("            Lambda, API Gateway, EventBridge, ECS and every service not listed are the stack's own.");
    }
    if let Some(user) = &info.forge_user {
        progress.say(&format!("You are:    {}, token {}; the App is installed on all of {}", user.login, user.token, forge::ORGANISATION));
    }
    progress.say(&format!("Data, logs: {}", info.data_dir.display()));
    progress.say("Operate it: patchbay top, runs, logs, cancel, redrive (docs/operate.md).");
    progress.say("Ctrl-C stops it.");
}

/// Waits for Ctrl-C or SIGTERM.
pub(super) async fn stopped() {
    let Ok(mut terminated) = signal(SignalKind::terminate()) else {
        _ = tokio::signal::ctrl_c().await;
        return;
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminated.recv() => {}
    }
}

/// What the work comes to, or `None` when the command was stopped meanwhile; then the work is dropped with its children.
pub(super) async fn or_stopped<T>(work: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        done = work => Some(done),
        () = stopped() => None,
    }
}
