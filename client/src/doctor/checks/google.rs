//! Competing identities of Google: Application Default Credentials are not always the intended ones.

use crate::doctor::{
    facts::{Facts, Google, Signer},
    finding::Finding,
};
use claviger::{
    proto::v1::{Backend, ExplainResponse},
    remedy::Remedy,
};

/// Prefix of gcloud's commands for Application Default Credentials.
const ADC: [&str; 3] = ["gcloud", "auth", "application-default"];
/// The variable that names the project to bill.
const QUOTA: &str = "GOOGLE_CLOUD_QUOTA_PROJECT";

/// Checks a session of Vertex.
pub(crate) fn check(facts: &Facts) -> Vec<Finding> {
    let explained = facts.explained.as_ref().and_then(|explained| explained.as_ref().ok());
    let Some(explained) = explained.filter(|explained| explained.backend() == Backend::Vertex) else {
        return Vec::new();
    };
    let google = &facts.google;
    let pays = facts.variables.get(QUOTA).is_some_and(|project| !project.is_empty());
    let quota = if pays { None } else { quota_project(google, explained) };
    [shadowed(google), elsewhere(google), impersonation(google), quota].into_iter().flatten().collect()
}

/// Which credentials are used.
fn in_use(google: &Google) -> Option<&Signer> {
    google.named.as_ref().or(google.own.as_ref())
}

fn gcloud(words: &[&str]) -> Remedy {
    Remedy::run(&[&ADC, words].concat())
}

fn shadowed(google: &Google) -> Option<Finding> {
    let (named, own) = google.named.as_ref().zip(google.own.as_ref())?;
    let is_same = named.is_user == own.is_user && named.account == own.account;
    (!is_same).then(|| {
        let what = format!("GOOGLE_APPLICATION_CREDENTIALS comes before {}", own.file);
        Finding::note("google-shadowed", what)
            .because(format!("{} is used, and the sign-in of gcloud is not", named.file))
            .helped(Remedy::unset(&["GOOGLE_APPLICATION_CREDENTIALS"]))
    })
}

fn elsewhere(google: &Google) -> Option<Finding> {
    (google.is_elsewhere && in_use(google).is_none()).then(|| {
        Finding::warning(
            "google-elsewhere",
            "CLOUDSDK_CONFIG names a directory without the sign-in of gcloud",
        )
        .because(
            "Application Default Credentials are in ~/.config/gcloud, and not in the directory that \
                    the variable names",
        )
        .helped(Remedy::unset(&["CLOUDSDK_CONFIG"]))
    })
}

fn impersonation(google: &Google) -> Option<Finding> {
    let (target, own) = google.impersonates.as_ref().zip(google.own.as_ref())?;
    (google.named.is_none() && own.account.as_ref() != Some(target)).then(|| {
        let what = format!("gcloud impersonates {target}, and Application Default Credentials do not");
        Finding::warning("google-impersonation", what)
            .because("Google's libraries and claviger do not read auth/impersonate_service_account of gcloud")
            .helped(gcloud(&["login", &format!("--impersonate-service-account={target}")]))
    })
}

fn quota_project(google: &Google, explained: &ExplainResponse) -> Option<Finding> {
    let own = google.own.as_ref().filter(|own| own.is_user && !own.has_quota_project)?;
    (google.named.is_none() && !explained.project.is_empty()).then(|| {
        Finding::note("google-quota-project", format!("{} names no quota project", own.file))
            .because(
                "some of Google's services then refuse a person's request, or count it for another project",
            )
            .helped(gcloud(&["set-quota-project", &explained.project]))
    })
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::doctor::facts::{Facts, Google, Signer};
    use claviger::proto::v1::{Backend, ExplainResponse};

    fn signer(account: Option<&str>, is_user: bool, has_quota_project: bool) -> Option<Signer> {
        Some(Signer {
            file: "/f".to_owned(),
            account: account.map(str::to_owned),
            is_user,
            has_quota_project,
        })
    }

    fn found(google: Google, variables: &[(&str, &str)], backend: Backend) -> Vec<&'static str> {
        let explained = ExplainResponse {
            backend: backend.into(),
            project: "p".to_owned(),
            ..ExplainResponse::default()
        };
        let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let facts = Facts {
            google,
            variables: variables.collect(),
            explained: Some(Ok(explained)),
            ..Facts::default()
        };
        check(&facts).into_iter().map(|finding| finding.id).collect()
    }

    #[test]
    fn identities_side_by_side() {
        let of = |google| found(google, &[], Backend::Vertex);
        let none = Google::default;
        let user = || signer(None, true, true);
        let robot = || signer(Some("robot@p.iam"), false, false);
        let target = || Some("target@p.iam".to_owned());
        assert_eq!(of(none()), [""; 0]);
        assert_eq!(of(Google { named: robot(), ..none() }), [""; 0]);
        assert_eq!(of(Google { named: robot(), own: robot(), ..none() }), [""; 0]);
        assert_eq!(of(Google { named: robot(), own: user(), ..none() }), ["google-shadowed"]);
        assert_eq!(of(Google { is_elsewhere: true, ..none() }), ["google-elsewhere"]);
        assert_eq!(of(Google { is_elsewhere: true, own: user(), ..none() }), [""; 0]);
        assert_eq!(of(Google { own: user(), impersonates: target(), ..none() }), ["google-impersonation"]);
        let is_target = signer(Some("target@p.iam"), false, true);
        assert_eq!(of(Google { own: is_target, impersonates: target(), ..none() }), [""; 0]);
        let unbilled = || Google { own: signer(None, true, false), ..none() };
        assert_eq!(of(unbilled()), ["google-quota-project"]);
        let billed = [("GOOGLE_CLOUD_QUOTA_PROJECT", "q")];
        assert_eq!(found(unbilled(), &billed, Backend::Vertex), [""; 0]);
        assert_eq!(found(unbilled(), &[], Backend::Anthropic), [""; 0]);
    }
}
