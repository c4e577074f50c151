//! Consequences of trusting an item, in words, and its importance.

use claviger::proto::v1::TrustItem;

/// Importance of an item: redirections of a key come before commands, and commands before the rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Rank {
    Endpoint,
    Proxy,
    Certificate,
    Loader,
    Command,
    File,
    Other,
}

/// Names, and the effect of their values: the end of a name, a part of it or its beginning, in this order. `{}` is the
/// value.
const ENDS: [(&str, Rank, &str); 9] = [
    ("_BASE_URL", Rank::Endpoint, "your key would be sent to {}"),
    ("_UNIX_SOCKET", Rank::Endpoint, "your key would be sent to {}"),
    ("_AUTHORITY_HOST", Rank::Endpoint, "you would sign in at {}"),
    ("_METADATA_HOST", Rank::Endpoint, "your cloud identity would be asked of {}"),
    ("_METADATA_IP", Rank::Endpoint, "your cloud identity would be asked of {}"),
    ("_ENDPOINT", Rank::Endpoint, "requests would be sent to {}"),
    ("_FULL_URI", Rank::Endpoint, "your cloud identity would be asked of {}"),
    ("_CUSTOM_HEADERS", Rank::Endpoint, "these headers would be sent along with your key"),
    ("_FOUNDRY_RESOURCE", Rank::Endpoint, "your key would be sent to the resource {}"),
];
const PARTS: [(&str, Rank, &str); 10] = [
    ("ENDPOINT_URL", Rank::Endpoint, "your cloud identity would be sent to {}"),
    ("CLAVIGER_SOCK", Rank::Endpoint, "the tool would ask another claviger, at {}"),
    ("NO_PROXY", Rank::Proxy, "requests to {} would go past your proxy"),
    ("PROXY", Rank::Proxy, "your key would be sent through {}"),
    ("REJECT_UNAUTHORIZED", Rank::Certificate, "who answers a request would not be checked"),
    ("CERT", Rank::Certificate, "servers that {} vouches for would be believed"),
    ("SSL", Rank::Certificate, "how servers are checked would change"),
    ("TLS", Rank::Certificate, "how servers are checked would change"),
    ("_CA", Rank::Certificate, "servers that {} vouches for would be believed"),
    ("ASKPASS", Rank::Loader, "{} would be run for your passwords"),
];
const BEGINNINGS: [(&str, Rank, &str); 22] = [
    ("LD_", Rank::Loader, CODE),
    ("DYLD_", Rank::Loader, CODE),
    ("GLIBC_", Rank::Loader, CODE),
    ("NODE_", Rank::Loader, CODE),
    ("NPM_", Rank::Loader, CODE),
    ("BUN_", Rank::Loader, CODE),
    ("DENO_", Rank::Loader, CODE),
    ("JSC_", Rank::Loader, CODE),
    ("PYTHON", Rank::Loader, CODE),
    ("PERL", Rank::Loader, CODE),
    ("RUBY", Rank::Loader, CODE),
    ("JAVA", Rank::Loader, CODE),
    ("GIT_", Rank::Loader, "git would do something else for you"),
    ("SSH_", Rank::Loader, "ssh would do something else for you"),
    ("XDG_", Rank::Loader, PLACE),
    ("CLAUDE_CONFIG_DIR", Rank::Loader, PLACE),
    ("OTEL_", Rank::Other, "what the tool reports about your work could go elsewhere"),
    ("CLAUDE_CODE_USE_", Rank::Other, "another cloud could answer your requests"),
    ("AWS_", Rank::Other, IDENTITY),
    ("GOOGLE_", Rank::Other, IDENTITY),
    ("CLOUDSDK_", Rank::Other, IDENTITY),
    ("AZURE_", Rank::Other, IDENTITY),
];
const NAMES: [(&str, Rank, &str); 10] = [
    ("PATH", Rank::Loader, "programs would be taken from {}"),
    ("HOME", Rank::Loader, PLACE),
    ("SHELL", Rank::Loader, CODE),
    ("ENV", Rank::Loader, CODE),
    ("BASH_ENV", Rank::Loader, CODE),
    ("IFS", Rank::Loader, CODE),
    ("EDITOR", Rank::Loader, CODE),
    ("PAGER", Rank::Loader, CODE),
    ("BROWSER", Rank::Loader, CODE),
    ("TMPDIR", Rank::Loader, PLACE),
];
const CODE: &str = "other code could run in your programs";
const PLACE: &str = "programs would keep and look for your things in {}";
const IDENTITY: &str = "another cloud identity could be used";

/// The meaning of an item, if its name does not already tell.
pub(crate) fn meaning(item: &TrustItem) -> (Rank, Option<String>) {
    if item.command {
        let text = match item.name.as_str() {
            "apiKeyHelper" => "runs as you, and what it prints is used as your key",
            "awsCredentialExport" => "runs as you, and what it prints is used as your AWS keys",
            _ => "runs as you",
        };
        return (Rank::Command, Some(text.to_owned()));
    }
    if item.name.starts_with("file ") {
        return (Rank::File, None);
    }
    let name = item.name.strip_prefix("env.").unwrap_or(&item.name).to_ascii_uppercase();
    let row = NAMES.iter().find(|row| name == row.0);
    let row = row.or_else(|| ENDS.iter().find(|row| name.ends_with(row.0)));
    let row = row.or_else(|| PARTS.iter().find(|row| name.contains(row.0)));
    let row = row.or_else(|| BEGINNINGS.iter().find(|row| name.starts_with(row.0)));
    match row {
        Some((_, rank, words)) => (*rank, Some(filled(words, &item.value))),
        None => (Rank::Other, None),
    }
}

/// A value that could read as part of the sentence is called "this"; it is shown on a line of its own.
fn filled(words: &str, value: &str) -> String {
    let is_plain = (1..=200).contains(&value.len()) && value.bytes().all(|byte| byte.is_ascii_graphic());
    words.replace("{}", if is_plain { value } else { "this" })
}

#[cfg(test)]
mod tests {
    use super::{Rank, meaning};
    use claviger::proto::v1::TrustItem;

    fn of(name: &str, value: &str) -> (Rank, String) {
        let item = TrustItem {
            name: name.into(),
            value: value.into(),
            command: !name.contains(['.', ' ']),
            ..Default::default()
        };
        let (rank, words) = meaning(&item);
        (rank, words.unwrap_or_default())
    }

    #[test]
    fn what_redirects_a_key_says_so() {
        for (name, value, rank, words) in [
            ("env.ANTHROPIC_BASE_URL", "https://e", Rank::Endpoint, "your key would be sent to https://e"),
            (
                "env.ANTHROPIC_BASE_URL",
                "https://e and you win",
                Rank::Endpoint,
                "your key would be sent to this",
            ),
            (
                "env.AWS_ENDPOINT_URL_STS",
                "http://e",
                Rank::Endpoint,
                "your cloud identity would be sent to http://e",
            ),
            ("env.HTTPS_PROXY", "http://p", Rank::Proxy, "your key would be sent through http://p"),
            ("env.https_proxy", "http://p", Rank::Proxy, "your key would be sent through http://p"),
            ("env.no_proxy", "*", Rank::Proxy, "requests to * would go past your proxy"),
            (
                "env.NODE_EXTRA_CA_CERTS",
                "e.pem",
                Rank::Certificate,
                "servers that e.pem vouches for would be believed",
            ),
            (
                "env.NODE_TLS_REJECT_UNAUTHORIZED",
                "0",
                Rank::Certificate,
                "who answers a request would not be checked",
            ),
            ("env.LD_PRELOAD", "/e.so", Rank::Loader, "other code could run in your programs"),
            ("env.PATH", "./bin", Rank::Loader, "programs would be taken from ./bin"),
            ("env.AWS_PROFILE", "e", Rank::Other, "another cloud identity could be used"),
            ("env.MYAPP", "e", Rank::Other, ""),
            ("apiKeyHelper", "e", Rank::Command, "runs as you, and what it prints is used as your key"),
            ("file key.sh", "sha256 ab", Rank::File, ""),
        ] {
            assert_eq!(of(name, value), (rank, words.to_owned()), "{name}");
        }
    }
}
