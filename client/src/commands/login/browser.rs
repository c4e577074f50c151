//! Decides whether a browser can be opened here, and opens it. The existing crate would add four crates to the client,
//! and supports programs that no current desktop needs.

use crate::{output, render::login::Way, text::escape};
use std::{
    env,
    io::{self, IsTerminal as _},
    process::Stdio,
};
use tokio::process::Command;

/// The program that opens an address in the person's browser.
const OPENER: &str = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };

/// Facts that decide how a person opens the address.
#[derive(Clone, Copy, Default)]
struct Surroundings {
    /// `--no-browser`.
    refused: bool,
    /// `$BROWSER` names a browser; editors that work over SSH set it.
    named: bool,
    /// There is a display.
    screen: bool,
    /// The shell runs over SSH.
    remote: bool,
    /// A person can be asked.
    terminal: bool,
}

/// How the person opens the address.
pub(super) fn way(no_browser: bool) -> Way {
    let is_set = |name: &str| env::var_os(name).is_some_and(|value| !value.is_empty());
    decide(Surroundings {
        refused: no_browser,
        named: is_set("BROWSER"),
        screen: cfg!(target_os = "macos") || is_set("DISPLAY") || is_set("WAYLAND_DISPLAY"),
        remote: is_set("SSH_CONNECTION") || is_set("SSH_TTY"),
        terminal: io::stdin().is_terminal(),
    })
}

fn decide(here: Surroundings) -> Way {
    match here {
        Surroundings { refused: true, .. } => Way::Anywhere,
        Surroundings { named: true, .. } | Surroundings { screen: true, remote: false, .. } => Way::Opened,
        Surroundings { terminal: true, .. } => Way::Anywhere,
        _ => Way::Here,
    }
}

/// Opens `url`, and reports if that fails.
pub(super) async fn open(url: String) {
    // A configured server sent it; nevertheless only web pages may be opened.
    if !url.starts_with("https://") && !url.starts_with("http://") {
        return;
    }
    let mut failed = Vec::new();
    for argv in openers(&env::var("BROWSER").unwrap_or_default(), &url) {
        let Some((program, arguments)) = argv.split_first() else { continue };
        let mut command = Command::new(program);
        // In its own process group: Ctrl-C here must not end the browser.
        command.args(arguments).process_group(0);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        match command.status().await {
            Ok(status) if status.success() => return,
            Ok(status) => failed.push(format!("{program}: {status}")),
            Err(error) => failed.push(format!("{program}: {error}")),
        }
    }
    let why = escape::line(&failed.join(", "));
    output::talk(&format!("claviger: no browser was opened ({why}); open the address yourself\n"));
}

/// The commands that open `url`; the first one that works is used. They come from `$BROWSER`, separated by colons, with
/// the address in place of `%s` or at the end; without the variable, they are the desktop's.
fn openers(named: &str, url: &str) -> Vec<Vec<String>> {
    let own = named.split(':').filter(|command| !command.trim().is_empty()).map(|command| {
        let mut argv: Vec<_> = command.split_whitespace().map(|word| word.replace("%s", url)).collect();
        if !command.contains("%s") {
            argv.push(url.to_owned());
        }
        argv
    });
    let own: Vec<_> = own.collect();
    if own.is_empty() { vec![vec![OPENER.to_owned(), url.to_owned()]] } else { own }
}

#[cfg(test)]
mod tests {
    use super::{OPENER, Surroundings, decide, openers};
    use crate::render::login::Way;

    #[test]
    fn the_persons_own_browsers_are_tried_in_order() {
        let url = "https://x/?a=b:c";
        assert_eq!(openers("", url), [[OPENER, url]]);
        assert_eq!(openers("/opt/helper.sh", url), [["/opt/helper.sh", url]]);
        let expected: [&[&str]; 2] = [&["firefox", "--new-tab", url, "-x"], &["lynx", url]];
        assert_eq!(openers("firefox --new-tab %s -x: :lynx", url), expected);
    }

    #[test]
    fn a_browser_is_opened_where_the_person_sees_it() {
        let screen = Surroundings { screen: true, terminal: true, ..Surroundings::default() };
        let none = Surroundings::default();
        for (here, way) in [
            (screen, Way::Opened),
            (Surroundings { terminal: false, ..screen }, Way::Opened),
            (Surroundings { refused: true, ..screen }, Way::Anywhere),
            (Surroundings { remote: true, ..screen }, Way::Anywhere),
            (Surroundings { remote: true, named: true, ..screen }, Way::Opened),
            (Surroundings { refused: true, named: true, ..screen }, Way::Anywhere),
            (Surroundings { screen: false, ..screen }, Way::Anywhere),
            (none, Way::Here),
            (Surroundings { refused: true, ..none }, Way::Anywhere),
        ] {
            let Surroundings { refused, named, screen, remote, terminal } = here;
            assert_eq!(decide(here), way, "{refused} {named} {screen} {remote} {terminal}");
        }
    }
}
