//! Filesystems that can make a caller wait for another machine or another process.

use std::path::Path;

/// Magic numbers of filesystems that depend on another machine or process (`statfs(2)`, `linux/magic.h`).
#[cfg(target_os = "linux")]
const REMOTE: [u32; 15] = [
    0x0000_6969, // NFS
    0x0000_517b, // SMB
    0xff53_4d42, // CIFS
    0xfe53_4d42, // SMB2
    0x6573_5546, // FUSE, virtiofs
    0x0102_1997, // 9p
    0x5346_414f, // AFS (OpenAFS)
    0x6b41_4653, // AFS (kernel)
    0x7375_7245, // CODA
    0x00c3_6400, // Ceph
    0x0bd0_0bd0, // Lustre
    0x0000_564c, // NCP
    0x7461_636f, // OCFS2
    0x786f_4256, // VirtualBox shared folders
    0x0000_0187, // autofs: mounts on access
];

/// Whether `path`, or its nearest ancestor that exists, is on a network or user-space filesystem. If statfs fails, it
/// counts as remote.
#[cfg(target_os = "linux")]
pub fn is_remote(path: &Path) -> bool {
    path.ancestors()
        .find_map(|path| nix::sys::statfs::statfs(path).ok())
        .is_none_or(|status| REMOTE.contains(&(status.filesystem_type().0 as u32)))
}

/// Whether `path`, or its nearest ancestor that exists, is on a filesystem that the kernel does not call local. If
/// statfs fails, it counts as remote.
#[cfg(target_os = "macos")]
pub fn is_remote(path: &Path) -> bool {
    path.ancestors()
        .find_map(|path| nix::sys::statfs::statfs(path).ok())
        .is_none_or(|status| !status.flags().contains(nix::mount::MntFlags::MNT_LOCAL))
}

/// Whether `path` is on a network or user-space filesystem: unknown here, so every path counts as remote.
#[cfg(not(any(target_os = "linux", target_os = "macos")))]
pub fn is_remote(_path: &Path) -> bool {
    true
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::is_remote;
    use std::path::Path;

    #[test]
    fn what_the_kernel_keeps_itself_is_local_and_missing_paths_ask_their_ancestor() {
        assert!(!is_remote(Path::new("/proc/self")));
        assert!(!is_remote(Path::new("/proc/self/no/such/thing")));
    }
}
