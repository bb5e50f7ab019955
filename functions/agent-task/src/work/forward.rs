//! The loopback door: a TCP port of 127.0.0.1 whose every connection goes to the supervisor's Unix socket. In a
//! network namespace it is all that the agent can connect to.

use std::io;
use std::path::PathBuf;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, UnixStream};

/// Opens the port and serves it for as long as the runtime lives. Returns its number.
///
/// # Errors
/// When the loopback address cannot be bound.
pub(crate) async fn open_door(socket: PathBuf) -> io::Result<u16> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let port = listener.local_addr()?.port();
    tokio::spawn(async move {
        while let Ok((mut tcp, _)) = listener.accept().await {
            let socket = socket.clone();
            tokio::spawn(async move {
                let mut unix = UnixStream::connect(socket).await?;
                copy_bidirectional(&mut tcp, &mut unix).await
            });
        }
    });
    Ok(port)
}
