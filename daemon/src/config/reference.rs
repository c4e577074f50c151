//! The reference of everything that configures claviger: docs/configuration.md, printed by `clavigerd reference`.
//!
//! The tables are in `keys`, `variables` and `clouds`. Tests compare them with what the parsers take, and the page with the file
//! that is committed, so a key without a row fails. `cargo xtask docs` writes the file anew.

mod clouds;
mod keys;
mod row;
mod variables;

pub use row::{Group, Key, Variable};
use std::fmt::Write as _;
pub use variables::GROUPS;

const HEAD: &str = "\
# Configuration

Every key and every variable that claviger reads. This page is printed by the program (`cargo xtask docs`); tests compare
it with the parsers.

Nothing has to be configured. What is not set has the default below.

| what | where |
|---|---|
| configuration | `$XDG_CONFIG_HOME/claviger/config.toml`, else `~/.config/claviger/config.toml` |
| socket | `$CLAVIGER_SOCK`, else `claviger/claviger.sock` in `$XDG_RUNTIME_DIR` or `/run/user/UID`, else `~/.local/state/claviger/run/claviger.sock` |
| accounts, trust decisions, audit log, log | `$XDG_STATE_HOME/claviger/`, else `~/.local/state/claviger/` (`accounts.json`, `accounts/`, `trust.json`, `audit.jsonl`, `clavigerd.log`) |
| your settings | `$CLAUDE_CONFIG_DIR/settings.json`, else `~/.claude/settings.json` |
| a project's settings | `.claude/settings.json` of the directory you are in; `.claude/settings.local.json` there and in the root of its repository |
| managed settings | `/etc/claude-code/managed-settings.json` and `managed-settings.d/*.json` beside it |

There is one daemon, which reads the configuration that its own environment names, for all sessions. If `XDG_CONFIG_HOME` is set in a
shell only, a daemon that cron or systemd starts does not know of it and reads `~/.config`: set it everywhere
(`~/.config/environment.d`), or nowhere.

On macOS some of these are elsewhere: [macos.md](macos.md). `clavigerd --socket`, `--config` and `--state-dir` name others.

A minimal file:

```toml
[daemon]
idle_seconds = 3600

[settings]
apiKeyHelper = \"op read 'op://private/Anthropic/api-key'\"
```

A key that is not in these tables is an error in all of them but `[settings]`, with file, line and column. In settings it is
left alone: other programs have keys there.
";

const DAEMON: &str = "
## `[daemon]`

Read when the daemon starts, and again by `claviger daemon reload`, `systemctl --user reload clavigerd` or SIGHUP. A broken
file changes nothing then. `audit_kib` and `audit_parts` count from the next start or `claviger daemon restart` on. What
`clavigerd --log` says comes before `log`.

";

const SETTINGS: &str = "
## `[settings]`, and settings files

`[settings]` of `config.toml` takes the same keys as a `settings.json`, as TOML. Of several files, the first that sets a key
counts; the variables of `env` are merged, each from the first file that sets it:

1. managed settings
2. `--settings FILE|JSON`
3. `.claude/settings.local.json`
4. `.claude/settings.json` of the project
5. `settings.json` of your own
6. `[settings]` of `config.toml`

3 and 4 do nothing before `claviger trust grant`, but for [harmless variables](trust.md#variables). A command that is claviger itself counts as not set, so that a hook and the
command behind it can stand in two files. Files are watched: an edit counts at once, and a deleted file takes back what it
granted. One that stops being valid counts as it last was, for as long as the daemon runs; `claviger explain` then says
`kept last good`.

";

const TRUST: &str = "
## `[trust]`

Which variables a project may set without being asked about ([trust.md](trust.md)). It counts at once. A name that is never
harmless is an error of the file, with its place.

";

const CONFIRM: &str = "
## `[account.NAME]` and `[source.ID]`

When a person is asked before something is lent ([callers.md](callers.md#confirmation)). What an account says comes before what its
source says. The IDs are those that `claviger explain` prints, such as `api-key-helper`. It counts at once and in every mode; as long as
`config.toml` was never valid, nothing is lent.

";

const OAUTH: &str = "
## `[oauth.NAME]`

Where `claviger login NAME` signs in ([anthropic.md](anthropic.md#an-issuer-of-your-own)). Read when it is used. Every address is
https, unless it is on this machine. An `issuer` is required, or a `token_endpoint` with an `authorization_endpoint`; endpoints
that stand here come before what the issuer publishes.

";

const VARIABLES: &str = "
## Environment variables

A session sends the daemon these variables and no others, and the daemon refuses others. What a settings file has in `env`
comes before the session's own. An empty variable counts as not set. A *switch* is on with `1`, `true`, `yes` or `on`. The
environment of the daemon itself picks no credential.

What becomes of a value is in the last column:

- *stays*: a secret. The daemon learns that it is set; the client fills it in. In `env` of a settings file the daemon reads it.
- *daemon*: the daemon reads it; no command gets it.
- *commands*: commands that run for the session get it (helpers, sign-ins), and so do the SDKs.
- *sign-in*: a secret that the cloud's SDK needs; it is sent to the daemon, and no command gets it (`credential_process`
  gets the one of AWS).

What commands and SDKs get is part of the identity of a cache entry: sessions that differ in it do not share a refresh.
";

/// The whole page.
pub fn page() -> String {
    let mut page = HEAD.to_owned();
    for (text, rows) in [
        (DAEMON, keys::daemon()),
        (SETTINGS, keys::settings()),
        (TRUST, keys::trust()),
        (CONFIRM, vec![keys::confirm()]),
        (OAUTH, keys::oauth()),
    ] {
        page.push_str(text);
        table(&mut page, &rows);
    }
    page.push_str(VARIABLES);
    for group in GROUPS {
        section(&mut page, group);
    }
    page
}

fn table(page: &mut String, rows: &[Key]) {
    page.push_str("| key | value | default | what it does |\n|---|---|---|---|\n");
    for Key { name, kind, default, meaning, .. } in rows {
        // Writing to a String cannot fail.
        let _ = writeln!(page, "| `{name}` | {kind} | {default} | {meaning} |");
    }
}

fn section(page: &mut String, group: &Group) {
    let _ = writeln!(page, "\n### {}\n\n{}\n", group.title, group.note);
    page.push_str("| variable | value | default | what it does | goes to |\n|---|---|---|---|---|\n");
    for (name, kind, default, meaning) in group.rows {
        let fate = variables::fate(name);
        let _ = writeln!(page, "| `{name}` | {kind} | {default} | {meaning} | {fate} |");
    }
}

#[cfg(test)]
mod tests;
