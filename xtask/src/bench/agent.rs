//! ssh's agent over one connection: the list of its keys, asked for again and again.

use crate::sh;
use std::{
    io::{Read as _, Write as _},
    os::unix::net::UnixStream,
    path::Path,
    time::Instant,
};

/// `SSH_AGENTC_REQUEST_IDENTITIES` with its length, as draft-miller-ssh-agent has it.
const LIST: [u8; 5] = [0, 0, 0, 1, 11];
/// `SSH_AGENT_IDENTITIES_ANSWER`.
const ANSWER: u8 = 12;

/// An open connection.
pub(super) struct Agent(UnixStream);

impl Agent {
    pub(super) fn connect(socket: &Path) -> sh::Result<Self> {
        Ok(Self(UnixStream::connect(socket)?))
    }

    /// Milliseconds of each of `calls`, one after the other.
    pub(super) fn list(&mut self, calls: usize) -> sh::Result<Vec<f64>> {
        (0..calls).map(|_| self.once()).collect()
    }

    fn once(&mut self) -> sh::Result<f64> {
        let start = Instant::now();
        self.0.write_all(&LIST)?;
        let mut length = [0; 4];
        self.0.read_exact(&mut length)?;
        let mut answer = vec![0; u32::from_be_bytes(length) as usize];
        self.0.read_exact(&mut answer)?;
        let took = start.elapsed();
        match answer.first() {
            Some(&ANSWER) => Ok(took.as_secs_f64() * 1000.0),
            _ => Err("ssh-agent does not list its keys".into()),
        }
    }
}
