//! The order of the sources.

use super::{
    CredentialSource, api_key_helper, aws_chain, aws_export, aws_keys, azure_default, env_token, google_adc,
    local_store,
};
use crate::terminal::Chain;
use claviger::backend::Backend;
use claviger_child::cloud_file::{AWS_CONFIG, AWS_CREDENTIALS, CloudFile, GCLOUD_FILE, GOOGLE_FILE};

/// Programs that the SDK of `backend` can run: tools of the cloud, and programs that its files name. `value` finds a
/// variable that is set and not empty.
pub fn programs(backend: Backend, value: impl Fn(&str) -> Option<String>) -> Chain {
    let (tools, files): (&[&str], &[CloudFile]) = match backend {
        Backend::Anthropic => (&[], &[]),
        Backend::Bedrock => (&[], &[AWS_CONFIG, AWS_CREDENTIALS]),
        Backend::Vertex => (&["gcloud"], &[GOOGLE_FILE, GCLOUD_FILE, AWS_CONFIG, AWS_CREDENTIALS]),
        Backend::Foundry => (&["az", "azd", "pwsh"], &[]),
    };
    Chain { tools, files: files.iter().filter_map(|file| file.path(&value)).collect() }
}

/// Every source, in order of precedence (DESIGN §3). The first that is configured provides the credential; if it fails,
/// the next one is not tried.
pub const CHAIN: &[&dyn CredentialSource] = &[
    // Anthropic.
    &env_token::AUTH_TOKEN,
    &env_token::API_KEY,
    &api_key_helper::ApiKeyHelper,
    &env_token::OAUTH_TOKEN,
    &local_store::OAUTH_LOGIN,
    &local_store::SAVED_KEY,
    // Bedrock. An export always runs if it is set, even if other credentials are valid (`spec/behaviour.md` A2).
    &env_token::BEDROCK_TOKEN,
    &aws_export::AwsExport,
    &aws_keys::AwsKeys,
    &aws_chain::AwsChain,
    // Vertex.
    &google_adc::GoogleAdc,
    // Foundry.
    &env_token::FOUNDRY_TOKEN,
    &env_token::FOUNDRY_KEY,
    &azure_default::AzureDefault,
];
