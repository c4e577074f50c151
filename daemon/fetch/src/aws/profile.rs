//! The profile that the session has chosen. An unreadable file or a missing profile is an error: otherwise another
//! identity would sign.

use super::{
    Declined,
    base::{Base, Wrong},
    files::{File, Files},
    network::Settings,
    plan::{self, Plan},
    variable,
    words::plain,
};
use crate::file::{self, Unread};
use claviger::{
    reason::{Location, Reason},
    remedy::Remedy,
};
use claviger_child::cloud_file::{AWS_CONFIG, AWS_CREDENTIALS};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// Largest configuration file, in bytes: tens of thousands of profiles.
const MAX_FILE: usize = 8 * 1024 * 1024;
/// The variables that choose a profile, in the order of `aws`.
const VARIABLES: [&str; 2] = ["AWS_PROFILE", "AWS_DEFAULT_PROFILE"];
const DEFAULT: &str = "default";

/// Configuration from environment and files.
pub(super) struct Chosen {
    /// The profile's name for people; `None` if there is none and none was chosen.
    pub(super) name: Option<String>,
    /// The plan for credentials; the inner `None` if nothing is configured.
    pub(super) plan: Result<Option<Plan>, Wrong>,
    pub(super) network: Settings,
}

/// Reads environment and files. Only the settings of the profile stay in memory.
///
/// # Errors
/// `settings-invalid` naming the file or the profile.
pub(super) fn chosen() -> Result<Chosen, Declined> {
    let [(config, of_config), (credentials, of_credentials)] =
        [content(AWS_CONFIG.path(variable))?, content(AWS_CREDENTIALS.path(variable))?];
    let files = Files::read(text(&config, &of_config)?, text(&credentials, &of_credentials)?);
    let files = files.map_err(|(file, broken)| {
        let path = if file == File::Config { &of_config } else { &of_credentials };
        unusable(path, broken.line, &broken.to_string())
    })?;
    let named = VARIABLES.into_iter().find_map(|name| Some((name, variable(name)?)));
    let profile = match &named {
        None => files.profile(DEFAULT),
        Some((by, name)) => Some(files.profile(name).ok_or_else(|| absent(by, name))?),
    };
    Ok(Chosen {
        name: profile.map(|profile| plain(profile.name())),
        plan: plan::of(profile, &variable),
        network: Settings::of(profile.as_ref(), &variable),
    })
}

/// The content of a file; a missing file is empty.
fn content(path: Option<PathBuf>) -> Result<(Zeroizing<Vec<u8>>, PathBuf), Declined> {
    let Some(path) = path.filter(|path| path != Path::new("/dev/null")) else {
        return Ok(Default::default());
    };
    match file::read(&path, MAX_FILE) {
        Ok(content) => Ok((content, path)),
        Err(Unread::Absent) => Ok((Zeroizing::default(), path)),
        Err(unread) => Err(unusable(&path, 0, &unread.to_string())),
    }
}

fn text<'a>(content: &'a [u8], path: &Path) -> Result<&'a str, Declined> {
    std::str::from_utf8(content).map_err(|error| {
        let read = content.get(..error.valid_up_to()).unwrap_or_default();
        let line = read.iter().filter(|byte| **byte == b'\n').count() + 1;
        unusable(path, line, "is not UTF-8 text")
    })
}

/// An unusable file; `what` continues its name, or that of a line.
fn unusable(path: &Path, line: usize, what: &str) -> Declined {
    let place = if line == 0 { String::new() } else { format!("on line {line} ") };
    let shown = plain(&path.to_string_lossy());
    let message = format!("the configuration of AWS cannot be used: {shown} {place}{what}");
    let declined = Declined::new(Reason::SettingsInvalid, message);
    let at = Location { line: u32::try_from(line).unwrap_or_default(), ..Location::of_file(path) };
    let problem = declined.problem.hint("`aws configure list` reads the same files").at(&at);
    Declined { problem, ..declined }
}

fn absent(by: &str, name: &str) -> Declined {
    let message = format!("{by} names the profile {}, which does not exist", plain(name));
    Declined::new(Reason::SettingsInvalid, message)
        .hint("unset it, or name one that `aws configure list-profiles` shows")
        .remedy(Remedy::unset(&[by]))
}

/// The sign-in command for a plan; not for a name that would need escaping.
pub(super) fn sign_in(plan: &Plan) -> Option<Remedy> {
    let verb = match plan.base {
        Base::Sso { .. } => &["aws", "sso", "login"][..],
        Base::Login(_) => &["aws", "login"],
        _ => return None,
    };
    (plain(&plan.of) == plan.of).then(|| Remedy::run(&[verb, &["--profile", plan.of.as_str()]].concat()))
}
