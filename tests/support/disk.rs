//! A small disk, to be filled or made read-only.

use super::skipped;
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// A disk in the place of a directory; goes with this value.
pub struct Disk {
    path: PathBuf,
    mebibytes: usize,
}

impl Disk {
    /// Puts a disk of so many MiB in the place of `path`. Needs root, and says so.
    pub fn mount(path: &Path, mebibytes: usize) -> Option<Self> {
        fs::create_dir_all(path).expect("a directory");
        let options = format!("size={mebibytes}m,mode=700");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(path).output();
        if mounted.is_ok_and(|output| output.status.success()) {
            return Some(Self { path: path.to_owned(), mebibytes });
        }
        skipped("root, and leave to mount");
        None
    }

    /// To the last byte: what is written next is cut off somewhere.
    pub fn fill(&self) {
        let path = self.path.join("filler");
        drop(fs::write(&path, vec![0; self.mebibytes << 21]));
        assert!(fs::metadata(path).is_ok_and(|file| file.len() > 100_000));
    }

    /// A process that has a file open may go on writing it; nothing else is written.
    pub fn make_read_only(&self) {
        let path = self.path.as_os_str();
        let (bind, only) = (["--bind".as_ref(), path], ["-o".as_ref(), "remount,bind,ro".as_ref()]);
        for options in [bind, only] {
            assert!(Command::new("mount").args(options).arg(path).status().expect("mount runs").success());
        }
    }

    /// Undoes the last of the two.
    pub fn fix(&self) {
        if fs::remove_file(self.path.join("filler")).is_err() {
            assert!(Command::new("umount").arg(&self.path).status().expect("umount runs").success());
        }
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Once more for a test that failed while it was read-only.
        while Command::new("umount")
            .arg("--lazy")
            .arg(&self.path)
            .output()
            .is_ok_and(|done| done.status.success())
        {}
    }
}
