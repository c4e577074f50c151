//! Meaning of a link's failure. The SDK's error texts can contain output of a server or a command, so only error codes
//! and the names in a configuration are repeated.

use super::{CredentialsError, Declined, container::Service, last_request::Exchange};
use crate::codes;
use aws_sdk_sts::error::{ProvideErrorMetadata, SdkError};
use claviger::reason::Reason;
use std::{error::Error, iter, time::Duration};

const OF_CONTAINERS: &str = "AWS_CONTAINER_CREDENTIALS_FULL_URI must be https, or an address of this machine or of the container service, and the token one line without a line break";
const OF_INSTANCES: &str =
    "check AWS_EC2_METADATA_SERVICE_ENDPOINT, and that EC2 may assume the role of this instance";
const NOT_ASKED: &str = "a service of AWS cannot be asked with these settings";
/// Codes for requests that came too soon, or should be repeated.
const LATER: [&str; 7] = [
    "SlowDownException",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
    "RequestLimitExceeded",
    "SlowDown",
    "IDPCommunicationError",
];
/// Codes for wrong configuration, which no sign-in fixes.
const WRONG: [&str; 4] =
    ["ValidationError", "MalformedPolicyDocument", "PackedPolicyTooLarge", "RegionDisabledException"];

/// Why a service next to the program returned no credentials.
pub(super) fn of_service(
    what: &str,
    service: Service,
    error: &CredentialsError,
    seen: Option<Exchange>,
) -> Declined {
    let hint = match service {
        Service::Container => OF_CONTAINERS,
        Service::Instance => OF_INSTANCES,
    };
    let file = chain(error).find_map(|error| error.downcast_ref::<std::io::Error>());
    match (error, seen, file) {
        (CredentialsError::ProviderTimedOut(_), ..) => silent(what, true),
        (CredentialsError::InvalidConfiguration(_), ..) => misconfigured(what, "", hint),
        // The service refuses the machine, and no person can sign in for it.
        (_, Some(Exchange::Answered { status: status @ (401 | 403 | 404), .. }), _)
            if service == Service::Instance =>
        {
            let message = format!("{what}: it has no role here, or refuses requests ({status})");
            Declined::new(Reason::UpstreamDenied, message).hint(OF_INSTANCES)
        }
        (_, Some(seen), _) => exchanged(what, Some(seen), None),
        (_, None, Some(error)) => no_token(what, &format!("cannot be read: {}", error.kind())),
        (_, None, None) => misconfigured(what, "", hint),
    }
}

/// Meaning of a refusal by one of AWS's services; the `error` is the SDK's.
pub(super) fn of_request<E: ProvideErrorMetadata>(
    what: &str,
    error: &SdkError<E>,
    seen: Option<Exchange>,
) -> Declined {
    match error {
        SdkError::ConstructionFailure(_) => misconfigured(
            what,
            NOT_ASKED,
            "check region, endpoint_url, use_fips_endpoint and use_dualstack_endpoint",
        ),
        SdkError::DispatchFailure(_) if seen.is_none() => {
            misconfigured(what, NOT_ASKED, "check region and endpoint_url")
        }
        error => exchanged(what, seen, error.code().map(str::to_owned)),
    }
}

/// Meaning of a failed request. The server's `code` is as the SDK parsed it.
pub(super) fn exchanged(what: &str, seen: Option<Exchange>, code: Option<String>) -> Declined {
    match seen {
        None => silent(what, false),
        Some(Exchange::Unreachable { timed_out }) => silent(what, timed_out),
        Some(Exchange::Answered { status, retry_after, code: header }) => {
            answered(what, status, code.or(header), retry_after)
        }
    }
}

/// Meaning of an answer that is not a credential.
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
            format!("{what}: the server answered with something that is not a credential"),
        ),
        (_, code) if WRONG.contains(&code) => Declined::new(
            Reason::SettingsInvalid,
            format!("{what}: AWS reports that the request is wrong ({said})"),
        )
        .hint("check role_arn, region and session name"),
        (_, "AccessDenied" | "AccessDeniedException" | "ForbiddenException") => Declined {
            sign_in_helps: true,
            ..Declined::new(Reason::UpstreamDenied, format!("{what}: AWS denies access ({said})"))
                .hint("sign in with an identity that may use this role, or have it allowed")
        },
        (400 | 401 | 403, _) => {
            Declined::sign_in(format!("{what}: AWS does not accept the credentials ({said})"))
        }
        // A sign-in does not create missing resources.
        _ => Declined::new(
            Reason::SettingsInvalid,
            format!("{what}: the server has no such resource ({said})"),
        )
        .hint("check account, role and address"),
    }
}

fn later(what: &str, said: &str, retry_after: Option<Duration>) -> Declined {
    Declined::new(Reason::SourceUnavailable, format!("{what}: the server asks to retry later ({said})"))
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

/// No person is signed in.
pub(super) fn signed_out(what: &str) -> Declined {
    Declined::sign_in(format!("{what}: not signed in, or not any more"))
}

/// The configuration cannot work; `why` contains only names of profiles and settings.
pub(super) fn misconfigured(what: &str, why: &str, hint: &str) -> Declined {
    let colon = if why.is_empty() { "" } else { ": " };
    Declined::new(Reason::SettingsInvalid, format!("{what} is not configured properly{colon}{why}"))
        .hint(hint)
}

/// An unreadable token file; `why` continues "its token file".
pub(super) fn no_token(what: &str, why: &str) -> Declined {
    Declined::new(Reason::SettingsInvalid, format!("{what}: its token file {why}"))
        .hint("check the path of the token file")
}

fn chain(error: &CredentialsError) -> impl Iterator<Item = &(dyn Error + 'static)> {
    let first: &(dyn Error + 'static) = error;
    iter::successors(Some(first), |&error| error.source())
}

#[cfg(test)]
mod tests {
    use super::{CredentialsError, Exchange, Service, exchanged, of_service};
    use claviger_child::Declined;

    fn shown(declined: &Declined) -> (String, bool) {
        let text = format!("{declined:?}");
        assert!(!text.contains("canary"), "{text}");
        (declined.problem.reason.to_string(), declined.sign_in_helps)
    }

    fn answered(status: u16, code: &str) -> Exchange {
        Exchange::Answered { status, retry_after: None, code: Some(code.into()) }
    }

    #[test]
    fn servers() {
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
            (answered(400, "canary is not a code"), ("login-required", true)),
        ] {
            let got = shown(&exchanged("profile dev", Some(exchange.clone()), None));
            assert_eq!(got, (expected.0.to_owned(), expected.1), "{exchange:?}");
        }
    }

    #[test]
    fn services_of_this_machine() {
        let failed = CredentialsError::provider_error("canary");
        let file = CredentialsError::provider_error(std::io::Error::other("canary"));
        for (service, error, seen, expected) in [
            (Service::Container, &file, None, ("settings-invalid", false)),
            (Service::Container, &failed, None, ("settings-invalid", false)),
            (Service::Container, &failed, Some(answered(403, "")), ("login-required", true)),
            (Service::Instance, &failed, Some(answered(403, "")), ("upstream-denied", false)),
            (Service::Instance, &failed, Some(answered(500, "")), ("source-unavailable", false)),
        ] {
            let got = shown(&of_service("the service", service, error, seen));
            assert_eq!(got, (expected.0.to_owned(), expected.1), "{error:?}");
        }
    }
}
