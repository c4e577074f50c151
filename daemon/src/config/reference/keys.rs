//! The keys of `config.toml` and of settings files.

use super::row::Key;
use crate::config::{Limits, StoreChoice};

/// `[daemon]`.
pub(super) fn daemon() -> Vec<Key> {
    let limits = Limits::default();
    let key = |name, kind, default, example, meaning| Key { name, kind, default, meaning, example };
    vec![
        key(
            "helper_timeout_seconds",
            "whole number, seconds, 1 or more",
            limits.helper_timeout.as_secs().to_string(),
            "30",
            "How long a helper that prints a credential may run. Then its process group is killed.",
        ),
        key(
            "idle_seconds",
            "whole number, seconds, 1 or more",
            limits.idle.as_secs().to_string(),
            "3600",
            "A credential that no session has asked for this long is no longer refreshed ahead of its expiry.",
        ),
        key(
            "max_entries",
            "whole number, 1 or more",
            limits.entries.to_string(),
            "128",
            "Most cache entries. If there is no room, the unused one that was asked for longest ago goes.",
        ),
        key(
            "max_commands",
            "whole number, 1 or more",
            limits.commands.to_string(),
            "4",
            "Most commands at once; others wait their turn. Sessions of one workspace have half of them at most.",
        ),
        key(
            "log",
            "text, a filter",
            format!("`\"{}\"`", crate::logs::DEFAULT_FILTER),
            "\"debug\"",
            "What is logged: `info`, `debug`, `clavigerd=trace`, …. No level logs a secret.",
        ),
        key(
            "store",
            "`\"auto\"`, `\"keyring\"` or `\"file\"`",
            format!("`\"{}\"`", StoreChoice::default().name()),
            "\"file\"",
            "Where secrets of new accounts are kept ([anthropic.md](anthropic.md#where-secrets-are-kept)).",
        ),
        key(
            "audit_kib",
            "whole number, KiB, 1 or more",
            (limits.audit_part / 1024).to_string(),
            "1024",
            "Size of one part of the [audit log](audit.md).",
        ),
        key(
            "audit_parts",
            "whole number, 1 to 100",
            limits.audit_parts.to_string(),
            "9",
            "How many older parts of the audit log are kept.",
        ),
        key(
            "notifications",
            "`true` or `false`",
            (limits.notifications > 0).to_string(),
            "false",
            "Whether there are [desktop notifications](notifications.md).",
        ),
        key(
            "max_lease",
            "time, as in `\"15m\"`",
            "none".to_owned(),
            "\"15m\"",
            "How long a lease claims to be valid at most. Its holder asks again then.",
        ),
        key(
            "agents_may_decide",
            "`true` or `false`",
            "`false`".to_owned(),
            "true",
            "Whether `claviger trust grant` works inside an AI agent (`CLAUDECODE` or `AI_AGENT` is set). A speed bump, no wall: an agent can unset a variable.",
        ),
        key(
            "follow_program",
            "`true` or `false`",
            "`true`".to_owned(),
            "false",
            "Whether the daemon goes over to a program that was put in the place of its own. `claviger daemon restart` does so anyway.",
        ),
        key(
            "foreign",
            "`\"lend\"`, `\"inspect\"` or `\"refuse\"`",
            "`\"lend\"`".to_owned(),
            "\"refuse\"",
            "What callers may do that do not send the [cookie](callers.md): look and borrow by name, look only, or nothing.",
        ),
    ]
}

/// A settings file.
pub(super) fn settings() -> Vec<Key> {
    let key = |name, kind, example, meaning| Key { name, kind, default: String::new(), meaning, example };
    vec![
        key(
            "apiKeyHelper",
            "text, a shell command, 16 KiB at most",
            "\"op read x\"",
            "Prints the API key of the Anthropic backend: one line of printable ASCII, 16,384 characters at most. It is run by `/bin/sh -c`.",
        ),
        key(
            "awsAuthRefresh",
            "the same",
            "\"aws sso login\"",
            "Signs in to AWS. Runs only while a session waits and AWS turns the credentials down; 180 s.",
        ),
        key(
            "awsCredentialExport",
            "the same",
            "\"print-keys\"",
            "Prints AWS keys as JSON; comes before the AWS chain.",
        ),
        key(
            "gcpAuthRefresh",
            "the same",
            "\"gcloud auth login\"",
            "Signs in to Google Cloud, as `awsAuthRefresh` does to AWS; 180 s.",
        ),
        key(
            "env",
            "names and values, 1024 at most",
            "{ A = \"b\" }",
            "Environment variables of sessions. Values are text, numbers or booleans. Names with `CLAVIGER_` are left out, but for those below.",
        ),
        key(
            "audience",
            "URL, or a list of them",
            "[\"https://gateway.example.com\"]",
            "`[settings]` of `config.toml` only: origins that the key of `apiKeyHelper` may be sent to, besides `https://api.anthropic.com` and an `ANTHROPIC_BASE_URL` of your settings ([anthropic.md](anthropic.md#where-a-helpers-key-may-go)).",
        ),
        key(
            "refresh",
            "table of `\"ahead\"` or `\"on-demand\"`",
            "{ apiKeyHelper = \"on-demand\" }",
            "`[settings]` of `config.toml` only: when `apiKeyHelper` and `awsCredentialExport` run. `ahead`, the default, is once for each use, before the credential expires; `on-demand` is never before a session asks.",
        ),
        key(
            "directory",
            "tables by absolute path",
            "{ \"/home/me/.claude-work\" = { apiKeyHelper = \"op read x\" } }",
            "`[settings]` of `config.toml` only: `[settings.directory.\"PATH\"]` holds the keys above for sessions whose configuration directory (`CLAUDE_CONFIG_DIR`, else `~/.claude`) is that one. They come before those of `[settings]`; `claviger hook install claude` writes them.",
        ),
        key(
            "path",
            "directories",
            "[\"~/.nvm/versions/node/v22/bin\"]",
            "`[settings]` of `config.toml` only: where commands find programs, before the places of the system. They do not get the `PATH` of a session.",
        ),
        key(
            "pass_environment",
            "list of names, or of beginnings of names as in `MYCORP_*`",
            "[\"MYCORP_*\"]",
            "`[settings]` of `config.toml` only: variables of a session that its commands get besides those of the list below ([helpers.md](helpers.md#more-variables)). Sessions that differ in one share nothing.",
        ),
        key(
            "forceLoginMethod",
            "`claudeai`, `console` or `gateway`",
            "\"gateway\"",
            "Managed settings only: logins of this method, and nothing else, are lent ([anthropic.md](anthropic.md#login-policies)).",
        ),
        key(
            "forceLoginOrgUUID",
            "a UUID, or a list of them",
            "[\"5d1b1b47-1c3e-4b6e-9c3a-000000000000\"]",
            "Managed settings only: logins of these organisations, and nothing else, are lent. Lists of several files add up.",
        ),
    ]
}

/// `[trust]`.
pub(super) fn trust() -> Vec<Key> {
    vec![Key {
        name: "harmless",
        kind: "list of names, or of beginnings of names as in `MYAPP_*`",
        default: "none".to_owned(),
        meaning: "More variables that a project may set. None that claviger, a loader, an interpreter or a cloud reads.",
        example: "[\"MYAPP_*\"]",
    }]
}

/// `[account.NAME]` and `[source.ID]`.
pub(super) fn confirm() -> Key {
    Key {
        name: "confirm",
        kind: "`\"never\"`, `\"new-session\"` or `\"always\"`",
        default: "`\"never\"`".to_owned(),
        meaning: "When a person is asked: never, once for each terminal (or process that has none), or for each loan.",
        example: "\"always\"",
    }
}

/// `[oauth.NAME]`.
pub(super) fn oauth() -> Vec<Key> {
    let row = |name, kind, default: &str, example, meaning| Key {
        name,
        kind,
        default: default.to_owned(),
        meaning,
        example,
    };
    let published = "what the issuer publishes";
    vec![
        row(
            "issuer",
            "URL",
            "",
            "\"https://login.example.com\"",
            "The server. What it publishes (RFC 8414, OpenID Connect Discovery) names its endpoints.",
        ),
        row(
            "authorization_endpoint",
            "URL",
            published,
            "\"https://login.example.com/authorize\"",
            "Where a browser signs in.",
        ),
        row(
            "token_endpoint",
            "URL",
            published,
            "\"https://login.example.com/token\"",
            "Where codes and refresh tokens are exchanged.",
        ),
        row(
            "device_authorization_endpoint",
            "URL",
            published,
            "\"https://login.example.com/device\"",
            "Where `claviger login --device` begins (RFC 8628).",
        ),
        row(
            "revocation_endpoint",
            "URL",
            published,
            "\"https://login.example.com/revoke\"",
            "Where `claviger logout` revokes tokens (RFC 7009).",
        ),
        row(
            "client_id",
            "text",
            "**required**",
            "\"claviger\"",
            "Who claviger is there: a native client with a loopback redirect.",
        ),
        row(
            "client_secret_file",
            "path",
            "",
            "\"~/secret\"",
            "For a client that has a secret: a file of mode 0600. Not with `client_secret_command`.",
        ),
        row(
            "client_secret_command",
            "text, a shell command",
            "",
            "\"op read y\"",
            "A command that prints the secret.",
        ),
        row(
            "scopes",
            "list of texts",
            "none",
            "[\"openid\"]",
            "What to ask for. Many servers give a refresh token for `offline_access` only, and say who you are for `openid` only.",
        ),
        row(
            "audience",
            "URL",
            "**required**",
            "\"https://api.example.com\"",
            "The origin that the token may be sent to, and no other.",
        ),
        row(
            "redirect_uri",
            "loopback URL without port",
            "`http://127.0.0.1/callback`",
            "\"http://127.0.0.1/back\"",
            "The redirect that is registered; the port is chosen at each login.",
        ),
        row(
            "method",
            "`claudeai`, `console` or `gateway`",
            "",
            "\"gateway\"",
            "What a login counts as for `forceLoginMethod`.",
        ),
        row(
            "organization_claim",
            "text",
            "",
            "\"org_id\"",
            "The claim of the ID token that names the organisation, for `forceLoginOrgUUID`.",
        ),
        row(
            "revoke_replaced",
            "`true` or `false`",
            "`false`",
            "true",
            "Whether a new login revokes the tokens of the one before. Some servers end the new one with them.",
        ),
        row(
            "authorization_parameters",
            "names and texts",
            "none",
            "{ prompt = \"consent\" }",
            "More parameters of the authorization request, such as `prompt` or `resource`. Those of the protocol itself are refused.",
        ),
    ]
}
