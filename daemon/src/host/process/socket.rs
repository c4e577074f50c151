//! Linux facts about the processes at the other end of a socket.

use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::socket::{
        AddressFamily, Backlog, ControlMessageOwned, MsgFlags, SockFlag, SockType, UnixAddr, UnixCredentials,
        bind, getsockopt, recvmsg, setsockopt, socket, sockopt,
    },
    unistd,
};
use std::{
    io::{self, IoSliceMut},
    os::{
        fd::{AsFd, AsRawFd, OwnedFd},
        unix::net::UnixListener,
    },
    path::Path,
};

/// A handle on the process that connected.
pub(super) fn peer(socket: &impl AsFd) -> Option<OwnedFd> {
    getsockopt(socket, sockopt::PeerPidfd).ok()
}

/// The process that listens at the other end.
pub(super) fn listener_of(socket: &impl AsFd) -> Option<u32> {
    u32::try_from(getsockopt(socket, sockopt::PeerCredentials).ok()?.pid()).ok().filter(|pid| *pid > 0)
}

/// Whether the process behind a handle still runs.
pub(super) fn is_running(handle: &OwnedFd) -> bool {
    let mut handles = [PollFd::new(handle.as_fd(), PollFlags::POLLIN)];
    matches!(poll(&mut handles, PollTimeout::ZERO), Ok(0) | Err(Errno::EINTR))
}

/// Listens at `path`, as `UnixListener::bind`, and [identifies writers](tell_writers) from the first connection on.
///
/// # Errors
/// If the kernel refuses.
pub fn listen(path: &Path) -> io::Result<UnixListener> {
    let socket = socket(AddressFamily::Unix, SockType::Stream, SockFlag::SOCK_CLOEXEC, None)?;
    tell_writers(&socket)?;
    bind(socket.as_raw_fd(), &UnixAddr::new(path)?)?;
    // The longest queue that the system permits: many sessions reconnect at once during a handover.
    nix::sys::socket::listen(&socket, Backlog::MAXALLOWABLE)?;
    Ok(socket.into())
}

/// Makes the kernel report the writer of all data on `listener`'s connections.
///
/// # Errors
/// If the kernel refuses.
pub fn tell_writers(listener: &impl AsFd) -> io::Result<()> {
    Ok(setsockopt(listener, sockopt::PassCred, &true)?)
}

/// Buffer for the kernel's report about a writer.
#[derive(Debug)]
pub struct Control(Vec<u8>);

impl Default for Control {
    fn default() -> Self {
        Self(nix::cmsg_space!(UnixCredentials))
    }
}

/// Reads data of one process; returns its length, and the process's user.
///
/// # Errors
/// As of `read`, and if it sent descriptors, which are not used here.
pub fn receive(
    socket: &impl AsRawFd,
    buffer: &mut [u8],
    control: &mut Control,
) -> io::Result<(usize, Option<u32>)> {
    let mut parts = [IoSliceMut::new(buffer)];
    let flags = MsgFlags::MSG_CMSG_CLOEXEC;
    let message = recvmsg::<()>(socket.as_raw_fd(), &mut parts, Some(&mut control.0), flags)?;
    let mut writer = None;
    for part in message.cmsgs()? {
        match part {
            ControlMessageOwned::ScmCredentials(credentials) => writer = Some(credentials.uid()),
            ControlMessageOwned::ScmRights(files) => files.into_iter().map(unistd::close).for_each(|_| {}),
            _ => {}
        }
    }
    Ok((message.bytes, writer))
}
