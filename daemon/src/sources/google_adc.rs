//! Google's Application Default Credentials, and `gcpAuthRefresh`: what the guide calls refreshGcpCredentialsIfNeeded.

use super::{
    Binding, CredentialSource,
    sdk::{ByHand, Chain, Sdk, binding},
    sign_in,
};
use crate::sources::View;
use claviger::{
    backend::Backend,
    credential::{AWS_KEYS, Scheme},
    reason::Problem,
    source,
};
use claviger_child::{
    Request,
    cloud_file::{GCLOUD_FILE, GCLOUD_LOGINS, GOOGLE_FILE},
};
use std::time::Duration;

/// The source.
pub struct GoogleAdc;

const ID: &str = source::GOOGLE_ADC;
/// Settings key of the sign-in command.
const SIGN_IN: &str = "gcpAuthRefresh";
/// Time limit. Every step has its own deadline: the metadata server a second, a request 10 s, gcloud 20 s. Only an
/// executable source may take longer; its file sets the time, 120 s at most.
const DEADLINE: Duration = Duration::from_secs(150);
const SLOW: &str = "set GOOGLE_APPLICATION_CREDENTIALS to a credentials file; outside Google Cloud set NO_GCE_CHECK=true, and check proxies (HTTPS_PROXY)";
const BY_HAND: ByHand = ByHand {
    argv: &["gcloud", "auth", "application-default", "login"],
    words: "sign in, or set gcpAuthRefresh to your sign-in command",
};
const LOOPS: &str = "the credentials file runs claviger, so claviger cannot use it: name another one, as in `claviger gcp \
    --credentials FILE`";

impl CredentialSource for GoogleAdc {
    fn id(&self) -> &'static str {
        ID
    }

    fn backend(&self) -> Backend {
        Backend::Vertex
    }

    fn bind(&self, view: &View<'_>) -> Binding {
        binding(Scheme::Bearer, chain(view))
    }
}

fn chain(view: &View<'_>) -> Result<Sdk, Problem> {
    let lent = view.lent_of(AWS_KEYS.into_iter())?;
    // Keys of another identity must not sign in place of keys that stay in the session.
    let keeps = |name: &str| view.session.present.contains(name) && !lent.contains_key(name);
    let keeps_aws_keys = keeps(AWS_KEYS[0]) && keeps(AWS_KEYS[1]);
    let chain = Chain {
        id: ID,
        cloud: Backend::Vertex,
        // An external account of kind "aws" signs with AWS credentials.
        also: &[Backend::Bedrock],
        request: Request::Gcp { keeps_aws_keys, lent },
        deadline: DEADLINE,
        slow: SLOW,
        by_hand: BY_HAND,
        loops: LOOPS,
        sign_in: sign_in::bind(view, SIGN_IN)?,
        files: &[GOOGLE_FILE, GCLOUD_FILE],
        awaited: &[GCLOUD_LOGINS],
    };
    Sdk::bind(view, chain)
}
