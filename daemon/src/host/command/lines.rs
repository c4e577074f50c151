//! Output of a command, and the lines of it that are forwarded.

use super::said::Tail;
use crate::live::lock;
use claviger::secret::Secret;
use claviger_child::account::MAX_LINE;
use std::{
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _},
    time::timeout,
};

/// How long an interactive command may pause within a line before the partial line is forwarded: it may be a prompt.
const PATIENCE: Duration = Duration::from_millis(300);
/// Most lines forwarded per run; the rest is read and dropped.
const MAX_LINES: usize = 200;

/// Reads everything, and keeps at most `cap` bytes.
pub(super) async fn read_capped(
    stream: Option<impl AsyncRead + Unpin>,
    into: &mut Secret<Vec<u8>>,
    cap: usize,
) {
    let Some(mut stream) = stream else { return };
    let mut chunk = zeroize::Zeroizing::new([0; 4096]);
    while let Ok(count @ 1..) = stream.read(&mut chunk[..]).await {
        let room = cap.saturating_sub(into.expose().len());
        into.expose_mut().extend_from_slice(&chunk[..count.min(room)]);
    }
}

/// Forwards lines of a command.
pub(super) struct Lines<F> {
    on_line: Mutex<F>,
    /// Number of lines that may still be forwarded.
    left: AtomicUsize,
    /// Whether partial lines are forwarded after a pause.
    eager: bool,
    tail: Mutex<Tail>,
}

impl<F: FnMut(String) + Send> Lines<F> {
    pub(super) fn new(on_line: F, eager: bool) -> Self {
        Self {
            on_line: Mutex::new(on_line),
            left: AtomicUsize::new(MAX_LINES),
            eager,
            tail: Mutex::default(),
        }
    }

    /// The last lines, including those that were not forwarded.
    pub(super) fn tail(&self) -> Tail {
        std::mem::take(&mut *lock(&self.tail))
    }

    /// Reads a stream to its end.
    pub(super) async fn read(&self, stream: Option<impl AsyncRead + Unpin>) {
        let Some(mut stream) = stream else { return };
        let mut chunk = zeroize::Zeroizing::new([0; 4096]);
        let mut line = Vec::new();
        loop {
            let patience = if self.eager && !line.is_empty() { PATIENCE } else { Duration::MAX };
            let Ok(read) = timeout(patience, stream.read(&mut chunk[..])).await else {
                self.pass_on(&mut line);
                continue;
            };
            let Ok(count @ 1..) = read else { break };
            for &byte in &chunk[..count] {
                match byte {
                    b'\n' | b'\r' => self.pass_on(&mut line),
                    _ if line.len() < MAX_LINE => line.push(byte),
                    _ => {}
                }
            }
        }
        self.pass_on(&mut line);
    }

    fn pass_on(&self, line: &mut Vec<u8>) {
        let text: String = String::from_utf8_lossy(line).chars().filter(|c| !c.is_control()).collect();
        line.clear();
        let room = |left: usize| left.checked_sub(1);
        if !text.is_empty() {
            lock(&self.tail).push(&text);
        }
        if !text.is_empty() && self.left.fetch_update(Relaxed, Relaxed, room).is_ok() {
            lock(&self.on_line)(text);
        }
    }
}
