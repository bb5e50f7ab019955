//! API Gateway's HTTP API: routes of the template to functions, 29 seconds, 10 MB of body, 6 MB of event.

use super::event::{Matched, http_event};
use super::reply::{buffered_reply, platform_reply};
use crate::stack::lambda::{Outcome, Pool};
use crate::template::model::Route;
use axum::body::Body;
use axum::extract::{ConnectInfo, State};
use axum::http::{Request, StatusCode};
use axum::response::Response;
use bytes::Bytes;
use futures_util::StreamExt as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// What API Gateway takes as a request's body.
const BODY_LIMIT: usize = 10 * 1024 * 1024;
/// What Lambda takes as a synchronous event, JSON escapes and all.
pub(super) const EVENT_LIMIT: usize = 6 * 1024 * 1024;
/// How long API Gateway waits for a function.
const WAIT_LIMIT: Duration = Duration::from_secs(29);

/// The API's routes.
#[derive(Clone, Default)]
pub struct Api {
    routes: Arc<Vec<(Route, Arc<Pool>)>>,
    wait_limit: Option<Duration>,
}

impl Api {
    /// An API with these routes.
    pub fn new(routes: Vec<(Route, Arc<Pool>)>) -> Self {
        Self { routes: Arc::new(routes), wait_limit: None }
    }

    #[cfg(test)]
    pub(crate) fn with_wait_limit(self, limit: Duration) -> Self {
        Self { wait_limit: Some(limit), ..self }
    }

    /// The best route for a request: an exact path before one with variables before a greedy one before `$default`.
    fn find(&self, method: &str, path: &str) -> Option<(Matched, &Arc<Pool>)> {
        let fitting = self.routes.iter().filter(|(route, _)| route.method == method || route.method == "ANY");
        let matched = fitting.filter_map(|(route, pool)| Some((match_path(&route.path, path)?, route, pool)));
        let ((_, path_parameters), route, pool) = matched.max_by_key(|((rank, _), route, _)| (*rank, route.method != "ANY"))?;
        let route_key = if route.path == "$default" { "$default".to_owned() } else { format!("{} {}", route.method, route.path) };
        Some((Matched { route_key, path_parameters }, pool))
    }
}

/// The rank of a match and its path variables.
fn match_path(pattern: &str, path: &str) -> Option<(u8, Vec<(String, String)>)> {
    if pattern == "$default" {
        return Some((0, Vec::new()));
    }
    let mut variables = Vec::new();
    let mut rank = 3;
    let mut rest = path.trim_start_matches('/').split('/');
    for part in pattern.trim_start_matches('/').split('/') {
        match part.strip_prefix('{').and_then(|part| part.strip_suffix('}')) {
            Some(name) => match name.strip_suffix('+') {
                Some(name) => {
                    let tail: Vec<_> = rest.by_ref().collect();
                    if tail.is_empty() {
                        return None;
                    }
                    variables.push((name.to_owned(), tail.join("/")));
                    rank = 1;
                }
                None => {
                    variables.push((name.to_owned(), rest.next().filter(|value| !value.is_empty())?.to_owned()));
                    rank = rank.min(2);
                }
            },
            None if rest.next() == Some(part) => {}
            None => return None,
        }
    }
    rest.next().is_none().then_some((rank, variables))
}

/// Answers one request of the API.
pub async fn handle_request(State(api): State<Api>, ConnectInfo(peer): ConnectInfo<SocketAddr>, request: Request<Body>) -> Response {
    let (parts, body) = request.into_parts();
    let Some((matched, pool)) = api.find(parts.method.as_str(), parts.uri.path()) else {
        return platform_reply(StatusCode::NOT_FOUND, "Not Found");
    };
    let Ok(body) = axum::body::to_bytes(body, BODY_LIMIT).await else {
        return platform_reply(StatusCode::PAYLOAD_TOO_LARGE, "Request Entity Too Large");
    };
    let event = http_event(&parts, &body, &matched, peer).to_string();
    if event.len() > EVENT_LIMIT {
        return platform_reply(StatusCode::PAYLOAD_TOO_LARGE, "Request Entity Too Large");
    }
    let invoked = tokio::time::timeout(api.wait_limit.unwrap_or(WAIT_LIMIT), async {
        match pool.invoke(event.into()).await {
            Outcome::Stream(chunks) => collect(chunks).await,
            Outcome::Payload(payload) => buffered_reply(&payload),
            Outcome::Failed(_) => None,
        }
    });
    match invoked.await {
        Ok(Some(response)) => response,
        Ok(None) => platform_reply(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error"),
        Err(_) => platform_reply(StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable"),
    }
}

/// An HTTP API cannot stream: it waits for the whole response.
async fn collect(chunks: tokio::sync::mpsc::Receiver<Result<Bytes, std::io::Error>>) -> Option<Response> {
    let response = super::function_url::streamed_reply(chunks).await?;
    let (head, body) = response.into_parts();
    let mut whole = Vec::new();
    let mut stream = body.into_data_stream();
    while let Some(chunk) = stream.next().await {
        whole.extend_from_slice(&chunk.ok()?);
    }
    Some(Response::from_parts(head, Body::from(whole)))
}

#[cfg(test)]
mod tests {
    use super::match_path;

    #[test]
    fn paths_match_exactly_by_variable_or_greedily() {
        let check = |pattern: &str, path: &str| match_path(pattern, path);
        let variable = |name: &str, value: &str| vec![(name.to_owned(), value.to_owned())];
        assert_eq!(check("/webhooks/github", "/webhooks/github"), Some((3, vec![])));
        assert_eq!(check("/webhooks/github", "/webhooks/github/"), None);
        assert_eq!(check("/webhooks/{forge}", "/webhooks/gitea"), Some((2, variable("forge", "gitea"))));
        assert_eq!(check("/webhooks/{forge}", "/webhooks/"), None);
        assert_eq!(check("/a/{rest+}", "/a/b/c"), Some((1, variable("rest", "b/c"))));
        assert_eq!(check("/a/{rest+}", "/a"), None);
        assert_eq!(check("$default", "/anything"), Some((0, vec![])));
    }
}
