//! The file in which `aws sso login` or `aws login` keeps a person's sign-in. Other tools write it too, some of them in
//! several steps: an unreadable file is read again for a moment before it counts as damaged.

use super::instant;
use crate::{
    environment::Variables,
    file::{self, Draft, Unread},
};
use ring::digest::{Algorithm, SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
use serde_json::{Map, Value};
use std::{
    io,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};
use tokio::time::{Instant, sleep};
use zeroize::Zeroizing;

/// Largest file, in bytes; they have some 4 KiB.
const MAX_FILE: usize = 256 * 1024;
/// How long an invalid file is read again: a program that writes it in place needs far less.
const PATIENCE: Duration = Duration::from_millis(200);
/// Pause between two reads.
pub(super) const PAUSE: Duration = Duration::from_millis(20);

/// A sign-in's file, and how it is renewed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cache {
    path: PathBuf,
    pub(super) way: Way,
}

/// Method of renewal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// Of an `[sso-session]`: by the OIDC service of this region.
    Session(String),
    /// Of a start URL alone: never.
    StartUrl,
    /// Of `aws login`: by the sign-in service.
    Login,
}

/// Content of a file.
pub(super) struct Kept {
    bytes: Zeroizing<Vec<u8>>,
    fields: Map<String, Value>,
    pub(super) expires_at: SystemTime,
}

/// Why there is no sign-in.
pub(super) enum Unkept {
    /// There is no file.
    Absent,
    /// There is an unusable one. Continues "the file …".
    Unusable(String),
}

// === impl Cache ===

impl Cache {
    /// Path of the sign-in of an SSO session, or of a start URL; `None` without a home.
    pub(super) fn of_sso(name: &str, way: Way, variable: &Variables<'_>) -> Option<Self> {
        Some(Self { path: below(home("sso", variable)?, &SHA1_FOR_LEGACY_USE_ONLY, name), way })
    }

    /// Path of a sign-in with `aws login`; `None` without a home.
    pub(super) fn of_login(session: &str, variable: &Variables<'_>) -> Option<Self> {
        let directory = variable("AWS_LOGIN_CACHE_DIRECTORY").map(PathBuf::from);
        let directory = directory.or_else(|| home("login", variable))?;
        Some(Self { path: below(directory, &SHA256, session.trim()), way: Way::Login })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The content of the file.
    ///
    /// # Errors
    /// See [`Unkept`]. Waits for another program to finish writing the file.
    pub(super) async fn read(&self) -> Result<Kept, Unkept> {
        let end = Instant::now() + PATIENCE;
        loop {
            let kept = match file::read(&self.path, MAX_FILE) {
                Ok(bytes) => self
                    .parse(bytes)
                    .ok_or_else(|| Unkept::Unusable("is damaged: it is not a complete sign-in".into())),
                Err(Unread::Absent) => Err(Unkept::Absent),
                Err(unread) => return Err(Unkept::Unusable(unread.to_string())),
            };
            match kept {
                Err(Unkept::Unusable(_)) if Instant::now() < end => sleep(PAUSE).await,
                kept => return kept,
            }
        }
    }

    /// The current content of the file, or a new one within `patience`, if it differs from `before`.
    pub(super) async fn changed(&self, before: &Kept, patience: Duration) -> Option<Kept> {
        let end = Instant::now() + patience;
        loop {
            match self.read().await {
                Ok(kept) if kept.bytes != before.bytes => return Some(kept),
                _ if Instant::now() >= end => return None,
                _ => sleep(PAUSE).await,
            }
        }
    }

    /// The sign-in in `bytes`, if they are one.
    pub(super) fn parse(&self, bytes: Zeroizing<Vec<u8>>) -> Option<Kept> {
        let fields: Map<String, Value> = serde_json::from_slice(&bytes).ok()?;
        let credentials = fields.get("accessToken")?;
        let expires_at = match self.way {
            Way::Session(_) | Way::StartUrl => {
                credentials.as_str()?;
                fields.get("expiresAt")
            }
            Way::Login => {
                let is_text = |name: &&str| fields.get(*name).is_some_and(Value::is_string);
                if !["refreshToken", "clientId", "dpopKey"].iter().all(is_text) {
                    return None;
                }
                credentials.get("expiresAt")
            }
        };
        let expires_at = instant::of(expires_at?)?;
        Some(Kept { bytes, fields, expires_at })
    }

    /// Room beside the file for the result of renewing `kept`, reserved before a server is asked for a single-use
    /// token.
    ///
    /// # Errors
    /// If nothing can be written there.
    pub(super) fn draft(&self, kept: &Kept, is_alone: bool) -> io::Result<Draft> {
        // Twice as much, because a new token may be longer.
        Draft::beside(&self.path.canonicalize()?, kept.bytes.len() * 2, is_alone)
    }
}

/// `~/.aws/OF/cache`.
fn home(of: &str, variable: &Variables<'_>) -> Option<PathBuf> {
    Some(Path::new(&variable("HOME")?).join(".aws").join(of).join("cache"))
}

/// The file for `name` in a directory of cached sign-ins.
fn below(directory: PathBuf, hash: &'static Algorithm, name: &str) -> PathBuf {
    let hash = digest(hash, name.as_bytes());
    let hex: String = hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    directory.join(hex + ".json")
}

// === impl Kept ===

impl Kept {
    /// A field's text.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.fields.get(name)?.as_str()
    }

    /// A field's instant.
    pub(super) fn time(&self, name: &str) -> Option<SystemTime> {
        instant::of(self.fields.get(name)?)
    }

    /// The text of a field of `accessToken`.
    pub(super) fn token(&self, name: &str) -> Option<&str> {
        self.fields.get("accessToken")?.get(name)?.as_str()
    }

    /// The text of the file with new values; those of an object replace its fields one by one.
    pub(super) fn with(&self, values: Value) -> Zeroizing<Vec<u8>> {
        let mut whole = Value::Object(self.fields.clone());
        put(&mut whole, values);
        Zeroizing::new(whole.to_string().into_bytes())
    }
}

fn put(old: &mut Value, new: Value) {
    match (old, new) {
        (Value::Object(old), Value::Object(new)) => {
            for (name, value) in new {
                put(old.entry(name).or_insert(Value::Null), value);
            }
        }
        (old, new) => *old = new,
    }
}

#[cfg(test)]
mod tests {
    use super::{Cache, PATIENCE, Unkept, Way};
    use serde_json::json;
    use std::{fs, time::Duration};

    const GOOD: &str = r#"{"accessToken": "a", "expiresAt": "2099-01-01T00:00:00Z", "other": [1]}"#;

    fn cache(text: &str) -> (tempfile::TempDir, Cache) {
        let directory = tempfile::tempdir().expect("directory");
        let path = directory.path().join("x.json");
        fs::write(&path, text).expect("file");
        (directory, Cache { path, way: Way::StartUrl })
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_no_sign_in_is_damaged() {
        let wrong = r#"{"accessToken": 7, "expiresAt": true}"#;
        for bad in ["", "{", &GOOD[..40], &format!("{GOOD}}}"), "[]", "\"x\"", wrong] {
            let (_directory, cache) = cache(bad);
            assert!(matches!(cache.read().await, Err(Unkept::Unusable(_))), "{bad}");
        }
        let (_directory, whole) = cache(GOOD);
        assert!(whole.read().await.is_ok());
        fs::remove_file(whole.path()).expect("removed");
        assert!(matches!(whole.read().await, Err(Unkept::Absent)));
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_not_renewed_stays_as_it_is() {
        let (_directory, cache) = cache(GOOD);
        let Ok(kept) = cache.read().await else { panic!("a sign-in") };
        let text = kept.with(json!({"accessToken": "b", "refreshToken": "r"}));
        let expected = json!({"accessToken": "b", "expiresAt": "2099-01-01T00:00:00Z", "other": [1], "refreshToken": "r"});
        assert_eq!(serde_json::from_slice::<serde_json::Value>(&text).expect("JSON"), expected);
        assert!(cache.changed(&kept, PATIENCE).await.is_none());
        cache.draft(&kept, true).expect("room").fill(&text).expect("written");
        assert_eq!(
            cache.changed(&kept, Duration::ZERO).await.expect("another one").text("accessToken"),
            Some("b")
        );
        assert_eq!(fs::read_dir(cache.path().parent().expect("a parent")).expect("read").count(), 1);
    }
}
