//! Asks AWS whether credentials are valid: GetCallerIdentity needs no permission.

use super::{
    Credentials, Declined, failure,
    network::{Network, Service},
};
use aws_config::timeout::TimeoutConfig;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_sts::error::{ProvideErrorMetadata as _, SdkError};
use std::time::Duration;

/// Time limit of the request, all attempts together. The credentials wait for it.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Asks. Only an explicit refusal is an error: an unreachable service implies nothing about the credentials.
pub(super) async fn check(what: &str, network: &Network, credentials: Credentials) -> Result<(), Declined> {
    let config = network
        .config(Service::Sts, &network.some_region()?)?
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .timeout_config(TimeoutConfig::builder().operation_timeout(TIMEOUT).build())
        .build();
    let asked = aws_sdk_sts::Client::new(&config).get_caller_identity().send().await;
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
