//! How a function reaches AWS, and how it reads its environment.
//!
//! `AwsConfig` holds one HTTP client and one SDK client per service, built when first asked for, so that INIT
//! pays for nothing. `EnvReader` reads the environment once and reports everything that is wrong in one error.

use crate::error::AwsError;
use crate::s3::Bucket;
use crate::tls;
use aws_sdk_sqs::config::endpoint::{Endpoint, EndpointFuture, Params, ResolveEndpoint};
use aws_sdk_sqs::config::retry::RetryConfig;
use aws_sdk_sqs::config::timeout::TimeoutConfig;
use aws_sdk_sqs::config::{BehaviorVersion, Credentials, IdentityCache, Region, SharedCredentialsProvider, StalledStreamProtectionConfig};
use aws_types::SdkConfig;
use std::collections::HashMap;
use std::str::FromStr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// The way to AWS, shared by all clients of a process. Cheap to clone.
#[derive(Clone)]
pub struct AwsConfig {
    inner: Arc<Inner>,
}

struct Inner {
    sdk: SdkConfig,
    /// Addresses of single services, by the end of their variable's name.
    endpoints: HashMap<&'static str, String>,
    dynamodb: OnceLock<aws_sdk_dynamodb::Client>,
    sqs: OnceLock<aws_sdk_sqs::Client>,
    kms: OnceLock<aws_sdk_kms::Client>,
    secrets: OnceLock<aws_sdk_secretsmanager::Client>,
    ecs: OnceLock<aws_sdk_ecs::Client>,
}

impl AwsConfig {
    /// Reads region, credentials and endpoint (`AWS_REGION`, `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`,
    /// `AWS_SESSION_TOKEN`, `AWS_ENDPOINT_URL`, and `AWS_ENDPOINT_URL_<SERVICE>` for single services) from the
    /// environment, where Lambda puts them. Makes no call.
    ///
    /// # Errors
    /// What of them is missing.
    pub fn from_env() -> Result<Self, ConfigError> {
        let mut env = EnvReader::new();
        let region = env.required("AWS_REGION");
        let (key, secret) = (env.required("AWS_ACCESS_KEY_ID"), env.required("AWS_SECRET_ACCESS_KEY"));
        // Lambda renews them by starting another process.
        let credentials = Credentials::new(key, secret, env.optional("AWS_SESSION_TOKEN"), None, "environment");
        let trust = tls::Trust::choose(&region, env.optional("AWS_CA_BUNDLE").or_else(|| env.optional("SSL_CERT_FILE")).as_deref());
        let endpoints = Endpoints::read(&env);
        env.finish()?;
        Ok(Self::build(Region::new(region), SharedCredentialsProvider::new(credentials), endpoints, trust))
    }

    /// Every service at one plain-HTTP address with made-up credentials: for tests and local stacks.
    pub fn at_endpoint(url: &str) -> Self {
        let credentials = Credentials::new("local", "local", None, None, "local");
        Self::build(
            Region::from_static("us-east-1"),
            SharedCredentialsProvider::new(credentials),
            Endpoints::all_at(url),
            tls::Trust::Amazon,
        )
    }

    fn build(region: Region, credentials: SharedCredentialsProvider, endpoints: Endpoints, trust: tls::Trust) -> Self {
        let mut sdk = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(region)
            .credentials_provider(credentials)
            // They are values at hand: a cache of them costs more than it saves.
            .identity_cache(IdentityCache::no_cache())
            // An attempt's time is limited as a whole, bodies included.
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
            .http_client(if endpoints.are_plain() { tls::plain_client() } else { tls::client(trust) })
            .retry_config(RetryConfig::standard().with_max_attempts(3).with_initial_backoff(Duration::from_millis(100)))
            .timeout_config(timeouts());
        sdk.set_endpoint_url(endpoints.of_all);
        let (sdk, endpoints) = (sdk.build(), endpoints.of_one);
        let inner = Inner {
            sdk,
            endpoints,
            dynamodb: OnceLock::new(),
            sqs: OnceLock::new(),
            kms: OnceLock::new(),
            secrets: OnceLock::new(),
            ecs: OnceLock::new(),
        };
        Self { inner: Arc::new(inner) }
    }

    pub(crate) fn region(&self) -> &str {
        self.inner.sdk.region().map_or("us-east-1", |r| r.as_ref())
    }

    /// Where SQS is, if not at AWS's own address.
    pub(crate) fn sqs_endpoint(&self) -> Option<String> {
        self.sdk_of("SQS").endpoint_url().map(str::to_owned)
    }

    /// The configuration with the service's own address, where it has one.
    fn sdk_of(&self, service: &str) -> SdkConfig {
        match self.inner.endpoints.get(service) {
            Some(url) => self.inner.sdk.to_builder().endpoint_url(url).build(),
            None => self.inner.sdk.clone(),
        }
    }

    pub(crate) fn dynamodb(&self) -> aws_sdk_dynamodb::Client {
        self.inner.dynamodb.get_or_init(|| aws_sdk_dynamodb::Client::new(&self.sdk_of("DYNAMODB"))).clone()
    }

    pub(crate) fn sqs(&self) -> aws_sdk_sqs::Client {
        self.inner.sqs.get_or_init(|| aws_sdk_sqs::Client::new(&self.sdk_of("SQS"))).clone()
    }

    /// SQS for the queue at `queue_url`. What its address says need not be worked out anew for every call.
    pub(crate) fn sqs_of(&self, queue_url: &str) -> aws_sdk_sqs::Client {
        match self.sqs_endpoint().or_else(|| origin(queue_url)) {
            Some(url) => {
                let fixed = FixedEndpoint(Endpoint::builder().url(url).build());
                aws_sdk_sqs::Client::from_conf(aws_sdk_sqs::config::Builder::from(&self.inner.sdk).endpoint_resolver(fixed).build())
            }
            None => self.sqs(),
        }
    }

    pub(crate) fn kms(&self) -> aws_sdk_kms::Client {
        self.inner.kms.get_or_init(|| aws_sdk_kms::Client::new(&self.sdk_of("KMS"))).clone()
    }

    pub(crate) fn secrets(&self) -> aws_sdk_secretsmanager::Client {
        self.inner.secrets.get_or_init(|| aws_sdk_secretsmanager::Client::new(&self.sdk_of("SECRETS_MANAGER"))).clone()
    }

    pub(crate) fn ecs(&self) -> aws_sdk_ecs::Client {
        self.inner.ecs.get_or_init(|| aws_sdk_ecs::Client::new(&self.sdk_of("ECS"))).clone()
    }

    /// The bucket `name`, whose answers may be as long as `limit` bytes.
    pub(crate) fn bucket(&self, name: &str, limit: usize) -> Bucket {
        Bucket::new(&self.sdk_of("S3"), name, limit)
    }
}

/// The services that have a client here, as the SDKs spell them in `AWS_ENDPOINT_URL_<SERVICE>`:
/// <https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html>
const SERVICES: [(&str, &str); 6] = [
    ("DYNAMODB", "AWS_ENDPOINT_URL_DYNAMODB"),
    ("SQS", "AWS_ENDPOINT_URL_SQS"),
    ("S3", "AWS_ENDPOINT_URL_S3"),
    ("KMS", "AWS_ENDPOINT_URL_KMS"),
    ("SECRETS_MANAGER", "AWS_ENDPOINT_URL_SECRETS_MANAGER"),
    ("ECS", "AWS_ENDPOINT_URL_ECS"),
];

/// Where services are, if not at AWS's own addresses.
struct Endpoints {
    of_all: Option<String>,
    /// Wins over `of_all`.
    of_one: HashMap<&'static str, String>,
}

impl Endpoints {
    fn read(env: &EnvReader) -> Self {
        let of_one = SERVICES.iter().filter_map(|(service, variable)| Some((*service, env.optional(variable)?)));
        Self { of_all: env.optional("AWS_ENDPOINT_URL"), of_one: of_one.collect() }
    }

    fn all_at(url: &str) -> Self {
        Self { of_all: Some(url.to_owned()), of_one: HashMap::new() }
    }

    /// Whether no service is reached over TLS: then no certificate need be read.
    fn are_plain(&self) -> bool {
        self.of_all.iter().chain(self.of_one.values()).all(|url| url.starts_with("http://")) && self.of_all.is_some()
    }
}

/// An endpoint that is known.
#[derive(Debug)]
struct FixedEndpoint(Endpoint);

impl ResolveEndpoint for FixedEndpoint {
    fn resolve_endpoint<'a>(&'a self, _: &'a Params) -> EndpointFuture<'a> {
        EndpointFuture::ready(Ok(self.0.clone()))
    }
}

/// What the names of a region's endpoints end with: <https://docs.aws.amazon.com/general/latest/gr/rande.html>
pub(crate) fn dns_suffix(region: &str) -> &'static str {
    if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" }
}

/// `https://host:port` of a URL.
fn origin(url: &str) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    let authority = rest.split('/').next().filter(|authority| !authority.is_empty())?;
    Some(format!("{scheme}://{authority}"))
}

/// Short enough that three tries fit into a function's time, long enough for RunTask and 6 MB to S3.
fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder().connect_timeout(Duration::from_secs(2)).operation_attempt_timeout(Duration::from_secs(8)).build()
}

/// What is wrong with the environment, all of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the environment is not complete: {}", .problems.join("; "))]
pub struct ConfigError {
    pub problems: Vec<String>,
}

impl From<ConfigError> for AwsError {
    fn from(error: ConfigError) -> Self {
        AwsError::Permanent(error.to_string())
    }
}

/// Reads configuration from a snapshot of the environment and collects what is missing or malformed, so that one
/// error names everything. Values read before `finish` says Ok mean nothing.
#[derive(Debug)]
pub struct EnvReader {
    variables: HashMap<String, String>,
    problems: Vec<String>,
}

impl Default for EnvReader {
    fn default() -> Self {
        Self::new()
    }
}

impl EnvReader {
    /// A snapshot of the process's environment.
    pub fn new() -> Self {
        #[expect(clippy::disallowed_methods, reason = "the one place where the environment is read")]
        let text = std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        Self { variables: text.collect(), problems: Vec::new() }
    }

    /// An environment made by hand, for tests.
    pub fn from_pairs<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let variables = pairs.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        Self { variables, problems: Vec::new() }
    }

    /// The variable's value; none if it is absent or empty.
    pub fn optional(&self, name: &str) -> Option<String> {
        self.variables.get(name).filter(|value| !value.trim().is_empty()).cloned()
    }

    /// The variable's value; if it is absent or empty, an empty text and a problem.
    pub fn required(&mut self, name: &str) -> String {
        self.optional(name).unwrap_or_else(|| {
            self.problems.push(format!("{name} is missing"));
            String::new()
        })
    }

    /// The variable's value, or `default` if it is absent or empty.
    pub fn text_or(&self, name: &str, default: &str) -> String {
        self.optional(name).unwrap_or_else(|| default.to_owned())
    }

    /// The variable's parsed value; if it is absent or malformed, the type's default and a problem.
    pub fn parsed<T: FromStr + Default>(&mut self, name: &str) -> T {
        match self.optional(name) {
            Some(value) => self.parse(name, &value).unwrap_or_default(),
            None => {
                self.problems.push(format!("{name} is missing"));
                T::default()
            }
        }
    }

    /// The variable's parsed value, or `default` if it is absent; malformed is a problem.
    pub fn parsed_or<T: FromStr>(&mut self, name: &str, default: T) -> T {
        match self.optional(name) {
            Some(value) => self.parse(name, &value).unwrap_or(default),
            None => default,
        }
    }

    /// A comma-separated list without empty parts; if it is absent or has no parts, a problem.
    pub fn list(&mut self, name: &str) -> Vec<String> {
        let text = self.required(name);
        text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
    }

    /// Records a problem that the caller found in a variable's value: `must be openai or anthropic`. It must not quote a
    /// secret.
    pub fn problem(&mut self, name: &str, problem: &str) {
        self.problems.push(format!("{name} {problem}"));
    }

    /// Ok when everything that was read is there and well-formed; else one error that lists all problems.
    pub fn finish(self) -> Result<(), ConfigError> {
        if self.problems.is_empty() { Ok(()) } else { Err(ConfigError { problems: self.problems }) }
    }

    // The value is not quoted: it may be a secret in the wrong place.
    fn parse<T: FromStr>(&mut self, name: &str, value: &str) -> Option<T> {
        let parsed = value.trim().parse().ok();
        if parsed.is_none() {
            self.problems.push(format!("{name} is not a valid {}", short_type_name::<T>()));
        }
        parsed
    }
}

fn short_type_name<T>() -> &'static str {
    let name = std::any::type_name::<T>();
    name.rsplit("::").next().unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_error_lists_everything_that_is_missing_or_malformed() {
        let mut env = EnvReader::from_pairs([("SET", "x"), ("EMPTY", " "), ("NUMBER", "many")]);
        assert_eq!(env.required("SET"), "x");
        env.required("EMPTY");
        env.required("ABSENT");
        assert_eq!(env.parsed_or("NUMBER", 7_u32), 7);
        let error = env.finish().unwrap_err();
        assert_eq!(error.problems, ["EMPTY is missing", "ABSENT is missing", "NUMBER is not a valid u32"]);
        assert!(!error.to_string().contains("many"), "a malformed value is not quoted");
    }

    #[test]
    fn a_service_can_have_an_address_of_its_own() {
        let env = EnvReader::from_pairs([
            ("AWS_ENDPOINT_URL", "http://127.0.0.1:1"),
            ("AWS_ENDPOINT_URL_SECRETS_MANAGER", "http://127.0.0.1:2"),
            ("AWS_ENDPOINT_URL_SQS", ""),
        ]);
        let credentials = Credentials::new("a", "b", None, None, "test");
        let credentials = SharedCredentialsProvider::new(credentials);
        let aws = AwsConfig::build(Region::from_static("us-east-1"), credentials, Endpoints::read(&env), tls::Trust::Amazon);
        assert_eq!(aws.sdk_of("SECRETS_MANAGER").endpoint_url(), Some("http://127.0.0.1:2"));
        assert_eq!(aws.sdk_of("SQS").endpoint_url(), Some("http://127.0.0.1:1"));
    }

    #[test]
    fn a_queues_url_names_the_endpoint() {
        assert_eq!(origin("https://sqs.eu-central-1.amazonaws.com/1/events").as_deref(), Some("https://sqs.eu-central-1.amazonaws.com"));
        assert_eq!(origin("http://127.0.0.1:8787/0/events").as_deref(), Some("http://127.0.0.1:8787"));
        assert_eq!((origin("events"), origin("https:///x")), (None, None));
    }

    #[test]
    fn certificates_are_needed_unless_every_address_is_plain() {
        let plain = |pairs: &[(&str, &str)]| Endpoints::read(&EnvReader::from_pairs(pairs.iter().copied())).are_plain();
        assert!(plain(&[("AWS_ENDPOINT_URL", "http://x")]));
        assert!(plain(&[("AWS_ENDPOINT_URL", "http://x"), ("AWS_ENDPOINT_URL_S3", "http://y")]));
        assert!(!plain(&[("AWS_ENDPOINT_URL_S3", "http://y")]), "the others are at AWS");
        assert!(!plain(&[("AWS_ENDPOINT_URL", "http://x"), ("AWS_ENDPOINT_URL_S3", "https://y")]));
    }

    #[test]
    fn a_complete_environment_has_no_problems() {
        let mut env = EnvReader::from_pairs([("N", " 5 "), ("L", "a, b,,c")]);
        assert_eq!(env.parsed::<u16>("N"), 5);
        assert_eq!(env.parsed_or("OTHER", 3_u8), 3);
        assert_eq!(env.list("L"), ["a", "b", "c"]);
        assert_eq!(env.text_or("T", "default"), "default");
        assert_eq!(env.finish(), Ok(()));
    }
}
