use super::{Base, Plan, Role, Source, Wrong, of};
use crate::aws::files::Files;

/// The plan of the profile `dev` in a line, or its fault.
fn shown(config: &str, credentials: &str, variables: &[(&str, &str)]) -> String {
    let files = Files::read(config, credentials).expect("read");
    let variable = |name: &str| match name {
        "HOME" => Some("/h".to_owned()),
        name => Some(variables.iter().find(|(known, _)| *known == name)?.1.to_owned()),
    };
    match of(files.profile("dev"), &variable) {
        Ok(None) => "nothing".to_owned(),
        Ok(Some(plan)) => line(&plan),
        Err(Wrong { why, .. }) => format!("wrong: {why}"),
    }
}

fn line(plan: &Plan) -> String {
    let base = match &plan.base {
        Base::Keys(keys) => {
            let rest = [keys.session_token(), keys.account_id().map(|id| id.as_str())]
                .map(Option::unwrap_or_default);
            format!("keys {} {} {}", keys.access_key_id(), keys.secret_access_key(), rest.join(" "))
                .trim()
                .to_owned()
        }
        Base::Process { command, .. } => format!("process {command:?}"),
        Base::Sso { role, account, region, .. } => format!("sso {role} {account} {region}"),
        Base::Login(_) => "login".to_owned(),
        Base::Token(token) => {
            let session = token.session.as_deref().unwrap_or("-");
            format!("token {} {} {session}", token.file.display(), token.role)
        }
        Base::Source(Source::Environment) => "environment".to_owned(),
        Base::Source(source) => format!("{source:?}"),
    };
    let role = |Role { arn, session, external_id, duration }: &Role| {
        let texts = [session, external_id].map(|text| text.as_deref().unwrap_or("-"));
        format!(
            " < {arn} {} {}",
            texts.join(" "),
            duration.map_or_else(|| "-".to_owned(), |seconds| seconds.to_string())
        )
    };
    base + &plan.roles.iter().rev().map(role).collect::<String>()
}

const KEYS: &str = "aws_access_key_id = A\naws_secret_access_key = S\n";
const SSO: &str = "sso_account_id = 1\nsso_role_name = r\nsso_session = s\n";
const SESSION: &str = "[sso-session s]\nsso_start_url = u\nsso_region = eu-west-1\n";

/// `[profile dev]` with these lines, and further configuration.
fn dev(lines: &str, rest: &str) -> String {
    format!("[profile dev]\n{lines}\n{rest}")
}

#[test]
fn ways_are_tried_in_the_order_of_aws() {
    let process = "credential_process = p --for 'my work' $x\n";
    let both = format!("{KEYS}{process}");
    for (config, credentials, expected) in [
        (dev("region = eu-west-1", ""), "", "nothing"),
        (dev(KEYS, ""), "", "keys A S"),
        (
            String::new(),
            "[dev]\naws_access_key_id = B\naws_secret_access_key = T\naws_session_token = U\n",
            "keys B T U",
        ),
        (
            String::new(),
            "[dev]\naws_access_key_id = B\naws_secret_access_key = T\naws_session_token = U\naws_security_token = V\n",
            "keys B T V",
        ),
        (
            dev("aws_account_id = 1", ""),
            "[dev]\naws_access_key_id = B\naws_secret_access_key = T\n",
            "keys B T  1",
        ),
        // Keys of the credentials file come before a command, those of the configuration after it.
        (dev(&both, ""), "", "process [\"p\", \"--for\", \"my work\", \"$x\"]"),
        (dev(process, ""), "[dev]\naws_access_key_id = B\naws_secret_access_key = T\n", "keys B T"),
        (dev(&format!("{KEYS}login_session = l"), ""), "", "login"),
        (
            dev("login_session = l", ""),
            "[dev]\naws_access_key_id = B\naws_secret_access_key = T\n",
            "keys B T",
        ),
        (dev(&format!("login_session = l\n{process}"), ""), "", "login"),
        // SSO comes before all keys.
        (
            dev(&format!("{SSO}{both}"), SESSION),
            "[dev]\naws_access_key_id = B\naws_secret_access_key = T\n",
            "sso r 1 eu-west-1",
        ),
        (dev(&format!("sso_session = s\n{KEYS}"), SESSION), "", "keys A S"),
        (dev(&format!("{SSO}sso_start_url = u\nsso_region = eu-west-1"), SESSION), "", "sso r 1 eu-west-1"),
        (
            dev("sso_account_id = 1\nsso_role_name = r\nsso_start_url = u\nsso_region = eu-west-2", ""),
            "",
            "sso r 1 eu-west-2",
        ),
        (
            dev(
                "sso_session = \u{fc} b\nsso_account_id = 1\nsso_role_name = r",
                "[sso-session '\u{fc} b']\nsso_start_url = u\nsso_region = eu-west-3",
            ),
            "",
            "sso r 1 eu-west-3",
        ),
    ] {
        assert_eq!(shown(&config, credentials, &[]), expected, "{config:?} {credentials:?}");
    }
}

#[test]
fn roles_are_assumed_with_what_their_sources_have() {
    let role = |name: &str, source: &str| format!("role_arn = {name}\n{source}\n");
    for (config, expected) in [
        (dev(&role("r", "source_profile = b"), &format!("[profile b]\n{KEYS}")), "keys A S < r - - -"),
        (
            dev(
                &role(
                    "r",
                    "source_profile = b\nrole_session_name = n\nexternal_id = e\nduration_seconds = 900",
                ),
                &format!("[profile b]\n{KEYS}"),
            ),
            "keys A S < r n e 900",
        ),
        (
            dev(&role("r", "source_profile = b\nduration_seconds = long"), &format!("[profile b]\n{KEYS}")),
            "keys A S < r - - -",
        ),
        (
            dev(
                &role("r", "source_profile = b"),
                &format!("[profile b]\n{}[profile c]\n{SSO}{SESSION}", role("q", "source_profile = c")),
            ),
            "sso r 1 eu-west-1 < q - - - < r - - -",
        ),
        // Its own keys, and a source with keys is not asked for its role.
        (dev(&role("r", &format!("source_profile = dev\n{KEYS}")), ""), "keys A S < r - - -"),
        (
            dev(
                &role("r", "source_profile = b"),
                &format!("[profile b]\n{}", role("q", &format!("source_profile = c\n{KEYS}"))),
            ),
            "keys A S < r - - -",
        ),
        (
            dev(&role("r", "source_profile = my work"), &format!("[profile 'my work']\n{KEYS}")),
            "keys A S < r - - -",
        ),
        (dev(&role("r", "credential_source = Environment"), ""), "environment < r - - -"),
        (dev(&role("r", "credential_source = EcsContainer"), ""), "Container < r - - -"),
        (
            dev(
                &role("r", "source_profile = b"),
                &format!("[profile b]\n{}", role("q", "credential_source = Ec2InstanceMetadata")),
            ),
            "Instance < q - - - < r - - -",
        ),
        (
            dev(
                &role("r", "source_profile = b"),
                &format!("[profile b]\n{}", role("q", "web_identity_token_file = /t")),
            ),
            "token /t q - < r - - -",
        ),
    ] {
        assert_eq!(shown(&config, "", &[]), expected, "{config:?}");
    }
}

#[test]
fn web_identities_of_environment_and_profile() {
    let (file, role) = (("AWS_WEB_IDENTITY_TOKEN_FILE", "/e"), ("AWS_ROLE_ARN", "of-e"));
    let own = "web_identity_token_file = /t\nrole_arn = r\nrole_session_name = n\n";
    for (lines, variables, expected) in [
        (own, &[][..], "token /t r n"),
        (own, &[file, role, ("AWS_ROLE_SESSION_NAME", "s")], "token /e of-e s"),
        (own, &[role], "token /t of-e n"),
        ("region = x", &[file, role], "token /e of-e -"),
        // The environment comes before all of a profile but its role.
        (SSO, &[file, role], "token /e of-e -"),
        (KEYS, &[file, role], "token /e of-e -"),
        ("role_arn = r\ncredential_source = Ec2InstanceMetadata", &[file, role], "Instance < r - - -"),
        ("role_arn = r", &[role], "wrong: role_arn needs source_profile or credential_source"),
        ("region = x", &[file], "wrong: AWS_ROLE_ARN is not set"),
        ("web_identity_token_file = /t", &[], "wrong: web_identity_token_file needs role_arn"),
        (
            "web_identity_token_file = t\nrole_arn = r",
            &[],
            "wrong: its token file has a relative path, which each program resolves against its own directory",
        ),
    ] {
        assert_eq!(shown(&dev(lines, SESSION), "", variables), expected, "{lines:?} {variables:?}");
    }
    assert_eq!(shown("", "", &[file, role]), "token /e of-e -");
}

#[test]
fn what_makes_no_sense_is_named() {
    let role = "role_arn = r\n";
    let other = format!("[profile b]\n{role}source_profile = dev\n[profile c]\nregion = x\n");
    for (lines, part) in [
        (format!("{role}source_profile = gone"), "gone does not exist"),
        (format!("{role}source_profile = dev"), "infinite loop at dev"),
        (format!("{role}source_profile = b"), "infinite loop at dev"),
        (format!("{role}source_profile = c"), "c has no credentials"),
        (format!("{role}source_profile = c\ncredential_source = Environment"), "both"),
        (format!("{role}credential_source = environment"), "credential_source environment is not one of"),
        (format!("{role}source_profile = c\nmfa_serial = m"), "mfa_serial of profile dev"),
        ("source_profile = c".into(), "role_arn is missing"),
        ("aws_access_key_id = A".into(), "without aws_secret_access_key"),
        ("aws_secret_access_key = S".into(), "without aws_access_key_id"),
        ("aws_session_token = T".into(), "without keys"),
        ("credential_process = 'p".into(), "unmatched quote"),
        ("credential_process =".into(), "is empty"),
        ("credential_process =\n  a = b".into(), "settings below it"),
        ("sso_session = s".into(), "sso_account_id and sso_role_name are missing"),
        ("sso_session = gone".into(), "gone does not exist"),
        ("sso_session = gone\nsso_account_id = 1".into(), "gone does not exist"),
        ("sso_session = s\nsso_account_id = 1".into(), "sso_role_name is missing"),
        ("sso_start_url = u\nsso_account_id = 1\nsso_role_name = r".into(), "sso_region is missing"),
        (format!("{SSO}sso_region = eu-west-2"), "sso_region differs in"),
        (
            "sso_account_id = 1\nsso_role_name = r\nsso_start_url = u\nsso_region = evil.example/".into(),
            "sso_region is malformed",
        ),
    ] {
        let got = shown(&dev(&lines, &format!("{other}{SESSION}")), "", &[]);
        assert!(got.starts_with("wrong: ") && got.contains(part), "{lines:?}: {got}");
    }
    // Half of the keys in one file, and the other half in the other.
    assert!(
        shown(&dev("aws_access_key_id = A", ""), "[dev]\naws_secret_access_key = S\n", &[])
            .contains("without")
    );
}

#[test]
fn long_chains_of_sources_end() {
    let chain: String = (0..2000)
        .map(|at| format!("[profile p{at}]\nrole_arn = r\nsource_profile = p{}\n", at + 1))
        .collect();
    let config = dev("role_arn = r\nsource_profile = p0", &chain);
    assert!(shown(&config, "", &[]).contains("infinite loop"));
}
