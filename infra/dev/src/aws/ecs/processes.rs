//! The processes of a container, found in /proc: how much memory they use, and that none survives.
//!
//! A container is its first process's group and all that descends from it. Descendants that leave the group are
//! remembered from scan to scan, and the last scan looks for the container's mark in their environment as well.

use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::{Pid, SysconfVar, sysconf};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;

/// One line of the process table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Process {
    parent: i32,
    group: i32,
    /// With the pid, names a process for good: pids are used again.
    started: u64,
    resident_pages: u64,
}

/// All processes of the machine at one moment.
pub(super) struct Snapshot {
    processes: BTreeMap<i32, Process>,
}

impl Snapshot {
    /// Reads /proc; empty where there is none.
    pub(super) fn take() -> Self {
        let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
        let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
        let read = |pid: i32| Some((pid, parse_stat(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)?));
        Self { processes: pids.filter_map(read).collect() }
    }
}

/// Reads a line of `/proc/<pid>/stat`; the name in it may hold spaces and parentheses. Zombies are no processes.
fn parse_stat(stat: &str) -> Option<Process> {
    let fields: Vec<&str> = stat.rsplit_once(") ")?.1.split(' ').collect();
    if matches!(*fields.first()?, "Z" | "X") {
        return None;
    }
    let number = |index: usize| fields.get(index)?.trim().parse::<u64>().ok();
    let signed = |index: usize| fields.get(index)?.parse::<i32>().ok();
    Some(Process { parent: signed(1)?, group: signed(2)?, started: number(19)?, resident_pages: number(21)? })
}

/// The processes of one container.
#[derive(Debug)]
pub(super) struct Tree {
    root: i32,
    /// `NAME=value` in the environment of every process of the container that did not clear it.
    mark: Vec<u8>,
    known: BTreeSet<(i32, u64)>,
}

impl Tree {
    /// The tree below a process that leads its own group.
    pub(super) fn new(root: u32, mark: &str) -> Self {
        Self { root: i32::try_from(root).unwrap_or(i32::MAX), mark: mark.as_bytes().to_vec(), known: BTreeSet::new() }
    }

    /// Finds the tree's processes and forgets those that ended.
    fn update(&mut self, snapshot: &Snapshot) {
        let is_known = |known: &BTreeSet<(i32, u64)>, pid: i32| {
            snapshot.processes.get(&pid).is_some_and(|process| known.contains(&(pid, process.started)))
        };
        self.known.retain(|(pid, started)| snapshot.processes.get(pid).is_some_and(|process| process.started == *started));
        loop {
            let before = self.known.len();
            for (&pid, process) in &snapshot.processes {
                if process.group == self.root || pid == self.root || is_known(&self.known, process.parent) {
                    self.known.insert((pid, process.started));
                }
            }
            if self.known.len() == before {
                return;
            }
        }
    }

    /// The memory in use by all of the tree's processes, in bytes.
    pub(super) fn resident_bytes(&mut self, snapshot: &Snapshot) -> u64 {
        self.update(snapshot);
        let pages = |(pid, _): &(i32, u64)| snapshot.processes.get(pid).map_or(0, |process| process.resident_pages);
        self.known.iter().map(pages).sum::<u64>() * page_bytes()
    }

    /// Asks the first process to end, as a container engine does. Looks first who else is there.
    pub(super) fn terminate(&mut self) {
        self.update(&Snapshot::take());
        // It may have ended already.
        let _ = kill(Pid::from_raw(self.root), Signal::SIGTERM);
    }

    /// Kills every process of the tree; says whether there was any.
    pub(super) fn kill(&mut self) -> bool {
        let snapshot = Snapshot::take();
        self.update(&snapshot);
        let marked = snapshot.processes.iter().filter(|(pid, _)| self.is_marked(**pid));
        let marked: Vec<(i32, u64)> = marked.map(|(pid, process)| (*pid, process.started)).collect();
        self.known.extend(marked);
        for (pid, _) in &self.known {
            // Each may end between the look and the signal.
            let _ = kill(Pid::from_raw(*pid), Signal::SIGKILL);
        }
        let group = killpg(Pid::from_raw(self.root), Signal::SIGKILL).is_ok();
        group || !self.known.is_empty()
    }

    fn is_marked(&self, pid: i32) -> bool {
        let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        environment.split(|byte| *byte == 0).any(|variable| variable == self.mark)
    }
}

fn page_bytes() -> u64 {
    sysconf(SysconfVar::PAGE_SIZE).ok().flatten().and_then(|bytes| u64::try_from(bytes).ok()).unwrap_or(4096)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stat_line_is_read_whatever_the_name() {
        let line = "42 (a) b (c) S 7 42 42 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 987654 1000 321 18446744073709551615 1";
        assert_eq!(parse_stat(line), Some(Process { parent: 7, group: 42, started: 987_654, resident_pages: 321 }));
        assert_eq!(parse_stat(&line.replace(") S", ") Z")), None);
        assert_eq!(parse_stat("garbage"), None);
    }

    #[test]
    fn descendant_that_left_the_group_stays_known_without_its_parent() {
        let process = |parent, group| Process { parent, group, started: 1, resident_pages: 1 };
        let mut snapshot = Snapshot {
            processes: BTreeMap::from([(10, process(1, 10)), (11, process(10, 10)), (12, process(11, 12)), (13, process(1, 13))]),
        };
        let mut tree = Tree::new(10, "MARK=1");
        tree.update(&snapshot);
        assert_eq!(tree.known.iter().map(|(pid, _)| *pid).collect::<Vec<_>>(), [10, 11, 12]);
        snapshot.processes = BTreeMap::from([(12, process(1, 12)), (13, process(1, 13))]);
        tree.update(&snapshot);
        assert_eq!(tree.known.iter().map(|(pid, _)| *pid).collect::<Vec<_>>(), [12]);
        snapshot.processes.insert(12, Process { started: 2, ..process(1, 12) });
        tree.update(&snapshot);
        assert!(tree.known.is_empty(), "a pid that is used again is another process");
    }
}
