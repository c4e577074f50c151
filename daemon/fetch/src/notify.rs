//! Shows a desktop notification, or closes it (org.freedesktop.Notifications). It runs in a child, which can be killed
//! if the bus hangs.

use claviger::reason::Reason;
use claviger_child::{Declined, Notice};

/// Longest text that is shown, in characters.
const MAX_TEXT: usize = 300;

/// Shows `notice`, whose text is not markup, and returns the number of the notification.
#[cfg(not(target_os = "macos"))]
pub(super) async fn show(notice: &Notice) -> Result<u32, Declined> {
    shown(notice).await.map_err(failed)
}

/// Closes the notification `number`.
#[cfg(not(target_os = "macos"))]
pub(super) async fn close(number: u32) -> Result<u32, Declined> {
    closed(number).await.map_err(failed)
}

#[cfg(not(target_os = "macos"))]
pub(super) fn failed(error: zbus::Error) -> Declined {
    Declined::new(Reason::SourceUnavailable, format!("no desktop shows notifications: {error}"))
}

#[cfg(target_os = "macos")]
pub(super) async fn show(_: &Notice) -> Result<u32, Declined> {
    Err(Declined::new(Reason::SourceUnavailable, "there are no notifications on this system"))
}

#[cfg(target_os = "macos")]
pub(super) async fn close(_: u32) -> Result<u32, Declined> {
    show(&Notice::Done(String::new())).await
}

/// Name and interface of the notification daemon.
#[cfg(not(target_os = "macos"))]
pub(super) const SERVICE: &str = "org.freedesktop.Notifications";
/// Its object.
#[cfg(not(target_os = "macos"))]
pub(super) const OBJECT: &str = "/org/freedesktop/Notifications";

/// Only the named bus, not one that the library might find.
#[cfg(not(target_os = "macos"))]
pub(super) async fn connect() -> zbus::Result<zbus::Connection> {
    let address = crate::environment::variable("DBUS_SESSION_BUS_ADDRESS").unwrap_or_default();
    zbus::connection::Builder::address(address.as_str())?.build().await
}

#[cfg(not(target_os = "macos"))]
async fn shown(notice: &Notice) -> zbus::Result<u32> {
    let (title, text) = match notice {
        Notice::Needed(text) => ("claviger needs you", text),
        Notice::Done(text) => ("claviger", text),
    };
    let note = Note { title, body: markup(text), actions: &[], urgency: 1, expires: -1 };
    note.show(&connect().await?).await?.body().deserialize()
}

/// A notification.
#[cfg(not(target_os = "macos"))]
pub(super) struct Note<'a> {
    pub(super) title: &'a str,
    pub(super) body: String,
    /// Keys of the actions, each followed by the label of its button.
    pub(super) actions: &'a [&'a str],
    /// 1: normal, 2: critical, which does not disappear by itself.
    pub(super) urgency: u8,
    /// Milliseconds until it is closed; -1: the desktop decides.
    pub(super) expires: i32,
}

#[cfg(not(target_os = "macos"))]
impl Note<'_> {
    /// Shows it; returns its number.
    ///
    /// # Errors
    /// If no desktop shows notifications.
    pub(super) async fn show(&self, bus: &zbus::Connection) -> zbus::Result<zbus::Message> {
        use std::collections::HashMap;
        let urgency = zbus::zvariant::Value::U8(self.urgency);
        let (replaces, hints) = (0_u32, HashMap::from([("urgency", urgency)]));
        let (icon, body) = ("dialog-password", self.body.as_str());
        let message = ("claviger", replaces, icon, self.title, body, self.actions, hints, self.expires);
        bus.call_method(Some(SERVICE), OBJECT, Some(SERVICE), "Notify", &message).await
    }
}

#[cfg(not(target_os = "macos"))]
async fn closed(number: u32) -> zbus::Result<u32> {
    let bus = connect().await?;
    bus.call_method(Some(SERVICE), OBJECT, Some(SERVICE), "CloseNotification", &number).await?;
    Ok(number)
}

/// Bodies are markup: foreign text (a path) must not become a link, or break the rest.
#[cfg_attr(target_os = "macos", allow(dead_code, reason = "no notification was shown"))]
pub(super) fn markup(text: &str) -> String {
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
