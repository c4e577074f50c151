//! A connection that means no good.

use std::{
    io::{ErrorKind, Read as _, Write as _},
    os::unix::net::UnixStream,
    path::Path,
};

/// A connection on which a burden (`frames.rs`) is sent, as far as the daemon takes it.
#[derive(Debug)]
pub struct Attacker {
    stream: UnixStream,
    sent: usize,
}

impl Attacker {
    /// Connects, and waits for that while the daemon's queue is full.
    ///
    /// # Errors
    /// As of `connect`.
    pub fn connect(socket: &Path) -> std::io::Result<Self> {
        let stream = UnixStream::connect(socket)?;
        stream.set_nonblocking(true)?;
        Ok(Self { stream, sent: 0 })
    }

    /// Sends what fits of the rest of `bytes`; `false` if the daemon has closed the connection.
    pub fn go_on(&mut self, bytes: &[u8]) -> bool {
        while self.sent < bytes.len() {
            match self.stream.write(&bytes[self.sent..]) {
                Ok(count) => self.sent += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(_) => return false,
            }
        }
        // What it answers is thrown away, so that it can go on.
        match self.stream.read(&mut [0; 16 * 1024]) {
            Ok(count) => count > 0,
            Err(error) => matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted),
        }
    }
}
