//! Google's Application Default Credentials, and `gcpAuthRefresh`: what the guide calls refreshGcpCredentialsIfNeeded.

use super::{
    Binding, Bound, CredentialSource, Material, SignIn,
    sdk::{Chain, Sdk},
};
use crate::resolve::View;
use claviger::{backend::Backend, credential::Scheme, reason::Problem};
use std::{sync::Arc, time::Duration};

/// The source.
pub struct GoogleAdc;

const ID: &str = "google-adc";
/// Settings key of the command that signs in.
const SIGN_IN: &str = "gcpAuthRefresh";
/// When to give up. No link takes this long by itself: the metadata server gets a second, an executable source says how
/// long it takes (30 s by default).
const DEADLINE: Duration = Duration::from_secs(45);
const SLOW: &str = "set GOOGLE_APPLICATION_CREDENTIALS to a credentials file; outside Google Cloud set NO_GCE_CHECK=true, and check proxies (HTTPS_PROXY)";
const BY_HAND: &str = "run `gcloud auth application-default login`, or set gcpAuthRefresh to that command";

impl CredentialSource for GoogleAdc {
    fn id(&self) -> &'static str {
        ID
    }

    fn backend(&self) -> Backend {
        Backend::Vertex
    }

    fn bind(&self, view: &View<'_>) -> Binding {
        match chain(view) {
            Ok(sdk) => Binding::Bound(Bound {
                scheme: Scheme::Bearer,
                at: sdk.sign_in.as_ref().map(|sign_in| sign_in.at.clone()),
                material: Material::Provided(Arc::new(sdk)),
            }),
            Err(problem) => Binding::Refused(problem),
        }
    }
}

fn chain(view: &View<'_>) -> Result<Sdk, Problem> {
    let chain = Chain {
        id: ID,
        cloud: Backend::Vertex,
        // An external account of the kind "aws" signs with what AWS gives.
        also: &[Backend::Bedrock],
        arguments: vec!["gcp".to_owned()],
        deadline: DEADLINE,
        slow: SLOW,
        by_hand: BY_HAND,
        sign_in: SignIn::bind(view, SIGN_IN)?,
    };
    Sdk::bind(view, chain)
}
