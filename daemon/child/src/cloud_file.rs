//! Locations of the clouds' files. The daemon watches them for changes, `fetch` children read them: both must use the
//! same paths. Pure.

use std::path::{Path, PathBuf};

/// A file that determines the identity.
#[derive(Debug)]
pub struct CloudFile {
    /// Variable with its path, or with its directory.
    variable: &'static str,
    /// Its name in that directory; `None` if the variable names the file itself.
    name: Option<&'static str>,
    /// The file, or that directory, relative to the home, if the variable is not set; `None` if there is no default.
    below_home: Option<&'static str>,
}

/// Profiles of AWS.
pub const AWS_CONFIG: CloudFile =
    CloudFile { variable: "AWS_CONFIG_FILE", name: None, below_home: Some(".aws/config") };
/// Keys of AWS.
pub const AWS_CREDENTIALS: CloudFile =
    CloudFile { variable: "AWS_SHARED_CREDENTIALS_FILE", name: None, below_home: Some(".aws/credentials") };
/// The token of a web identity, which AWS exchanges for keys.
pub const AWS_TOKEN: CloudFile =
    CloudFile { variable: "AWS_WEB_IDENTITY_TOKEN_FILE", name: None, below_home: None };
/// The token for the service of a container.
pub const AWS_CONTAINER_TOKEN: CloudFile =
    CloudFile { variable: "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", name: None, below_home: None };
/// The credentials file of a session on Google Cloud.
pub const GOOGLE_FILE: CloudFile =
    CloudFile { variable: "GOOGLE_APPLICATION_CREDENTIALS", name: None, below_home: None };
/// Written by `gcloud auth application-default login`.
pub const GCLOUD_FILE: CloudFile = CloudFile {
    variable: "CLOUDSDK_CONFIG",
    name: Some("application_default_credentials.json"),
    below_home: Some(".config/gcloud"),
};
/// Google's own universe. Those of its partners have other domains.
pub const UNIVERSE: &str = "googleapis.com";
/// The variable that names the universe of a session (google-api-core).
pub const UNIVERSE_VARIABLE: &str = "GOOGLE_CLOUD_UNIVERSE_DOMAIN";
/// The sign-in of `az`.
pub const AZURE_PROFILE: CloudFile =
    CloudFile { variable: "AZURE_CONFIG_DIR", name: Some("azureProfile.json"), below_home: Some(".azure") };

/// Written by `gcloud auth login`.
pub const GCLOUD_LOGINS: CloudFile = CloudFile {
    variable: "CLOUDSDK_CONFIG",
    name: Some("credentials.db"),
    below_home: Some(".config/gcloud"),
};
/// The token of a workload in Azure.
pub const AZURE_WEB_TOKEN: CloudFile =
    CloudFile { variable: "AZURE_FEDERATED_TOKEN_FILE", name: None, below_home: None };
/// The certificate that signs in to Azure.
pub const AZURE_CERTIFICATE: CloudFile =
    CloudFile { variable: "AZURE_CLIENT_CERTIFICATE_PATH", name: None, below_home: None };
/// Written by `az login`.
pub const AZURE_LOGINS: CloudFile = CloudFile {
    variable: "AZURE_CONFIG_DIR",
    name: Some("msal_token_cache.json"),
    below_home: Some(".azure"),
};

impl CloudFile {
    /// The file, for an environment in which `variable` finds variables that are set and not empty.
    pub fn path(&self, variable: impl Fn(&str) -> Option<String>) -> Option<PathBuf> {
        let place = self.place(variable)?;
        Some(self.name.map_or(place.clone(), |name| place.join(name)))
    }

    /// Its directory, if the variable names that; else the file.
    pub fn place(&self, variable: impl Fn(&str) -> Option<String>) -> Option<PathBuf> {
        let below_home = || Some(Path::new(&variable("HOME")?).join(self.below_home?));
        variable(self.variable).map(PathBuf::from).or_else(below_home)
    }
}

#[cfg(test)]
mod tests {
    use super::{AWS_CONFIG, CloudFile, GCLOUD_FILE, GOOGLE_FILE};
    use std::path::Path;

    fn path(file: &CloudFile, set: &[(&str, &str)]) -> String {
        let found = file.path(|name| Some(set.iter().find(|(known, _)| *known == name)?.1.to_owned()));
        found.as_deref().map_or("none", |path| Path::to_str(path).expect("UTF-8")).to_owned()
    }

    #[test]
    fn a_variable_comes_before_the_home() {
        let home = ("HOME", "/h");
        assert_eq!(path(&AWS_CONFIG, &[home]), "/h/.aws/config");
        assert_eq!(path(&AWS_CONFIG, &[home, ("AWS_CONFIG_FILE", "/c")]), "/c");
        let name = "application_default_credentials.json";
        assert_eq!(path(&GCLOUD_FILE, &[home]), format!("/h/.config/gcloud/{name}"));
        assert_eq!(path(&GCLOUD_FILE, &[home, ("CLOUDSDK_CONFIG", "/g")]), format!("/g/{name}"));
        assert_eq!((path(&GOOGLE_FILE, &[home]), path(&AWS_CONFIG, &[])), ("none".into(), "none".into()));
    }
}
