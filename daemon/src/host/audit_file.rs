//! The audit log's file. Appends complete lines, rotates by size into a bounded number of parts, and never follows a
//! symlink. Other daemons may write the same file.

#![expect(clippy::disallowed_methods, reason = "this is the door")]

use nix::{fcntl::OFlag, unistd::Uid};
use std::{
    fs::{self, File},
    io::{self, Read as _, Seek as _, SeekFrom, Write as _},
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

/// How long to wait for another daemon that writes. A daemon that was stopped while writing must not block this one.
const PATIENCE: Duration = Duration::from_secs(1);
/// Pause between two attempts to lock.
const PAUSE: Duration = Duration::from_millis(5);

/// The file and its older parts: `audit.jsonl`, `audit.jsonl.1`, and so on to the oldest.
#[derive(Debug)]
pub struct AuditFile {
    path: PathBuf,
    /// Largest size of a part in bytes, except with a single longer line.
    part: u64,
    /// Number of older parts.
    parts: usize,
    file: Option<File>,
}

/// Why not all lines were written.
#[derive(Debug)]
pub struct Unwritten {
    /// Bytes of the complete lines that were written.
    pub written: usize,
    /// The system's error.
    pub error: io::Error,
}

/// The file while no other process writes or rotates it.
struct Held<'a> {
    file: &'a File,
    /// `false` if another process keeps it locked: then nothing is rotated or truncated.
    alone: bool,
    /// Size in bytes.
    size: u64,
}

impl AuditFile {
    /// A file that is not open yet.
    pub fn new(path: &Path, part: u64, parts: usize) -> Self {
        Self { path: path.to_owned(), part, parts: parts.max(1), file: None }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Appends complete lines.
    ///
    /// # Errors
    /// [`Unwritten`]: the remaining lines are not written in part either.
    pub fn append(&mut self, lines: &[u8]) -> Result<(), Unwritten> {
        let mut written = 0;
        while written < lines.len() {
            match self.append_some(&lines[written..]) {
                Ok(count) => written += count,
                Err(Unwritten { written: count, error }) => {
                    self.file = None;
                    return Err(Unwritten { written: written + count, error });
                }
            }
        }
        Ok(())
    }

    /// Appends as many lines as fit into the current part, at least one. None, if rotation is needed first.
    fn append_some(&mut self, lines: &[u8]) -> Result<usize, Unwritten> {
        let nothing = |error| Unwritten { written: 0, error };
        let (path, part, parts) = (self.path.clone(), self.part, self.parts);
        let held = self.hold().map_err(nothing)?;
        let room = part.saturating_sub(held.size);
        let count = fitting(lines, usize::try_from(room).unwrap_or(usize::MAX));
        let done = match count as u64 > room && held.size > 0 && held.alone {
            true => rotate(&path, parts).map(|()| 0).map_err(nothing),
            false => held.write(&lines[..count]).map(|()| count),
        };
        // Fails only if it was never locked.
        drop(held.file.unlock());
        if let Ok(0) = done {
            self.file = None;
        }
        done
    }

    /// The file at the path now, locked.
    fn hold(&mut self) -> io::Result<Held<'_>> {
        let end = Instant::now() + PATIENCE;
        loop {
            let file = match self.file.take() {
                Some(file) => file,
                None => open(&self.path)?,
            };
            let alone = lock(&file, end);
            let found = file.metadata()?;
            let is_current = fs::symlink_metadata(&self.path)
                .is_ok_and(|at| (at.dev(), at.ino()) == (found.dev(), found.ino()));
            // Another daemon may have rotated it, or a person removed it.
            if is_current || Instant::now() > end {
                return Ok(Held { file: self.file.insert(file), alone, size: found.len() });
            }
        }
    }
}

impl Held<'_> {
    fn write(&self, lines: &[u8]) -> Result<(), Unwritten> {
        let mut written = 0;
        let done = self.end_torn_line().and_then(|()| self.write_all(lines, &mut written));
        let Err(error) = done else { return Ok(()) };
        let whole = lines[..written].iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        if self.alone && whole < written {
            // If that fails as well, the next line starts on a new one.
            let torn = (written - whole) as u64;
            drop(self.file.metadata().and_then(|found| self.file.set_len(found.len().saturating_sub(torn))));
        }
        Err(Unwritten { written: whole, error })
    }

    fn write_all(&self, lines: &[u8], written: &mut usize) -> io::Result<()> {
        let mut file = self.file;
        while *written < lines.len() {
            match file.write(&lines[*written..]) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => *written += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// A line that a crash or a full disk truncated stays one broken line.
    fn end_torn_line(&self) -> io::Result<()> {
        let (mut file, mut last) = (self.file, [b'\n']);
        if self.size > 0 {
            file.seek(SeekFrom::Start(self.size - 1))?;
            file.read_exact(&mut last)?;
        }
        if last == [b'\n'] { Ok(()) } else { file.write_all(b"\n") }
    }
}

/// Length of the first lines of `lines` that fit into `room`, or of the first one if it does not fit.
fn fitting(lines: &[u8], room: usize) -> usize {
    let end = |at: usize| at + 1;
    let within = &lines[..lines.len().min(room)];
    let last = within.iter().rposition(|byte| *byte == b'\n').map(end);
    last.or_else(|| lines.iter().position(|byte| *byte == b'\n').map(end)).unwrap_or(lines.len())
}

fn open(path: &Path) -> io::Result<File> {
    // Opened without blocking: the path may be a FIFO.
    let flags = (OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK).bits();
    let mut options = File::options();
    let file = options.create(true).read(true).append(true).mode(0o600).custom_flags(flags).open(path)?;
    let found = file.metadata()?;
    if !found.is_file() || found.uid() != Uid::effective().as_raw() {
        return Err(io::Error::other("it is not a regular file of ours"));
    }
    if found.mode() & 0o077 != 0 {
        file.set_permissions(fs::Permissions::from_mode(0o600))?;
    }
    Ok(file)
}

/// Whether no other process holds it now.
fn lock(file: &File, end: Instant) -> bool {
    loop {
        match file.try_lock() {
            Ok(()) => return true,
            Err(fs::TryLockError::WouldBlock) if Instant::now() < end => thread::sleep(PAUSE),
            // Where files cannot be locked, daemons cannot share one.
            Err(_) => return false,
        }
    }
}

/// Every part becomes the next older one, and the oldest is deleted. Renaming follows no symlink.
fn rotate(path: &Path, parts: usize) -> io::Result<()> {
    for older in (1..=parts).rev() {
        match fs::rename(part(path, older - 1), part(path, older)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

fn part(path: &Path, number: usize) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    if number > 0 {
        name.push(format!(".{number}"));
    }
    name.into()
}

#[cfg(test)]
mod tests {
    use super::{AuditFile, fitting, part};
    use std::{
        fs,
        os::unix::fs::{PermissionsExt as _, symlink},
        path::Path,
        thread,
    };

    fn text(path: &Path) -> String {
        fs::read_to_string(path).unwrap_or_default()
    }

    #[test]
    fn only_whole_lines_fit() {
        for (lines, room, count) in
            [("ab\ncd\n", 6, 6), ("ab\ncd\n", 5, 3), ("ab\ncd\n", 2, 3), ("ab\ncd\n", 0, 3), ("ab", 1, 2)]
        {
            assert_eq!(fitting(lines.as_bytes(), room), count, "{lines:?} {room}");
        }
    }

    #[test]
    fn parts_are_bounded_in_size_and_number() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("log");
        let mut file = AuditFile::new(&path, 10, 2);
        for number in 0..10 {
            file.append(format!("{number}\n{number}{number}\n").as_bytes()).expect("written");
        }
        assert_eq!(text(&path), "8\n88\n9\n99\n");
        assert_eq!(text(&part(&path, 1)), "6\n66\n7\n77\n");
        assert_eq!(text(&part(&path, 2)), "4\n44\n5\n55\n");
        assert_eq!(fs::read_dir(directory.path()).expect("a list").count(), 3);
        file.append(b"longer than a part\n").expect("written");
        assert_eq!(text(&path), "longer than a part\n");
    }

    #[test]
    fn a_torn_line_is_left_alone() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("log");
        fs::write(&path, "whole\nto").expect("written");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).expect("mode");
        AuditFile::new(&path, 1000, 2).append(b"next\n").expect("written");
        assert_eq!(text(&path), "whole\nto\nnext\n");
        assert_eq!(fs::metadata(&path).expect("metadata").permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn what_is_no_file_of_ours_is_refused() {
        let directory = tempfile::tempdir().expect("a directory");
        let (path, target) = (directory.path().join("log"), directory.path().join("target"));
        symlink(&target, &path).expect("a symlink");
        assert!(AuditFile::new(&path, 10, 2).append(b"x\n").is_err());
        assert!(!target.exists());
        fs::remove_file(&path).expect("removed");
        nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).expect("a pipe");
        assert_eq!(AuditFile::new(&path, 10, 2).append(b"x\n").expect_err("refused").written, 0);
    }

    #[test]
    fn writers_that_share_it_lose_nothing() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("log");
        thread::scope(|scope| {
            for writer in 0..4 {
                let mut file = AuditFile::new(&path, 300, 1000);
                scope.spawn(move || {
                    for number in 0..200 {
                        file.append(format!("{writer} {number}\n").as_bytes()).expect("written");
                    }
                });
            }
        });
        let mut lines: Vec<String> = (0..1000)
            .flat_map(|at| text(&part(&path, at)).lines().map(str::to_owned).collect::<Vec<_>>())
            .collect();
        lines.sort();
        lines.dedup();
        assert_eq!(lines.len(), 800);
        assert!(text(&part(&path, 5)).len() <= 300);
    }
}
