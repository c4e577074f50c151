//! The order in which the sources are asked.

use super::{
    CredentialSource, api_key_helper, aws_chain, aws_export, aws_keys, azure_default, env_token, google_adc,
    local_store,
};

/// Every source, in the order in which they win (DESIGN §3). The first that is configured provides the credential;
/// one that is configured and fails does not let the next one in.
pub const CHAIN: &[&dyn CredentialSource] = &[
    // Anthropic.
    &env_token::AUTH_TOKEN,
    &env_token::API_KEY,
    &api_key_helper::ApiKeyHelper,
    &env_token::OAUTH_TOKEN,
    &local_store::OAUTH_LOGIN,
    &local_store::SAVED_KEY,
    // Bedrock. An export always runs where it is set, even beside credentials that are valid (`spec/behaviour.md` A2).
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
