//! The sockets of gates, and accepted connections.

use bytes::BytesMut;
use nix::sys::socket::Shutdown;
use std::{
    fs, io,
    net::{Ipv4Addr, SocketAddr, SocketAddrV4},
    os::{
        fd::AsRawFd as _,
        unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _},
    },
    path::{Path, PathBuf},
    task::{Context, Poll},
    time::Duration,
};
use tokio::{
    io::Interest,
    net::{TcpListener, TcpStream, UnixListener, UnixStream},
    time::sleep,
};

/// A listening socket.
pub(crate) enum Listener {
    /// At a path.
    Unix(UnixListener, PathBuf),
    /// On a port of 127.0.0.1.
    Tcp(TcpListener, SocketAddr),
}

/// A connection.
pub(crate) enum Io {
    /// Through a path.
    Unix(UnixStream),
    /// Through a port.
    Tcp(TcpStream),
}

// === impl Listener ===

impl Listener {
    /// Listens at `path`, in a directory that only this user can reach. A socket there is replaced: it belongs to an earlier program.
    ///
    /// # Errors
    /// If the directory is not this user's, the path is too long, or the kernel refuses.
    pub(crate) fn at_path(path: &Path) -> io::Result<Self> {
        if let Err(error) = std::os::unix::net::SocketAddr::from_pathname(path) {
            let bytes = path.as_os_str().len();
            return Err(io::Error::other(format!(
                "{error}, and {} has {bytes} bytes; set XDG_RUNTIME_DIR to a shorter directory, or use --gate=tcp",
                path.display()
            )));
        }
        let directory = path.parent().unwrap_or(Path::new("/"));
        if let Err(error) = fs::DirBuilder::new().mode(0o700).create(directory)
            && error.kind() != io::ErrorKind::AlreadyExists
        {
            return Err(error);
        }
        let found = fs::symlink_metadata(directory)?;
        if !found.is_dir() || found.uid() != nix::unistd::geteuid().as_raw() || found.mode() & 0o077 != 0 {
            return Err(io::Error::other(format!(
                "{} is no directory of this user alone",
                directory.display()
            )));
        }
        let fresh = path.with_extension("new");
        drop(fs::remove_file(&fresh));
        let socket = UnixListener::bind(&fresh)?;
        fs::set_permissions(&fresh, fs::Permissions::from_mode(0o600))?;
        fs::rename(&fresh, path)?;
        Ok(Self::Unix(socket, path.to_owned()))
    }

    /// Listens on `port` of 127.0.0.1; zero: on any free one.
    ///
    /// # Errors
    /// If it is taken.
    pub(crate) async fn on_port(port: u16) -> io::Result<Self> {
        let socket = TcpListener::bind(SocketAddrV4::new(Ipv4Addr::LOCALHOST, port)).await?;
        let address = socket.local_addr()?;
        Ok(Self::Tcp(socket, address))
    }

    /// Its address.
    pub(crate) fn address(&self) -> String {
        match self {
            Self::Unix(_, path) => path.display().to_string(),
            Self::Tcp(_, address) => address.to_string(),
        }
    }

    /// The next connection.
    ///
    /// # Errors
    /// As `accept`.
    pub(crate) async fn accept(&self) -> io::Result<Io> {
        match self {
            Self::Unix(socket, _) => Ok(Io::Unix(socket.accept().await?.0)),
            Self::Tcp(socket, _) => {
                let (stream, _) = socket.accept().await?;
                stream.set_nodelay(true)?;
                Ok(Io::Tcp(stream))
            }
        }
    }

    /// Removes the path.
    pub(crate) fn remove(&self) {
        if let Self::Unix(_, path) = self {
            drop(fs::remove_file(path));
        }
    }
}

// === impl Io ===

macro_rules! each {
    ($io:expr, $stream:ident => $what:expr) => {
        match $io {
            Io::Unix($stream) => $what,
            Io::Tcp($stream) => $what,
        }
    };
}

impl Io {
    pub(crate) fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(self, stream => stream.poll_read_ready(cx))
    }

    pub(crate) fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(self, stream => stream.poll_write_ready(cx))
    }

    pub(crate) fn try_read(&self, buffer: &mut BytesMut) -> io::Result<usize> {
        each!(self, stream => stream.try_read_buf(buffer))
    }

    pub(crate) fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        each!(self, stream => stream.try_write(bytes))
    }

    pub(crate) fn try_write_vectored(&self, parts: &[io::IoSlice<'_>]) -> io::Result<usize> {
        each!(self, stream => stream.try_write_vectored(parts))
    }

    /// Resolves when the other side has closed, even if there are unread bytes: checks once in `every`.
    pub(crate) async fn closed(&self, every: Duration) {
        loop {
            match each!(self, stream => stream.ready(Interest::READABLE).await) {
                Ok(ready) if !ready.is_read_closed() => sleep(every).await,
                _ => return,
            }
        }
    }

    /// Ends the sending side.
    pub(crate) fn shutdown(&self) -> io::Result<()> {
        let raw = each!(self, stream => stream.as_raw_fd());
        match nix::sys::socket::shutdown(raw, Shutdown::Write) {
            Ok(()) | Err(nix::errno::Errno::ENOTCONN) => Ok(()),
            Err(errno) => Err(errno.into()),
        }
    }
}
