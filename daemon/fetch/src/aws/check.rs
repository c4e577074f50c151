//! Asks AWS whether credentials are good: GetCallerIdentity needs no permission.

use super::{BEDROCK_REGION, BehaviorVersion, Declined, Region, connector, failure, seen::Seen};
use aws_config::{retry::RetryConfig, timeout::TimeoutConfig};
use aws_credential_types::Credentials;
use aws_sdk_sts::error::{ProvideErrorMetadata as _, SdkError};
use std::time::Duration;

/// How long the question may take, all attempts together. The credentials wait for it.
const TIMEOUT: Duration = Duration::from_secs(5);
/// How often it is asked.
const ATTEMPTS: u32 = 2;

/// Asks. Only a clear no is trouble: a service that cannot be reached says nothing about the credentials.
pub(super) async fn check(
    what: &str,
    region: Option<&str>,
    credentials: Credentials,
) -> Result<(), Declined> {
    let shared = aws_config::defaults(BehaviorVersion::latest())
        .region(Region::new(region.unwrap_or(BEDROCK_REGION).to_owned()))
        .credentials_provider(credentials)
        .http_client(connector::proxied(&Seen::default(), &connector::trusted()?))
        .timeout_config(TimeoutConfig::builder().operation_timeout(TIMEOUT).build())
        .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS))
        .load()
        .await;
    let asked = aws_sdk_sts::Client::new(&shared).get_caller_identity().send().await;
    match asked {
        Err(SdkError::ServiceError(refused)) if refused.raw().status().is_client_error() => {
            let (status, code) = (refused.raw().status().as_u16(), refused.err().code());
            Some(failure::answered(what, status, code.map(str::to_owned), None))
                .filter(|no| no.sign_in_helps)
                .map_or(Ok(()), Err)
        }
        _ => Ok(()),
    }
}
