//! What containers write: one file per container, and every line to whoever listens.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::fs::{File, OpenOptions};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWriteExt, BufReader};

/// Longer lines are cut into several.
const MAX_LINE_BYTES: u64 = 64 * 1024;

/// One line of a container's output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// The task's id, the last part of its ARN.
    pub task: String,
    pub container: String,
    /// The line without its end, at most 64 KiB.
    pub line: String,
}

/// Told of every line, in each container's order.
pub type LogSink = Arc<dyn Fn(&LogLine) + Send + Sync>;

/// Where one container's lines go.
#[derive(Clone)]
pub(super) struct ContainerLog {
    pub(super) path: PathBuf,
    pub(super) task: String,
    pub(super) container: String,
    pub(super) sink: Option<LogSink>,
}

impl ContainerLog {
    pub(super) fn new(folder: &Path, task: &str, container: &str, sink: Option<LogSink>) -> Self {
        let path = folder.join(task).join(format!("{container}.log"));
        Self { path, task: task.to_owned(), container: container.to_owned(), sink }
    }

    /// Copies a stream until it ends. A full disk loses lines of the file, never of the sink.
    pub(super) async fn copy(self, stream: impl AsyncRead + Unpin) {
        let mut file = self.open().await.inspect_err(|error| tracing::warn!(%error, "no log file for a container")).ok();
        let mut reader = BufReader::new(stream);
        let mut line = Vec::new();
        loop {
            line.clear();
            match (&mut reader).take(MAX_LINE_BYTES).read_until(b'\n', &mut line).await {
                Ok(0) | Err(_) => return,
                Ok(_) => {}
            }
            if line.last() == Some(&b'\n') {
                line.pop();
            }
            let text = String::from_utf8_lossy(&line).into_owned();
            line.push(b'\n');
            if let Some(file) = &mut file {
                let _ = file.write_all(&line).await;
                let _ = file.flush().await;
            }
            if let Some(sink) = &self.sink {
                sink(&LogLine { task: self.task.clone(), container: self.container.clone(), line: text });
            }
        }
    }

    async fn open(&self) -> std::io::Result<File> {
        if let Some(folder) = self.path.parent() {
            tokio::fs::create_dir_all(folder).await?;
        }
        OpenOptions::new().create(true).append(true).open(&self.path).await
    }
}
