//! Meaning of messages of a cloud's own tool (`az`, `azd`, `gcloud`), if its exit code is not specific.

use std::{
    io::{self, Write as _},
    time::Duration,
};
use tokio::time::sleep;

/// A message of SQLite, whose databases `az` and `gcloud` use.
const LOCKED: &str = "database is locked";
/// Most attempts to run a tool whose database is in use.
const ATTEMPTS: u32 = 5;
/// Pause after the first attempt; each further one adds as much.
const PAUSE: Duration = Duration::from_millis(200);
/// Messages of Python's libraries without a network. `gcloud` adds that one should sign in.
const NO_NETWORK: [&str; 8] = [
    "Max retries exceeded",
    "Failed to establish a new connection",
    "Name or service not known",
    "Temporary failure in name resolution",
    "Unable to find the server",
    "Connection refused",
    "Network is unreachable",
    "timed out",
];
/// Most bytes of a tool's messages that are passed on.
const MOST: usize = 4096;

/// Whether a tool that failed with the message `said` can be run again in a moment. Waits for that.
pub(crate) async fn is_busy(said: &[u8], attempt: u32) -> bool {
    let is_busy = String::from_utf8_lossy(said).contains(LOCKED) && attempt < ATTEMPTS;
    if is_busy {
        sleep(PAUSE * attempt).await;
    }
    is_busy
}

/// Whether a tool with the message `said` has no person signed in. `words` are its messages in that case. Pure.
pub(crate) fn wants_sign_in(said: &str, words: &[&str]) -> bool {
    words.iter().any(|word| said.contains(word)) && !NO_NETWORK.iter().any(|word| said.contains(word))
}

/// Passes on the messages of a failed tool: the daemon shows the last lines of this process, without likely secrets.
pub(crate) fn pass_on(said: &[u8]) {
    let said = said.trim_ascii_end();
    let mut stderr = io::stderr().lock();
    // Without a reader there is no one to notify.
    drop(stderr.write_all(&said[said.len().saturating_sub(MOST)..]).and_then(|()| stderr.write_all(b"\n")));
}

#[cfg(test)]
mod tests {
    use super::wants_sign_in;

    #[test]
    fn a_tool_wants_a_sign_in_if_it_says_so_and_could_ask() {
        let words = ["az login"];
        for (said, expected) in [
            ("ERROR: Please run 'az login' to setup account.", true),
            ("database is locked", false),
            ("HTTPSConnectionPool: Max retries exceeded; run az login", false),
            ("Traceback (most recent call last):", false),
            ("", false),
        ] {
            assert_eq!(wants_sign_in(said, &words), expected, "{said}");
        }
    }
}
