//! Who makes a call: the function process at the other end of a loopback connection, found in /proc as `ss -p` does it,
//! and its end by kill -9. What to kill and when is the business of whoever hooks into calls.

use super::lambda::Pool;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

/// The kernel's tables of connections.
const TABLES: [&str; 2] = ["/proc/net/tcp", "/proc/net/tcp6"];

/// The processes of a stack's functions, for hooks that are asked at their calls. Knows nobody until the stack is up.
#[derive(Default)]
pub struct Callers {
    pools: OnceLock<Vec<Arc<Pool>>>,
}

impl Callers {
    /// The stack is up, and these are its functions. Only the first stack counts.
    pub(super) fn are(&self, pools: &[Arc<Pool>]) {
        _ = self.pools.set(pools.to_vec());
    }

    /// The package and the process of the function that holds the connection's end `peer`; `None`: no function does.
    pub fn find(&self, peer: SocketAddr) -> Option<(&str, u32)> {
        self.of(peer, self.pools.get()?.iter())
    }

    /// The process of this package that holds the connection's end `peer`. Better than [`Self::find`] where the package is
    /// known: two processes may have the same end, of connections to different places.
    pub fn process_of(&self, package: &str, peer: SocketAddr) -> Option<u32> {
        self.of(peer, self.pools.get()?.iter().filter(|pool| pool.package() == package)).map(|(_, pid)| pid)
    }

    fn of<'p>(&self, peer: SocketAddr, mut pools: impl Iterator<Item = &'p Arc<Pool>>) -> Option<(&'p str, u32)> {
        let sockets = sockets_at(peer);
        pools.find_map(|pool| Some((pool.package(), holder_of(&sockets, &pool.pids())?)))
    }
}

/// All sockets whose own address is `peer`, as /proc names them; none where there is no /proc.
fn sockets_at(peer: SocketAddr) -> Vec<String> {
    let tables = TABLES.iter().filter_map(|table| fs::read_to_string(table).ok());
    tables.flat_map(|table| find_inodes(&table, peer)).map(|inode| format!("socket:[{inode}]")).collect()
}

/// The process among `pids` that has one of the sockets.
fn holder_of(sockets: &[String], pids: &[u32]) -> Option<u32> {
    let is_one = |target: PathBuf| sockets.iter().any(|socket| target.as_os_str() == socket.as_str());
    let holds = |pid: &u32| {
        let open = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
        open.filter_map(|file| fs::read_link(file.path()).ok()).any(is_one)
    };
    pids.iter().copied().find(holds)
}

/// kill -9.
///
/// # Errors
/// What the system says, above all that there is no such process.
pub fn kill_now(pid: u32) -> nix::Result<()> {
    kill(Pid::from_raw(i32::try_from(pid).unwrap_or(i32::MAX)), Signal::SIGKILL)
}

/// The inodes of the sockets whose own address is `peer`, in the kernel's table of connections.
fn find_inodes(table: &str, peer: SocketAddr) -> Vec<u64> {
    let wanted = in_table(peer);
    let inode_of = |line: &str| {
        let mut fields = line.split_whitespace();
        if fields.nth(1)? != wanted {
            return None;
        }
        // local, remote, state, queues, timer, retransmits, user, timeout, inode.
        fields.nth(7)?.parse().ok().filter(|inode| *inode != 0)
    };
    table.lines().skip(1).filter_map(inode_of).collect()
}

/// An address as the kernel's tables write it: each 32 bits in the machine's order.
fn in_table(address: SocketAddr) -> String {
    let words: String = match address {
        SocketAddr::V4(v4) => format!("{:08X}", u32::from_ne_bytes(v4.ip().octets())),
        SocketAddr::V6(v6) => {
            let octets = v6.ip().octets();
            octets.chunks(4).filter_map(|word| Some(format!("{:08X}", u32::from_ne_bytes(word.try_into().ok()?)))).collect()
        }
    };
    format!("{words}:{:04X}", address.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_is_found_in_the_kernels_table() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n   \
             0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 111 1 0 100 0 0 10 0\n   \
             1: 0100007F:A3F2 0100007F:1F90 01 00000000:00000000 00:00000000 00000000  1000        0 222 1 0 20 4 30 10 -1\n   \
             2: 0100007F:A3F2 0100007F:1F91 01 00000000:00000000 00:00000000 00000000  1000        0 333 1 0 20 4 30 10 -1\n   \
             3: 0100007F:A3F2 0100007F:1F92 06 00000000:00000000 00:00000000 00000000     0        0 0 1 0 20 4 30 10 -1\n";
        let find = |peer: &str| find_inodes(table, peer.parse().unwrap());
        assert_eq!((find("127.0.0.1:41970"), find("127.0.0.1:8080"), find("127.0.0.1:1")), (vec![222, 333], vec![111], vec![]));
        assert_eq!(in_table("[::1]:16".parse().unwrap()), "00000000000000000000000001000000:0010");
    }

    #[test]
    fn the_own_process_holds_its_own_connections() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let peer = client.local_addr().unwrap();
        let sockets = sockets_at(peer);
        assert_eq!(holder_of(&sockets, &[1, std::process::id()]), Some(std::process::id()));
        assert_eq!(holder_of(&sockets, &[]), None);
    }
}
