//! Cloud endpoints: URL, region and project of a session. Pure.

use super::Endpoint;
use crate::settings::{Settings, effective::effective};
use claviger::{
    backend::{BEDROCK_REGION, Backend, VERTEX_REGION, bedrock_url},
    reason::{Location, Problem, Reason},
    session::SessionContext,
    warning::{Kind, Warning},
};
use claviger_child::{
    cloud_file::{UNIVERSE, UNIVERSE_VARIABLE},
    is_label,
};

/// Scope of a cloud's credential, as far as the settings determine it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CloudTarget {
    /// Region; `None` if it depends on the credential's own configuration.
    pub region: Option<String>,
    /// Project (Vertex) or resource (Foundry).
    pub project: Option<String>,
    /// Whether a project of the credential's own configuration overrides `project`.
    pub is_outranked: bool,
}

/// Variables that override `ANTHROPIC_VERTEX_PROJECT_ID`, first wins (`spec/behaviour.md` A2, "Vertex project
/// precedence").
const PROJECTS: [&str; 2] = ["GCLOUD_PROJECT", "GOOGLE_CLOUD_PROJECT"];
const VERTEX_PROJECT: &str = "ANTHROPIC_VERTEX_PROJECT_ID";
const RESOURCE: &str = "ANTHROPIC_FOUNDRY_RESOURCE";

/// Looks up the endpoint of a session.
struct Lookup<'a> {
    session: &'a SessionContext,
    settings: &'a Settings,
    warnings: &'a mut Vec<Warning>,
}

/// Endpoint and scope of a session on `backend`. A session that asks for this backend only to supply a tool of that
/// cloud needs no endpoint.
///
/// # Errors
/// `workspace-untrusted`, or `settings-invalid` for missing or malformed values.
pub fn of(
    backend: Backend,
    session: &SessionContext,
    settings: &Settings,
    warnings: &mut Vec<Warning>,
) -> Result<(Endpoint, CloudTarget), Problem> {
    let mut lookup = Lookup { session, settings, warnings };
    match backend {
        Backend::Anthropic => Ok((Endpoint::anthropic(session, settings)?, CloudTarget::default())),
        Backend::Bedrock => lookup.bedrock(),
        Backend::Vertex => lookup.vertex(),
        Backend::Foundry => lookup.foundry(),
    }
}

/// The endpoint of Bedrock in `region`.
///
/// # Errors
/// If the region cannot be part of a host name.
pub fn bedrock(region: &str) -> Result<Endpoint, Problem> {
    check_label("the region", region, None)?;
    Endpoint::known(&bedrock_url(region))
}

fn check_label(what: &str, text: &str, at: Option<&Location>) -> Result<(), Problem> {
    match is_label(text) {
        true => Ok(()),
        false => Err(Problem::new(
            Reason::SettingsInvalid,
            format!(
                "{what} is malformed: it becomes part of a host name, so only a-z, 0-9 and - are allowed"
            ),
        )
        .hint("write it as the provider's documentation does, for example us-east-1 or us-east5")
        .at(at)),
    }
}

impl Lookup<'_> {
    fn get(&self, name: &str) -> Result<Option<(String, Option<Location>)>, Problem> {
        let found = effective(self.session, self.settings, name)?;
        Ok(found.map(|(text, at)| (text.to_owned(), at.cloned())))
    }

    fn label(&self, name: &str) -> Result<Option<String>, Problem> {
        let Some((text, at)) = self.get(name)? else { return Ok(None) };
        check_label(name, &text, at.as_ref()).map_err(|problem| problem.set_by(name, at.as_ref()))?;
        Ok(Some(text))
    }

    fn configured(&self, backend: Backend) -> Result<Option<Endpoint>, Problem> {
        Endpoint::configured(self.session, self.settings, backend.base_url_variable())
    }

    fn is_for_a_tool(&self) -> bool {
        self.session.backend.is_some()
    }

    fn bedrock(&mut self) -> Result<(Endpoint, CloudTarget), Problem> {
        let region = match self.label("AWS_REGION")? {
            Some(region) => Some(region),
            None => self.label("AWS_DEFAULT_REGION")?,
        };
        let endpoint = match self.configured(Backend::Bedrock)? {
            Some(endpoint) => endpoint,
            None => Endpoint {
                follows_region: region.is_none(),
                ..bedrock(region.as_deref().unwrap_or(BEDROCK_REGION))?
            },
        };
        Ok((endpoint, CloudTarget { region, ..CloudTarget::default() }))
    }

    fn vertex(&mut self) -> Result<(Endpoint, CloudTarget), Problem> {
        let region = self.label("CLOUD_ML_REGION")?.unwrap_or_else(|| VERTEX_REGION.to_owned());
        let universe = self.universe()?;
        let endpoint = match self.configured(Backend::Vertex)? {
            Some(endpoint) => endpoint,
            None => Endpoint::known(&match region.as_str() {
                "global" => format!("https://aiplatform.{universe}/v1"),
                "us" | "eu" => format!("https://aiplatform.{region}.rep.{universe}/v1"),
                _ => format!("https://{region}-aiplatform.{universe}/v1"),
            })?,
        };
        let (project, is_outranked) = self.project()?;
        Ok((endpoint, CloudTarget { region: Some(region), project, is_outranked }))
    }

    /// The domain of the session's Google universe. Credentials of another one are refused when they are fetched.
    fn universe(&self) -> Result<String, Problem> {
        let Some((universe, at)) = self.get(UNIVERSE_VARIABLE)? else { return Ok(UNIVERSE.to_owned()) };
        match universe.contains('.') && universe.split('.').all(is_label) {
            true => Ok(universe),
            false => Err(Problem::new(
                Reason::SettingsInvalid,
                format!("{UNIVERSE_VARIABLE} is malformed: it becomes part of a host name"),
            )
            .hint("write it as the cloud's operator does, for example googleapis.com")
            .set_by(UNIVERSE_VARIABLE, at.as_ref())),
        }
    }

    /// The project, and whether one of the credentials file would override it.
    fn project(&mut self) -> Result<(Option<String>, bool), Problem> {
        let wanted = self.get(VERTEX_PROJECT)?;
        if let Some((wanted, at)) = &wanted {
            check_project(VERTEX_PROJECT, wanted, at.as_ref())?;
        }
        for name in PROJECTS {
            let Some((project, at)) = self.get(name)? else { continue };
            check_project(name, &project, at.as_ref())?;
            if let Some((wanted, _)) = wanted.as_ref().filter(|(wanted, _)| *wanted != project) {
                let text = format!("{name}={project} comes before {VERTEX_PROJECT}={wanted}");
                self.warnings
                    .push(Warning::new(Kind::VertexProjectOverridden, text).about(&PROJECTS, at.as_ref()));
            }
            if wanted.is_some() || self.is_for_a_tool() {
                return Ok((Some(project), false));
            }
        }
        match wanted {
            Some((wanted, _)) => Ok((Some(wanted), true)),
            None if self.is_for_a_tool() => Ok((None, true)),
            None => Err(Problem::new(Reason::SettingsInvalid, format!("{VERTEX_PROJECT} is not set")).hint(
                "set it to the id of the project that has Vertex AI: `gcloud projects list` shows yours",
            )),
        }
    }

    fn foundry(&mut self) -> Result<(Endpoint, CloudTarget), Problem> {
        let base = Backend::Foundry.base_url_variable();
        let (resource, base_url) = (self.get(RESOURCE)?, self.get(base)?);
        match (resource, base_url) {
            (Some(_), Some((_, at))) => Err(Problem::new(
                Reason::SettingsInvalid,
                format!("{RESOURCE} and {base} are both set, but only one can select the endpoint"),
            )
            .hint(format!("unset one of them: {RESOURCE} for Azure itself, {base} for a gateway"))
            .at(at.as_ref())),
            (Some((resource, at)), None) => {
                check_label(RESOURCE, &resource.to_ascii_lowercase(), at.as_ref())?;
                let url = format!("https://{resource}.services.ai.azure.com/anthropic");
                Ok((
                    Endpoint::known(&url)?,
                    CloudTarget { project: Some(resource), ..CloudTarget::default() },
                ))
            }
            (None, Some(_)) => {
                let endpoint = self.configured(Backend::Foundry)?;
                Ok((endpoint.unwrap_or_else(Endpoint::nowhere), CloudTarget::default()))
            }
            (None, None) if self.is_for_a_tool() => Ok((Endpoint::nowhere(), CloudTarget::default())),
            (None, None) => {
                Err(Problem::new(Reason::SettingsInvalid, format!("neither {RESOURCE} nor {base} is set"))
                    .hint(format!("set {RESOURCE} to the name of your Azure AI Foundry resource")))
            }
        }
    }
}

/// Projects become part of paths and headers: only the characters of ids, of numbers and of ids with a domain
/// (`example.com:id`) are allowed.
fn check_project(name: &str, project: &str, at: Option<&Location>) -> Result<(), Problem> {
    match is_project(project) {
        true => Ok(()),
        false => Err(Problem::new(Reason::SettingsInvalid, format!("{name} is not the id of a project"))
            .hint("ids have lower-case letters, digits and hyphens; `gcloud projects list` shows yours")
            .set_by(name, at)),
    }
}

/// Whether `text` has the form of a project id.
pub fn is_project(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte);
    !text.is_empty() && text.len() <= 100 && text.bytes().all(is_plain)
}

#[cfg(test)]
mod tests {
    use super::{bedrock, is_label, is_project};

    #[test]
    fn labels_cannot_leave_the_host_name() {
        for good in ["us-east-1", "global", "a", "1"] {
            assert!(is_label(good), "{good}");
        }
        for bad in ["", "-a", "a-", "us.east", "us-east-1/", "a@b", "us_east", "US", "a\nb", &"a".repeat(64)]
        {
            assert!(!is_label(bad), "{bad:?}");
        }
    }

    #[test]
    fn regions_make_endpoints() {
        assert_eq!(
            bedrock("eu-west-1").expect("valid").origin,
            "https://bedrock-runtime.eu-west-1.amazonaws.com"
        );
        assert_eq!(bedrock("cn-north-1").expect("valid").host, "bedrock-runtime.cn-north-1.amazonaws.com.cn");
        assert!(bedrock("evil.example/").is_err());
    }

    #[test]
    fn projects() {
        assert!(is_project("my-project-1") && is_project("example.com:my-project") && is_project("123"));
        assert!(!is_project("") && !is_project("a/b") && !is_project("a b") && !is_project("a\r\n"));
    }
}
