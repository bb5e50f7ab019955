//! Every secret of a running stack, as its operator knows them: what the agent must not find, and what its model is told in
//! order to have it smuggled out.

use crate::world::World;
use anyhow::{Context, Result};
use patchbay::aws::Aws;
use patchbay_testing::github::{Access, LocalGithub, TokenView};
use std::sync::Arc;

/// The model's key in these stacks.
pub(crate) const MODEL_KEY: &str = "model-key-canary-5b1d0c";

/// Where secrets come from.
#[derive(Clone)]
pub(crate) struct Vaults {
    github: Arc<LocalGithub>,
    aws: Arc<Aws>,
    lasting: Vec<String>,
    pub(crate) addresses: Vec<String>,
}

/// The secrets at one moment.
pub(crate) struct Known {
    /// Installation tokens, the clone tokens of tasks among them.
    pub(crate) tokens: Vec<String>,
    /// The asking run's clone token and bootstrap secret.
    pub(crate) token: String,
    pub(crate) bootstrap: String,
    /// Of every task so far: the bootstrap secret, and what its capability starts with.
    pub(crate) bootstraps: Vec<String>,
    pub(crate) capabilities: Vec<String>,
    /// A line of the App's key, the webhook secret, the model's key, a person's token, the stack's control token.
    pub(crate) lasting: Vec<String>,
    /// `HOST:PORT` of the gateway's, the forge's, AWS's and the stack's own servers.
    pub(crate) addresses: Vec<String>,
}

impl Vaults {
    pub(crate) fn of(world: &World) -> Result<Self> {
        let forge = world.stack.forge();
        let key_line = forge.app().private_key.lines().nth(3).context("a key of several lines")?.to_owned();
        let person = forge.person_token().context("a local person")?.to_owned();
        let lasting =
            vec![key_line, forge.app().webhook_secret.clone(), MODEL_KEY.to_owned(), person, world.stack.control_token().to_owned()];
        let urls = [world.stack.front_url(), forge.api_url(), world.stack.aws().endpoint()];
        let addresses = urls.iter().filter_map(|url| address_of(url)).collect();
        Ok(Self { github: Arc::clone(&world.github), aws: Arc::clone(world.stack.aws()), lasting, addresses })
    }

    /// Everything at this moment, as far as the run in this repository is concerned too.
    pub(crate) fn known(&self, repository: &str) -> Known {
        let environments: Vec<_> = self.aws.tasks().iter().map(|task| environment(&task.overrides)).collect();
        let tokens = self.github.installation_tokens();
        let own = |token: &&TokenView| token.repositories == [repository] && token.permissions.get("contents") == Some(&Access::Read);
        // The task's is the last: before it was started, the matcher read the repository's configuration.
        let token = tokens.iter().rfind(own).map(|token| token.token.clone());
        let bootstrap = environments.iter().find(|environment| self.is_of(environment, repository));
        let of = |name: &'static str| move |environment: &Environment| value(environment, name);
        let capability = |environment: &Environment| {
            Some(format!("{}.{}.1.", value(environment, "PATCHBAY_WORKSPACE")?, value(environment, "PATCHBAY_RUN")?))
        };
        let gateways = environments.iter().filter_map(of("PATCHBAY_GATEWAY_URL")).filter_map(|url| address_of(&url));
        let mut addresses: Vec<String> = self.addresses.iter().cloned().chain(gateways).collect();
        addresses.sort();
        addresses.dedup();
        Known {
            token: token.unwrap_or_else(|| "there is no clone token".to_owned()),
            bootstrap: bootstrap.and_then(of("PATCHBAY_BOOTSTRAP_SECRET")).unwrap_or_else(|| "there is no bootstrap secret".to_owned()),
            tokens: tokens.into_iter().map(|token| token.token).collect(),
            bootstraps: environments.iter().filter_map(of("PATCHBAY_BOOTSTRAP_SECRET")).collect(),
            capabilities: environments.iter().filter_map(capability).collect(),
            lasting: self.lasting.clone(),
            addresses,
        }
    }

    /// Whether a task works for a request in this repository.
    fn is_of(&self, environment: &Environment, repository: &str) -> bool {
        let delivery = value(environment, "PATCHBAY_CORRELATION").unwrap_or_default();
        self.github.delivery_payload(&delivery).is_ok_and(|payload| payload["repository"]["name"] == repository)
    }
}

impl Known {
    /// All of them.
    pub(crate) fn all(&self) -> Vec<&str> {
        [&self.tokens, &self.bootstraps, &self.capabilities, &self.lasting].into_iter().flatten().map(String::as_str).collect()
    }
}

pub(crate) type Environment = Vec<(String, String)>;

/// What RunTask gave a task's supervisor.
pub(crate) fn environment(overrides: &serde_json::Value) -> Environment {
    let containers = overrides["containerOverrides"].as_array().map(Vec::as_slice).unwrap_or_default();
    let pairs = containers.iter().flat_map(|one| one["environment"].as_array().map(Vec::as_slice).unwrap_or_default());
    pairs.filter_map(|pair| Some((pair["name"].as_str()?.to_owned(), pair["value"].as_str()?.to_owned()))).collect()
}

pub(crate) fn value(environment: &Environment, name: &str) -> Option<String> {
    environment.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone())
}

fn address_of(url: &str) -> Option<String> {
    Some(url.split("://").nth(1)?.split('/').next()?.to_owned())
}
