//! The AWS default chain: environment, profiles, SSO, roles, web identity, containers, instances. And `awsAuthRefresh`.

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
    session::PROFILE,
    source,
};
use claviger_child::{
    Request,
    cloud_file::{AWS_CONFIG, AWS_CONTAINER_TOKEN, AWS_CREDENTIALS, AWS_TOKEN},
};
use std::time::Duration;

/// The source.
pub struct AwsChain;

const ID: &str = source::AWS_CHAIN;
/// Settings key of the sign-in command.
pub(super) const SIGN_IN: &str = "awsAuthRefresh";
/// Variable with the deadline of the chain, in milliseconds.
const TIMEOUT: &str = "CLAUDE_CODE_AWS_CHAIN_RESOLVE_TIMEOUT_MS";
/// Its default (`spec/behaviour.md` A7, "AWS chain").
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(60);
/// Longest deadline that may be set.
const MAX_TIMEOUT: Duration = Duration::from_secs(600);
const SLOW: &str = "outside AWS set AWS_EC2_METADATA_DISABLED=true; otherwise check proxies (HTTPS_PROXY) and credential_process, or raise CLAUDE_CODE_AWS_CHAIN_RESOLVE_TIMEOUT_MS";
const BY_HAND: ByHand = ByHand {
    argv: &["aws", "sso", "login"],
    words: "sign in as usual, or set awsAuthRefresh to your sign-in command",
};
const LOOPS: &str = "the profile runs claviger, so claviger cannot use it: name another one, as in `credential_process = \
    claviger aws --profile WORK`, where WORK is the profile that signs in";

impl CredentialSource for AwsChain {
    fn id(&self) -> &'static str {
        ID
    }

    fn backend(&self) -> Backend {
        Backend::Bedrock
    }

    fn bind(&self, view: &View<'_>) -> Binding {
        binding(Scheme::SigV4, chain(view))
    }
}

fn chain(view: &View<'_>) -> Result<Sdk, Problem> {
    let sign_in = sign_in::bind(view, SIGN_IN)?;
    let mut lent = view.lent(Backend::Bedrock)?;
    // Keys of the environment come before the chain, except with an explicitly named profile, which may begin with
    // them.
    if view.session.chosen.contains_key(PROFILE) {
        lent.extend(view.lent_of(AWS_KEYS.into_iter())?);
    }
    let chain = Chain {
        id: ID,
        cloud: Backend::Bedrock,
        also: &[],
        // A sign-in command runs only if AWS itself refuses the credentials.
        request: Request::Aws { check: sign_in.is_some(), lent },
        deadline: timeout(view)?,
        slow: SLOW,
        by_hand: BY_HAND,
        loops: LOOPS,
        sign_in,
        files: &[AWS_CONFIG, AWS_CREDENTIALS, AWS_TOKEN, AWS_CONTAINER_TOKEN],
        awaited: &[],
    };
    Sdk::bind(view, chain)
}

/// The deadline of the chain.
pub(super) fn timeout(view: &View<'_>) -> Result<Duration, Problem> {
    let timeout = view.milliseconds(TIMEOUT, 1, "60000 for one minute")?;
    Ok(timeout.map_or(DEFAULT_TIMEOUT, |timeout| timeout.min(MAX_TIMEOUT)))
}
