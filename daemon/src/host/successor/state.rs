//! The memory file with the cache, in the queue of a socket (`transit.rs`), and systemd, which keeps that socket from
//! one start of the service to the next.

#![expect(clippy::disallowed_methods, reason = "this is the door")]

use super::{super::transit, VARIABLE};
use nix::{
    fcntl::{FcntlArg, SealFlag, fcntl},
    sys::memfd::{MFdFlags, memfd_create},
    unistd,
};
use sd_notify::NotifyState;
use std::{
    env,
    fs::File,
    io::{self, Read as _, Write as _},
    os::fd::{AsFd as _, OwnedFd},
};
use zeroize::Zeroizing;

/// Name of the memory file for systemd (`FileDescriptorStoreMax=`).
const STORED: &str = "claviger-state";
/// The first descriptor from systemd.
const FIRST: i32 = 3;
/// Largest memory file that is read: 64 entries with the largest explicit settings each.
const MAX_STATE: u64 = 512 * 1024 * 1024;

/// Puts `parts` into a sealed memory file, and that into the queue of a socket. `None` if the system has no such files:
/// then only the listening socket is handed over.
///
/// # Errors
/// If there is not enough memory.
pub fn sealed(parts: &[&[u8]]) -> io::Result<Option<OwnedFd>> {
    transit::pack(&memory_file(parts)?).map(Some)
}

/// `parts` in a sealed memory file.
pub(crate) fn memory_file(parts: &[&[u8]]) -> io::Result<File> {
    let flags = MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING;
    let mut file = File::from(memfd_create("claviger-state", flags)?);
    parts.iter().try_for_each(|part| file.write_all(part))?;
    let seals =
        SealFlag::F_SEAL_WRITE | SealFlag::F_SEAL_GROW | SealFlag::F_SEAL_SHRINK | SealFlag::F_SEAL_SEAL;
    fcntl(&file, FcntlArg::F_ADD_SEALS(seals))?;
    Ok(file)
}

/// State of the previous program in this process, if there was one. Its descriptor is closed: no command may inherit
/// it.
///
/// # Errors
/// If it cannot be read.
pub fn inherited() -> io::Result<Option<Zeroizing<Vec<u8>>>> {
    let handed = env::var(VARIABLE).ok().and_then(|number| number.parse::<i32>().ok());
    let Some(number) = handed.or_else(stored) else { return Ok(None) };
    let opened = transit::unpack(number);
    if number > 2 {
        unistd::close(number)?;
    }
    let file = opened?;
    // Only a sealed memory file has seals; any other file is not ours.
    let seals = fcntl(&file, FcntlArg::F_GET_SEALS)?;
    if seals & SealFlag::F_SEAL_WRITE.bits() == 0 {
        return Err(io::Error::other("it is not sealed"));
    }
    let size = file.metadata()?.len().min(MAX_STATE);
    let mut state = Zeroizing::new(Vec::with_capacity(usize::try_from(size).unwrap_or(0) + 1));
    file.take(size).read_to_end(&mut state)?;
    Ok(Some(state))
}

/// The socket that systemd kept with the memory file; systemd then drops it.
fn stored() -> Option<i32> {
    let is_for_us = env::var("LISTEN_PID").ok()?.parse() == Ok(std::process::id());
    let names = env::var("LISTEN_FDNAMES").ok().filter(|_| is_for_us)?;
    let place = names.split(':').position(|name| name == STORED)?;
    drop(sd_notify::notify(&[NotifyState::FdStoreRemove, NotifyState::FdName(STORED)]));
    i32::try_from(place).ok().map(|place| FIRST + place)
}

/// Asks systemd to keep `state` until the service starts again. Without systemd there is no listener.
pub fn store(state: &OwnedFd) {
    // Its other end is closed, which would make systemd drop it.
    let wishes = [NotifyState::FdStore, NotifyState::FdName(STORED), NotifyState::Custom("FDPOLL=0")];
    if let Err(error) = sd_notify::notify_with_fds(&wishes, &[state.as_fd()]) {
        tracing::warn!(%error, "the cache is not kept for the next start");
    }
}

#[cfg(test)]
mod tests {
    use super::memory_file;
    use std::io::{Read as _, Seek as _, Write as _};

    #[test]
    fn what_is_sealed_cannot_be_changed() {
        let mut file = memory_file(&[b"sta", b"te"]).expect("memory");
        assert!(file.write_all(b"more").is_err() && file.set_len(0).is_err());
        let mut text = String::new();
        file.rewind().expect("seeks");
        file.read_to_string(&mut text).expect("reads");
        assert_eq!(text, "state");
    }
}
