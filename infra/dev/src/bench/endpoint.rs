//! An AWS that answers at once: SQS takes everything, Secrets Manager has one secret. So cheap that what is measured is
//! the caller. It counts what it is asked, in the clear or behind TLS.

use super::certificates::Certificates;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use serde_json::json;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// The webhook secret that everybody is told.
pub(super) const SECRET: &str = "the secret of a benchmark, as long as one";

/// A listening endpoint; it ends when dropped.
pub(super) struct Endpoint {
    port: u16,
    seen: Arc<Seen>,
    server: JoinHandle<()>,
}

#[derive(Default)]
struct Seen {
    counts: Mutex<BTreeMap<String, u64>>,
    /// The last request to SQS.
    sent: Mutex<Bytes>,
}

impl Endpoint {
    /// In the clear.
    pub(super) async fn plain() -> anyhow::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let (port, seen) = (listener.local_addr()?.port(), Arc::<Seen>::default());
        let server = tokio::spawn(serve(axum::serve(listener, router(Arc::clone(&seen))).into_future()));
        Ok(Self { port, seen, server })
    }

    /// Behind TLS, as `localhost` and as 127.0.0.1.
    pub(super) async fn with_tls(certificates: &Certificates) -> anyhow::Result<Self> {
        let tcp = TcpListener::bind(("127.0.0.1", 0)).await?;
        let (port, seen) = (tcp.local_addr()?.port(), Arc::<Seen>::default());
        let listener = TlsListener { tcp, acceptor: TlsAcceptor::from(certificates.server()?) };
        let server = tokio::spawn(serve(axum::serve(listener, router(Arc::clone(&seen))).into_future()));
        Ok(Self { port, seen, server })
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// How often each operation was called.
    pub(super) fn counts(&self) -> BTreeMap<String, u64> {
        self.seen.counts.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The body of the last message that was sent.
    pub(super) fn last_message(&self) -> Option<String> {
        let sent = self.seen.sent.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let sent: serde_json::Value = serde_json::from_slice(&sent).ok()?;
        sent["MessageBody"].as_str().map(str::to_owned)
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn serve(serving: impl Future<Output = std::io::Result<()>>) {
    if let Err(error) = serving.await {
        tracing::error!(%error, "an endpoint ended");
    }
}

fn router(seen: Arc<Seen>) -> Router {
    Router::new().fallback(answer).with_state(seen)
}

/// The body is read whole, as AWS would before it answers.
async fn answer(State(seen): State<Arc<Seen>>, headers: HeaderMap, body: Bytes) -> Response {
    let target = headers.get("x-amz-target").and_then(|target| target.to_str().ok());
    let operation = target.and_then(|target| target.rsplit('.').next()).unwrap_or("unknown");
    *seen.counts.lock().unwrap_or_else(PoisonError::into_inner).entry(operation.to_owned()).or_default() += 1;
    if operation == "SendMessage" {
        *seen.sent.lock().unwrap_or_else(PoisonError::into_inner) = body;
    }
    let answer = match operation {
        "GetSecretValue" => json!({
            "ARN": "arn:aws:secretsmanager:us-east-1:000000000000:secret:webhook", "Name": "webhook", "VersionId": "1",
            "SecretString": json!({ "github": [SECRET] }).to_string(),
        }),
        _ => json!({ "MessageId": "00000000-0000-0000-0000-000000000000", "MD5OfMessageBody": "00000000000000000000000000000000" }),
    };
    ([("content-type", "application/x-amz-json-1.0")], answer.to_string()).into_response()
}

/// Connections whose handshake is done. One that fails is nobody's.
struct TlsListener {
    tcp: TcpListener,
    acceptor: TlsAcceptor,
}

impl axum::serve::Listener for TlsListener {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            let (stream, peer) = axum::serve::Listener::accept(&mut self.tcp).await;
            match self.acceptor.accept(stream).await {
                Ok(stream) => return (stream, peer),
                Err(error) => tracing::error!(%error, "a TLS handshake failed"),
            }
        }
    }

    fn local_addr(&self) -> std::io::Result<Self::Addr> {
        self.tcp.local_addr()
    }
}
