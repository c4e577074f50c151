//! Tools of AWS: a profile of `~/.aws/config` runs claviger, which uses another profile. Pure.

use super::{Draft, Guidance, ini};
use claviger::{
    hook::is_hook,
    reason::{Location, Problem, Reason},
};

/// Settings of a profile that come before `credential_process`, which would then never run.
const BEFORE: [&str; 7] = [
    "aws_access_key_id",
    "role_arn",
    "source_profile",
    "web_identity_token_file",
    "sso_session",
    "sso_start_url",
    "login_session",
];

/// Lets `profile` run `program`, which gets keys from `from`. `keys` is the content of the file of keys.
///
/// # Errors
/// `settings-invalid` or `malformed-request` if that would not work, or would wait for itself.
pub(crate) fn draft(
    config: &mut Draft,
    keys: &str,
    (profile, from): (&str, &str),
    program: &str,
) -> Result<Guidance, Problem> {
    let path = config.name();
    let sections = ini::sections(&config.text, false);
    check(&path, &sections, keys, (profile, from))?;
    check_source(&path, &sections, keys, profile, from)?;
    let region = find(&sections, from).and_then(|section| section.get("region"));
    let region = region.map(|setting| format!("region = {}", setting.value));
    let command = format!("{program} aws --profile {from}");
    let more: Vec<_> = region.into_iter().collect();
    let change = ini::set(&config.text, profile, &command, &more);
    config.add(change);
    let mut outcome = Guidance::default();
    outcome.variables.push(("AWS_PROFILE".into(), profile.into()));
    Ok(outcome)
}

fn find<'a>(sections: &'a [ini::Section], profile: &str) -> Option<&'a ini::Section> {
    sections.iter().rfind(|section| section.profile == profile)
}

/// Whether the profile can run a command: nothing comes before it, and it has no other command.
fn check(
    path: &str,
    sections: &[ini::Section],
    keys: &str,
    (profile, from): (&str, &str),
) -> Result<(), Problem> {
    // Names of sections may have blanks or begin with a dash: in the command they would be separate words.
    if !is_plain(profile) || !is_plain(from) {
        return Err(Problem::new(Reason::MalformedRequest, "the name of a profile must be one plain word")
            .hint("letters, digits and -_.@+ are plain"));
    }
    let own = find(sections, profile);
    let first = BEFORE.iter().find_map(|name| Some((*name, own?.get(name)?.line)));
    if let Some((name, line)) = first {
        return Err(taken(
            path,
            line,
            &format!("profile {profile} signs in with {name}, which comes first"),
            profile,
        ));
    }
    if ini::sections(keys, true)
        .iter()
        .any(|section| section.profile == profile && !section.settings.is_empty())
    {
        return Err(taken(
            path,
            0,
            &format!("the file of keys has keys of profile {profile}, and they come first"),
            profile,
        ));
    }
    match own.and_then(|section| section.get(ini::PROCESS)).filter(|setting| !is_hook(&setting.value)) {
        Some(other) => {
            Err(taken(path, other.line, &format!("profile {profile} runs another command already"), profile))
        }
        None => Ok(()),
    }
}

/// Whether the other profile exists, and does not lead back here.
fn check_source(
    path: &str,
    sections: &[ini::Section],
    keys: &str,
    profile: &str,
    from: &str,
) -> Result<(), Problem> {
    let known = find(sections, from).is_some()
        || ini::sections(keys, true).iter().any(|section| section.profile == from);
    if !known && from != profile {
        return Err(Problem::new(
            Reason::MalformedRequest,
            format!("there is no profile {from} to get keys from"),
        )
        .hint("name the one that signs in, with --from"));
    }
    let mut seen = vec![profile];
    let mut next = Some(from);
    while let Some(name) = next {
        let section = find(sections, name);
        let asks_us = section.and_then(|section| section.get(ini::PROCESS));
        if seen.contains(&name) || asks_us.is_some_and(|setting| is_hook(&setting.value)) {
            let message = format!("profile {from} runs claviger, which would wait for itself");
            let line = asks_us.map_or(0, |setting| setting.line);
            let hint = "with --from, name a profile that signs in by itself, and another one with --profile";
            return Err(Problem::new(Reason::SettingsInvalid, message).hint(hint).at(&location(path, line)));
        }
        seen.push(name);
        next =
            section.and_then(|section| section.get("source_profile")).map(|setting| setting.value.as_str());
    }
    Ok(())
}

fn taken(path: &str, line: u32, what: &str, profile: &str) -> Problem {
    let other = if profile == "claviger" { "claviger-lends" } else { "claviger" };
    let hint = format!("use another name: --profile {other} --from {profile}");
    Problem::new(Reason::SettingsInvalid, what).hint(hint).at(&location(path, line))
}

fn location(path: &str, line: u32) -> Location {
    Location { layer: "user".into(), file: path.into(), line, column: 0 }
}

fn is_plain(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with('-')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.@+".contains(c))
}

#[cfg(test)]
mod tests {
    use super::{draft, taken};
    use crate::hook::Draft;
    use crate::hook::record::Kind;

    const FILE: &str = "[default]\nregion = eu-west-1\nsso_session = s\n[profile tool]\ncredential_process = x\n\
        [profile a b]\n[profile --socket=/x]\n[profile loop]\ncredential_process = /b/claviger aws --profile default\n[profile role]\nsource_profile = loop\nrole_arn = r\n";

    fn install(profile: &str, from: &str) -> Result<String, String> {
        let mut config = Draft::new("/c".as_ref(), Kind::Ini, Some(FILE));
        draft(&mut config, "[keyed]\naws_access_key_id = A\n", (profile, from), "/b/claviger")
            .map(|_| config.text[FILE.len().min(config.text.len())..].to_owned())
            .map_err(|problem| problem.to_string())
    }

    #[test]
    fn a_profile_of_its_own_asks_another() {
        assert_eq!(
            install("claviger", "default").expect("a section"),
            "\n[profile claviger]\nregion = eu-west-1\ncredential_process = /b/claviger aws --profile default\n"
        );
        assert!(install("claviger", "keyed").is_ok(), "keys are a profile, too");
        assert!(install("loop", "tool").is_ok(), "it runs us already");
    }

    #[test]
    fn what_would_not_work_is_refused() {
        for (profile, from, why) in [
            ("default", "tool", "sso_session, which comes first"),
            ("tool", "default", "another command"),
            ("keyed", "default", "file of keys"),
            ("new", "new", "wait for itself"),
            ("new", "loop", "wait for itself"),
            ("new", "role", "wait for itself"),
            ("new", "absent", "no profile absent"),
            ("a b", "default", "plain word"),
            ("new", "a b", "plain word"),
            ("new", "--socket=/x", "plain word"),
        ] {
            let error = install(profile, from).expect_err(why);
            assert!(error.contains(why), "{profile} from {from}: {error}");
        }
    }

    #[test]
    fn the_other_name_is_another() {
        for (profile, hint) in [
            ("work", "use another name: --profile claviger --from work"),
            ("claviger", "use another name: --profile claviger-lends --from claviger"),
        ] {
            assert_eq!(taken("/c", 1, "x", profile).hint.as_deref(), Some(hint));
        }
    }
}
