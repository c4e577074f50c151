//! Files that an environment or a credentials file names: read with a limit, and never waited for.

use nix::fcntl::OFlag;
use std::{
    fs::File,
    io::{self, ErrorKind, Read as _},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
};
use zeroize::Zeroizing;

/// Why a file was not read. Its text continues "the file …".
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unread {
    #[error("does not exist")]
    Absent,
    /// The system refuses.
    #[error("cannot be read: {0}")]
    Refused(ErrorKind),
    /// A directory, a pipe or a device.
    #[error("is not a file")]
    NotFile,
    #[error("is larger than {} KiB", .0 / 1024)]
    TooLarge(usize),
}

/// At most `max` bytes of a regular file. A pipe would keep us waiting, and a device might never end.
///
/// # Errors
/// See [`Unread`].
pub(super) fn read(path: &Path, max: usize) -> Result<Zeroizing<Vec<u8>>, Unread> {
    let file = File::options().read(true).custom_flags(OFlag::O_NONBLOCK.bits()).open(path)?;
    if !file.metadata()?.is_file() {
        return Err(Unread::NotFile);
    }
    let mut content = Zeroizing::new(Vec::new());
    file.take(max as u64 + 1).read_to_end(&mut content)?;
    match content.len() > max {
        true => Err(Unread::TooLarge(max)),
        false => Ok(content),
    }
}

impl From<io::Error> for Unread {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            ErrorKind::NotFound => Self::Absent,
            kind => Self::Refused(kind),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Unread, read};
    use std::{fs, path::Path};

    #[test]
    fn files_up_to_the_limit_and_nothing_else() {
        let directory = tempfile::tempdir().expect("directory");
        let path = directory.path().join("file");
        fs::write(&path, "1234").expect("file");
        assert_eq!(read(&path, 4).expect("content").as_slice(), b"1234");
        assert_eq!(read(&path, 3), Err(Unread::TooLarge(3)));
        assert_eq!(read(directory.path(), 9), Err(Unread::NotFile));
        assert_eq!(read(Path::new("/dev/zero"), 9), Err(Unread::NotFile));
        assert_eq!(read(&directory.path().join("none"), 9), Err(Unread::Absent));
        let pipe = directory.path().join("pipe");
        nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).expect("pipe");
        assert_eq!(read(&pipe, 9), Err(Unread::NotFile));
        assert!(matches!(read(&path.join("below"), 9), Err(Unread::Refused(_))));
    }
}
