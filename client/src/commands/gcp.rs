//! `claviger gcp`: an access token for Google Cloud tools, in the forms that they read.

use crate::{
    commands::env::{Shell, print},
    daemon::lending,
    failure::Failure,
    output,
    session::{
        context::Context,
        environment::{self, Variable, text},
        tool,
    },
};
use claviger::{
    Lease, Secret,
    backend::{Backend, VERTEX_REGION},
    wire,
};
use serde_json::{Value, json};
use std::{env, path::PathBuf};

/// How tools run it.
pub(crate) const HELP: &str = "\
A credentials file of the type `external_account` names `claviger gcp` as its executable; docs/vertex.md has a whole one. An
auth library that runs it so reads errors on stdout, where the exit code is 0, and takes stderr for part of the answer:
nothing is written there. It does not get its credential from the file in GOOGLE_APPLICATION_CREDENTIALS, which is the
one that runs it, but from --credentials, or from where `gcloud auth application-default login` leaves one.";

/// Set by auth libraries to the file that runs this command.
const CREDENTIALS: &str = "GOOGLE_APPLICATION_CREDENTIALS";
/// Set by auth libraries for the executables that they run.
const BY_LIBRARY: &str = "GOOGLE_EXTERNAL_ACCOUNT_TOKEN_TYPE";

/// Arguments of `gcp`.
#[derive(clap::Args, Debug, Default, PartialEq)]
pub(crate) struct Arguments {
    /// The credentials file to sign in with; overrides environment and settings
    #[arg(long, value_name = "FILE")]
    pub(crate) credentials: Option<PathBuf>,
    /// Output format
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
}

/// Output formats.
#[derive(Clone, Copy, Debug, Default, PartialEq, clap::ValueEnum)]
pub(crate) enum Format {
    /// JSON for `credential_source.executable` of a credentials file
    #[default]
    Executable,
    /// The token and a newline
    Token,
    /// Shell lines
    Env,
}

impl Arguments {
    /// Whether an auth library reads the output: stdout and stderr together.
    pub(crate) fn are_of_library(&self) -> bool {
        self.format == Format::Executable && env::var_os(BY_LIBRARY).is_some()
    }
}

/// Prints the token.
///
/// # Errors
/// Why there is none. An auth library gets the error in its own format.
pub(crate) async fn run(context: &Context, arguments: &Arguments) -> Result<(), Failure> {
    let lease = match borrow(context, arguments).await {
        Ok(lease) => lease,
        Err(failure) if arguments.format == Format::Executable => {
            output::json(&refusal(&failure))?;
            return if arguments.are_of_library() { Ok(()) } else { Err(failure) };
        }
        Err(failure) => return Err(failure),
    };
    let token = lease.secret()?;
    match arguments.format {
        Format::Executable => output::json(&response(&token, &lease))?,
        Format::Token => output::secret_line(&token)?,
        Format::Env => {
            print(context, &variables(token, &lease, |name| env::var_os(name).is_some()), Shell::Bash)?
        }
    }
    Ok(())
}

async fn borrow(context: &Context, arguments: &Arguments) -> Result<Lease, Failure> {
    let mut session = tool::session(context, Backend::Vertex)?;
    if arguments.are_of_library() {
        session.variables.remove(CREDENTIALS);
    }
    if let Some(file) = &arguments.credentials {
        let path = std::path::absolute(file).ok().and_then(|path| path.to_str().map(str::to_owned));
        let path =
            path.ok_or_else(|| Failure::usage("the path of --credentials is not UTF-8", "rename the file"))?;
        tool::choose(&mut session, &[(CREDENTIALS, &path)]);
    }
    let lease = lending::borrow_for(context, &session).await?;
    lending::warn(context, &lease);
    Ok(lease)
}

/// The answer of an executable, version 1 of Google's format. The format has no name for an access token, so it is
/// labelled as an OpenID Connect token; the credentials file names the real type.
fn response(token: &Secret, lease: &Lease) -> Value {
    let mut response = json!({
        "version": 1,
        "success": true,
        "token_type": "urn:ietf:params:oauth:token-type:jwt",
        "id_token": token.expose(),
    });
    if let Some(at) = lease.expires_at {
        response["expiration_time"] = wire::timestamp(at).seconds.into();
    }
    response
}

fn refusal(failure: &Failure) -> Value {
    let (code, message) = failure.in_short();
    json!({ "version": 1, "success": false, "code": code, "message": message })
}

fn variables(token: Secret, lease: &Lease, is_set: impl Fn(&str) -> bool) -> Vec<Variable> {
    let mut set = vec![("CLOUDSDK_AUTH_ACCESS_TOKEN", token.clone()), ("GOOGLE_OAUTH_ACCESS_TOKEN", token)];
    if !lease.project.is_empty() {
        let names = ["GOOGLE_CLOUD_PROJECT", "CLOUDSDK_CORE_PROJECT"];
        set.extend(names.map(|name| (name, text(lease.project.as_str()))));
    }
    const REGION: &str = "CLOUD_ML_REGION";
    // The default was not chosen by the user.
    if !lease.region.is_empty() && (lease.region != VERTEX_REGION || is_set(REGION)) {
        set.push((REGION, text(lease.region.as_str())));
    }
    environment::complete(set, [], is_set)
}

#[cfg(test)]
mod tests {
    use super::{refusal, response, variables};
    use crate::failure::Failure;
    use claviger::{
        Lease, Secret,
        reason::{Problem, Reason},
    };
    use serde_json::json;
    use std::time::{Duration, UNIX_EPOCH};

    #[test]
    fn libraries_get_googles_form() {
        let lease = Lease { expires_at: Some(UNIX_EPOCH + Duration::new(7, 5)), ..Default::default() };
        let expected = json!({
            "version": 1, "success": true, "token_type": "urn:ietf:params:oauth:token-type:jwt", "id_token": "t",
            "expiration_time": 7,
        });
        assert_eq!(response(&Secret::from("t"), &lease), expected);
        let problem = Problem::new(Reason::LoginRequired, "not logged in").hint("log in");
        let expected = json!({
            "version": 1, "success": false, "code": "login-required", "message": "not logged in (log in; run `claviger login`)",
        });
        assert_eq!(refusal(&Failure::from(problem)), expected);
    }

    #[test]
    fn shells_get_token_project_and_a_chosen_region() {
        let names = |lease: &Lease| {
            let variables = variables(Secret::from("t"), lease, |_| false);
            variables.into_iter().map(|(name, _)| name).collect::<Vec<_>>()
        };
        let default = Lease { region: "us-east5".into(), ..Default::default() };
        assert_eq!(names(&default), ["CLOUDSDK_AUTH_ACCESS_TOKEN", "GOOGLE_OAUTH_ACCESS_TOKEN"]);
        let lease = Lease { region: "global".into(), project: "p".into(), ..Default::default() };
        let expected = ["GOOGLE_CLOUD_PROJECT", "CLOUDSDK_CORE_PROJECT", "CLOUD_ML_REGION"];
        assert_eq!(names(&lease)[2..], expected);
    }
}
