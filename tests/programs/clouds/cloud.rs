//! What differs between the clouds.

use super::case::Answer;
use std::collections::BTreeMap;

#[derive(Clone, Copy, Debug)]
pub(super) enum Cloud {
    Aws,
    Google,
    Azure,
}

/// A tool that reads the same files.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tool {
    /// As cases and the table name it.
    pub(super) name: &'static str,
    pub(super) runs_in: Interpreter,
    /// What its worker calls it.
    pub(super) word: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Interpreter {
    /// The Python of `tests/python/requirements.txt`.
    Venv,
    /// The Python of the system, which has Debian's `aws`.
    System,
    Node,
}

const fn tool(name: &'static str, runs_in: Interpreter, word: &'static str) -> Tool {
    Tool { name, runs_in, word }
}

// === impl Cloud ===

impl Cloud {
    /// Directory of its cases.
    pub(super) fn name(self) -> &'static str {
        match self {
            Cloud::Aws => "aws",
            Cloud::Google => "google",
            Cloud::Azure => "azure",
        }
    }

    /// The tools; the first is the referee.
    pub(super) fn tools(self) -> &'static [Tool] {
        const AWS: [Tool; 4] = [
            tool("aws2", Interpreter::System, "aws2"),
            tool("aws1", Interpreter::Venv, "aws1"),
            tool("boto3", Interpreter::Venv, "boto3"),
            tool("js", Interpreter::Node, "aws"),
        ];
        const GOOGLE: [Tool; 2] =
            [tool("python", Interpreter::Venv, "google"), tool("js", Interpreter::Node, "google")];
        const AZURE: [Tool; 2] =
            [tool("js", Interpreter::Node, "azure"), tool("python", Interpreter::Venv, "azure")];
        match self {
            Cloud::Aws => &AWS,
            Cloud::Google => &GOOGLE,
            Cloud::Azure => &AZURE,
        }
    }

    /// What a worker in `interpreter` is started with.
    pub(super) fn words(self, interpreter: Interpreter) -> Vec<&'static str> {
        let tools = self.tools().iter();
        tools.filter(|tool| tool.runs_in == interpreter).map(|tool| tool.word).collect()
    }

    /// Variables of every session that a case does not set itself.
    pub(super) fn variables(self) -> BTreeMap<String, String> {
        let pairs: &[(&str, &str)] = match self {
            Cloud::Aws => &[("CLAUDE_CODE_USE_BEDROCK", "1"), ("AWS_EC2_METADATA_DISABLED", "true")],
            Cloud::Google => &[
                ("CLAUDE_CODE_USE_VERTEX", "1"),
                ("ANTHROPIC_VERTEX_PROJECT_ID", "p"),
                // The tools would ask gcloud otherwise.
                ("GOOGLE_CLOUD_PROJECT", "p"),
                ("NO_GCE_CHECK", "true"),
                ("METADATA_SERVER_DETECTION", "none"),
            ],
            Cloud::Azure => &[("CLAUDE_CODE_USE_FOUNDRY", "1"), ("ANTHROPIC_FOUNDRY_RESOURCE", "my-res")],
        };
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    /// What its servers answer in every case.
    pub(super) fn answers(self) -> Vec<Answer> {
        match self {
            Cloud::Aws | Cloud::Google => Vec::new(),
            // MSAL asks whether it knows the authority before it asks for a token.
            Cloud::Azure => {
                vec![Answer::always("login.microsoftonline.com/common/discovery/instance", DISCOVERY)]
            }
        }
    }
}

const DISCOVERY: &str = r#"{"tenant_discovery_endpoint": "https://login.microsoftonline.com/common/v2.0/.well-known/openid-configuration",
    "api-version": "1.1", "metadata": [{"preferred_network": "login.microsoftonline.com", "preferred_cache": "login.windows.net",
    "aliases": ["login.microsoftonline.com", "login.windows.net"]}]}"#;
