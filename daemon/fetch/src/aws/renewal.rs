//! Renews a person's sign-in as long as no person is needed. A server may accept a refresh token only once, and all
//! sessions share its file: one process at a time asks, and the others find the answer in the file.

use super::{
    Declined,
    cache::{Cache, Kept, Unkept, Way},
    failure,
    network::{Network, Service},
    proof,
    words::plain,
};
use crate::turn::{self, NoTurn};
use aws_config::{SdkConfig, retry::RetryConfig, timeout::TimeoutConfig};
use aws_sdk_signin::types::CreateOAuth2TokenRequestBody;
use aws_sdk_ssooidc::error::ProvideErrorMetadata as _;
use aws_smithy_types::{DateTime, date_time::Format};
use claviger::reason::{Location, Reason};
use claviger_child::is_label;
use serde_json::{Value, json};
use std::{
    io::{self, ErrorKind},
    time::{Duration, SystemTime},
};

/// How long before its expiry a sign-in is renewed, as in all AWS SDKs.
const AHEAD: Duration = Duration::from_secs(5 * 60);
/// Time for another program to write its new tokens, after the server refuses the old one.
const PATIENCE: Duration = Duration::from_millis(200);
/// Time limit of the request. It is made only once: without an answer, the server may still have used up the refresh
/// token.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Context of a renewal.
pub(super) struct Renewer<'a> {
    /// Name of the sign-in in a sentence.
    pub(super) what: &'a str,
    pub(super) network: &'a Network,
}

/// Why nothing is renewed.
enum Unrenewed {
    /// The server refuses the refresh token: perhaps another program was faster.
    Refused(Declined),
    Failed(Declined),
}

impl Renewer<'_> {
    /// The sign-in in the file, renewed if it expires soon.
    ///
    /// # Errors
    /// Why there is no usable one.
    pub(super) async fn ready(&self, cache: &Cache) -> Result<Kept, Declined> {
        let kept = self.read(cache).await?;
        if !self.is_due(cache, &kept)? {
            return Ok(kept);
        }
        let turn = match turn::of(cache.path()).await {
            Err(NoTurn::Late) => return unrenewed(kept, self.late(cache)),
            turn => turn.ok(),
        };
        let kept = self.read(cache).await?;
        if !self.is_due(cache, &kept)? {
            return Ok(kept);
        }
        match self.renew(cache, &kept, turn.is_some()).await {
            Ok(renewed) => Ok(renewed),
            Err(Unrenewed::Refused(declined)) => match cache.changed(&kept, PATIENCE).await {
                Some(newer) => Ok(newer),
                None => unrenewed(kept, declined),
            },
            Err(Unrenewed::Failed(declined)) => unrenewed(kept, declined),
        }
    }

    async fn read(&self, cache: &Cache) -> Result<Kept, Declined> {
        cache.read().await.map_err(|unkept| match unkept {
            Unkept::Absent => failure::signed_out(self.what),
            Unkept::Unusable(why) => self.unusable(cache, &why),
        })
    }

    /// The file is unusable. A manual sign-in rewrites it; none is started for it, because the file may be complete in
    /// a moment.
    pub(super) fn unusable(&self, cache: &Cache, why: &str) -> Declined {
        let message = format!("{}: the file of the sign-in, {}, {why}", self.what, name(cache));
        let declined = Declined::new(Reason::SettingsInvalid, message).hint("a new sign-in replaces it");
        Declined { problem: declined.problem.at(&Location::of_file(cache.path())), ..declined }
    }

    /// Whether it is time to renew, and possible.
    fn is_due(&self, cache: &Cache, kept: &Kept) -> Result<bool, Declined> {
        let now = SystemTime::now();
        let can_be_renewed = match cache.way {
            Way::StartUrl => false,
            Way::Login => true,
            Way::Session(_) => {
                let has = |name| kept.text(name).is_some();
                ["clientId", "clientSecret", "refreshToken"].into_iter().all(has)
                    && kept.time("registrationExpiresAt").is_some_and(|at| at > now)
            }
        };
        match kept.expires_at <= now && !can_be_renewed {
            true => Err(failure::signed_out(self.what)),
            false => Ok(can_be_renewed && kept.expires_at <= now + AHEAD),
        }
    }

    async fn renew(&self, cache: &Cache, kept: &Kept, is_alone: bool) -> Result<Kept, Unrenewed> {
        let draft = cache.draft(kept, is_alone).map_err(|error| self.unwritten(cache, &error))?;
        let now = SystemTime::now();
        let bytes = match &cache.way {
            Way::Session(region) => kept.with(self.session(region, kept, now).await?),
            Way::Login => kept.with(self.login(cache, kept, now).await?),
            Way::StartUrl => return Err(Unrenewed::Failed(failure::signed_out(self.what))),
        };
        draft.fill(&bytes).map_err(|error| self.unwritten(cache, &error))?;
        cache.parse(bytes).ok_or_else(|| Unrenewed::Failed(self.nothing()))
    }

    /// The answer of the OIDC service.
    async fn session(&self, region: &str, kept: &Kept, now: SystemTime) -> Result<Value, Unrenewed> {
        let text = |name| kept.text(name).unwrap_or_default();
        let request = aws_sdk_ssooidc::Client::new(&self.config(Service::SsoOidc, region)?).create_token();
        let request = request.grant_type("refresh_token").refresh_token(text("refreshToken"));
        let request = request.client_id(text("clientId")).client_secret(text("clientSecret"));
        let answer = request.send().await.map_err(|error| self.refused(error.code()))?;
        let token = answer.access_token.filter(|token| !token.is_empty());
        let token = token.ok_or_else(|| Unrenewed::Failed(self.nothing()))?;
        let mut values = json!({"accessToken": token, "expiresAt": self.instant(now, answer.expires_in)?});
        if let Some(rotated) = answer.refresh_token.filter(|token| !token.is_empty()) {
            values["refreshToken"] = rotated.into();
        }
        Ok(values)
    }

    /// The answer of the sign-in service.
    async fn login(&self, cache: &Cache, kept: &Kept, now: SystemTime) -> Result<Value, Unrenewed> {
        let text = |name| kept.text(name).unwrap_or_default();
        let key = proof::key(text("dpopKey"))
            .ok_or_else(|| Unrenewed::Failed(self.unusable(cache, "is damaged: its dpopKey is not a key")))?;
        let body = CreateOAuth2TokenRequestBody::builder().grant_type("refresh_token");
        let body = body.client_id(text("clientId")).refresh_token(text("refreshToken")).build();
        let body = body.map_err(|_| Unrenewed::Failed(self.nothing()))?;
        // A sign-in in another region contains that region.
        let region = match kept.text("signInRegion").filter(|region| is_label(region)) {
            Some(region) => region.to_owned(),
            None => self.network.some_region().map_err(Unrenewed::Failed)?,
        };
        let client = aws_sdk_signin::Client::new(&self.config(Service::SignIn, &region)?);
        let request = client.create_o_auth2_token().token_input(body).customize();
        let request = request.mutate_request(move |request| {
            // Without it the server refuses.
            if let Some(proof) = proof::of(&key, request.uri(), SystemTime::now()) {
                request.headers_mut().insert("dpop", proof);
            }
        });
        let answer = request.send().await.map_err(|error| self.refused(error.code()))?;
        let output = answer.token_output.ok_or_else(|| Unrenewed::Failed(self.nothing()))?;
        let keys = output.access_token.ok_or_else(|| Unrenewed::Failed(self.nothing()))?;
        let texts =
            [&keys.access_key_id, &keys.secret_access_key, &keys.session_token, &output.refresh_token];
        // The SDK returns missing values as empty. The file keeps its own.
        if texts.iter().any(|text| text.is_empty()) {
            return Err(Unrenewed::Failed(self.nothing()));
        }
        Ok(json!({
            "accessToken": {
                "accessKeyId": keys.access_key_id, "secretAccessKey": keys.secret_access_key,
                "sessionToken": keys.session_token, "expiresAt": self.instant(now, output.expires_in)?,
            },
            "refreshToken": output.refresh_token,
        }))
    }

    fn config(&self, service: Service, region: &str) -> Result<SdkConfig, Unrenewed> {
        let config = self.network.config(service, region).map_err(Unrenewed::Failed)?;
        let timeout = TimeoutConfig::builder().operation_timeout(TIMEOUT).build();
        Ok(config.timeout_config(timeout).retry_config(RetryConfig::disabled()).build())
    }

    /// An instant as the AWS CLI writes it.
    fn instant(&self, now: SystemTime, seconds: i32) -> Result<String, Unrenewed> {
        let at = u64::try_from(seconds).ok().map(|seconds| now + Duration::from_secs(seconds));
        let seconds = at.and_then(|at| at.duration_since(SystemTime::UNIX_EPOCH).ok());
        let seconds = seconds.and_then(|since| i64::try_from(since.as_secs()).ok());
        let text = seconds.and_then(|seconds| DateTime::from_secs(seconds).fmt(Format::DateTime).ok());
        text.ok_or_else(|| Unrenewed::Failed(self.nothing()))
    }

    fn refused(&self, code: Option<&str>) -> Unrenewed {
        let declined = failure::exchanged(self.what, self.network.seen.take(), code.map(str::to_owned));
        match declined {
            declined if declined.sign_in_helps => Unrenewed::Refused(declined),
            declined => Unrenewed::Failed(declined),
        }
    }

    fn nothing(&self) -> Declined {
        let message = format!("{}: the server answered with something that is not a sign-in", self.what);
        Declined::new(Reason::SourceUnavailable, message)
    }

    /// Without room for single-use tokens, the server is not asked.
    fn unwritten(&self, cache: &Cache, error: &io::Error) -> Unrenewed {
        Unrenewed::Failed(match error.kind() {
            ErrorKind::AlreadyExists => self.late(cache),
            kind => {
                let message = format!(
                    "{}: the sign-in cannot be renewed, because {} cannot be written: {kind}",
                    self.what,
                    name(cache)
                );
                Declined::new(Reason::SourceUnavailable, message)
                    .hint("free some space, or make its directory writable")
            }
        })
    }

    fn late(&self, cache: &Cache) -> Declined {
        let message = format!("{}: another process renews {}, and has not finished", self.what, name(cache));
        Declined::new(Reason::SourceTimeout, message).hint("try again in a moment")
    }
}

/// A sign-in that could not be renewed is used until it expires.
fn unrenewed(kept: Kept, declined: Declined) -> Result<Kept, Declined> {
    match kept.expires_at > SystemTime::now() {
        true => Ok(kept),
        false => Err(declined),
    }
}

/// The path as people write it.
fn name(cache: &Cache) -> String {
    plain(&cache.path().to_string_lossy())
}
