//! Shares, as lines.

use super::{table, time};
use crate::text::{escape, words};
use claviger::proto::v1::Share;
use std::time::SystemTime;

/// The shares, one per line. Those that are `lost` have no socket at the moment.
pub(crate) fn list(shares: &[Share], lost: &[String], now: SystemTime) -> String {
    if shares.is_empty() {
        return "nothing is shared\n".into();
    }
    let titles = ["NAME", "LENDS", "FOR", "AS", "ASKS", "LENT", "ENDS", "WITH", "SOCKET"];
    let rows = shares.iter().map(|share| row(share, lost, now)).collect();
    table::titled(titles, rows).into_iter().map(|line| line + "\n").collect()
}

fn row(share: &Share, lost: &[String], now: SystemTime) -> [String; 9] {
    let what = [&share.account, &share.profile, &share.source].into_iter().find(|name| !name.is_empty());
    let ends = share.ends_at.as_ref().map(|at| time::relative(at, now)).unwrap_or_default();
    let parent = if share.parent > 0 { format!("pid {}", share.parent) } else { String::new() };
    let what = what.map(|name| escape::line(name)).unwrap_or_default();
    let lent = share.lent.to_string();
    let asks = if share.confirm { "each time" } else { "" };
    let name = escape::line(&share.name);
    let is_lost = lost.contains(&share.name);
    let there = if is_lost { " (gone; it returns when its directory can be created)" } else { "" };
    [
        name,
        what,
        words::backend(share.backend()),
        if share.gate { "gate" } else { "" }.into(),
        asks.into(),
        lent,
        ends,
        parent,
        escape::line(&share.socket) + there,
    ]
}

#[cfg(test)]
mod tests {
    use super::list;
    use claviger::proto::v1::{Backend, Share};
    use std::time::SystemTime;

    #[test]
    fn a_share_says_what_it_lends_and_until_when() {
        let share = Share {
            name: "box".into(),
            socket: "/run/share/box.sock".into(),
            source: "oauth-login".into(),
            backend: Backend::Anthropic.into(),
            account: "work".into(),
            parent: 42,
            lent: 3,
            ..Default::default()
        };
        let expected = "NAME  LENDS  FOR        LENT  WITH    SOCKET\n\
            box   work   anthropic  3     pid 42  /run/share/box.sock\n";
        assert_eq!(list(std::slice::from_ref(&share), &[], SystemTime::UNIX_EPOCH), expected);
        let lost = list(std::slice::from_ref(&share), &["box".into()], SystemTime::UNIX_EPOCH);
        assert!(lost.contains("/run/share/box.sock (gone; it returns"), "{lost}");
        let gate = Share { gate: true, ..share.clone() };
        assert!(list(&[gate], &[], SystemTime::UNIX_EPOCH).contains("anthropic  gate  3"));
        let asking = Share { confirm: true, ..share };
        assert!(list(&[asking], &[], SystemTime::UNIX_EPOCH).contains("anthropic  each time  3"));
        assert_eq!(list(&[], &[], SystemTime::UNIX_EPOCH), "nothing is shared\n");
    }
}
