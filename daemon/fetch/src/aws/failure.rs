//! What the failure of a link means. The SDK's error texts can hold what a server or a command said, so nothing of them is
//! repeated but error codes and the names in a configuration.

use super::{
    CredentialsError, Declined,
    link::Link,
    process,
    profile::{Kind, plain},
    seen::Exchange,
};
use crate::codes;
use aws_sdk_sts::{
    error::ProvideErrorMetadata as _,
    operation::{
        assume_role::AssumeRoleError, assume_role_with_web_identity::AssumeRoleWithWebIdentityError,
        get_caller_identity::GetCallerIdentityError,
    },
};
use claviger::reason::Reason;
use std::{error::Error, iter, time::Duration};

/// How the SDK's texts about a profile begin, which says nothing.
const NOT_BUILT: &str = "ProfileFile provider could not be built: ";
/// Codes that say that a request came too soon, or should be made again.
const LATER: [&str; 7] = [
    "SlowDownException",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
    "RequestLimitExceeded",
    "SlowDown",
    "IDPCommunicationError",
];
/// Codes that say that what is configured is wrong, whoever signs in.
const WRONG: [&str; 4] =
    ["ValidationError", "MalformedPolicyDocument", "PackedPolicyTooLarge", "RegionDisabledException"];

/// Why a link that is configured failed.
pub(super) fn trouble(link: &Link, error: &CredentialsError, seen: Option<Exchange>) -> Declined {
    match (error, seen) {
        (CredentialsError::InvalidConfiguration(_), _) => misconfigured(link, error),
        (CredentialsError::ProviderTimedOut(_), _) => silent(&link.what, true),
        (_, None) => local(link, error),
        (_, seen) => exchanged(&link.what, seen, code_of(error)),
    }
}

/// What came of a request that brought nothing. The server's `code` is what the SDK made of its answer.
pub(super) fn exchanged(what: &str, seen: Option<Exchange>, code: Option<String>) -> Declined {
    match seen {
        None => silent(what, false),
        Some(Exchange::Unreachable { timed_out }) => silent(what, timed_out),
        Some(Exchange::Answered { status, retry_after, code: header }) => {
            answered(what, status, code.or(header), retry_after)
        }
    }
}

/// What an answer means that is no credential.
pub(super) fn answered(
    what: &str,
    status: u16,
    code: Option<String>,
    retry_after: Option<Duration>,
) -> Declined {
    let code = code.map(|code| codes::aws(&code));
    let said = match code {
        Some(codes::UNKNOWN) => format!("{status}, {}", codes::UNKNOWN),
        Some(code) => code.to_owned(),
        None => status.to_string(),
    };
    match (status, code.unwrap_or_default()) {
        (429 | 500.., _) => later(what, &said, retry_after),
        (_, code) if LATER.contains(&code) => later(what, &said, retry_after),
        (..400, _) => Declined::new(
            Reason::SourceUnavailable,
            format!("{what}: the server answered with something that is no credential"),
        ),
        (_, code) if WRONG.contains(&code) => Declined::new(
            Reason::SettingsInvalid,
            format!("{what}: AWS takes the request for wrong ({said})"),
        )
        .hint("check role_arn, region and session name"),
        (_, "AccessDenied" | "AccessDeniedException" | "ForbiddenException") => Declined {
            sign_in_helps: true,
            ..Declined::new(Reason::UpstreamDenied, format!("{what}: AWS denies access ({said})"))
                .hint("sign in as somebody who may use this role, or have it allowed")
        },
        (400 | 401 | 403, _) => {
            Declined::sign_in(format!("{what}: AWS does not take the credentials ({said})"))
        }
        // Whoever signs in, what is not there will not be there.
        _ => Declined::new(
            Reason::SettingsInvalid,
            format!("{what}: the server knows nothing of that ({said})"),
        )
        .hint("check account, role and address"),
    }
}

fn later(what: &str, said: &str, retry_after: Option<Duration>) -> Declined {
    Declined::new(Reason::SourceUnavailable, format!("{what}: the server asks to try again later ({said})"))
        .retry_after(retry_after)
}

fn silent(what: &str, timed_out: bool) -> Declined {
    let (reason, how) = match timed_out {
        true => (Reason::SourceTimeout, "did not answer in time"),
        false => (Reason::SourceUnavailable, "cannot be reached"),
    };
    Declined::new(reason, format!("{what}: the server {how}"))
        .hint("check the network, HTTPS_PROXY, NO_PROXY and AWS_CA_BUNDLE")
}

/// No server was asked: something on this machine is missing or wrong.
fn local(link: &Link, error: &CredentialsError) -> Declined {
    if chain(error)
        .skip(1)
        .any(|error| matches!(error.downcast_ref(), Some(CredentialsError::CredentialsNotLoaded(_))))
    {
        let message = format!("{}: its credential_source has no credentials here", link.what);
        return Declined::new(Reason::SettingsInvalid, message).hint("check credential_source");
    }
    match link.kind {
        Kind::Process => {
            process::failed(link, &chain(error).last().map(ToString::to_string).unwrap_or_default())
        }
        // That there is a sign-in has been seen, so its file is being written again.
        Kind::Person => Declined { transient: link.cache.is_some(), ..signed_out(&link.what) },
        Kind::TokenFile | Kind::Service if io(error).is_some() => {
            let kind = io(error).map(|error| error.kind().to_string()).unwrap_or_default();
            Declined::new(
                Reason::SettingsInvalid,
                format!("{}: its token file cannot be read: {kind}", link.what),
            )
            .hint("check the path of the token file")
        }
        Kind::Keys | Kind::TokenFile | Kind::Service => misconfigured(link, error),
    }
}

/// No person is signed in.
pub(super) fn signed_out(what: &str) -> Declined {
    Declined::sign_in(format!("{what}: nobody is signed in, or no longer"))
}

/// What is configured cannot work. The SDK's words about a profile hold names of profiles and settings only; those about
/// other links can hold more.
pub(super) fn misconfigured(link: &Link, error: &CredentialsError) -> Declined {
    let why = match (link.name, error) {
        (
            "profile",
            CredentialsError::InvalidConfiguration(_) | CredentialsError::CredentialsNotLoaded(_),
        ) => {
            let text = error.source().map(|source| plain(&source.to_string())).unwrap_or_default();
            match text.strip_prefix(NOT_BUILT).unwrap_or(&text) {
                "" => ": it names no credentials".to_owned(),
                why => format!(": {why}"),
            }
        }
        _ => String::new(),
    };
    let hint = match link.name {
        "container" => {
            "AWS_CONTAINER_CREDENTIALS_FULL_URI must be https, or an address of this machine or of the container service, and the token one line without a line break"
        }
        "web-identity" => "AWS_WEB_IDENTITY_TOKEN_FILE and AWS_ROLE_ARN belong together",
        "imds" => {
            "check AWS_EC2_METADATA_SERVICE_ENDPOINT, and that EC2 may assume the role of this instance"
        }
        _ => "check the files in ~/.aws",
    };
    Declined::new(Reason::SettingsInvalid, format!("{} is not configured properly{why}", link.what))
        .hint(hint)
}

/// The code of an error of STS.
fn code_of(error: &CredentialsError) -> Option<String> {
    chain(error).find_map(|error| {
        let code = (error.downcast_ref::<AssumeRoleError>().and_then(|error| error.code()))
            .or_else(|| error.downcast_ref::<AssumeRoleWithWebIdentityError>().and_then(|error| error.code()))
            .or_else(|| error.downcast_ref::<GetCallerIdentityError>().and_then(|error| error.code()));
        code.map(str::to_owned)
    })
}

fn io(error: &CredentialsError) -> Option<&std::io::Error> {
    chain(error).find_map(|error| error.downcast_ref())
}

fn chain(error: &CredentialsError) -> impl Iterator<Item = &(dyn Error + 'static)> {
    let first: &(dyn Error + 'static) = error;
    iter::successors(Some(first), |&error| error.source())
}

#[cfg(test)]
mod tests {
    use super::{Exchange, Kind, Link, trouble};
    use aws_credential_types::{Credentials, provider::error::CredentialsError};

    /// A link that is never asked.
    fn link(name: &'static str, kind: Kind) -> Link {
        Link::new(name, "profile dev", kind, Credentials::new("a", "s", None, None, "test")).wanted(true)
    }

    fn reason(kind: Kind, error: &CredentialsError, seen: Option<Exchange>) -> (String, bool) {
        let trouble = trouble(&link("profile", kind), error, seen);
        let text = format!("{trouble:?}");
        assert!(!text.contains("canary"), "{text}");
        (trouble.problem.reason.to_string(), trouble.sign_in_helps)
    }

    fn process(text: &str) -> (String, bool) {
        // As the SDK wraps it.
        let inner = CredentialsError::provider_error(text.to_owned());
        reason(Kind::Process, &CredentialsError::provider_error(inner), None)
    }

    #[test]
    fn commands() {
        for (text, expected) in [
            (
                "Error retrieving credentials: external process exited with code exit status: 1. Stderr: canary",
                ("login-required", true),
            ),
            (
                "Error retrieving credentials: external process exited with code signal: 9 (SIGKILL). Stderr: canary",
                ("login-required", true),
            ),
            (
                "Error retrieving credentials: external process exited with code exit status: 127. Stderr: canary",
                ("command-failed", false),
            ),
            (
                "Error retrieving credentials from external process, could not parse response: canary",
                ("command-output-invalid", false),
            ),
            (
                "Error retrieving credentials from external process: could not decode output as UTF-8: canary",
                ("command-output-invalid", false),
            ),
            // What a command says cannot choose what its failure means.
            (
                "Error retrieving credentials: external process exited with code exit status: 3. Stderr: could not parse response canary",
                ("login-required", true),
            ),
        ] {
            assert_eq!(process(text), (expected.0.to_owned(), expected.1), "{text}");
        }
    }

    #[test]
    fn servers() {
        let error = CredentialsError::provider_error("canary");
        let answered =
            |status, code: &str| Exchange::Answered { status, retry_after: None, code: Some(code.into()) };
        for (exchange, expected) in [
            (Exchange::Unreachable { timed_out: false }, ("source-unavailable", false)),
            (Exchange::Unreachable { timed_out: true }, ("source-timeout", false)),
            (answered(429, ""), ("source-unavailable", false)),
            (answered(503, ""), ("source-unavailable", false)),
            (answered(400, "Throttling"), ("source-unavailable", false)),
            (answered(200, ""), ("source-unavailable", false)),
            (answered(401, "UnauthorizedException"), ("login-required", true)),
            (answered(403, "InvalidClientTokenId"), ("login-required", true)),
            (answered(403, "AccessDenied"), ("upstream-denied", true)),
            (answered(400, "ValidationError"), ("settings-invalid", false)),
            (answered(400, "canary is no code"), ("login-required", true)),
        ] {
            let got = reason(Kind::Keys, &error, Some(exchange.clone()));
            assert_eq!(got, (expected.0.to_owned(), expected.1), "{exchange:?}");
        }
    }

    #[test]
    fn this_machine() {
        let missing = || CredentialsError::provider_error(std::io::Error::other("canary"));
        let (signed_out, invalid) =
            (("login-required".to_owned(), true), ("settings-invalid".to_owned(), false));
        assert_eq!(reason(Kind::Person, &missing(), None), signed_out);
        assert_eq!(reason(Kind::TokenFile, &missing(), None), invalid);
        assert_eq!(reason(Kind::Service, &missing(), None), invalid);
        let nothing = CredentialsError::provider_error(CredentialsError::not_loaded("canary"));
        assert_eq!(reason(Kind::Service, &nothing, None), invalid);
    }
}
