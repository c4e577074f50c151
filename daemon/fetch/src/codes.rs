//! The error codes that may be repeated: those that a server is documented to send. Other text from a server may
//! contain anything, even a secret, so no function here returns it. Pure.

/// Shown for any other code.
pub(super) const UNKNOWN: &str = "an unknown error code";

/// Of authorization servers: RFC 6749 (4.1.2.1 and 5.2), and what others added to the registry of IANA ("OAuth Extensions
/// Error Registry").
const OAUTH: &[&str] = &[
    "access_denied",
    "invalid_client",
    "invalid_grant",
    "invalid_request",
    "invalid_scope",
    "server_error",
    "temporarily_unavailable",
    "unauthorized_client",
    "unsupported_grant_type",
    "unsupported_response_type",
    // RFC 6750 (3.1), RFC 7009 (2.2.1) and RFC 7591 (3.2.2).
    "insufficient_scope",
    "invalid_token",
    "unsupported_token_type",
    "invalid_client_metadata",
    "invalid_redirect_uri",
    // RFC 8628 (3.5).
    "authorization_pending",
    "expired_token",
    "slow_down",
    // RFC 8707, RFC 9396, RFC 9449 and RFC 9470.
    "invalid_authorization_details",
    "invalid_dpop_proof",
    "invalid_target",
    "insufficient_user_authentication",
    "use_dpop_nonce",
    // OpenID Connect Core 1.0 (3.1.2.6), and the one that a later specification added.
    "account_selection_required",
    "consent_required",
    "interaction_required",
    "invalid_request_object",
    "invalid_request_uri",
    "login_required",
    "registration_not_supported",
    "request_not_supported",
    "request_uri_not_supported",
    "unmet_authentication_requirements",
];

/// Of Google: what its authorization server adds ("Using OAuth 2.0 for Web Server Applications"), and `google.rpc.Code`.
const GOOGLE: &[&str] = &[
    "admin_policy_enforced",
    "deleted_client",
    "disabled_client",
    "disallowed_useragent",
    "internal_failure",
    "org_internal",
    "origin_mismatch",
    "rate_limit_exceeded",
    "redirect_uri_mismatch",
    "ABORTED",
    "ALREADY_EXISTS",
    "CANCELLED",
    "DATA_LOSS",
    "DEADLINE_EXCEEDED",
    "FAILED_PRECONDITION",
    "INTERNAL",
    "INVALID_ARGUMENT",
    "NOT_FOUND",
    "OUT_OF_RANGE",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "UNAUTHENTICATED",
    "UNAVAILABLE",
    "UNIMPLEMENTED",
    "UNKNOWN",
];

/// Of Azure: what Entra adds ("Microsoft identity platform error codes"), and the metadata service of a machine.
const AZURE: &[&str] = &["bad_request_102", "invalid_resource", "unknown_source"];

/// Of AWS: errors of any service ("Common Errors"), then those of STS, SSO, SSO OIDC and EKS Auth.
const AWS: &[&str] = &[
    "AccessDenied",
    "AccessDeniedException",
    "ExpiredToken",
    "ExpiredTokenException",
    "ForbiddenException",
    "IncompleteSignature",
    "InternalFailure",
    "InternalServerException",
    "InvalidAction",
    "InvalidClientTokenId",
    "InvalidParameterValue",
    "MissingAuthenticationToken",
    "MissingParameter",
    "NotAuthorized",
    "OptInRequired",
    "RequestExpired",
    "RequestLimitExceeded",
    "ServiceUnavailable",
    "ServiceUnavailableException",
    "SignatureDoesNotMatch",
    "SlowDown",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
    "UnrecognizedClientException",
    "ValidationError",
    "ValidationException",
    "IDPCommunicationError",
    "IDPRejectedClaim",
    "InvalidIdentityToken",
    "MalformedPolicyDocument",
    "PackedPolicyTooLarge",
    "RegionDisabledException",
    "AuthorizationPendingException",
    "InvalidClientException",
    "InvalidGrantException",
    "InvalidParameterException",
    "InvalidRequestException",
    "InvalidScopeException",
    "InvalidTokenException",
    "ResourceNotFoundException",
    "SlowDownException",
    "TooManyRequestsError",
    "UnauthorizedClientException",
    "UnauthorizedException",
    "UnsupportedGrantTypeException",
];

/// The code of an authorization server.
pub(super) fn oauth(code: &str) -> &'static str {
    listed(&[OAUTH], code)
}

/// The code of Google's authorization server, or of one of its APIs.
pub(super) fn google(code: &str) -> &'static str {
    listed(&[OAUTH, GOOGLE], code)
}

/// The code of Entra or of a metadata service of Azure.
pub(super) fn azure(code: &str) -> &'static str {
    listed(&[OAUTH, AZURE], code)
}

/// The code of a service of AWS.
pub(super) fn aws(code: &str) -> &'static str {
    listed(&[AWS], code)
}

fn listed(lists: &[&'static [&'static str]], code: &str) -> &'static str {
    lists.iter().copied().flatten().find(|known| **known == code).copied().unwrap_or(UNKNOWN)
}

#[cfg(test)]
mod tests {
    use super::{UNKNOWN, aws, azure, google, oauth};

    #[test]
    fn listed_codes_are_shown_and_others_are_not() {
        assert_eq!(oauth("invalid_grant"), "invalid_grant");
        assert_eq!([google("org_internal"), google("invalid_grant")], ["org_internal", "invalid_grant"]);
        assert_eq!([azure("invalid_resource"), azure("slow_down")], ["invalid_resource", "slow_down"]);
        assert_eq!(aws("ExpiredToken"), "ExpiredToken");
        for planted in ["", "sk-ant-oat01-x", "Invalid_Grant", "invalid_grant ", "AKIAIOSFODNN7EXAMPLE"] {
            for shown in [oauth, google, azure, aws] {
                assert_eq!(shown(planted), UNKNOWN, "{planted:?}");
            }
        }
    }
}
