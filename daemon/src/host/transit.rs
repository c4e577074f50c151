//! A file on its way from one program to its successor in this process: in the queue of a socket, where no other
//! process can open it.
//!
//! A new program can be inspected by other processes until it forbids that: they could open every descriptor below
//! `/proc/PID/fd`. A socket cannot be opened there, and files in its queue have no descriptor.

#![expect(clippy::disallowed_methods, reason = "this is the door")]

use nix::{
    cmsg_space,
    errno::Errno,
    sys::socket::{
        AddressFamily, ControlMessage, ControlMessageOwned, MsgFlags, SockFlag, SockType, recvmsg, sendmsg,
        socketpair,
    },
    unistd,
};
use std::{
    fs::File,
    io::{self, IoSlice, IoSliceMut},
    os::fd::{AsRawFd as _, OwnedFd, RawFd},
};

/// A message must not be empty.
const FILLER: [u8; 1] = [0];

/// A socket with `file` in its queue.
///
/// # Errors
/// If there is no room for it.
pub(super) fn pack(file: &File) -> io::Result<OwnedFd> {
    let (from, to) = socketpair(AddressFamily::Unix, SockType::Datagram, None, SockFlag::SOCK_CLOEXEC)?;
    let files = [file.as_raw_fd()];
    let attached = [ControlMessage::ScmRights(&files)];
    sendmsg::<()>(from.as_raw_fd(), &[IoSlice::new(&FILLER)], &attached, MsgFlags::empty(), None)?;
    Ok(to)
}

/// The file in the queue of the socket with descriptor `socket`. Call this once other processes cannot inspect us any
/// more.
///
/// # Errors
/// If there is none, or this is not a socket.
pub(super) fn unpack(socket: RawFd) -> io::Result<File> {
    let mut filler = FILLER;
    let mut parts = [IoSliceMut::new(&mut filler)];
    let mut space = cmsg_space!([RawFd; 1]);
    let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_CMSG_CLOEXEC;
    let message = recvmsg::<()>(socket, &mut parts, Some(&mut space), flags)?;
    let number = message.cmsgs()?.find_map(|attached| match attached {
        ControlMessageOwned::ScmRights(files) => files.first().copied(),
        _ => None,
    });
    let number = number.ok_or(Errno::ENOMSG)?;
    // Opened anew, since safe code must not own a raw number.
    let file = File::open(format!("/proc/self/fd/{number}"));
    unistd::close(number)?;
    file
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "looks at its own descriptors")]
mod tests {
    use super::super::successor::memory_file;
    use std::{io::Read as _, os::fd::AsRawFd as _};

    #[test]
    fn on_its_way_it_has_no_number_and_arrives_once() {
        let file = memory_file(&[b"state"]).expect("memory");
        let socket = super::pack(&file).expect("packed");
        drop(file);
        let place = format!("/proc/self/fd/{}", socket.as_raw_fd());
        assert!(std::fs::read_link(&place).expect("open").to_string_lossy().starts_with("socket:"));
        assert!(std::fs::File::open(&place).is_err(), "it cannot be opened");
        let mut text = String::new();
        let mut file = super::unpack(socket.as_raw_fd()).expect("arrived");
        file.read_to_string(&mut text).expect("reads");
        assert_eq!(text, "state");
        assert!(super::unpack(socket.as_raw_fd()).is_err());
        assert!(super::unpack(file.as_raw_fd()).is_err(), "a file itself is not from us");
    }
}
