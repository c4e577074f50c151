use super::{Lease, Material, own};
use crate::{
    credential::{AwsKeys, Scheme},
    proto::v1,
    reason::Reason,
    secret::Secret,
};

fn lease(material: Material) -> Lease {
    Lease { material: Some(material), ..Lease::default() }
}

#[test]
fn only_listed_secrets_are_filled_in() {
    for name in ["PATH", "HOME", "LD_PRELOAD", ""] {
        assert_eq!(own::secret(name).expect_err(name).reason, Reason::Bug);
    }
    let lease = lease(Material::OwnVariable("PATH".into()));
    assert_eq!(lease.secret().expect_err("refused").reason, Reason::Bug);
}

#[test]
fn no_material_is_no_credential() {
    assert_eq!(Lease::default().secret().expect_err("refused").reason, Reason::NoCredential);
    assert!(Lease::default().filled_in().expect("nothing").is_none());
    assert_eq!(Lease::default().headers().expect("none"), []);
}

#[test]
fn a_quota_project_is_said_once_and_with_a_credential_only() {
    let facts = Some(v1::Facts { quota_project: "billed".into(), ..Default::default() });
    let token = Material::Secret("ya29.x".into());
    let mut lease = Lease { facts: facts.clone(), scheme: Scheme::Bearer, ..lease(token) };
    let told = |lease: &Lease| {
        let all = lease.headers().expect("valid").into_iter();
        all.filter(|(name, _)| name.eq_ignore_ascii_case("x-goog-user-project")).collect::<Vec<_>>()
    };
    assert_eq!(told(&lease), [("x-goog-user-project".to_owned(), "billed".to_owned())]);
    lease.own_headers = vec![("X-Goog-User-Project".into(), "own".into())];
    assert_eq!(told(&lease), [("X-Goog-User-Project".to_owned(), "own".to_owned())]);
    assert_eq!(told(&Lease { facts, ..Lease::default() }), []);
}

#[test]
fn keys_are_keys_and_nothing_else() {
    let keys =
        AwsKeys { access_key_id: "AKIA1".into(), secret_access_key: Secret::from("s"), session_token: None };
    assert_eq!(lease(Material::Keys(keys)).aws_keys().expect("keys").access_key_id, "AKIA1");
    let problem = lease(Material::Secret("canary".into())).aws_keys().expect_err("no keys");
    assert!(problem.hint.is_some_and(|hint| hint.contains("--format env")));
    assert_eq!(Lease::default().aws_keys().expect_err("nothing").reason, Reason::NoCredential);
}

fn names(scheme: Scheme, secret: &str) -> Option<Vec<String>> {
    let headers = Lease { scheme, ..lease(Material::Secret(secret.into())) }.headers().ok()?;
    Some(headers.into_iter().map(|(name, value)| format!("{name}: {value}")).collect())
}

#[test]
fn the_scheme_makes_the_headers() {
    assert_eq!(names(Scheme::ApiKey, "k").expect("valid"), ["x-api-key: k"]);
    assert_eq!(names(Scheme::Bearer, "k").expect("valid"), ["authorization: Bearer k"]);
    assert_eq!(
        names(Scheme::ApiKeyAndBearer, "k").expect("valid"),
        ["x-api-key: k", "authorization: Bearer k"]
    );
    assert_eq!(names(Scheme::ApiKey, "k\r\nx-evil: 1"), None);
}

#[test]
fn a_lease_that_does_not_say_how_to_send_its_secret_is_refused() {
    let material = Some(v1::lease::Material::Secret("canary".into()));
    let problem = Lease::from_proto(v1::Lease { material, ..Default::default() }).expect_err("refused");
    assert_eq!(problem.reason, Reason::Bug);
    assert!(Lease::from_proto(v1::Lease::default()).is_ok_and(|lease| lease.material.is_none()));
}

#[test]
fn other_headers_come_last() {
    let own_headers = vec![("x-a".to_owned(), Secret::from("1"))];
    let lease = Lease { scheme: Scheme::ApiKey, own_headers, ..lease(Material::Secret("k".into())) };
    let all = [("x-api-key".to_owned(), "k".to_owned()), ("x-a".to_owned(), "1".to_owned())];
    assert_eq!(lease.headers().expect("valid"), all);
    assert_eq!(lease.other_headers().expect("valid"), all[1..]);
    assert!(!format!("{lease:?}").contains("\"1\""), "{lease:?}");
}
