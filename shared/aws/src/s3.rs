//! The four requests of S3 that Patchbay makes, on what every SDK of AWS is built on: its signing, retries, timeouts and
//! HTTP client. S3's own SDK is as large as all else in webhook-intake together, which needs one request of it, rarely.
//! API: <https://docs.aws.amazon.com/AmazonS3/latest/API/API_Operations_Amazon_Simple_Storage_Service.html>

use crate::config::dns_suffix;
use aws_runtime::auth::sigv4::{SCHEME_ID, SigV4AuthScheme};
use aws_runtime::auth::{SigV4OperationSigningConfig, SigningOptions};
use aws_runtime::retries::classifiers::AwsErrorCodeClassifier;
use aws_sdk_sqs::config::{BehaviorVersion, IdentityCache};
use aws_sdk_sqs::error::{ErrorMetadata, ProvideErrorMetadata, SdkError};
use aws_smithy_runtime::client::orchestrator::operation::Operation;
use aws_smithy_runtime::client::retries::classifiers::{HttpStatusCodeClassifier, TransientErrorClassifier};
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::auth::static_resolver::StaticAuthSchemeOptionResolver;
use aws_smithy_runtime_api::client::auth::{AuthSchemeOptionResolverParams, SharedAuthScheme, SharedAuthSchemeOptionResolver};
use aws_smithy_runtime_api::client::interceptors::context::{Error as ErasedError, Output};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse, OrchestratorError};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponentsBuilder;
use aws_smithy_runtime_api::client::runtime_plugin::StaticRuntimePlugin;
use aws_smithy_runtime_api::client::ser_de::DeserializeResponse;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::config_bag::{ConfigBag, Layer};
use aws_types::region::{Region, SigningRegion};
use aws_types::{SdkConfig, SigningName};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// What stays as it is in a key's path: the unreserved characters of RFC 3986, and the slash.
const IN_PATH: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');

/// One bucket.
#[derive(Clone, Debug)]
pub(crate) struct Bucket {
    operation: Operation<Request, Vec<u8>, Refused>,
    /// Before the key: `/bucket/` where the bucket is no part of the host's name.
    prefix: String,
}

/// What is asked.
#[derive(Clone, Debug)]
struct Request {
    method: &'static str,
    path: String,
    content_type: Option<String>,
    body: Vec<u8>,
}

/// S3 said no.
#[derive(Debug, thiserror::Error)]
#[error("{meta}")]
pub(crate) struct Refused {
    meta: ErrorMetadata,
}

impl ProvideErrorMetadata for Refused {
    fn meta(&self) -> &ErrorMetadata {
        &self.meta
    }
}

/// What a request ended with, if not well.
pub(crate) type Failed = SdkError<Refused, HttpResponse>;

impl Bucket {
    /// The bucket `name`, with the region, credentials, HTTP client and time limits of `sdk`: at `sdk`'s endpoint, where
    /// the bucket is part of the path, or else at AWS's own. Answers longer than `limit` bytes are refused unread.
    pub(crate) fn new(sdk: &SdkConfig, name: &str, limit: usize) -> Self {
        let region = sdk.region().cloned().unwrap_or(Region::from_static("us-east-1"));
        let (endpoint, prefix) = match sdk.endpoint_url() {
            Some(url) => (url.trim_end_matches('/').to_owned(), format!("/{name}/")),
            None => (aws_address(name, region.as_ref()), "/".to_owned()),
        };
        let mut signing = SigningOptions::default();
        // S3 signs the path as it is and wants the body's hash: https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
        (signing.double_uri_encode, signing.normalize_uri_path, signing.content_sha256_header) = (false, false, true);
        let mut settings = Layer::new("s3");
        settings.store_put(AuthSchemeOptionResolverParams::new(()));
        settings.store_put(SigV4OperationSigningConfig {
            region: Some(SigningRegion::from(region)),
            region_set: None,
            name: Some(SigningName::from_static("s3")),
            signing_options: signing,
        });
        let schemes = StaticAuthSchemeOptionResolver::new(vec![SCHEME_ID]);
        let mut components = RuntimeComponentsBuilder::new("s3")
            .with_http_client(sdk.http_client())
            .with_sleep_impl(sdk.sleep_impl())
            .with_time_source(sdk.time_source())
            .with_identity_cache(Some(IdentityCache::no_cache()))
            .with_auth_scheme_option_resolver(Some(SharedAuthSchemeOptionResolver::new(schemes)))
            .with_auth_scheme(SharedAuthScheme::new(SigV4AuthScheme::new()))
            .with_retry_classifier(TransientErrorClassifier::<Refused>::new())
            .with_retry_classifier(AwsErrorCodeClassifier::<Refused>::new())
            .with_retry_classifier(HttpStatusCodeClassifier::default());
        if let Some(credentials) = sdk.credentials_provider() {
            components.set_identity_resolver(SCHEME_ID, credentials);
        }
        let plugin = StaticRuntimePlugin::new().with_config(settings.freeze()).with_runtime_components(components);
        let mut builder = Operation::builder()
            .service_name("s3")
            .operation_name("object")
            .behavior_version(BehaviorVersion::latest())
            .endpoint_url(&endpoint)
            .with_connection_poisoning()
            .runtime_plugin(plugin)
            .serializer(Request::into_http);
        if let Some(timeouts) = sdk.timeout_config() {
            builder = builder.timeout_config(timeouts.clone());
        }
        if let Some(retries) = sdk.retry_config() {
            builder = builder.standard_retry(retries);
        }
        Self { operation: builder.deserializer_impl(Answers { limit }).build(), prefix }
    }

    pub(crate) async fn put(&self, key: &str, body: Vec<u8>, content_type: &str) -> Result<(), Failed> {
        let request = Request { content_type: Some(content_type.to_owned()), body, ..self.request("PUT", key) };
        self.operation.invoke(request).await.map(drop)
    }

    pub(crate) async fn get(&self, key: &str) -> Result<Vec<u8>, Failed> {
        self.operation.invoke(self.request("GET", key)).await
    }

    pub(crate) async fn head(&self, key: &str) -> Result<(), Failed> {
        self.operation.invoke(self.request("HEAD", key)).await.map(drop)
    }

    pub(crate) async fn delete(&self, key: &str) -> Result<(), Failed> {
        self.operation.invoke(self.request("DELETE", key)).await.map(drop)
    }

    fn request(&self, method: &'static str, key: &str) -> Request {
        Request { method, path: format!("{}{}", self.prefix, utf8_percent_encode(key, IN_PATH)), content_type: None, body: Vec::new() }
    }
}

/// A bucket's own host: <https://docs.aws.amazon.com/AmazonS3/latest/userguide/VirtualHosting.html>
fn aws_address(bucket: &str, region: &str) -> String {
    format!("https://{bucket}.s3.{region}.{}", dns_suffix(region))
}

impl Request {
    fn into_http(self) -> Result<HttpRequest, BoxError> {
        let length = self.body.len();
        let mut request = HttpRequest::new(SdkBody::from(self.body));
        request.set_method(self.method)?;
        request.set_uri(self.path)?;
        if self.method == "PUT" {
            request.headers_mut().try_insert("content-length", length.to_string())?;
        }
        if let Some(content_type) = self.content_type {
            request.headers_mut().try_insert("content-type", content_type)?;
        }
        Ok(request)
    }
}

/// Reads answers: the body, or what S3 says is wrong.
#[derive(Debug)]
struct Answers {
    limit: usize,
}

impl DeserializeResponse for Answers {
    fn deserialize_streaming_with_config(
        &self,
        response: &mut HttpResponse,
        _: &ConfigBag,
    ) -> Option<Result<Output, OrchestratorError<ErasedError>>> {
        let length = response.headers().get("content-length").and_then(|length| length.parse::<usize>().ok()).unwrap_or_default();
        (response.status().is_success() && length > self.limit).then(|| Err(refused("EntityTooLarge", None)))
    }

    fn deserialize_nonstreaming_with_config(
        &self,
        response: &HttpResponse,
        _: &ConfigBag,
    ) -> Result<Output, OrchestratorError<ErasedError>> {
        let body = response.body().bytes().unwrap_or_default();
        if response.status().is_success() {
            return Ok(Output::erase(body.to_vec()));
        }
        let text = String::from_utf8_lossy(body);
        match element(&text, "Code") {
            Some(code) => Err(refused(code, element(&text, "Message"))),
            // An answer to HEAD has no body.
            None => Err(refused(&response.status().as_u16().to_string(), None)),
        }
    }
}

fn refused(code: &str, message: Option<&str>) -> OrchestratorError<ErasedError> {
    let mut meta = ErrorMetadata::builder().code(code);
    if let Some(message) = message {
        meta = meta.message(message);
    }
    OrchestratorError::operation(ErasedError::erase(Refused { meta: meta.build() }))
}

/// The text of the first element of this name: all there is to read in an error's XML
/// (<https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html>).
fn element<'a>(xml: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    rest.split_once(&format!("</{name}>")).map(|(text, _)| text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_has_its_own_host_in_its_partition() {
        assert_eq!(aws_address("blobs-1", "eu-central-1"), "https://blobs-1.s3.eu-central-1.amazonaws.com");
        assert_eq!(aws_address("blobs-1", "cn-north-1"), "https://blobs-1.s3.cn-north-1.amazonaws.com.cn");
    }

    #[test]
    fn an_errors_code_and_message_are_read() {
        let xml = "<?xml version=\"1.0\"?>\n<Error><Code>NoSuchKey</Code><Message>no such key</Message><Key>k</Key></Error>";
        assert_eq!((element(xml, "Code"), element(xml, "Message")), (Some("NoSuchKey"), Some("no such key")));
        assert_eq!((element("", "Code"), element("<Code>cut", "Code")), (None, None));
    }
}
