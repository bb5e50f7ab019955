//! Pages that a person can read: repositories, a repository's threads, an issue, a pull request with its diff, a commit.
//!
//! Shown to everyone on this machine, private repositories too: it is a stand-in on a loopback address.

mod html;
mod markdown;
mod views;

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use http::{StatusCode, header};

use super::error::ApiError;
use super::store::Store;
use super::world::World;

type Page = Result<String, ApiError>;

/// The router of the pages.
pub(crate) fn router() -> Router<Arc<Store>> {
    Router::new()
        .route("/", get(index))
        .route("/{owner}/{repo}", get(repository))
        .route("/{owner}/{repo}/issues", get(repository))
        .route("/{owner}/{repo}/pulls", get(repository))
        .route("/{owner}/{repo}/issues/{number}", get(thread))
        .route("/{owner}/{repo}/pull/{number}", get(thread))
        .route("/{owner}/{repo}/commit/{sha}", get(commit))
        .route("/{owner}/{repo}/blob/{*path}", get(file))
        .route("/{owner}/{repo}/raw/{*path}", get(raw))
}

async fn render(store: Arc<Store>, draw: impl FnOnce(&World) -> Page + Send + 'static) -> Response {
    let drawn = tokio::task::spawn_blocking(move || store.look(draw)).await;
    match drawn {
        Ok(Ok(page)) => ([(header::CONTENT_SECURITY_POLICY, html::CONTENT_SECURITY_POLICY)], Html(page)).into_response(),
        Ok(Err(error)) => {
            let status = StatusCode::from_u16(error.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            (status, Html(html::page("Not found", &format!("<h1>{}</h1>", html::escape(&error.message))))).into_response()
        }
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

async fn index(State(store): State<Arc<Store>>) -> Response {
    render(store, |world| Ok(views::index(world))).await
}

async fn repository(State(store): State<Arc<Store>>, Path((owner, name)): Path<(String, String)>) -> Response {
    render(store, move |world| views::repository(world, world.state.repository(&owner, &name).ok_or_else(ApiError::not_found)?)).await
}

async fn thread(State(store): State<Arc<Store>>, Path((owner, name, number)): Path<(String, String, String)>) -> Response {
    if let Some(number) = number.strip_suffix(".diff") {
        let number = number.to_owned();
        return plain(store, move |world| {
            views::diff(world, world.state.repository(&owner, &name).ok_or_else(ApiError::not_found)?, parse(&number)?)
        })
        .await;
    }
    render(store, move |world| {
        let repository = world.state.repository(&owner, &name).ok_or_else(ApiError::not_found)?;
        views::thread(world, repository, parse(&number)?)
    })
    .await
}

async fn commit(State(store): State<Arc<Store>>, Path((owner, name, sha)): Path<(String, String, String)>) -> Response {
    render(store, move |world| views::commit(world, world.state.repository(&owner, &name).ok_or_else(ApiError::not_found)?, &sha)).await
}

async fn file(State(store): State<Arc<Store>>, Path((owner, name, path)): Path<(String, String, String)>) -> Response {
    render(store, move |world| {
        let repository = world.state.repository(&owner, &name).ok_or_else(ApiError::not_found)?;
        let text = views::file(world, repository, &path)?;
        Ok(html::page(&path, &format!("<h1>{}</h1><pre>{}</pre>", html::escape(&path), html::escape(&text))))
    })
    .await
}

async fn raw(State(store): State<Arc<Store>>, Path((owner, name, path)): Path<(String, String, String)>) -> Response {
    plain(store, move |world| views::file(world, world.state.repository(&owner, &name).ok_or_else(ApiError::not_found)?, &path)).await
}

async fn plain(store: Arc<Store>, draw: impl FnOnce(&World) -> Page + Send + 'static) -> Response {
    let drawn = tokio::task::spawn_blocking(move || store.look(draw)).await;
    match drawn {
        Ok(Ok(text)) => ([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response(),
        Ok(Err(error)) => StatusCode::from_u16(error.status).unwrap_or(StatusCode::NOT_FOUND).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

fn parse(number: &str) -> Result<u64, ApiError> {
    number.parse().map_err(|_| ApiError::not_found())
}
