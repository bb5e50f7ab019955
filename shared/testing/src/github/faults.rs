//! The places where a request to the local GitHub can be made to fail, before or after it took effect, and where a
//! webhook can go astray.
//!
//! Every request to the REST API and to git passes here, and every webhook asks. What to inject is the hook's business.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{ConnectInfo, MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::StatusCode;

use super::server::API_PREFIX;

/// A request as it arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForgeCall {
    /// `GET`, `POST`, …
    pub method: String,
    /// The route without the API's prefix, such as `/repos/{owner}/{repo}/pulls`; the path where no route matches.
    pub route: String,
    /// The path as asked for, prefix included, without the query.
    pub path: String,
    /// The caller's end of the connection: through `/proc/net/tcp` it leads to the process.
    pub peer: Option<SocketAddr>,
}

/// When the hook is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// Nothing happened yet.
    Before,
    /// The request took effect, its answer is ready.
    After,
}

/// What happens to a request in place of its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// This status, these headers and this body. At [`Moment::Before`] the request has no effect.
    Answer { status: u16, headers: Vec<(&'static str, String)>, body: String },
    /// The connection closes without an answer.
    Drop,
    /// It goes on, this much later.
    Delay(Duration),
}

/// Asked at every request and moment; `None` lets it go on. It must not block for long.
pub type FaultHook = Arc<dyn Fn(&ForgeCall, Moment) -> Option<Fault> + Send + Sync>;

/// A webhook that is about to be posted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Post {
    /// The event's name.
    pub event: String,
    /// Its action, if it has one.
    pub action: Option<String>,
    /// Whether it was asked for.
    pub redelivery: bool,
}

/// What becomes of a webhook besides arriving once and in turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PostFault {
    /// It arrives twice.
    Twice,
    /// What comes next overtakes it.
    Late,
    /// It arrives, and its answer is lost: the log says that it timed out.
    Unanswered,
    /// It does not arrive; the log has this status for it.
    Refused(u16),
}

/// Asked before every webhook; `None` posts it once, in turn.
pub type PostHook = Arc<dyn Fn(&Post) -> Option<PostFault> + Send + Sync>;

/// The middleware around every route of the API and of git.
pub(super) async fn ask(State(hook): State<Option<FaultHook>>, request: Request, next: Next) -> Response {
    let Some(hook) = hook else { return next.run(request).await };
    let path = request.uri().path().to_owned();
    let matched = request.extensions().get::<MatchedPath>().map_or(path.as_str(), MatchedPath::as_str);
    let call = ForgeCall {
        method: request.method().to_string(),
        route: matched.strip_prefix(API_PREFIX).unwrap_or(matched).to_owned(),
        peer: request.extensions().get::<ConnectInfo<SocketAddr>>().map(|info| info.0),
        path,
    };
    if let Some(response) = suffer(hook(&call, Moment::Before)).await {
        return response;
    }
    let response = next.run(request).await;
    suffer(hook(&call, Moment::After)).await.unwrap_or(response)
}

async fn suffer(fault: Option<Fault>) -> Option<Response> {
    match fault? {
        Fault::Delay(time) => {
            tokio::time::sleep(time).await;
            None
        }
        // The connection's task ends by unwinding, without a panic's message: the socket closes, nothing is sent.
        Fault::Drop => std::panic::resume_unwind(Box::new("the connection is dropped")),
        Fault::Answer { status, headers, body } => {
            let mut response = Response::new(body.into());
            *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            for (name, value) in headers {
                if let Ok(value) = value.parse() {
                    response.headers_mut().insert(name, value);
                }
            }
            Some(response)
        }
    }
}
