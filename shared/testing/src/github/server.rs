//! The HTTP server: the REST API under `/api/v3`, git and readable pages at the root. Loopback only.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use super::faults::{self, FaultHook};
use super::store::Store;
use super::{api, git_http, pages};

/// The path that the REST API lies under, as on GitHub Enterprise Server.
pub(crate) const API_PREFIX: &str = "/api/v3";

/// Serves until told to stop; open connections are dropped then.
pub(crate) async fn serve(listener: TcpListener, store: Arc<Store>, faults: Option<FaultHook>, stop: oneshot::Receiver<()>) {
    let app = router(store, faults).into_make_service_with_connect_info::<SocketAddr>();
    tokio::select! {
        ended = async { axum::serve(listener, app).await } => {
            if let Err(error) = ended {
                tracing::error!(%error, "the local GitHub's server ended");
            }
        }
        _ = stop => {}
    }
}

fn router(store: Arc<Store>, faults: Option<FaultHook>) -> Router {
    let git = Router::new()
        .route("/{owner}/{repo}/info/refs", get(git_http::serve))
        .route("/{owner}/{repo}/git-upload-pack", post(git_http::serve))
        .route("/{owner}/{repo}/git-receive-pack", post(git_http::serve))
        .layer(axum::extract::DefaultBodyLimit::disable());
    let machine = Router::new().nest(API_PREFIX, api::router()).merge(git).layer(from_fn_with_state(faults, faults::ask));
    machine.merge(pages::router()).with_state(store)
}
