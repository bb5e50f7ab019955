//! The `http` step: one signed call to an external workflow engine per try, per Standard Webhooks. Tries are spread by the run's
//! outbox and waiting for a callback by the run's state, so that no function waits.
//!
//! `message` is what is sent, `guard` where it may go (R40), `answer` what comes back.

pub(crate) mod answer;
pub mod guard;
mod message;

use super::Outside;
use super::scene::{Scene, StepError};
use crate::drive::backoff;
use guard::Unreachable;
use jiff::{SignedDuration, Timestamp};
use message::Message;
use patchbay_domain::run::Input;
use patchbay_domain::run::plan::Outputs;
use patchbay_domain::task::{Failure, FailureCode};
use patchbay_domain::workflow::limits::MAX_OUTPUT_CHARS;
use patchbay_domain::workflow::model::HttpStep;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use reqwest::{Response, StatusCode, Url};
use std::error::Error as _;
use std::net::SocketAddr;
use std::time::Duration;

/// How long a call may take, from looking up its address to the end of its answer.
const CALL_SECONDS: u64 = 10;
/// How much of an answer is read.
const MAX_ANSWER_BYTES: usize = 256 * 1024;
/// The longest that a receiver's `Retry-After` is followed.
const MAX_RETRY_AFTER_SECONDS: i64 = 600;

/// What one call came to.
enum Called {
    Answered {
        status: StatusCode,
        text: String,
    },
    /// Nobody answered, or with a status that may pass.
    Missed {
        why: String,
        not_before: Option<Timestamp>,
    },
}

/// Calls, and says what came of it: outputs, a wait for the callback, another try, or a failure.
pub(super) async fn call(scene: &Scene<'_>, step: &HttpStep, outside: &Outside) -> Result<Input, StepError> {
    let url = Url::parse(&step.url).map_err(|error| failed(format!("`url` is no address: {error}.")))?;
    let secret = outside.signing.secret().await?;
    let callback = step.wait.then(|| callback_url(scene, &outside.callback_url, &secret));
    let message = Message::new(scene, step, callback)?;
    let headers = headers(scene, step)?;
    let time = Duration::from_secs(CALL_SECONDS);
    let called = tokio::time::timeout(time, async {
        let addresses = match outside.allowed.reach(&url).await {
            Ok(addresses) => addresses,
            Err(Unreachable::Refused(why)) => return Err(failed(why)),
            Err(Unreachable::Unknown(why)) => return Ok(Called::Missed { why, not_before: None }),
        };
        let now = Timestamp::now().as_second();
        let key = secret.repository_key(&scene.run.connection, scene.run.repository.id);
        let signed = message.signed(headers, &key, now).map_err(|error| StepError::Broken(error.into()))?;
        send(&url, &addresses, signed, message.body).await
    });
    let too_slow = || Called::Missed { why: format!("it did not answer within {CALL_SECONDS} seconds"), not_before: None };
    let called = called.await.unwrap_or_else(|_| Ok(too_slow()))?;
    settle(scene, step, &url, called)
}

fn settle(scene: &Scene<'_>, step: &HttpStep, url: &Url, called: Called) -> Result<Input, StepError> {
    let host = url.host_str().unwrap_or_default();
    match called {
        Called::Answered { status, text } if status.is_success() && step.wait => {
            tracing::info!(run = %scene.run.id, step = scene.index, status = status.as_u16(), bytes = text.len(), "call taken, waiting for the callback");
            Ok(Input::StepWaiting { step: scene.index })
        }
        Called::Answered { status, text } if status.is_success() => {
            Ok(Input::StepDone { step: scene.index, outputs: outputs(status, &text) })
        }
        Called::Answered { status, .. } if status.is_redirection() => {
            let status = status.as_u16();
            Err(failed(format!("{host} answered with {status}, and redirects are not followed. Name the final address in `url`.")))
        }
        Called::Answered { status, .. } => {
            let status = status.as_u16();
            Err(failed(format!(
                "{host} answered with {status}. Its own log should say why; a call that it takes is answered with 200 to 299."
            )))
        }
        Called::Missed { why, not_before } if scene.tries <= step.retries => {
            let (run, retries) = (&scene.run.id, step.retries);
            tracing::info!(%run, step = scene.index, tries = scene.tries, retries, why, "a call will be made again");
            let own = backoff(Timestamp::now(), scene.tries + 1);
            Err(StepError::Later(not_before.map_or(own, |at| at.max(own))))
        }
        Called::Missed { why, .. } => {
            let tries = if scene.tries == 1 { "one try".to_owned() } else { format!("{} tries", scene.tries) };
            Err(failed(format!("{host} was called in vain, after {tries}: {why}.")))
        }
    }
}

fn outputs(status: StatusCode, text: &str) -> Outputs {
    let mut outputs = answer::outputs_of(text);
    outputs.insert("status".to_owned(), status.as_u16().to_string());
    outputs
}

fn failed(detail: impl AsRef<str>) -> StepError {
    StepError::Failed(Failure::new(FailureCode::CallFailed, detail.as_ref()))
}

fn callback_url(scene: &Scene<'_>, base: &str, secret: &patchbay_domain::signing::SigningSecret) -> String {
    let (workspace, run, step) = (&scene.run.workspace, &scene.run.id, scene.index);
    format!("{base}/callbacks/{workspace}/{run}/{step}/{}", secret.callback_token(workspace, run, step))
}

/// The file's own headers; those of a call itself were refused when the file was read.
fn headers(scene: &Scene<'_>, step: &HttpStep) -> Result<HeaderMap, StepError> {
    let mut headers = HeaderMap::new();
    for (name, template) in &step.headers {
        let what = format!("headers.{name}");
        let value = scene.outgoing(scene.value(&what, template)?);
        let bad = || {
            StepError::Failed(Failure::new(
                FailureCode::Template,
                &format!("`{what}` came to what no header can hold: it is one line of printable characters."),
            ))
        };
        let header = HeaderName::from_bytes(name.as_bytes()).map_err(|_| bad())?;
        headers.insert(header, HeaderValue::from_str(&value).map_err(|_| bad())?);
    }
    Ok(headers)
}

async fn send(url: &Url, addresses: &[SocketAddr], headers: HeaderMap, body: String) -> Result<Called, StepError> {
    let host = url.host_str().unwrap_or_default();
    // One client for one call: it knows no other address than those that were looked at (R40).
    let client = reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .resolve_to_addrs(host, addresses)
        .user_agent(concat!("patchbay/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|error| StepError::Broken(error.into()))?;
    let answered = client.post(url.clone()).headers(headers).body(body).send().await;
    let mut response = match answered {
        Ok(response) => response,
        Err(error) => return Ok(Called::Missed { why: explain(error), not_before: None }),
    };
    let status = response.status();
    if status == StatusCode::REQUEST_TIMEOUT || status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error() {
        return Ok(Called::Missed { why: format!("it answered with {}", status.as_u16()), not_before: retry_after(&response) });
    }
    Ok(match read(&mut response).await {
        Ok(text) => Called::Answered { status, text },
        Err(error) => Called::Missed { why: explain(error), not_before: None },
    })
}

fn retry_after(response: &Response) -> Option<Timestamp> {
    let seconds: i64 = response.headers().get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Timestamp::now() + SignedDuration::from_secs(seconds.clamp(0, MAX_RETRY_AFTER_SECONDS)))
}

/// The answer's text up to the limit; what is beyond is not read.
async fn read(response: &mut Response) -> reqwest::Result<String> {
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() >= MAX_ANSWER_BYTES {
            bytes.truncate(MAX_ANSWER_BYTES);
            break;
        }
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The innermost cause of a failed call, which is what a person can do something about.
fn explain(error: reqwest::Error) -> String {
    let what = if error.is_connect() { "it could not be reached" } else { "the call broke off" };
    let error = error.without_url();
    let mut cause: &dyn std::error::Error = &error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    let cause: String = cause.to_string().chars().filter(|c| !c.is_control()).take(MAX_OUTPUT_CHARS.min(200)).collect();
    if error.source().is_none() { what.to_owned() } else { format!("{what} ({cause})") }
}
