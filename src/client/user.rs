//! The user of a process.

/// The user of this process.
pub(super) fn own_uid() -> u32 {
    // std has no getuid(), and the owner of our own /proc entry is only correct while the process is dumpable.
    nix::unistd::Uid::effective().as_raw()
}
