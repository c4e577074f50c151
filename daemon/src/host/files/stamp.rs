//! Detects without reading a file whether it has changed.

#![expect(
    clippy::disallowed_methods,
    reason = "it is compared with the clock of the file system, not with the host's"
)]

use nix::{
    errno::Errno,
    sys::stat::{FileStat, SFlag},
};
use serde::{Deserialize, Serialize};
use std::time::{SystemTime, UNIX_EPOCH};

/// Longest time between two ticks of the kernel's file clock (4 ms at 250 Hz), with a margin.
const TICK_NS: i128 = 50_000_000;

/// State of a path: two equal stamps mean that nothing happened in between, once [`Stamp::settled`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamp(State);

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum State {
    Absent,
    Present { device: u64, inode: u64, size: i64, modified_ns: i128, changed_ns: i128 },
    Failed(i32),
}

/// Its file type.
pub(in crate::host) fn kind(status: &FileStat) -> SFlag {
    SFlag::from_bits_truncate(status.st_mode) & SFlag::S_IFMT
}

// === impl Stamp ===

impl Stamp {
    pub(super) fn of(status: &Result<FileStat, Errno>) -> Self {
        Self(match status {
            Ok(status) => State::Present {
                device: device(status),
                inode: status.st_ino,
                size: status.st_size,
                modified_ns: nanoseconds(status.st_mtime, status.st_mtime_nsec),
                changed_ns: nanoseconds(status.st_ctime, status.st_ctime_nsec),
            },
            Err(Errno::ENOENT | Errno::ENOTDIR) => State::Absent,
            Err(errno) => State::Failed(*errno as i32),
        })
    }

    /// Whether it did not exist.
    pub fn is_absent(&self) -> bool {
        self.0 == State::Absent
    }

    /// Device and inode, if it existed.
    pub fn identity(&self) -> Option<(u64, u64)> {
        match self.0 {
            State::Present { device, inode, .. } => Some((device, inode)),
            State::Absent | State::Failed(_) => None,
        }
    }

    /// Whether both may belong to one write of one file, which its writer does in pieces.
    pub fn is_of_one_writing_with(&self, other: &Self) -> bool {
        let written = |stamp: &Self| match stamp.0 {
            State::Present { size, modified_ns, .. } => Some((size, modified_ns)),
            State::Absent | State::Failed(_) => None,
        };
        let (one, another) = (written(self), written(other));
        let apart = one.zip(another).map(|((_, one), (_, another))| (one - another).abs());
        self.identity() == other.identity() && one != another && apart.is_some_and(|apart| apart <= TICK_NS)
    }

    /// Whether the last change is old enough that the next one must change the stamp. Two writes within one tick of the
    /// kernel's clock can leave the same size and times.
    pub fn settled(&self) -> bool {
        match &self.0 {
            State::Absent => true,
            State::Present { changed_ns, .. } => (now_ns() - changed_ns).abs() > TICK_NS,
            State::Failed(errno) => is_lasting(Errno::from_raw(*errno)),
        }
    }
}

fn nanoseconds(seconds: i64, nanoseconds: i64) -> i128 {
    i128::from(seconds) * 1_000_000_000 + i128::from(nanoseconds)
}

fn now_ns() -> i128 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as i128)
}

// Errors that remain until the file or a directory above it changes.
pub(super) fn is_lasting(errno: Errno) -> bool {
    matches!(errno, Errno::EACCES | Errno::EPERM | Errno::ELOOP | Errno::ENAMETOOLONG)
}

/// The device of a file.
#[allow(clippy::unnecessary_cast, reason = "the type differs between systems")]
pub(super) fn device(status: &FileStat) -> u64 {
    status.st_dev as u64
}
