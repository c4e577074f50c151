//! Servers that asked for a pause (`Retry-After`), from this child or from an earlier one: they are not asked before
//! its end, and a request to one gets its earlier answer.

use super::answer::Fetched;
use claviger_child::{Busy, Declined};
use claviger_private::lock;
use reqwest::{StatusCode, Url};
use std::{
    sync::Mutex,
    time::{Duration, SystemTime},
};

/// The answer in place of such a server.
pub(super) const STATUS: StatusCode = StatusCode::TOO_MANY_REQUESTS;

static BUSY: Mutex<Busy> = Mutex::new(Busy::new());
/// The server that asked this child.
static TOLD: Mutex<Option<String>> = Mutex::new(None);

/// Takes over the pauses known to the daemon.
pub(super) fn begin(busy: Busy) {
    *lock(&BUSY) = busy;
}

/// Remaining pause of the server of `url`, in whole seconds.
pub(super) fn left(url: &Url) -> Option<Duration> {
    let until = *lock(&BUSY).get(&server(url))?;
    let left = until.duration_since(SystemTime::now()).ok()?;
    Some(Duration::from_secs(left.as_secs() + 1))
}

/// Records an answer of the server of `url`.
pub(super) fn note(url: &Url, status: u16, retry_after: Option<Duration>) {
    let is_busy = status == STATUS || status == StatusCode::SERVICE_UNAVAILABLE;
    let Some(until) = retry_after.filter(|_| is_busy).and_then(|pause| SystemTime::now().checked_add(pause))
    else {
        return;
    };
    lock(&BUSY).insert(server(url), until);
    *lock(&TOLD) = Some(server(url));
}

/// The same answer, with the server that asked this child for a pause.
pub(super) fn named(answer: Fetched) -> Fetched {
    answer.map_err(|declined| {
        let busy = declined.problem.retry_after.and_then(|_| lock(&TOLD).clone()).map(Box::new);
        Declined { busy, ..declined }
    })
}

fn server(url: &Url) -> String {
    url.origin().ascii_serialization()
}

#[cfg(test)]
mod tests {
    use super::{left, note};
    use reqwest::Url;
    use std::time::Duration;

    #[test]
    fn a_server_is_an_origin_and_only_a_busy_one_is_left_alone() {
        let url = |text: &str| text.parse::<Url>().expect("a URL");
        let pause = Some(Duration::from_secs(20));
        note(&url("https://busy.example/token"), 429, pause);
        note(&url("https://down.example/token"), 503, pause);
        note(&url("https://other.example/token"), 400, pause);
        note(&url("https://silent.example/token"), 429, None);
        let seconds = |text: &str| left(&url(text)).map(|left| left.as_secs());
        assert_eq!(seconds("https://busy.example:443/other?x"), Some(20));
        assert_eq!(seconds("https://down.example/"), Some(20));
        for free in
            ["https://busy.example:8443/token", "http://busy.example/token", "https://a.busy.example/"]
        {
            assert_eq!(seconds(free), None, "{free}");
        }
        assert_eq!((seconds("https://other.example/"), seconds("https://silent.example/")), (None, None));
    }
}
