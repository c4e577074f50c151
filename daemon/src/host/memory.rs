//! Keeps secrets out of swap and core dumps, and away from other processes.

use memmap2::MmapMut;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use std::{fmt, io, sync::Once};
use zeroize::Zeroize as _;

/// Secret text on pages of its own that are neither swapped nor dumped. Zeroed when dropped.
pub struct LockedText {
    pages: MmapMut,
    len: usize,
}

impl LockedText {
    /// Copies `text`; the caller zeroes its own copy.
    ///
    /// # Errors
    /// If the system has no memory left.
    pub fn new(text: &str) -> io::Result<Self> {
        let mut pages = MmapMut::map_anon(text.len().max(1))?;
        let locked = pages.lock().and_then(|()| keep_out_of_dumps(&pages));
        if let Err(error) = locked {
            static ONCE: Once = Once::new();
            ONCE.call_once(
                || tracing::warn!(%error, "secrets cannot be locked in memory; raise RLIMIT_MEMLOCK"),
            );
        }
        pages[..text.len()].copy_from_slice(text.as_bytes());
        Ok(Self { pages, len: text.len() })
    }

    /// The text. Each call marks a place where a secret leaves its pages.
    pub fn expose(&self) -> &str {
        // Only `new` writes the pages, from a str.
        std::str::from_utf8(&self.pages[..self.len]).unwrap_or_default()
    }
}

impl Drop for LockedText {
    fn drop(&mut self) {
        self.pages.zeroize();
    }
}

impl fmt::Debug for LockedText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LockedText(REDACTED)")
    }
}

#[cfg(target_os = "linux")]
fn keep_out_of_dumps(pages: &MmapMut) -> io::Result<()> {
    pages.advise(memmap2::Advice::DontDump)
}

/// There is no such advice elsewhere; there, disabling core dumps protects the pages.
#[cfg(not(target_os = "linux"))]
fn keep_out_of_dumps(_pages: &MmapMut) -> io::Result<()> {
    Ok(())
}

/// Raises the limit of open files to the hard limit. Commands inherit it.
pub fn raise_descriptor_limit() {
    if let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) {
        // More than this is of no use to one user, and a huge table costs memory.
        let wanted = hard.min(16_384).max(soft);
        if let Err(error) = setrlimit(Resource::RLIMIT_NOFILE, wanted, hard) {
            tracing::warn!(%error, "the limit of open files stays as it is");
        }
    }
}

/// The limit of open files.
pub fn descriptors() -> usize {
    let soft = getrlimit(Resource::RLIMIT_NOFILE).map_or(0, |(soft, _)| soft);
    usize::try_from(soft).unwrap_or(usize::MAX / 8)
}

#[cfg(test)]
mod tests {
    use super::LockedText;

    #[test]
    fn keeps_the_text_and_hides_it() {
        let text = LockedText::new("canary").expect("memory");
        assert_eq!(text.expose(), "canary");
        assert_eq!(format!("{text:?}"), "LockedText(REDACTED)");
        assert_eq!(LockedText::new("").expect("memory").expose(), "");
    }
}
