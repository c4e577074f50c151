//! Receivers of API requests.

use crate::{
    proto::v1,
    reason::{Problem, Reason},
    remedy::Remedy,
};
use std::time::Duration;

/// A provider of the model API.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Backend {
    /// Anthropic's own API, or a gateway that speaks it.
    #[default]
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

/// Prefix of the switches of Claude Code that select a backend.
pub const SWITCH: &str = "CLAUDE_CODE_USE_";

/// Switches with that prefix that select no backend (Claude Code's environment variable reference).
const NO_BACKEND: [&str; 4] = [
    "CLAUDE_CODE_USE_CCR_V2",
    "CLAUDE_CODE_USE_COWORK_PLUGINS",
    "CLAUDE_CODE_USE_NATIVE_FILE_SEARCH",
    "CLAUDE_CODE_USE_POWERSHELL_TOOL",
];

/// Whether `variable` enables a backend that is not one of [`CLOUDS`]: claviger has no credential for it.
pub fn is_unsupported(variable: &str) -> bool {
    variable.starts_with(SWITCH)
        && !NO_BACKEND.contains(&variable)
        && !CLOUDS.iter().any(|(_, switch, _)| *switch == variable)
}

/// Base URL of the Anthropic backend when nothing else is configured.
pub const ANTHROPIC_BASE_URL: &str = "https://api.anthropic.com";

/// Region of Bedrock when none is configured (guide, "AWS Bedrock").
pub const BEDROCK_REGION: &str = "us-east-1";

/// Region of Vertex when `CLOUD_ML_REGION` is not set (`spec/behaviour.md` A2, "Vertex project precedence").
pub const VERTEX_REGION: &str = "us-east5";

/// OAuth scope of Foundry: the resource for which a current client asks `az` (`spec/behaviour.md` D, "Foundry").
/// `CLAVIGER_AZURE_SCOPE` sets another.
pub const FOUNDRY_SCOPE: &str = "https://cognitiveservices.azure.com/.default";

/// Timeout of a request to a backend unless `API_TIMEOUT_MS` sets another (guide, "Environment Variable Reference").
pub const API_TIMEOUT: Duration = Duration::from_secs(600);

/// Base URL of Bedrock in `region`. China is a separate partition.
pub fn bedrock_url(region: &str) -> String {
    let suffix = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
    format!("https://bedrock-runtime.{region}.{suffix}")
}

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

    /// The variable with its base URL.
    pub fn base_url_variable(self) -> &'static str {
        match self {
            Self::Anthropic => "ANTHROPIC_BASE_URL",
            Self::Bedrock => "ANTHROPIC_BEDROCK_BASE_URL",
            Self::Vertex => "ANTHROPIC_VERTEX_BASE_URL",
            Self::Foundry => "ANTHROPIC_FOUNDRY_BASE_URL",
        }
    }

    /// Encoded.
    pub fn to_proto(self) -> v1::Backend {
        match self {
            Self::Anthropic => v1::Backend::Anthropic,
            Self::Bedrock => v1::Backend::Bedrock,
            Self::Vertex => v1::Backend::Vertex,
            Self::Foundry => v1::Backend::Foundry,
        }
    }

    /// Decoded; `None` if the request sets none.
    ///
    /// # Errors
    /// `malformed-request` for a number that this release does not know.
    pub fn from_proto(backend: i32) -> Result<Option<Self>, Problem> {
        Ok(match v1::Backend::try_from(backend) {
            Ok(v1::Backend::Unspecified) => None,
            Ok(v1::Backend::Anthropic) => Some(Self::Anthropic),
            Ok(v1::Backend::Bedrock) => Some(Self::Bedrock),
            Ok(v1::Backend::Vertex) => Some(Self::Vertex),
            Ok(v1::Backend::Foundry) => Some(Self::Foundry),
            Err(_) => {
                return Err(Problem::new(Reason::MalformedRequest, format!("unknown backend {backend}"))
                    .hint("the client is newer than the daemon")
                    .remedy(Remedy::restart_daemon()));
            }
        })
    }
}
