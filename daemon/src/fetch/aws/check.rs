//! Asks AWS whether credentials are good: GetCallerIdentity needs no permission.

use super::{BEDROCK_REGION, BehaviorVersion, Region, Trouble, connector};
use aws_credential_types::Credentials;
use aws_sdk_sts::error::{ProvideErrorMetadata as _, SdkError};

/// Asks. Only a clear no is trouble: a service that cannot be reached says nothing about the credentials.
pub(super) async fn check(region: Option<&str>, credentials: Credentials) -> Result<(), Trouble> {
    let shared = aws_config::defaults(BehaviorVersion::latest())
        .region(Region::new(region.unwrap_or(BEDROCK_REGION).to_owned()))
        .credentials_provider(credentials)
        .http_client(connector::client()?)
        .load()
        .await;
    let asked = aws_sdk_sts::Client::new(&shared).get_caller_identity().send().await;
    match asked {
        Err(SdkError::ServiceError(refused)) if refused.raw().status().is_client_error() => {
            let code = refused.err().code().unwrap_or("no code").to_owned();
            Err(Trouble::sign_in(format!("AWS does not take the credentials ({code})")))
        }
        _ => Ok(()),
    }
}
