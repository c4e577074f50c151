//! The sources of credentials, by the ids that leases, explanations and logs carry.

/// `ANTHROPIC_AUTH_TOKEN`.
pub const ENV_AUTH_TOKEN: &str = "env-auth-token";
/// `ANTHROPIC_API_KEY`.
pub const ENV_API_KEY: &str = "env-api-key";
/// `CLAUDE_CODE_OAUTH_TOKEN`.
pub const OAUTH_TOKEN: &str = "oauth-token";
/// `apiKeyHelper`.
pub const API_KEY_HELPER: &str = "api-key-helper";
/// An OAuth login of the local store.
pub const OAUTH_LOGIN: &str = "oauth-login";
/// An API key of the local store.
pub const SAVED_API_KEY: &str = "saved-api-key";
/// `AWS_BEARER_TOKEN_BEDROCK`.
pub const ENV_BEDROCK_TOKEN: &str = "env-bedrock-token";
/// `AWS_ACCESS_KEY_ID` and its companions.
pub const ENV_AWS_KEYS: &str = "env-aws-keys";
/// `awsCredentialExport`.
pub const AWS_EXPORT: &str = "aws-export";
/// The default chain of AWS.
pub const AWS_CHAIN: &str = "aws-chain";
/// Google's Application Default Credentials.
pub const GOOGLE_ADC: &str = "google-adc";
/// `ANTHROPIC_FOUNDRY_AUTH_TOKEN`.
pub const ENV_FOUNDRY_TOKEN: &str = "env-foundry-token";
/// `ANTHROPIC_FOUNDRY_API_KEY`.
pub const ENV_FOUNDRY_KEY: &str = "env-foundry-key";
/// The default chain of Azure.
pub const AZURE_DEFAULT: &str = "azure-default";

/// Every source, in the order in which they are asked.
pub const ALL: [&str; 14] = [
    ENV_AUTH_TOKEN,
    ENV_API_KEY,
    API_KEY_HELPER,
    OAUTH_TOKEN,
    OAUTH_LOGIN,
    SAVED_API_KEY,
    ENV_BEDROCK_TOKEN,
    AWS_EXPORT,
    ENV_AWS_KEYS,
    AWS_CHAIN,
    GOOGLE_ADC,
    ENV_FOUNDRY_TOKEN,
    ENV_FOUNDRY_KEY,
    AZURE_DEFAULT,
];

/// The sources that ask an SDK's chain; the links of the chain are known only after it was asked.
pub const CHAINS: [&str; 3] = [AWS_CHAIN, AZURE_DEFAULT, GOOGLE_ADC];
/// The sources of the local store, which no settings file configures.
pub const STORED: [&str; 2] = [OAUTH_LOGIN, SAVED_API_KEY];
