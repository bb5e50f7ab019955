//! The data folder of a stack: who holds it, and what `send` needs to know about the stack that runs on it.

use anyhow::{Context as _, bail};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};

/// A data folder that this process holds; the lock goes with the process.
#[derive(Debug)]
pub struct DataDir {
    path: PathBuf,
    _lock: File,
}

#[derive(Debug, Serialize, Deserialize)]
struct Holder {
    pid: u32,
    since: jiff::Timestamp,
}

/// What a running stack tells about itself, in `stack.json` of its data folder and as the output of `up --json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Info {
    pub webhook_url: String,
    pub forge_url: String,
    pub forge_api_url: String,
    pub webhook_secret_file: PathBuf,
    pub forge_user: Option<ForgeUser>,
    pub data_dir: PathBuf,
    /// `/_patchbay/…` of the running stack.
    pub control_url: String,
    /// The bearer token that these routes want.
    pub control_token: String,
    /// AWS services that another emulator plays, and where.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub aws_elsewhere: BTreeMap<String, String>,
    /// The AWS that it plays.
    pub aws: LocalAws,
    /// Where a real forge reaches the webhook, through a tunnel.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub public_webhook_url: Option<String>,
}

/// Where a stack's AWS answers, and what is in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LocalAws {
    pub endpoint: String,
    /// What queues and tables are called, by their logical ids in the template.
    pub resources: BTreeMap<String, String>,
}

/// A person at the local GitHub.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForgeUser {
    pub login: String,
    pub token: String,
}

impl DataDir {
    /// Takes the folder, which is made if it is missing.
    ///
    /// # Errors
    /// Who holds it since when, if another process does; or why it cannot be made.
    pub fn take(path: &Path) -> anyhow::Result<Self> {
        std::fs::create_dir_all(path).with_context(|| format!("{} cannot be made", path.display()))?;
        let path = path.canonicalize()?;
        let file = path.join("lock");
        let mut lock = OpenOptions::new().create(true).truncate(false).read(true).write(true).open(&file)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut text = String::new();
                _ = lock.read_to_string(&mut text);
                match serde_json::from_str::<Holder>(&text) {
                    Ok(holder) => bail!(
                        "{} is held by process {} since {:.0}; stop it or name another folder with --data",
                        path.display(),
                        holder.pid,
                        holder.since
                    ),
                    Err(_) => bail!("{} is held by another process; name another folder with --data", path.display()),
                }
            }
            Err(TryLockError::Error(error)) => return Err(error).with_context(|| format!("{} cannot be locked", file.display())),
        }
        lock.set_len(0)?;
        lock.rewind()?;
        lock.write_all(&serde_json::to_vec(&Holder { pid: std::process::id(), since: jiff::Timestamp::now() })?)?;
        Ok(Self { path, _lock: lock })
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Leaves the running stack's addresses for `send`.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn publish(&self, info: &Info) -> anyhow::Result<()> {
        // It holds a token of the local GitHub: nobody else's to read.
        crate::stack::secrets::write_private(&self.path.join("stack.json"), &serde_json::to_string_pretty(info)?)
    }

    /// Takes the addresses away: the stack has ended.
    pub fn withdraw(&self) {
        _ = std::fs::remove_file(self.path.join("stack.json"));
    }
}

/// The addresses of the stack that runs on a data folder.
///
/// # Errors
/// If none does.
pub(super) fn running_stack(data_dir: &Path) -> anyhow::Result<Info> {
    let file = data_dir.join("stack.json");
    let text =
        std::fs::read_to_string(&file).with_context(|| format!("no stack runs on {}; start one with `patchbay up`", data_dir.display()))?;
    serde_json::from_str(&text)
        .with_context(|| format!("{} is not readable: another version's stack; build and start it anew", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_holder_is_told_of_the_first() {
        let folder = tempfile::tempdir().unwrap();
        let first = DataDir::take(folder.path()).unwrap();
        let error = DataDir::take(folder.path()).unwrap_err().to_string();
        assert!(error.contains(&format!("held by process {} since 20", std::process::id())), "{error}");
        drop(first);
        DataDir::take(folder.path()).unwrap();
    }

    #[test]
    fn a_folder_without_a_stack_says_how_to_start_one() {
        let folder = tempfile::tempdir().unwrap();
        let error = running_stack(folder.path()).unwrap_err().to_string();
        assert!(error.contains("patchbay up"), "{error}");
    }
}
