//! Whose process this is.

/// The user of this process.
pub(super) fn own_uid() -> u32 {
    // std has no getuid(); the owner of our own /proc entry is only the same while the process is dumpable.
    nix::unistd::Uid::effective().as_raw()
}
