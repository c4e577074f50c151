//! AWS settings that compete in a session of Bedrock: only one counts, and it may not be the intended one.

use super::network::value;
use crate::doctor::{facts::Facts, finding::Finding};
use claviger::{proto::v1::Backend, remedy::Remedy};

/// The keys of a session's environment.
const KEYS: [&str; 3] = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"];
const PROFILE: &str = "AWS_PROFILE";
const REGION: &str = "AWS_REGION";
/// Used by tools if [`REGION`] is not set.
const DEFAULT_REGION: &str = "AWS_DEFAULT_REGION";
/// Variables that are not secret, so their values are read in settings files as well.
pub(crate) const READ: [&str; 3] = [PROFILE, REGION, DEFAULT_REGION];

/// Checks the AWS settings.
pub(crate) fn check(facts: &Facts) -> Vec<Finding> {
    let backend = facts.explained.as_ref().and_then(|explained| explained.as_ref().ok());
    if backend.is_none_or(|explained| explained.backend() != Backend::Bedrock) {
        return Vec::new();
    }
    let shadowed = READ.iter().filter_map(|name| shadowed(facts, name));
    [keys_beside_profile(facts), regions_differ(facts)].into_iter().flatten().chain(shadowed).collect()
}

/// As in the AWS CLI, keys of the environment come before a profile that only the environment names.
fn keys_beside_profile(facts: &Facts) -> Option<Finding> {
    let set: Vec<_> = KEYS.into_iter().filter(|name| facts.present.contains(*name)).collect();
    let (_, at) = value(facts, PROFILE).filter(|(text, _)| !text.is_empty() && set.contains(&KEYS[0]))?;
    Some(
        Finding::warning("aws-keys-beside-profile", format!("AWS keys are set beside {PROFILE}"))
            .at(at)
            .because("the keys come first, and the profile gives no credential")
            .helped(Remedy::unset(&set)),
    )
}

fn regions_differ(facts: &Facts) -> Option<Finding> {
    let of = |name| value(facts, name).filter(|(text, _)| !text.is_empty());
    let ((used, _), (other, at)) = (of(REGION)?, of(DEFAULT_REGION)?);
    (used != other).then(|| {
        Finding::warning(
            "aws-regions-differ",
            format!("{REGION} and {DEFAULT_REGION} name different regions"),
        )
        .at(at)
        .because(format!("requests go to the one of {REGION}; tools that read only the other go elsewhere"))
        .helped(Remedy::without(&[DEFAULT_REGION], at))
    })
}

/// A variable of the session that a settings file sets to something else.
fn shadowed(facts: &Facts, name: &str) -> Option<Finding> {
    let (used, at) = value(facts, name)?;
    let own = facts.variables.get(name).filter(|own| !own.is_empty() && *own != used)?;
    Some(
        Finding::warning("aws-shadowed", format!("{name} of this session ({own}) is not used"))
            .at(Some(at?))
            .because(format!("the settings file sets it to {used}, and settings come before the environment"))
            .helped(Remedy::unset(&[name])),
    )
}
