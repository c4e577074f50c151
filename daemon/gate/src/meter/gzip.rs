//! Answers in gzip, which libraries ask for unless told otherwise. A copy is unpacked as it passes, at a cost that the size of the answer
//! bounds, whatever it unpacks to.

use super::Reader;
use flate2::write::GzDecoder;
use std::io::{self, Write};

/// Most bytes that each packed byte may yield: a long stream of single words that is packed as a whole yields 45, and the format allows 1032.
const MOST_OF_EACH: usize = 100;
/// Most bytes beyond that, for short answers.
const MOST_AT_FIRST: usize = 64 * 1024;

/// Reads one answer in gzip.
pub(crate) struct Gzip(Option<GzDecoder<Unpacked>>);

/// Takes what is unpacked.
struct Unpacked {
    reader: Reader,
    /// How many bytes more it takes.
    room: usize,
}

// === impl Gzip ===

impl Gzip {
    pub(super) fn new(reader: Reader) -> Self {
        Self(Some(GzDecoder::new(Unpacked { reader, room: MOST_AT_FIRST })))
    }

    /// What passes. After an error, or when it yields too much, the rest is not counted.
    pub(super) fn see(&mut self, data: &[u8]) {
        let Some(decoder) = &mut self.0 else { return };
        let more = data.len().saturating_mul(MOST_OF_EACH);
        let unpacked = decoder.get_mut();
        unpacked.room = unpacked.room.saturating_add(more);
        // Flushed, so that a stream is counted as it passes.
        if decoder.write_all(data).and_then(|()| decoder.flush()).is_err() {
            // It tries to unpack the rest when it is dropped.
            decoder.get_mut().room = 0;
            self.0 = None;
        }
    }
}

// === impl Unpacked ===

impl Write for Unpacked {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.room = self.room.checked_sub(data.len()).ok_or(io::ErrorKind::QuotaExceeded)?;
        self.reader.see(data);
        Ok(data.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
