//! The basis of every verb: options, the session they describe, and the connection to the daemon.

use crate::{failure::Failure, harden::CoreLimit, output, session::options::Options, text::escape};
use claviger::{
    client::{self, Client, ConnectError},
    reason::{Problem, Reason},
    session::{self, ExplicitSettings, MAX_EXPLICIT_SETTINGS, SessionContext},
};
use nix::fcntl::OFlag;
use std::{
    env,
    ffi::{OsStr, OsString},
    fs, io,
    io::{IsTerminal as _, Read as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

/// The facts of this call.
pub(crate) struct Context {
    /// Options of the command line.
    pub(crate) options: Options,
    /// Whether a person can be asked.
    pub(crate) interactive: bool,
    /// The core limit to restore before another program takes over.
    pub(crate) core_limit: CoreLimit,
}

impl Context {
    /// The facts of this call.
    pub(crate) fn new(options: Options, core_limit: CoreLimit) -> Self {
        let interactive = !options.quiet && !options.json && output::is_interactive();
        Self { options, interactive, core_limit }
    }

    /// The session in the directory of `--cwd`, or the working directory.
    ///
    /// # Errors
    /// `malformed-request` if the directory is gone or the settings cannot be used.
    pub(crate) fn session(&self) -> Result<SessionContext, Failure> {
        self.session_in(self.options.cwd.as_deref())
    }

    /// The session in `directory`.
    ///
    /// # Errors
    /// As [`Context::session`].
    pub(crate) fn session_in(&self, directory: Option<&Path>) -> Result<SessionContext, Failure> {
        self.warn_of_path();
        self.session_of(directory, env::vars_os())
    }

    /// The session in `directory` with this environment.
    ///
    /// # Errors
    /// As [`Context::session`].
    pub(crate) fn session_of(
        &self,
        directory: Option<&Path>,
        environment: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<SessionContext, Failure> {
        let cwd = match directory {
            Some(directory) => named_directory(directory)?,
            // Over a forwarded socket, directories of this side have no meaning.
            None => match env::current_dir() {
                Err(_) if self.is_foreign() => PathBuf::from("/"),
                directory => directory.map_err(|error| no_directory(&error))?,
            },
        };
        let mut session = SessionContext::new(cwd, environment)?;
        session.mode = self.options.mode().unwrap_or(session.mode);
        session.interactive = self.interactive;
        session.explicit = match &self.options.settings {
            Some(value) => explicit_settings(value)?,
            None => None,
        };
        Ok(session)
    }

    fn warn_of_path(&self) {
        if self.options.quiet || !io::stderr().is_terminal() {
            return;
        }
        for entry in session::left_out(&env::var_os("PATH").unwrap_or_default()) {
            let entry = escape::line(&entry.to_string_lossy());
            output::talk(&format!("claviger: warning: {entry} of PATH cannot be used and is left out\n"));
        }
    }

    /// The directory of the session, for display.
    pub(crate) fn directory(&self) -> String {
        let named = self.options.cwd.as_deref().map(std::path::absolute);
        let directory = named.unwrap_or_else(env::current_dir).unwrap_or_default();
        directory.to_string_lossy().into_owned()
    }

    /// Connects to the daemon; starts one for it unless `--no-start` is given.
    ///
    /// # Errors
    /// Why the connection failed.
    pub(crate) async fn connect(&self) -> Result<Client, Failure> {
        let socket = self.socket()?;
        // Without a deadline: connecting takes no time if a daemon runs, and a timer is not free.
        match Client::connect(&socket).await {
            Err(ConnectError::Unreachable { .. })
                if !self.options.no_start && client::is_default(&socket) => {}
            connected if self.options.no_start => return Ok(connected?),
            connected => return Ok(connected?.restarting()),
        }
        // A start waits for its turn among other clients, and one of those may hang.
        let limit = self.options.timeout();
        let connected = tokio::time::timeout(limit, Client::connect_or_start(&socket)).await;
        Ok(connected.map_err(|_| Failure::TimedOut(limit))??)
    }

    /// Connects to a running daemon.
    ///
    /// # Errors
    /// Why the connection failed.
    pub(crate) async fn connect_running(&self) -> Result<Client, ConnectError> {
        Client::connect(&self.socket()?).await
    }

    /// The socket of the daemon.
    ///
    /// # Errors
    /// If its given path is not absolute.
    pub(crate) fn socket(&self) -> Result<PathBuf, ConnectError> {
        match &self.options.socket {
            Some(path) => std::path::absolute(path)
                .map_err(|cause| ConnectError::Unreachable { path: path.display().to_string(), cause }),
            None => client::default_socket(),
        }
    }

    /// Whether only a socket is here, of a share or of another machine.
    pub(crate) fn is_foreign(&self) -> bool {
        self.socket().is_ok_and(|socket| client::is_foreign(&socket))
    }

    /// Minimum remaining validity.
    pub(crate) fn min_validity(&self) -> Option<Duration> {
        self.options.min_validity.map(Duration::from_secs)
    }
}

fn no_directory(error: &io::Error) -> Failure {
    let message = match error.kind() {
        io::ErrorKind::NotFound => "the working directory does not exist any more".to_owned(),
        _ => format!("the working directory cannot be determined: {error}"),
    };
    Failure::usage(message, "change to a directory that exists, or name one with --cwd")
}

// Canonical, as the kernel reports a working directory.
fn named_directory(directory: &Path) -> Result<PathBuf, Failure> {
    let failed = |why: String| {
        Failure::usage(
            format!("cannot use directory {}: {why}", directory.display()),
            "name a directory that exists",
        )
    };
    let path = fs::canonicalize(directory).map_err(|error| failed(error.to_string()))?;
    match path.is_dir() {
        true => Ok(path),
        false => Err(failed("it is not a directory".into())),
    }
}

/// The settings of `--settings VALUE`: JSON if it starts like an object, else a file.
fn explicit_settings(value: &OsStr) -> Result<Option<ExplicitSettings>, Failure> {
    let inline = value.to_str().filter(|text| text.trim_start().starts_with('{'));
    let explicit = match inline {
        Some(text) => session::explicit("inline".into(), text.as_bytes().to_vec())?,
        None => {
            let path = std::path::absolute(value).unwrap_or_else(|_| value.into());
            let failed = |why: String| {
                let message = format!("cannot use settings file {}: {why}", path.display());
                Problem::new(Reason::MalformedRequest, message)
                    .hint("--settings takes a regular file or a JSON object")
            };
            let content = read_settings(&path).map_err(failed)?;
            session::explicit(path.to_string_lossy().into_owned(), content)?
        }
    };
    match explicit {
        Some(explicit) => Ok(Some(explicit)),
        None => Err(Failure::usage("the file passed with --settings is empty", "write at least {} into it")),
    }
}

/// Reads at most one byte more than is allowed. A pipe or device is refused before reading it could block.
fn read_settings(path: &Path) -> Result<Vec<u8>, String> {
    let text = |error: io::Error| error.to_string();
    let mut options = fs::OpenOptions::new();
    options.read(true).custom_flags((OFlag::O_NONBLOCK | OFlag::O_NOCTTY).bits());
    let file = options.open(path).map_err(text)?;
    if !file.metadata().map_err(text)?.is_file() {
        return Err("it is not a regular file".into());
    }
    let mut content = Vec::new();
    file.take(MAX_EXPLICIT_SETTINGS as u64 + 1).read_to_end(&mut content).map_err(text)?;
    Ok(content)
}

#[cfg(test)]
mod tests {
    use super::{explicit_settings, named_directory};
    use crate::failure::Failure;
    use claviger::session::MAX_EXPLICIT_SETTINGS;
    use std::{ffi::OsStr, fs};

    fn code(result: Result<Option<claviger::session::ExplicitSettings>, Failure>) -> u8 {
        result.expect_err("must be refused").code()
    }

    #[test]
    fn json_is_recognised_by_its_brace() {
        for text in ["{}", " \n {\"apiKeyHelper\": \"x\"}"] {
            let explicit = explicit_settings(OsStr::new(text)).ok().flatten().expect("inline");
            assert_eq!((explicit.name.as_str(), explicit.content.as_slice()), ("inline", text.as_bytes()));
        }
    }

    #[test]
    fn files_are_read_whole_and_named() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("s.json");
        fs::write(&path, "{\"a\": 1}").expect("written");
        let explicit = explicit_settings(path.as_os_str()).ok().flatten().expect("a file");
        assert_eq!(
            (explicit.name.as_str(), explicit.content.as_slice()),
            (path.to_str().expect("UTF-8"), &b"{\"a\": 1}"[..])
        );
    }

    #[test]
    fn what_is_no_small_regular_file_is_refused() {
        let dir = tempfile::tempdir().expect("a directory");
        let fifo = dir.path().join("fifo");
        nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).expect("a pipe");
        let large = dir.path().join("large");
        fs::write(&large, vec![b' '; MAX_EXPLICIT_SETTINGS + 1]).expect("written");
        let empty = dir.path().join("empty");
        fs::write(&empty, "").expect("written");
        assert_eq!(code(explicit_settings(fifo.as_os_str())), 2);
        assert_eq!(code(explicit_settings(empty.as_os_str())), 2);
        assert_eq!(code(explicit_settings(dir.path().as_os_str())), 2);
        assert_eq!(code(explicit_settings(OsStr::new("/dev/zero"))), 2);
        assert_eq!(code(explicit_settings(dir.path().join("absent").as_os_str())), 2);
        assert_eq!(code(explicit_settings(large.as_os_str())), 6);
    }

    #[test]
    fn a_directory_must_exist() {
        assert!(named_directory("/".as_ref()).is_ok());
        for path in ["/nowhere/at/all", "/etc/passwd"] {
            assert_eq!(named_directory(path.as_ref()).expect_err(path).code(), 2);
        }
    }
}
