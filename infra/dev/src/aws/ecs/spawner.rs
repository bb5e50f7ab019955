//! Starts processes that die with this one, even if this one is killed.
//!
//! Linux ties a child's parent-death signal to the thread that started it, and Tokio's threads come and go:
//! so one thread of its own starts them all and lives as long as the spawner.

use anyhow::Context;
use std::io;
use std::sync::mpsc::{Sender, channel};
use tokio::process::{Child, Command};
use tokio::runtime::Handle;
use tokio::sync::oneshot;

type Order = (Command, Handle, oneshot::Sender<io::Result<Child>>);

/// The starting thread. When the last clone goes, every child that still runs is killed.
#[derive(Clone)]
pub struct Spawner {
    orders: Sender<Order>,
}

impl Spawner {
    /// Starts the thread.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start() -> anyhow::Result<Self> {
        let (orders, inbox) = channel::<Order>();
        let serve = move || {
            for (mut command, runtime, answer) in inbox {
                let _context = runtime.enter();
                // Whoever ordered may have gone; the child then dies by `kill_on_drop` or with this thread.
                let _ = answer.send(command.spawn());
            }
        };
        std::thread::Builder::new().name("spawner".to_owned()).spawn(serve).context("no thread for starting processes")?;
        Ok(Self { orders })
    }

    /// Starts a process in a process group of its own. Must be called on a Tokio runtime.
    ///
    /// # Errors
    /// What the system says: no such program, not permitted, …
    pub async fn spawn(&self, mut command: Command) -> io::Result<Child> {
        command.process_group(0);
        die_with_parent(&mut command);
        let (answer, started) = oneshot::channel();
        let gone = || io::Error::other("the spawner's thread has ended");
        self.orders.send((command, Handle::current(), answer)).map_err(|_| gone())?;
        started.await.map_err(|_| gone())?
    }
}

#[cfg(target_os = "linux")]
#[expect(unsafe_code, reason = "only the child itself can ask for its parent-death signal, between fork and exec")]
fn die_with_parent(command: &mut Command) {
    use nix::sys::{prctl::set_pdeathsig, signal::Signal};
    // SAFETY: the closure makes one async-signal-safe system call and allocates nothing.
    unsafe { command.pre_exec(|| set_pdeathsig(Signal::SIGKILL).map_err(io::Error::from)) };
}

#[cfg(not(target_os = "linux"))]
fn die_with_parent(_: &mut Command) {}
