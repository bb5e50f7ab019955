//! The HTTP server: the REST API under `/api/v3`, git and readable pages at the root. Loopback only.

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use super::store::Store;
use super::{api, git_http, pages};

/// The path that the REST API lies under, as on GitHub Enterprise Server.
pub(crate) const API_PREFIX: &str = "/api/v3";

/// Serves until told to stop; open connections are dropped then.
pub(crate) async fn serve(listener: TcpListener, store: Arc<Store>, stop: oneshot::Receiver<()>) {
    let app = router(store);
    tokio::select! {
        ended = async { axum::serve(listener, app).await } => {
            if let Err(error) = ended {
                tracing::error!(%error, "the local GitHub's server ended");
            }
        }
        _ = stop => {}
    }
}

fn router(store: Arc<Store>) -> Router {
    let git = Router::new()
        .route("/{owner}/{repo}/info/refs", get(git_http::serve))
        .route("/{owner}/{repo}/git-upload-pack", post(git_http::serve))
        .route("/{owner}/{repo}/git-receive-pack", post(git_http::serve))
        .layer(axum::extract::DefaultBodyLimit::disable());
    Router::new().nest(API_PREFIX, api::router()).merge(git).merge(pages::router()).with_state(store)
}
