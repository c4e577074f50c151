//! Renews a person's sign-in while no person is needed for that. A server may take a refresh token once, and all sessions share the
//! file that it is in: one process at a time asks, the others find the answer in the file.

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

/// How long before its end a sign-in is renewed, as all of AWS's SDKs do.
const AHEAD: Duration = Duration::from_secs(5 * 60);
/// How long another program may take to write what it was given, from when the server takes the old token no more.
const PATIENCE: Duration = Duration::from_millis(200);
/// How long the request may take. It is made once: the server may have taken the refresh token of one that got no answer.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Who renews.
pub(super) struct Renewer<'a> {
    /// Whose sign-in it is, in a sentence.
    pub(super) what: &'a str,
    pub(super) network: &'a Network,
}

/// Why nothing is renewed.
enum Unrenewed {
    /// The server does not take the refresh token: perhaps another program was quicker.
    Refused(Declined),
    Failed(Declined),
}

impl Renewer<'_> {
    /// The sign-in in the file, renewed if it ends soon.
    ///
    /// # Errors
    /// Why there is none that can be used.
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

    /// The file cannot be used. A sign-in by hand writes it anew; none is started for it, for it may be whole in a moment.
    pub(super) fn unusable(&self, cache: &Cache, why: &str) -> Declined {
        let message = format!("{}: the file of the sign-in, {}, {why}", self.what, name(cache));
        let declined = Declined::new(Reason::SettingsInvalid, message).hint("a new sign-in replaces it");
        Declined { problem: declined.problem.at(&Location::of_file(cache.path())), ..declined }
    }

    /// Whether it is time to renew, and that can be.
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

    /// What the OIDC service gives.
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

    /// What the sign-in service gives.
    async fn login(&self, cache: &Cache, kept: &Kept, now: SystemTime) -> Result<Value, Unrenewed> {
        let text = |name| kept.text(name).unwrap_or_default();
        let key = proof::key(text("dpopKey"))
            .ok_or_else(|| Unrenewed::Failed(self.unusable(cache, "is damaged: its dpopKey is not a key")))?;
        let body = CreateOAuth2TokenRequestBody::builder().grant_type("refresh_token");
        let body = body.client_id(text("clientId")).refresh_token(text("refreshToken")).build();
        let body = body.map_err(|_| Unrenewed::Failed(self.nothing()))?;
        // A sign-in of another region says so.
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
        // The SDK takes what is missing for empty. The file keeps what it has.
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

    /// Without room for what the server gives once, it is not asked.
    fn unwritten(&self, cache: &Cache, error: &io::Error) -> Unrenewed {
        Unrenewed::Failed(match error.kind() {
            ErrorKind::AlreadyExists => self.late(cache),
            kind => {
                let message = format!(
                    "{}: the sign-in cannot be renewed, for {} cannot be written: {kind}",
                    self.what,
                    name(cache)
                );
                Declined::new(Reason::SourceUnavailable, message)
                    .hint("make room, or let its directory be written to")
            }
        })
    }

    fn late(&self, cache: &Cache) -> Declined {
        let message = format!("{}: another process renews {}, and has not finished", self.what, name(cache));
        Declined::new(Reason::SourceTimeout, message).hint("try again in a moment")
    }
}

/// A sign-in that could not be renewed is used to its end.
fn unrenewed(kept: Kept, declined: Declined) -> Result<Kept, Declined> {
    match kept.expires_at > SystemTime::now() {
        true => Ok(kept),
        false => Err(declined),
    }
}

/// The file as people read it.
fn name(cache: &Cache) -> String {
    plain(&cache.path().to_string_lossy())
}
