//! The digest of a file that may be large.

use super::stamp::{Stamp, kind};
use nix::{
    fcntl::{OFlag, open},
    sys::stat::{Mode, SFlag, fstat},
};
use sha2::{Digest as _, Sha256};
use std::{fs::File, io::Read, path::Path};

/// Largest file that is read. A larger program is not a project's script.
const MAX_DIGESTED: u64 = 64 * 1024 * 1024;

/// Content of a file.
#[derive(Debug)]
pub enum Digested {
    /// Hex SHA-256, and the size in bytes.
    Regular(String, u64),
    /// It does not exist, or is a directory.
    Nothing,
    /// Why it cannot be read.
    Unreadable(&'static str),
}

/// Reads the file at `path`, with the stamp of its content, and whether the stamp is reliable.
pub fn digest(path: &Path) -> (Stamp, bool, Digested) {
    let before = super::stamp(path);
    if before.is_absent() {
        return (before, true, Digested::Nothing);
    }
    let flags = OFlag::O_RDONLY | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC | OFlag::O_NOCTTY;
    let Ok(file) = open(path, flags, Mode::empty()).map(File::from) else {
        let settled = before.settled();
        return (before, settled, Digested::Unreadable("cannot be read"));
    };
    let digested = of(&file);
    let settled = before == Stamp::of(&fstat(&file)) && before.settled();
    (before, settled, digested)
}

fn of(file: &File) -> Digested {
    let Ok(status) = fstat(file) else { return Digested::Unreadable("cannot be read") };
    match kind(&status) {
        SFlag::S_IFREG => {}
        SFlag::S_IFDIR => return Digested::Nothing,
        _ => return Digested::Unreadable("is not a regular file"),
    }
    let (mut digest, mut buffer, mut size) = (Sha256::new(), [0; 16 * 1024], 0);
    let mut file = file.take(MAX_DIGESTED + 1);
    loop {
        match file.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => {
                digest.update(&buffer[..count]);
                size += count as u64;
            }
            Err(_) => return Digested::Unreadable("cannot be read"),
        }
    }
    match size > MAX_DIGESTED {
        true => Digested::Unreadable("is larger than 64 MiB"),
        false => {
            Digested::Regular(digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect(), size)
        }
    }
}
