//! The grant of a token endpoint (RFC 6749, section 5.1). Parsed leniently: a rotated refresh token must not be lost
//! because something else in the answer is invalid.

use crate::store::milliseconds;
use claviger::secret::Secret;
use claviger_child::{Text, is_token};
use oauth2::{AccessToken, RefreshToken, Scope, TokenResponse, basic::BasicTokenType};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::time::{Duration, SystemTime};

/// Longest lifetime that is accepted. `claude setup-token` issues tokens of a year (`spec/behaviour.md` A7).
const MAX_LIFETIME: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

/// The answer, parsed. Only an object is accepted: serde would also read the elements of an array as fields.
#[derive(Debug, Serialize, Deserialize)]
#[serde(from = "Map<String, Value>")]
pub(crate) struct Reply {
    access_token: AccessToken,
    token_type: Value,
    expires_in: Value,
    refresh_token: Option<RefreshToken>,
    id_token: Option<RefreshToken>, // for its Debug text, which shows nothing
}

impl From<Map<String, Value>> for Reply {
    fn from(mut found: Map<String, Value>) -> Self {
        let mut text = |name: &str| match found.remove(name) {
            Some(Value::String(text)) => Some(text),
            _ => None,
        };
        Self {
            access_token: AccessToken::new(text("access_token").unwrap_or_default()),
            refresh_token: text("refresh_token").map(RefreshToken::new),
            id_token: text("id_token").map(RefreshToken::new),
            token_type: found.remove("token_type").unwrap_or_default(),
            expires_in: found.remove("expires_in").unwrap_or_default(),
        }
    }
}

/// Lifetime of a token, if the server sends a valid one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lifetime {
    /// That long.
    Known(Duration),
    /// Not sent.
    Unknown,
    /// It has expired already.
    Over,
}

/// A grant.
#[derive(Debug)]
pub(crate) struct Granted {
    /// The access token; `None` if it is unusable.
    pub(crate) access: Option<Text>,
    /// Why it is unusable, as the rest of a sentence.
    pub(crate) fault: Option<&'static str>,
    /// The refresh token, if there is a new one.
    pub(crate) refresh: Option<Text>,
    /// The ID token.
    pub(crate) id_token: Option<Text>,
    pub(crate) lifetime: Lifetime,
}

impl TokenResponse for Reply {
    type TokenType = BasicTokenType;

    fn access_token(&self) -> &AccessToken {
        &self.access_token
    }

    fn token_type(&self) -> &BasicTokenType {
        &BasicTokenType::Bearer
    }

    fn expires_in(&self) -> Option<Duration> {
        None
    }

    fn refresh_token(&self) -> Option<&RefreshToken> {
        self.refresh_token.as_ref()
    }

    fn scopes(&self) -> Option<&Vec<Scope>> {
        None
    }
}

impl Reply {
    /// Its usable parts.
    pub(crate) fn granted(self) -> Granted {
        let text = |text: &str| is_token(text).then(|| Text(Secret::new(text.to_owned())));
        let lifetime = lifetime(&self.expires_in);
        let is_bearer = match &self.token_type {
            Value::String(kind) => kind.eq_ignore_ascii_case("bearer"),
            kind => kind.is_null(),
        };
        let access = text(self.access_token.secret());
        let fault = match &access {
            None => Some("its token is missing, empty, too long, or has a character that no token has"),
            Some(_) if !is_bearer => Some("its token is not a bearer token"),
            Some(_) if lifetime == Lifetime::Over => Some("its token has expired already (expires_in)"),
            Some(_) => None,
        };
        Granted {
            access: access.filter(|_| fault.is_none()),
            fault,
            refresh: self.refresh_token.as_ref().and_then(|token| text(token.secret())),
            id_token: self.id_token.map(|token| Text(Secret::new(token.into_secret()))),
            lifetime,
        }
    }
}

impl Granted {
    /// When the access token expires, in milliseconds since 1970, if it was granted at `now`. Servers count in whole
    /// seconds, so the second that has begun is over for them.
    pub(crate) fn expires_at_ms(&self, now: SystemTime) -> Option<u64> {
        match self.lifetime {
            Lifetime::Known(lifetime) => Some(milliseconds(now + lifetime) / 1000 * 1000),
            Lifetime::Unknown | Lifetime::Over => None,
        }
    }
}

/// A number of seconds, also one in quotation marks. An impossible value counts as absent.
fn lifetime(expires_in: &Value) -> Lifetime {
    let seconds = match expires_in {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    match seconds {
        Some(seconds) if seconds < 1.0 => Lifetime::Over,
        Some(seconds) if seconds <= MAX_LIFETIME.as_secs_f64() => {
            Lifetime::Known(Duration::from_secs_f64(seconds))
        }
        _ => Lifetime::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::{Granted, Lifetime, Reply};
    use serde_json::{Value, json};
    use std::time::{Duration, UNIX_EPOCH};

    fn granted(change: impl FnOnce(&mut Value)) -> Granted {
        let mut reply = json!({
            "access_token": "canary-a", "token_type": "bearer", "expires_in": 60, "refresh_token": "canary-r",
        });
        change(&mut reply);
        serde_json::from_value::<Reply>(reply).expect("read").granted()
    }

    #[test]
    fn lifetimes_are_believed_as_far_as_they_make_sense() {
        let seconds = |seconds| Lifetime::Known(Duration::from_secs(seconds));
        for (text, expected) in [
            ("60", seconds(60)),
            ("\"3600\"", seconds(3600)),
            ("59.0", seconds(59)),
            ("null", Lifetime::Unknown),
            ("\"soon\"", Lifetime::Unknown),
            ("1000000000000", Lifetime::Unknown),
            ("[1]", Lifetime::Unknown),
            ("0", Lifetime::Over),
            ("-1", Lifetime::Over),
        ] {
            let value: Value = serde_json::from_str(text).expect("JSON");
            assert_eq!(granted(|reply| reply["expires_in"] = value).lifetime, expected, "{text}");
        }
    }

    #[test]
    fn a_rotated_refresh_token_is_kept_whatever_else_is_odd() {
        for (key, value) in [
            ("access_token", json!("a\r\nX-Evil: 1")),
            ("access_token", json!("")),
            ("access_token", json!(null)),
            ("access_token", json!(7)),
            ("token_type", json!("mac")),
            ("token_type", json!(7)),
            ("expires_in", json!(0)),
        ] {
            let granted = granted(|reply| reply[key] = value.clone());
            assert!(granted.access.is_none() && granted.fault.is_some(), "{key} {value}");
            assert_eq!(granted.refresh.expect("kept").0.expose(), "canary-r");
        }
        let odd = granted(|reply| reply["refresh_token"] = json!("r\n"));
        assert!(odd.access.is_some() && odd.refresh.is_none());
        let odd = granted(|reply| reply["refresh_token"] = json!({}));
        assert!(odd.access.is_some() && odd.refresh.is_none());
    }

    #[test]
    fn a_second_that_has_begun_is_over() {
        for (now_ms, expected) in [(7000, 67_000), (7999, 67_000)] {
            let granted = granted(|_| {});
            assert_eq!(granted.expires_at_ms(UNIX_EPOCH + Duration::from_millis(now_ms)), Some(expected));
        }
    }

    #[test]
    fn nothing_of_it_is_shown() {
        let granted = granted(|reply| reply["id_token"] = json!("canary-i"));
        assert!(!format!("{granted:?}").contains("canary"));
    }
}
