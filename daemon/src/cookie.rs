//! The daemon's side of the cookie: creates the file, and compares it with what callers send. A second file beside it
//! tells near callers which variables the user lets commands have.

use claviger::{
    cookie::{self, COOKIE_LENGTH},
    passed::{self, MAX_FILE_LEN, Passed},
    reason::{Problem, Reason},
};
use claviger_private::{lock, read_private, remove_private, write_private};
use std::{
    fmt,
    path::{Path, PathBuf},
    sync::Mutex,
};
use zeroize::Zeroizing;

/// The cookie of one socket. The file is authoritative: a caller that can write it is near.
pub struct Cookie {
    path: Mutex<PathBuf>,
    /// Content of the file when it was last read.
    digits: Mutex<Zeroizing<String>>,
}

// === impl Cookie ===

impl Cookie {
    /// The cookie beside `socket`; creates one if none is valid.
    ///
    /// # Errors
    /// If it cannot be created.
    pub fn of(socket: &Path) -> Result<Self, Problem> {
        let path = cookie::path(socket);
        let digits = ensure(&path)?;
        Ok(Self { path: Mutex::new(path), digits: Mutex::new(digits) })
    }

    /// Whether `sent` is the cookie. If it differs, the file is read again, and created if it is gone.
    pub fn is(&self, sent: &[u8]) -> bool {
        let is_same = |digits: &str| same(digits.as_bytes(), sent);
        is_same(&lock(&self.digits)) || self.look_again() && is_same(&lock(&self.digits))
    }

    /// Creates the file if it is gone, and takes over its content. False if it cannot be used.
    pub fn look_again(&self) -> bool {
        match ensure(&self.path()) {
            Ok(digits) => *lock(&self.digits) = digits,
            Err(problem) => {
                tracing::warn!(%problem, "the cookie cannot be used");
                return false;
            }
        }
        true
    }

    /// The socket has moved: creates the cookie beside it, unless there is one.
    pub fn follow(&self, socket: &Path) {
        *lock(&self.path) = cookie::path(socket);
        self.look_again();
    }

    /// Writes the list of variables that the user lets commands have, for near callers.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn publish(&self, passed: &Passed) -> Result<(), Problem> {
        let (path, text) = (passed::path(&self.path()), passed.text());
        match read_private(&path, MAX_FILE_LEN) {
            Ok(Some(content)) if content == text.as_bytes() => Ok(()),
            Ok(_) if !passed.is_empty() => write_private(&path, text.as_bytes()),
            Ok(_) => remove_private(&path),
            // It is not safely ours.
            Err(_) => {
                remove_private(&path)?;
                write_private(&path, text.as_bytes())
            }
        }
    }

    fn path(&self) -> PathBuf {
        lock(&self.path).clone()
    }

    /// Replaces it: callers read it again.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn replace(&self) -> Result<(), Problem> {
        *lock(&self.digits) = make(&self.path())?;
        Ok(())
    }
}

impl fmt::Debug for Cookie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cookie({})", self.path().display())
    }
}

/// The cookie in the file, or a new one if other users could have read it.
fn ensure(path: &Path) -> Result<Zeroizing<String>, Problem> {
    match read_private(path, COOKIE_LENGTH + 1) {
        Ok(Some(content)) => {
            let content = Zeroizing::new(content);
            if let Some(digits) = cookie::parse(&content) {
                return Ok(Zeroizing::new(digits.to_owned()));
            }
            tracing::warn!(path = %path.display(), "the cookie is malformed: there is a new one");
        }
        Ok(None) => {}
        Err(problem) => tracing::warn!(%problem, "the cookie proves nothing: there is a new one"),
    }
    make(path)
}

fn make(path: &Path) -> Result<Zeroizing<String>, Problem> {
    let mut bytes = Zeroizing::new([0; COOKIE_LENGTH / 2]);
    getrandom::fill(&mut *bytes)
        .map_err(|error| Problem::new(Reason::SourceUnavailable, format!("no random numbers: {error}")))?;
    let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let digits = Zeroizing::new(digits);
    remove_private(path)?;
    write_private(path, format!("{}\n", *digits).as_bytes())?;
    Ok(digits)
}

/// Whether two texts are equal, in constant time.
fn same(one: &[u8], other: &[u8]) -> bool {
    one.len() == other.len() && one.iter().zip(other).fold(0, |seen, (one, other)| seen | (one ^ other)) == 0
}

#[cfg(test)]
mod tests {
    use super::Cookie;
    use claviger::cookie;
    use std::{
        fs,
        os::unix::fs::{PermissionsExt as _, symlink},
        path::Path,
    };

    fn stored(socket: &Path) -> Vec<u8> {
        let content = fs::read(cookie::path(socket)).expect("a cookie");
        cookie::parse(&content).expect("digits").as_bytes().to_vec()
    }

    fn private() -> tempfile::TempDir {
        let place = tempfile::tempdir().expect("a directory");
        fs::set_permissions(place.path(), fs::Permissions::from_mode(0o700)).expect("mode");
        place
    }

    #[test]
    fn it_is_made_once_and_kept() {
        let place = private();
        let socket = place.path().join("s.sock");
        let first = Cookie::of(&socket).expect("made");
        let digits = stored(&socket);
        assert_eq!(fs::metadata(cookie::path(&socket)).expect("there").permissions().mode() & 0o777, 0o600);
        let next = Cookie::of(&socket).expect("read");
        assert!(first.is(&digits) && next.is(&digits));
        for wrong in [&b""[..], b"0", &[b'0'; 64], &digits[1..]] {
            assert!(!next.is(wrong));
        }
        assert!(!format!("{next:?}").contains(std::str::from_utf8(&digits).expect("text")));
    }

    #[test]
    fn one_that_is_gone_is_made_again_and_the_old_one_does_not_count() {
        let place = private();
        let socket = place.path().join("s.sock");
        let cookie = Cookie::of(&socket).expect("made");
        let old = stored(&socket);
        fs::remove_file(cookie::path(&socket)).expect("removed");
        assert!(cookie.look_again());
        assert!(!cookie.is(&old) && cookie.is(&stored(&socket)));
        cookie.replace().expect("replaced");
        assert!(cookie.is(&stored(&socket)));
    }

    #[test]
    fn what_others_could_have_read_or_put_there_is_replaced() {
        type Spoil = fn(&Path);
        let spoil: [(&str, Spoil); 5] = [
            ("mode", |path| fs::set_permissions(path, fs::Permissions::from_mode(0o644)).expect("mode")),
            ("content", |path| fs::write(path, "x").expect("written")),
            ("large", |path| fs::write(path, "0".repeat(65)).expect("written")),
            ("symlink", |path| {
                fs::rename(path, path.with_extension("real")).expect("renamed");
                symlink(path.with_extension("real"), path).expect("linked");
            }),
            ("fifo", |path| {
                fs::remove_file(path).expect("removed");
                nix::unistd::mkfifo(path, nix::sys::stat::Mode::S_IRWXU).expect("a FIFO");
            }),
        ];
        for (what, spoil) in spoil {
            let place = private();
            let socket = place.path().join("s.sock");
            drop(Cookie::of(&socket).expect("made"));
            let old = stored(&socket);
            spoil(&cookie::path(&socket));
            let cookie = Cookie::of(&socket).expect(what);
            assert!(!cookie.is(&old) && cookie.is(&stored(&socket)), "{what}");
        }
        let place = private();
        fs::create_dir(place.path().join("cookie")).expect("a directory");
        assert!(Cookie::of(&place.path().join("s.sock")).is_err(), "a directory is not removed");
    }
}
