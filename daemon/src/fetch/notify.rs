//! Shows a notification on the desktop, or takes it back (org.freedesktop.Notifications). A child, so that a bus that hangs
//! is a kill.

use super::answer::Trouble;
use claviger::reason::Reason;
use serde::{Deserialize, Serialize};
use std::io::{self, Read as _};

/// Longest input, in bytes.
const MAX_INPUT: u64 = 16 * 1024;
/// Longest text that is shown, in characters.
const MAX_TEXT: usize = 300;

/// What to do: one line of JSON on stdin.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Input {
    /// Show this text, which is no markup.
    Show(String),
    /// Close the one with this number.
    Close(u32),
}

/// Does it, and answers with the number of the notification.
pub(super) async fn notify() -> Result<u32, Trouble> {
    let mut line = Vec::new();
    let malformed = || Trouble::new(Reason::Bug, "a fetch child was given malformed input");
    io::stdin().lock().take(MAX_INPUT).read_to_end(&mut line).map_err(|_| malformed())?;
    let input = serde_json::from_slice(&line).map_err(|_| malformed())?;
    say(&input).await
}

#[cfg(target_os = "macos")]
async fn say(_: &Input) -> Result<u32, Trouble> {
    Err(Trouble::new(Reason::SourceUnavailable, "there are no notifications on this system"))
}

#[cfg(not(target_os = "macos"))]
async fn say(input: &Input) -> Result<u32, Trouble> {
    let failed = |error: zbus::Error| {
        Trouble::new(Reason::SourceUnavailable, format!("no desktop shows notifications: {error}"))
    };
    match input {
        Input::Show(text) => show(text).await.map_err(failed),
        Input::Close(number) => close(*number).await.map_err(failed),
    }
}

#[cfg(not(target_os = "macos"))]
const SERVICE: &str = "org.freedesktop.Notifications";
#[cfg(not(target_os = "macos"))]
const OBJECT: &str = "/org/freedesktop/Notifications";

/// The bus that was named, and no other that the library might find.
#[cfg(not(target_os = "macos"))]
async fn connect() -> zbus::Result<zbus::Connection> {
    let address = crate::host::system::variable("DBUS_SESSION_BUS_ADDRESS").unwrap_or_default();
    zbus::connection::Builder::address(address.as_str())?.build().await
}

#[cfg(not(target_os = "macos"))]
async fn show(text: &str) -> zbus::Result<u32> {
    use std::collections::HashMap;
    let body = markup(text);
    let (replaces, actions, expires) = (0_u32, Vec::<&str>::new(), -1_i32);
    let hints: HashMap<&str, zbus::zvariant::Value<'_>> =
        HashMap::from([("urgency", zbus::zvariant::Value::U8(1))]);
    let message = (
        "claviger",
        replaces,
        "dialog-password",
        "claviger needs you",
        body.as_str(),
        actions,
        hints,
        expires,
    );
    let answer =
        connect().await?.call_method(Some(SERVICE), OBJECT, Some(SERVICE), "Notify", &message).await?;
    answer.body().deserialize()
}

#[cfg(not(target_os = "macos"))]
async fn close(number: u32) -> zbus::Result<u32> {
    let bus = connect().await?;
    bus.call_method(Some(SERVICE), OBJECT, Some(SERVICE), "CloseNotification", &number).await?;
    Ok(number)
}

/// Bodies are markup: text that others wrote (a path) must not become a link, or break the rest.
#[cfg_attr(target_os = "macos", allow(dead_code, reason = "nothing is shown there"))]
fn markup(text: &str) -> String {
    let mut shown = String::new();
    for c in text.chars().filter(|c| !c.is_control()).take(MAX_TEXT) {
        match c {
            '&' => shown.push_str("&amp;"),
            '<' => shown.push_str("&lt;"),
            '>' => shown.push_str("&gt;"),
            '"' => shown.push_str("&quot;"),
            '\'' => shown.push_str("&#39;"),
            c => shown.push(c),
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::markup;

    #[test]
    fn no_text_becomes_markup() {
        for (text, shown) in [
            ("the account work has to sign in again: claviger login work", None),
            ("/w/<a href=\"x\">&amp;", Some("/w/&lt;a href=&quot;x&quot;&gt;&amp;amp;")),
            ("a\nb\u{1b}[2K'", Some("ab[2K&#39;")),
        ] {
            assert_eq!(markup(text), shown.unwrap_or(text));
        }
        assert_eq!(markup(&"<".repeat(1000)).len(), 4 * 300);
    }
}
