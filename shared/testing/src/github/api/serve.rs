//! The way of every request: count, identify, limit, permit, handle, answer with GitHub's headers.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::to_bytes;
use axum::extract::{RawPathParams, Request, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde_json::Value;

use super::super::access::{Access, Actor, Level, Need, check_organization, check_repository};
use super::super::auth;
use super::super::error::ApiError;
use super::super::state::{Issue, Repository};
use super::super::store::Store;
use super::super::world::World;
use super::Route;
use super::call::{Answer, Body, Call, Reply};

/// GitHub refuses bodies above this size.
const LARGEST_BODY: usize = 100 * 1024 * 1024;

/// A request, taken apart.
struct Incoming {
    params: BTreeMap<String, String>,
    query: BTreeMap<String, String>,
    raw_query: String,
    headers: HeaderMap,
    path: String,
    body: bytes::Bytes,
}

/// Serves one request of a known route.
pub(super) async fn serve(store: Arc<Store>, route: &'static Route, params: &RawPathParams, request: Request) -> Response {
    store.count_call(format!("{} {}", route.method, route.template));
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, LARGEST_BODY).await else {
        return error_response(&ApiError::new(413, "Payload too big: 104857600 bytes are allowed."));
    };
    let mut incoming = Incoming {
        params: params.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
        query: parse_query(parts.uri.query().unwrap_or_default()),
        raw_query: parts.uri.query().unwrap_or_default().to_owned(),
        headers: parts.headers,
        path: format!("{}{}", super::super::server::API_PREFIX, parts.uri.path()),
        body,
    };
    name_repository(&store, &mut incoming.params);
    // Handlers run git and write files: not on the runtime's own threads.
    let work = tokio::task::spawn_blocking(move || {
        let is_read = route.method == http::Method::GET;
        if is_read {
            store.look_as_writer(|world| answer(world, route, &incoming))
        } else {
            store.change(|world| answer(world, route, &incoming))
        }
    });
    work.await.unwrap_or_else(|_| error_response(&ApiError::new(500, "Server Error")))
}

/// What is asked for by its number is served by its name: redirects lead to `/repositories/{id}/…`.
fn name_repository(store: &Store, params: &mut BTreeMap<String, String>) {
    let Some(id) = params.get("repository_id").and_then(|id| id.parse::<u64>().ok()) else { return };
    store.look(|world| {
        if let Ok(repository) = world.repository(id) {
            params.insert("owner".to_owned(), repository.owner.clone());
            params.insert("repo".to_owned(), repository.name.clone());
        }
    });
}

/// Answers a path or method that GitHub does not know (or that is not played here).
pub(super) async fn unknown(State(store): State<Arc<Store>>, request: Request) -> Response {
    store.count_call(format!("{} {} (unknown)", request.method(), request.uri().path()));
    error_response(&ApiError::not_found())
}

fn answer(world: &mut World, route: &Route, incoming: &Incoming) -> Response {
    if !incoming.headers.contains_key(header::USER_AGENT) {
        let text = "Request forbidden by administrative rules. Please make sure your request has a User-Agent header.";
        return (StatusCode::FORBIDDEN, text).into_response();
    }
    let authorization = text_header(&incoming.headers, header::AUTHORIZATION);
    let actor = match auth::identify(world, authorization.as_deref()) {
        Ok(actor) => actor,
        Err(error) => return error_response(&error),
    };
    let key = auth::rate_key(&actor);
    let limit = if matches!(actor, Actor::Anonymous) { 60 } else { world.hourly_limit };
    let (used, reset) = world.rate.count(&key, route.template != "/rate_limit");
    let remaining = limit.saturating_sub(used);
    let result = if used > limit {
        Err(ApiError::forbidden(&format!("API rate limit exceeded for {key}.")))
    } else {
        permit(world, &actor, route, incoming)
            .and_then(|()| handle(world, &actor, route, incoming, (limit, remaining), authorization.as_deref()))
    };
    let mut response = match result {
        Ok(reply) => reply_response(reply),
        Err(error) => error_response(&error),
    };
    let numbers = [
        ("x-ratelimit-limit", limit.to_string()),
        ("x-ratelimit-remaining", remaining.to_string()),
        ("x-ratelimit-used", used.min(limit).to_string()),
        ("x-ratelimit-reset", reset.to_string()),
        ("x-ratelimit-resource", "core".to_owned()),
    ];
    insert_headers(&mut response, &numbers);
    response
}

fn permit(world: &World, actor: &Actor, route: &Route, incoming: &Incoming) -> Result<(), ApiError> {
    match (route.need, actor) {
        (Need::Nothing, _) | (Need::App, Actor::App) | (Need::User, Actor::User { .. }) => Ok(()),
        (Need::App, _) => Err(ApiError::unauthorized("A JSON web token could not be decoded")),
        (Need::Organization { permission, access }, _) => {
            let login = incoming.params.get("org").map_or("", String::as_str);
            check_organization(&world.state, actor, login, permission, access)
        }
        (_, Actor::Anonymous) if !matches!(route.need, Need::Repository { .. }) => Err(ApiError::requires_authentication()),
        (Need::User, Actor::Installation { .. }) => Err(ApiError::forbidden("Resource not accessible by integration")),
        (Need::User, _) => Err(ApiError::bad_credentials()),
        (Need::Token, Actor::App) => Err(ApiError::bad_credentials()),
        (Need::Token, _) => Ok(()),
        (Need::Repository { any_of, access, level }, _) => {
            let param = |name: &str| incoming.params.get(name).map_or("", String::as_str);
            let Some(repository) = world.state.repository(param("owner"), param("repo")) else {
                let moved = world.moved(param("owner"), param("repo")).ok_or_else(ApiError::not_found)?;
                check_repository(&world.state, actor, moved, &["metadata"], Access::Read, Level::Read)?;
                return Err(moved_to(world, moved, route, incoming));
            };
            // Pull request permission opens the routes of issues for pull requests only.
            let for_both = any_of.contains(&"issues") && any_of.contains(&"pull_requests");
            let any_of = if for_both && is_issue(repository, &incoming.params) { &["issues"] } else { any_of };
            check_repository(&world.state, actor, repository, any_of, access, level)?;
            let writes = route.method != http::Method::GET;
            if repository.archived && writes { Err(ApiError::forbidden("Repository was archived so is read-only.")) } else { Ok(()) }
        }
    }
}

/// GitHub's redirect from a name that a repository had: 301 for reading, 307 for everything else.
fn moved_to(world: &World, repository: &Repository, route: &Route, incoming: &Incoming) -> ApiError {
    let is_read = route.method == http::Method::GET;
    let (status, message) = if is_read { (301, "Moved Permanently") } else { (307, "Temporary Redirect") };
    let rest = incoming.path.splitn(7, '/').nth(6).map(|rest| format!("/{rest}")).unwrap_or_default();
    let query = if incoming.raw_query.is_empty() { String::new() } else { format!("?{}", incoming.raw_query) };
    let location = format!("{}/repositories/{}{rest}{query}", world.urls.api, repository.id);
    ApiError { headers: vec![("location", location)], ..ApiError::new(status, message) }
}

// Whether the path names an issue, or a comment of one.
fn is_issue(repository: &Repository, params: &BTreeMap<String, String>) -> bool {
    let param = |name: &str| params.get(name).and_then(|value| value.parse::<u64>().ok());
    let by_number = param("number").and_then(|number| repository.issues.get(&number));
    let has_comment = |issue: &&Issue, id: u64| issue.visible_comments().any(|comment| comment.id == id);
    let thread = by_number.or_else(|| param("id").and_then(|id| repository.issues.values().find(|issue| has_comment(issue, id))));
    thread.is_some_and(|issue| issue.pull.is_none())
}

fn handle(world: &mut World, actor: &Actor, route: &Route, incoming: &Incoming, rate: (u64, u64), authorization: Option<&str>) -> Answer {
    let body = if incoming.body.is_empty() {
        Value::Object(serde_json::Map::new())
    } else {
        serde_json::from_slice(&incoming.body).map_err(|_| ApiError::new(400, "Problems parsing JSON"))?
    };
    if !body.is_object() && !body.is_array() {
        return Err(ApiError::new(400, "Body should be a JSON object"));
    }
    let accept = text_header(&incoming.headers, header::ACCEPT).unwrap_or_default();
    let token = authorization.and_then(|value| value.split_once(' ')).map_or("", |(_, token)| token.trim());
    let (params, query, path) = (&incoming.params, &incoming.query, incoming.path.as_str());
    let (limit, remaining) = rate;
    let mut call = Call { world, actor, params, query, body: &body, path, accept: &accept, token, remaining, limit };
    (route.handler)(&mut call)
}

fn reply_response(reply: Reply) -> Response {
    let mut response = match reply.body {
        Body::None => reply.status.into_response(),
        Body::Json(value) => (reply.status, [(header::CONTENT_TYPE, "application/json; charset=utf-8")], value.to_string()).into_response(),
        Body::Raw(content_type, bytes) => (reply.status, [(header::CONTENT_TYPE, content_type)], bytes).into_response(),
    };
    insert_headers(&mut response, &reply.headers);
    insert_headers(&mut response, &standard_headers());
    response
}

fn error_response(error: &ApiError) -> Response {
    let status = StatusCode::from_u16(error.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = (status, [(header::CONTENT_TYPE, "application/json; charset=utf-8")], error.body().to_string()).into_response();
    insert_headers(&mut response, &error.headers);
    insert_headers(&mut response, &standard_headers());
    response
}

fn standard_headers() -> [(&'static str, String); 3] {
    [
        ("x-github-media-type", "github.v3; format=json".to_owned()),
        ("x-github-api-version-selected", "2022-11-28".to_owned()),
        ("x-github-request-id", uuid::Uuid::new_v4().simple().to_string().to_uppercase()),
    ]
}

fn insert_headers(response: &mut Response, headers: &[(&'static str, String)]) {
    for (name, value) in headers {
        if let Ok(value) = HeaderValue::from_str(value) {
            response.headers_mut().insert(*name, value);
        }
    }
}

fn text_header(headers: &HeaderMap, name: header::HeaderName) -> Option<String> {
    headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
}

fn parse_query(query: &str) -> BTreeMap<String, String> {
    let decode = |text: &str| percent_encoding::percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned();
    query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (decode(name), decode(value)))
        .collect()
}
