//! The authorization code flow with PKCE over a loopback redirect (RFC 8252, section 7.3), or with the redirect pasted by a
//! person whose browser is on another machine.

use super::{
    callback::{Arrival, Listener},
    flow::{Authorization, Plan, tell},
};
use crate::oauth::required;
use claviger::{reason::Reason, secret::Secret};
use claviger_child::{
    Declined,
    account::{Event, Flow, Pasted, SignedIn},
};
use oauth2::{
    AuthUrl, AuthorizationCode, CsrfToken, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, Scope,
};
use reqwest::Url;
use std::{
    io::{self, BufRead as _},
    time::Duration,
};
use tokio::{sync::mpsc, time::timeout};

/// Redirect target of a browser, unless the registration sets one.
const REDIRECT: &str = "http://127.0.0.1/callback";

/// Required contents of the redirect.
pub(crate) struct Expected {
    pub(crate) state: CsrfToken,
    pub(crate) issuer: Option<String>,
    /// Whether the server always names itself (RFC 9207).
    pub(crate) names_issuer: bool,
}

/// Signs in; `keep` saves the grant before the browser gets its final page.
pub(super) async fn run(
    plan: Plan,
    keep: impl Fn(&Plan, Authorization) -> Result<SignedIn, Declined>,
) -> Result<SignedIn, Declined> {
    let template = plan.registration.redirect_uri.as_deref().unwrap_or(REDIRECT);
    let mut listener = Listener::bind(template).await?;
    let redirect = RedirectUrl::new(listener.redirect().to_owned()).map_err(|_| bad_url("redirect_uri"))?;
    let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
    // Only a request for an ID token can include a nonce.
    let asks_who = plan.registration.scopes.iter().any(|scope| scope == "openid");
    let nonce = asks_who.then(|| CsrfToken::new_random().into_secret());
    let (url, state) = request(&plan, &redirect, challenge, nonce.as_deref())?;
    tell(&Event::Url(url.to_string()))?;
    let expected = Expected {
        state,
        issuer: plan.metadata.issuer.clone(),
        names_issuer: plan.metadata.authorization_response_iss_parameter_supported,
    };
    let patience = Flow::Browser.patience();
    let redirected = timeout(patience, redirected(&mut listener, &expected)).await;
    let (code, arrival) = redirected.unwrap_or_else(|_| (Err(late(patience)), None));
    let granted = async { exchange(&plan, code?, verifier, redirect).await };
    let kept = tokio::select! {
        granted = granted => granted.and_then(|granted| keep(&plan, Authorization { granted, nonce })),
        never = listener.ignore_all() => match never {},
    };
    if let Some(arrival) = arrival {
        arrival.end(kept.is_ok());
        listener.finish().await;
    }
    kept
}

/// Waits for the redirect of this login: in the browser, or pasted by a person. Anything else gets an error and changes
/// nothing.
async fn redirected(
    listener: &mut Listener,
    expected: &Expected,
) -> (Result<Secret<String>, Declined>, Option<Arrival>) {
    let mut pasted = pasted();
    loop {
        tokio::select! {
            arrival = listener.next() => match expected.code(&arrival.parameters).transpose() {
                Some(code) => return (code, Some(arrival)),
                None => arrival.ignore(),
            },
            Some(text) = pasted.recv() => match expected.pasted(&text).transpose() {
                Some(code) => return (code, None),
                None => drop(tell(&Event::Notice(NOT_OURS.to_owned()))),
            },
        }
    }
}

const NOT_OURS: &str = "that is neither the address of this login nor a code: paste the whole address that the browser ended at, or \
 the code that it shows";
/// Shortest and longest text that may be a code alone: a person's words are shorter, and files longer.
const BARE_CODE: std::ops::RangeInclusive<usize> = 16..=4096;

fn request(
    plan: &Plan,
    redirect: &RedirectUrl,
    challenge: PkceCodeChallenge,
    nonce: Option<&str>,
) -> Result<(Url, CsrfToken), Declined> {
    let endpoint = required(&plan.metadata.authorization_endpoint, "authorization_endpoint")?;
    let endpoint = AuthUrl::new(endpoint.to_owned()).map_err(|_| bad_url("authorization_endpoint"))?;
    let protocol = plan.server.protocol()?.set_auth_uri(endpoint).set_redirect_uri(redirect.clone());
    let scopes = plan.registration.scopes.iter().cloned().map(Scope::new);
    let mut request =
        protocol.authorize_url(CsrfToken::new_random).set_pkce_challenge(challenge).add_scopes(scopes);
    if let Some(nonce) = nonce {
        request = request.add_extra_param("nonce", nonce);
    }
    for (name, value) in &plan.registration.authorization_parameters {
        request = request.add_extra_param(name, value);
    }
    Ok(request.url())
}

async fn exchange(
    plan: &Plan,
    code: Secret<String>,
    verifier: PkceCodeVerifier,
    redirect: RedirectUrl,
) -> Result<crate::oauth::Granted, Declined> {
    let protocol = plan.server.protocol()?.set_redirect_uri(redirect);
    let code = AuthorizationCode::new(code.expose().clone());
    let request = protocol.exchange_code(code).set_pkce_verifier(verifier);
    let replied = request.request_async(&|request| plan.server.send(request)).await;
    replied
        .map(crate::oauth::Reply::granted)
        .map_err(|error| plan.server.failure("the code", error).trouble())
}

impl Expected {
    /// The code in a person's input: the address, its query, or the code alone, as a page shows it. A code alone names
    /// no login, and need not: a person chose this terminal for it, and with PKCE the code of another login is refused.
    ///
    /// # Errors
    /// As [`Expected::code`].
    pub(crate) fn pasted(&self, text: &Secret<String>) -> Result<Option<Secret<String>>, Declined> {
        let parameters = parameters(text);
        if !parameters.is_empty() {
            return self.code(&parameters);
        }
        let text = text.expose().trim();
        let is_code = BARE_CODE.contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_graphic())
            && !text.contains("://");
        Ok(is_code.then(|| Secret::new(text.to_owned())))
    }

    /// The code in a redirect; `None` if the redirect is not for this login.
    ///
    /// # Errors
    /// If the server refused, or another one answered.
    pub(crate) fn code(&self, parameters: &[(String, String)]) -> Result<Option<Secret<String>>, Declined> {
        let all = |name: &'static str| parameters.iter().filter(move |(known, _)| known == name);
        // Repeated parameters are an error (RFC 6749, section 3.1).
        if ["state", "iss", "error", "code"].into_iter().any(|name| all(name).count() > 1) {
            return Ok(None);
        }
        let of = |name| all(name).next().map(|(_, value)| value.as_str());
        let is_ours = of("state").is_some_and(|state| {
            // Compares digests, so that the time does not depend on the state.
            let digest = |text: &str| ring::digest::digest(&ring::digest::SHA256, text.as_bytes());
            digest(state).as_ref() == digest(self.state.secret()).as_ref()
        });
        if !is_ours {
            return Ok(None);
        }
        let is_issuer = |iss: &str| self.issuer.as_deref().is_none_or(|issuer| issuer == iss);
        if of("iss").map_or(self.names_issuer, |iss| !is_issuer(iss)) {
            return Err(Declined::new(Reason::UpstreamDenied, "another authorization server answered (iss)")
                .hint("nothing was saved; try again, and check `issuer` if it happens twice"));
        }
        match (of("error"), of("code")) {
            (Some(error), _) => Err(refused(error)),
            (None, Some(code)) if !code.is_empty() => Ok(Some(Secret::new(code.to_owned()))),
            (None, _) => Ok(None),
        }
    }
}

fn refused(error: &str) -> Declined {
    let word = crate::codes::oauth(error);
    let trouble = Declined::new(Reason::UpstreamDenied, format!("the login was refused: {word}"));
    match error {
        "access_denied" => trouble.hint("the sign-in was refused in the browser; log in again to allow it"),
        _ => trouble.hint("check client id and scopes of the [oauth.NAME] section"),
    }
}

/// The parameters of a pasted address, or of its query alone.
fn parameters(text: &Secret<String>) -> Vec<(String, String)> {
    let text = text.expose().trim();
    let query = match text.split_once('?') {
        Some((_, query)) => query,
        None if ["code=", "state=", "error="].iter().any(|name| text.starts_with(name)) => text,
        None => return Vec::new(),
    };
    let query = query.split('#').next().unwrap_or_default();
    oauth2::url::form_urlencoded::parse(query.as_bytes()).into_owned().collect()
}

/// The person's input: further lines of stdin. A thread reads them, because stdin offers no other way to wait.
fn pasted() -> mpsc::Receiver<Secret<String>> {
    let (sender, receiver) = mpsc::channel(1);
    let read = move || {
        for line in io::stdin().lock().lines().map_while(Result::ok) {
            let line = zeroize::Zeroizing::new(line);
            let Ok(Pasted { redirect }) = serde_json::from_str(&line) else { continue };
            if sender.blocking_send(redirect.0).is_err() {
                return;
            }
        }
    };
    // Without it, only the redirect itself remains.
    drop(std::thread::Builder::new().name("pasted".to_owned()).spawn(read));
    receiver
}

fn late(patience: Duration) -> Declined {
    let message = format!("the sign-in was not completed within {} minutes", patience.as_secs() / 60);
    Declined::new(Reason::SourceTimeout, message).hint("log in again")
}

fn bad_url(name: &str) -> Declined {
    Declined::new(Reason::SettingsInvalid, format!("{name} is not a URL"))
}

#[cfg(test)]
mod tests {
    use super::{CsrfToken, Expected, Secret};

    #[test]
    fn an_address_its_query_and_a_code_can_be_pasted() {
        let expected = Expected { state: CsrfToken::new("s".into()), issuer: None, names_issuer: true };
        let login = Expected { state: CsrfToken::new("s".into()), issuer: None, names_issuer: false };
        let pasted = |text: &str| login.pasted(&Secret::new(text.to_owned()));
        for text in [
            "http://127.0.0.1:5/callback?code=c/d%3D&state=s",
            " 127.0.0.1:5/callback?state=s&code=c/d%3D#\n",
            "?code=c/d%3D&state=s",
            "code=c/d%3D&state=s",
            "state=s&code=c/d%3D",
        ] {
            assert_eq!(pasted(text).expect(text).expect(text).expose(), "c/d=", "{text}");
        }
        assert_eq!(
            pasted("  4/0Adeu5BXabcdef= \n").expect("good").expect("a code").expose(),
            "4/0Adeu5BXabcdef="
        );
        for text in [
            "",
            "yes",
            "nonsense",
            "what is this that I paste",
            "https://login.example.com/authorize",
            "?code=c&state=other",
            "code=c",
            "http://127.0.0.1:5/callback?code=c",
            "?x=1",
        ] {
            assert!(pasted(text).expect(text).is_none(), "{text}");
        }
        assert!(pasted("?error=access_denied&state=s").is_err());
        // One that always names itself names itself in an address, too.
        assert!(expected.pasted(&Secret::new("?code=c&state=s".into())).is_err());
        assert!(expected.pasted(&Secret::new("a-bare-code-of-some-length".into())).expect("good").is_some());
    }
}
