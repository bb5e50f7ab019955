//! One HTTP call to GitHub's REST API, and what came back. Never retries, never waits longer than the timeout; knows
//! nothing about tokens beyond putting the given one into the request.

use super::refusal::refusal;
use super::route::Call;
use crate::ForgeError;
use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue, LINK};
use http::{HeaderMap, Request, Uri};
use http_body_util::{BodyExt, Limited};
use jiff::Timestamp;
use octocrab::service::middleware::retry::RetryConfig;
use octocrab::{OctoBody, Octocrab};
use patchbay_domain::metric;
use secrecy::{ExposeSecret, SecretString};
use serde::de::DeserializeOwned;
use std::error::Error;
use std::time::Duration;

/// How long one call may take, connecting and reading included.
pub(super) const CALL_TIMEOUT: Duration = Duration::from_secs(10);
/// The REST API version that everything here is written against.
const API_VERSION: &str = "2022-11-28";
/// The largest answer that is read: a delivery of 25 MB with its envelope fits.
const MAX_ANSWER_BYTES: usize = 40 * 1024 * 1024;

/// With what a call identifies itself.
#[derive(Clone, Copy)]
pub(super) enum Credential<'a> {
    /// The App's own JWT, for routes about the App.
    App(&'a SecretString),
    /// An installation token; its rate limit is the one that matters.
    Installation(&'a SecretString),
    /// Nothing: public facts only.
    Anonymous,
}

impl Credential<'_> {
    fn secret(&self) -> Option<&SecretString> {
        match self {
            Credential::App(secret) | Credential::Installation(secret) => Some(secret),
            Credential::Anonymous => None,
        }
    }

    /// What a server said, without the credential in case that it (or a proxy) repeats what it was sent.
    fn scrub(&self, said: &[u8]) -> Vec<u8> {
        let said = String::from_utf8_lossy(said);
        self.secret().map_or_else(|| said.to_string(), |secret| said.replace(secret.expose_secret(), "[secret]")).into_bytes()
    }
}

/// A successful answer.
pub(super) struct Answer {
    call: String,
    link: Option<String>,
    body: Bytes,
}

/// The connection to one API.
pub(super) struct Transport {
    octocrab: Octocrab,
    /// Scheme, host and path prefix, without a slash at the end.
    base: String,
    timeout: Duration,
}

impl Transport {
    /// Prepares the connection; sends nothing. Has to be called inside a Tokio runtime.
    pub(super) fn new(api_url: &str, timeout: Duration) -> Result<Self, ForgeError> {
        let base = api_url.trim_end_matches('/').to_owned();
        let uri: Uri = base.parse().map_err(|_| ForgeError::Permanent(format!("{api_url} is no URL")))?;
        if !matches!(uri.scheme_str(), Some("http" | "https")) || uri.authority().is_none() || uri.query().is_some() {
            return Err(ForgeError::Permanent(format!("{api_url} is no http(s) base URL")));
        }
        if tokio::runtime::Handle::try_current().is_err() {
            return Err(ForgeError::Permanent("a forge can only be opened inside a Tokio runtime".to_owned()));
        }
        let octocrab = Octocrab::builder()
            .add_retry_config(RetryConfig::None)
            .set_connect_timeout(Some(timeout))
            .build()
            .map_err(|error| ForgeError::Permanent(format!("no HTTPS client: {}", plain_text(&error))))?;
        Ok(Self { octocrab, base, timeout })
    }

    /// Sends one call and reads the answer whole. A refusal becomes the error that says what to do.
    pub(super) async fn send(&self, call: &Call, credential: Credential<'_>) -> Result<Answer, ForgeError> {
        let request = self.request(call, credential)?;
        let name = call.name();
        let (status, headers, body) = match tokio::time::timeout(self.timeout, self.exchange(request)).await {
            Ok(exchanged) => exchanged.map_err(|reason| ForgeError::Transient(format!("{name}: {reason}")))?,
            Err(_) => return Err(ForgeError::Transient(format!("{name}: no answer within {} s", self.timeout.as_secs_f32()))),
        };
        tracing::debug!(method = %call.method, route = call.template, status = status.as_u16(), "forge call");
        if let Credential::Installation(_) = credential {
            observe_budget(&headers);
        }
        if status.is_success() {
            let link = headers.get(LINK).and_then(|value| value.to_str().ok()).map(str::to_owned);
            Ok(Answer { call: name, link, body })
        } else {
            Err(refusal(&name, status, &headers, &credential.scrub(&body), Timestamp::now()))
        }
    }

    /// Absolute URIs go past octocrab's base-path joining, which drops the prefix where a route happens to start like it.
    fn request(&self, call: &Call, credential: Credential<'_>) -> Result<Request<OctoBody>, ForgeError> {
        let unsendable = |_| ForgeError::Permanent(format!("{}: cannot be sent", call.name()));
        let mut request = Request::builder()
            .method(call.method.clone())
            .uri(format!("{}{}", self.base, call.path))
            .header(ACCEPT, call.accept)
            .header("x-github-api-version", API_VERSION);
        if let Some(secret) = credential.secret() {
            let mut value = HeaderValue::from_str(&format!("Bearer {}", secret.expose_secret()))
                .map_err(|_| ForgeError::Permanent("the token cannot be sent as a header".to_owned()))?;
            value.set_sensitive(true);
            request = request.header(AUTHORIZATION, value);
        }
        match &call.body {
            Some(json) => request.header(CONTENT_TYPE, "application/json").body(OctoBody::from(json.to_string())).map_err(unsendable),
            None => request.body(OctoBody::empty()).map_err(unsendable),
        }
    }

    async fn exchange(&self, request: Request<OctoBody>) -> Result<(http::StatusCode, HeaderMap, Bytes), String> {
        let response = self.octocrab.execute(request).await.map_err(|error| plain_text(&error))?;
        let (parts, body) = response.into_parts();
        let body = Limited::new(body, MAX_ANSWER_BYTES).collect().await.map_err(|error| plain_text(error.as_ref()))?;
        Ok((parts.status, parts.headers, body.to_bytes()))
    }
}

impl Answer {
    /// The body as a type. An answer of another shape is [`ForgeError::Transient`]: proxies answer pages, too.
    pub(super) fn json<T: DeserializeOwned>(&self) -> Result<T, ForgeError> {
        serde_json::from_slice(&self.body).map_err(|error| ForgeError::Transient(format!("{}: unexpected answer: {error}", self.call)))
    }

    /// The body as text; what is not UTF-8 in it is replaced.
    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The query of the page that the `Link` header names so, for example `next` or `last`.
    pub(super) fn link_query(&self, relation: &str) -> Option<String> {
        let wanted = format!("rel=\"{relation}\"");
        let part = self.link.as_deref()?.split(',').find(|part| part.contains(&wanted))?;
        let url = part.split_once('<')?.1.split_once('>')?.0;
        Some(url.split_once('?')?.1.to_owned())
    }
}

/// An error's causes without octocrab's own words: those may hold whole backtraces.
fn plain_text(error: &(dyn Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |&error| error.source()).filter(|error| !error.is::<octocrab::Error>());
    let mut words: Vec<String> = Vec::new();
    for cause in causes.map(ToString::to_string) {
        if words.last() != Some(&cause) {
            words.push(cause);
        }
    }
    if words.is_empty() { "the request failed".to_owned() } else { words.join(": ") }
}

/// Without labels: each label set would be a metric of its own. Not a gauge, which would say the last value for ever.
fn observe_budget(headers: &HeaderMap) {
    let number = |name: &str| headers.get(name)?.to_str().ok()?.parse::<u32>().ok();
    if let Some(remaining) = number("x-ratelimit-remaining") {
        metrics::histogram!(metric::FORGE_RATE_LIMIT_REMAINING).record(remaining);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_silent_server_is_given_up_after_the_timeout() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let transport = Transport::new(&url, Duration::from_millis(50)).unwrap();
        let error = transport.send(&Call::get("/app", &[]), Credential::Anonymous).await.map(|_| ()).unwrap_err();
        assert_eq!(error, ForgeError::Transient("GET /app: no answer within 0.05 s".into()));
    }

    #[tokio::test]
    async fn a_refused_connection_is_told_without_octocrabs_backtrace() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        drop(listener);
        let transport = Transport::new(&url, CALL_TIMEOUT).unwrap();
        let error = transport.send(&Call::get("/app", &[]), Credential::Anonymous).await.map(|_| ()).unwrap_err().to_string();
        assert!(error.contains("refused"), "{error}");
        assert!(!error.contains("octocrab") && !error.contains('\n'), "{error}");
    }

    #[tokio::test]
    async fn only_http_urls_are_opened() {
        for url in ["", "api.github.com", "ftp://x", "http://", "https://x/?a=b", "not a url"] {
            assert!(matches!(Transport::new(url, CALL_TIMEOUT), Err(ForgeError::Permanent(_))), "{url}");
        }
        assert_eq!(Transport::new("https://ghe.example/api/v3/", CALL_TIMEOUT).unwrap().base, "https://ghe.example/api/v3");
    }

    #[test]
    fn outside_a_runtime_opening_fails_instead_of_panicking() {
        assert!(matches!(Transport::new("https://api.github.com", CALL_TIMEOUT), Err(ForgeError::Permanent(_))));
    }

    #[test]
    fn page_links_are_read_by_relation_and_only_their_query_is_used() {
        let link = r#"<https://elsewhere.example/x?per_page=100&page=2>; rel="next", <https://x.example/x?page=9>; rel="last""#;
        let answer = Answer { call: String::new(), link: Some(link.to_owned()), body: Bytes::new() };
        assert_eq!(answer.link_query("next").as_deref(), Some("per_page=100&page=2"));
        assert_eq!(answer.link_query("last").as_deref(), Some("page=9"));
        assert_eq!(answer.link_query("prev"), None);
    }
}
