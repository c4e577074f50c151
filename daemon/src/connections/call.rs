//! One call of a connection, and the bytes that it uses until it is answered.

use super::list::Link;
use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
};

/// Cost of a call besides its message: tasks, buffers and tables.
const OVERHEAD: usize = 16 * 1024;

/// A call. Until it [has begun](Call::begin), its connection counts as idle, so that partial messages keep no
/// connection open.
#[derive(Debug)]
pub struct Call {
    link: Arc<Link>,
    bytes: AtomicUsize,
    has_begun: AtomicBool,
}

impl Call {
    /// A call with headers of that many bytes.
    pub fn new(link: Arc<Link>, headers: usize) -> Self {
        let call = Self { link, bytes: AtomicUsize::default(), has_begun: AtomicBool::default() };
        // If that is too much, the connection is closed, and the call with it.
        let _ = call.hold(OVERHEAD + headers);
        call
    }

    /// Counts further bytes; `false` if they exceed the limit and the connection is being closed.
    #[must_use]
    pub fn hold(&self, bytes: usize) -> bool {
        self.bytes.fetch_add(bytes, Relaxed);
        self.link.hold(bytes)
    }

    /// Bytes in use.
    pub fn held(&self) -> usize {
        self.bytes.load(Relaxed)
    }

    /// Records that its message is complete, or that it is being answered already.
    pub fn begin(&self) {
        if !self.has_begun.swap(true, Relaxed) {
            self.link.begin();
        }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.link.release(self.held());
        if self.has_begun.load(Relaxed) {
            self.link.end();
        }
    }
}
