//! The loopback listeners: the HTTP API with the control routes, and one per function URL. They are bound before anything
//! is evaluated, because the template's values hold their addresses.

use super::http::api::{self, Api};
use super::http::function_url::{self, FunctionFace};
use anyhow::Context as _;
use axum::Router;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// Bound, not yet answering.
pub(super) struct Listeners {
    front: TcpListener,
    functions: BTreeMap<String, TcpListener>,
}

impl Listeners {
    /// Binds the front port and one port for each function with a URL (by logical id).
    ///
    /// # Errors
    /// If the front port is taken.
    pub(super) async fn bind(port: Option<u16>, functions_with_url: impl Iterator<Item = String>) -> anyhow::Result<Self> {
        let port = port.unwrap_or(0);
        let front = TcpListener::bind(("127.0.0.1", port))
            .await
            .with_context(|| format!("port {port} is taken; stop what listens there or name another with --port"))?;
        let mut functions = BTreeMap::new();
        for id in functions_with_url {
            functions.insert(id, TcpListener::bind(("127.0.0.1", 0)).await?);
        }
        Ok(Self { front, functions })
    }

    /// The front's address without a slash at its end.
    pub(super) fn front_url(&self) -> anyhow::Result<String> {
        Ok(format!("http://{}", self.front.local_addr()?))
    }

    /// Function URLs by logical id, with a slash at the end as AWS writes them.
    pub(super) fn function_urls(&self) -> anyhow::Result<BTreeMap<String, String>> {
        self.functions.iter().map(|(id, listener)| Ok((id.clone(), format!("http://{}/", listener.local_addr()?)))).collect()
    }

    /// Starts to answer.
    pub(super) fn serve(self, api: Api, control: Router, mut faces: BTreeMap<String, FunctionFace>) -> Vec<JoinHandle<()>> {
        let front = Router::new().fallback(api::handle_request).with_state(api).merge(control);
        let mut servers = vec![spawn(self.front, front)];
        for (id, listener) in self.functions {
            if let Some(face) = faces.remove(&id) {
                servers.push(spawn(listener, Router::new().fallback(function_url::handle_request).with_state(face)));
            }
        }
        servers
    }
}

fn spawn(listener: TcpListener, router: Router) -> JoinHandle<()> {
    tokio::spawn(async move {
        // It ends only with the stack: accepting is retried by the server itself.
        _ = axum::serve(listener, router.into_make_service_with_connect_info::<SocketAddr>()).await;
    })
}
