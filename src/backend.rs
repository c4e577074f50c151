//! Who receives the API request.

use std::time::Duration;

/// A provider of the model API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Backend {
    /// Anthropic's own API, or a gateway that speaks it.
    Anthropic,
    /// AWS Bedrock.
    Bedrock,
    /// GCP Vertex AI.
    Vertex,
    /// Azure AI Foundry.
    Foundry,
}

/// The cloud backends in the order in which they win when several are enabled, each with the variable that
/// enables it and the one that skips its authentication (guide, "3rd Party Cloud Providers").
pub const CLOUDS: [(Backend, &str, &str); 3] = [
    (Backend::Bedrock, "CLAUDE_CODE_USE_BEDROCK", "CLAUDE_CODE_SKIP_BEDROCK_AUTH"),
    (Backend::Vertex, "CLAUDE_CODE_USE_VERTEX", "CLAUDE_CODE_SKIP_VERTEX_AUTH"),
    (Backend::Foundry, "CLAUDE_CODE_USE_FOUNDRY", "CLAUDE_CODE_SKIP_FOUNDRY_AUTH"),
];

/// Where the Anthropic backend is when nothing else is configured.
pub const ANTHROPIC_BASE_URL: &str = "https://api.anthropic.com";

/// How long a request to a backend may take unless `API_TIMEOUT_MS` says otherwise (guide, "Environment Variable
/// Reference").
pub const API_TIMEOUT: Duration = Duration::from_secs(600);

impl Backend {
    /// Name for people and logs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Anthropic => "anthropic",
            Self::Bedrock => "bedrock",
            Self::Vertex => "vertex",
            Self::Foundry => "foundry",
        }
    }
}
