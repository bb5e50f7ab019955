//! The one lock around the world, its snapshot on disk, and the signal that something changed.
//!
//! Every change goes through `Store::change`: a later fault injector and the snapshot need no other place.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::sync::{Notify, watch};

use super::state::State;
use super::world::World;

/// A burst of changes is written once, this long after its first.
const SNAPSHOT_DELAY: Duration = Duration::from_millis(100);

/// What all tasks of one local GitHub share.
pub(crate) struct Store {
    world: Mutex<World>,
    calls: Mutex<BTreeMap<String, u64>>,
    changes: watch::Sender<u64>,
    dirty: Notify,
    snapshot: PathBuf,
}

impl Store {
    pub(crate) fn new(world: World) -> Arc<Self> {
        let snapshot = snapshot_path(&world.data_dir);
        let (changes, _) = watch::channel(0);
        Arc::new(Self { world: Mutex::new(world), calls: Mutex::default(), changes, dirty: Notify::new(), snapshot })
    }

    /// Looks at the world.
    pub(crate) fn look<T>(&self, read: impl FnOnce(&World) -> T) -> T {
        read(&self.lock())
    }

    /// Changes the world; the snapshot follows and waiters are woken.
    pub(crate) fn change<T>(&self, write: impl FnOnce(&mut World) -> T) -> T {
        let result = write(&mut self.lock());
        self.dirty.notify_one();
        self.changes.send_modify(|count| *count += 1);
        result
    }

    /// As `look`, for a handler that is written for changes too but makes none that need saving.
    pub(crate) fn look_as_writer<T>(&self, read: impl FnOnce(&mut World) -> T) -> T {
        read(&mut self.lock())
    }

    /// Counts a request, by method and route template.
    pub(crate) fn count_call(&self, route: String) {
        *self.calls.lock().unwrap_or_else(PoisonError::into_inner).entry(route).or_default() += 1;
    }

    pub(crate) fn calls(&self) -> BTreeMap<String, u64> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn reset_calls(&self) {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Tells of every change from now on.
    pub(crate) fn subscribe(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Writes the state to disk, atomically.
    pub(crate) fn save(&self) -> Result<()> {
        // The lock is held while writing so that an older snapshot never replaces a newer one.
        let world = self.lock();
        let bytes = serde_json::to_vec(&world.state).context("encode the state")?;
        let draft = self.snapshot.with_extension("json.new");
        std::fs::write(&draft, bytes).with_context(|| format!("write {}", draft.display()))?;
        std::fs::rename(&draft, &self.snapshot).with_context(|| format!("replace {}", self.snapshot.display()))
    }

    /// Writes snapshots for as long as the server lives.
    pub(crate) async fn keep_saved(self: Arc<Self>) {
        loop {
            self.dirty.notified().await;
            tokio::time::sleep(SNAPSHOT_DELAY).await;
            let store = Arc::clone(&self);
            let saved = tokio::task::spawn_blocking(move || store.save()).await;
            if let Ok(Err(error)) = saved {
                tracing::error!(error = %format!("{error:#}"), "the local GitHub's state could not be saved");
            }
        }
    }

    // A panic of one request (a bug here) must not take the others with it.
    fn lock(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The state that an earlier start left in the folder, or an empty one.
pub(crate) fn load(data_dir: &Path) -> Result<State> {
    let path = snapshot_path(data_dir);
    match std::fs::read(&path) {
        Ok(bytes) => serde_json::from_slice(&bytes).with_context(|| format!("{} is damaged", path.display())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(State::default()),
        Err(error) => Err(error).with_context(|| format!("read {}", path.display())),
    }
}

fn snapshot_path(data_dir: &Path) -> PathBuf {
    data_dir.join("github.json")
}
