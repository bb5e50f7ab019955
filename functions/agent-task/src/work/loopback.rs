//! Turns on the loopback device of a fresh network namespace, by netlink: images need not have `ip`.

use anyhow::Result;
use nix::sys::socket::{AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, recv, sendto, socket};
use std::io;
use std::os::fd::AsRawFd;

const RTM_NEWLINK: u16 = 16;
const NLM_F_REQUEST: u16 = 1;
const NLM_F_ACK: u16 = 4;
const IFF_UP: u32 = 1;
/// The loopback device is the first of every network namespace.
const LOOPBACK_INDEX: i32 = 1;

/// Brings `lo` up.
///
/// # Errors
/// When the kernel refuses, for want of rights over the namespace.
pub(crate) fn bring_loopback_up() -> Result<()> {
    let socket = socket(AddressFamily::Netlink, SockType::Raw, SockFlag::SOCK_CLOEXEC, SockProtocol::NetlinkRoute)?;
    sendto(socket.as_raw_fd(), &request(), &NetlinkAddr::new(0, 0), MsgFlags::empty())?;
    let mut answer = [0_u8; 128];
    recv(socket.as_raw_fd(), &mut answer, MsgFlags::empty())?;
    // `nlmsgerr.error` follows the 16 bytes of the header: 0, or an errno with its sign turned.
    match i32::from_ne_bytes([answer[16], answer[17], answer[18], answer[19]]) {
        0 => Ok(()),
        error => Err(io::Error::from_raw_os_error(-error).into()),
    }
}

/// `nlmsghdr` (length, type, flags, sequence, port), then `ifinfomsg` (family, type, index, flags, change).
fn request() -> Vec<u8> {
    let mut message = Vec::with_capacity(32);
    message.extend(32_u32.to_ne_bytes());
    message.extend(RTM_NEWLINK.to_ne_bytes());
    message.extend((NLM_F_REQUEST | NLM_F_ACK).to_ne_bytes());
    message.extend([0; 8]);
    message.extend([0; 4]);
    message.extend(LOOPBACK_INDEX.to_ne_bytes());
    message.extend(IFF_UP.to_ne_bytes());
    message.extend(IFF_UP.to_ne_bytes());
    message
}
