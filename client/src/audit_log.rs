//! Reads the audit log from its files: every complete line in order, across rotated parts.

mod filter;

pub(crate) use filter::{Filter, since, time};

use nix::fcntl::OFlag;
use std::{
    fs::{self, File},
    io,
    os::unix::fs::{FileExt as _, MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

/// Most older parts that a daemon keeps.
const MOST_PARTS: usize = 100;
/// How often to retry if the daemon rotates during a read.
const TRIES: usize = 100;
/// Bytes read at once.
const CHUNK: usize = 64 * 1024;
/// Longest line. The daemon's are a few KiB.
const MAX_LINE: usize = 1024 * 1024;

/// Reads the files and continues where it stopped.
#[derive(Debug)]
pub(crate) struct Reader {
    path: PathBuf,
    current: Option<Part>,
    /// Lines that were truncated.
    pub(crate) broken: u64,
    /// How often parts were deleted before they were read.
    pub(crate) gaps: u64,
}

/// One of the files.
#[derive(Debug)]
struct Part {
    file: File,
    identity: (u64, u64),
    /// End of the last complete line read.
    offset: u64,
    /// Bytes after it.
    rest: usize,
}

impl Reader {
    /// A reader with no file open yet.
    pub(crate) fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), current: None, broken: 0, gaps: 0 }
    }

    /// Whether there was a file to read.
    pub(crate) fn found_any(&self) -> bool {
        self.current.is_some()
    }

    /// Passes every new complete line to `each`.
    ///
    /// # Errors
    /// If a file cannot be read.
    pub(crate) fn read(&mut self, mut each: impl FnMut(&[u8])) -> io::Result<()> {
        loop {
            let Some(current) = &mut self.current else {
                self.current = self.oldest()?;
                if self.current.is_none() {
                    return Ok(());
                }
                continue;
            };
            self.broken += current.drain(&mut each)?;
            let Some(next) = self.next()? else { return Ok(()) };
            // Lines written after our last read and before the rename.
            if let Some(current) = &mut self.current {
                self.broken += current.drain(&mut each)? + u64::from(current.rest > 0);
            }
            self.current = Some(next);
        }
    }

    /// Counts an incomplete line at the end as truncated, once its rest can no longer arrive.
    pub(crate) fn end(&mut self) {
        self.broken += u64::from(self.current.as_ref().is_some_and(|part| part.rest > 0));
    }

    /// The part that follows the current one, if that has been rotated.
    fn next(&mut self) -> io::Result<Option<Part>> {
        let Some(current) = &self.current else { return Ok(None) };
        let identity = current.identity;
        for _ in 0..TRIES {
            let is_current = |number: &usize| identify(&part(&self.path, *number)) == Some(identity);
            match (0..=MOST_PARTS).find(is_current) {
                Some(0) => return Ok(None),
                Some(number) => {
                    let next = Part::open(&part(&self.path, number - 1))?;
                    if is_current(&number) {
                        return Ok(next);
                    }
                }
                None => {
                    let oldest = self.oldest()?;
                    self.gaps += u64::from(oldest.is_some());
                    return Ok(oldest);
                }
            }
        }
        Ok(None)
    }

    fn oldest(&self) -> io::Result<Option<Part>> {
        for number in (0..=MOST_PARTS).rev() {
            if let Some(found) = Part::open(&part(&self.path, number))? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }
}

impl Part {
    fn open(path: &Path) -> io::Result<Option<Self>> {
        let mut options = File::options();
        // Opened without blocking: it may be a FIFO.
        let file = match options.read(true).custom_flags(OFlag::O_NONBLOCK.bits()).open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let found = file.metadata()?;
        match found.is_file() {
            true => Ok(Some(Self { file, identity: (found.dev(), found.ino()), offset: 0, rest: 0 })),
            false => Err(io::Error::other("it is not a regular file")),
        }
    }

    /// Reads to the end, and returns the number of truncated lines. An incomplete line is read again next time: the
    /// daemon removes a line that a full disk cut short.
    fn drain(&mut self, each: &mut impl FnMut(&[u8])) -> io::Result<u64> {
        let (mut chunk, mut lines, mut broken) = (vec![0; CHUNK], Vec::new(), 0);
        loop {
            let count = self.file.read_at(&mut chunk, self.offset + lines.len() as u64)?;
            if count == 0 {
                self.rest = lines.len();
                return Ok(broken);
            }
            lines.extend_from_slice(&chunk[..count]);
            let whole = lines.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
            lines[..whole].split_inclusive(|byte| *byte == b'\n').for_each(&mut *each);
            self.offset += whole as u64;
            lines.drain(..whole);
            if lines.len() > MAX_LINE {
                self.offset += lines.len() as u64;
                lines.clear();
                broken += 1;
            }
        }
    }
}

fn part(path: &Path, number: usize) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    if number > 0 {
        name.push(format!(".{number}"));
    }
    name.into()
}

fn identify(path: &Path) -> Option<(u64, u64)> {
    fs::metadata(path).ok().map(|found| (found.dev(), found.ino()))
}

#[cfg(test)]
mod tests;
