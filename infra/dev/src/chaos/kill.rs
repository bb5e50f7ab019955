//! The end of a function's process around one of its calls, to AWS or to GitHub: kill -9 before it, after it, or with its
//! answer under way. Whoever calls and is no function (a task, a person) is left in peace.

use super::{Chaos, Kind};
use crate::stack::callers::kill_now;
use std::net::SocketAddr;
use std::time::Duration;

/// How long after its answer left a process is killed at most; the first is killed at once, each next a little later.
const LATEST: u64 = 8;

/// A call that arrived and has not happened yet. True: its process is dead, and the call must not happen.
pub(super) fn before(chaos: &Chaos, place: &str, path: &str, peer: Option<SocketAddr>) -> bool {
    let Some(victim) = choose(chaos, Kind::KilledBefore, place, path, peer) else { return false };
    end(victim);
    true
}

/// A call that took effect and is not answered yet. True: its process is dead, and there is nobody to answer.
pub(super) fn after(chaos: &Chaos, place: &str, path: &str, peer: Option<SocketAddr>) -> bool {
    if let Some(victim) = choose(chaos, Kind::KilledAfter, place, path, peer) {
        end(victim);
        return true;
    }
    if let Some(victim) = choose(chaos, Kind::KilledAnswered, place, path, peer) {
        let later = Duration::from_millis(chaos.times(Kind::KilledAnswered) % LATEST);
        // The answer is under way only when this hook has returned.
        std::thread::spawn(move || {
            std::thread::sleep(later);
            end(victim);
        });
    }
    false
}

/// The process that dies here now, if the plan says so and it is a function's.
fn choose(chaos: &Chaos, kind: Kind, place: &str, path: &str, peer: Option<SocketAddr>) -> Option<u32> {
    if !chaos.draws(kind, place, path) {
        return None;
    }
    let (_, victim) = chaos.callers.find(peer?)?;
    chaos.note(kind, place);
    Some(victim)
}

fn end(victim: u32) {
    if let Err(error) = kill_now(victim) {
        tracing::debug!(victim, %error, "was dead already");
    }
}
