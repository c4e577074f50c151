//! Signs a person in: in a browser that is redirected back to this machine (RFC 8252 with PKCE S256), or with a code
//! typed in elsewhere (RFC 8628). The grant is saved before it is reported.

pub(crate) mod browser;
mod callback;
mod device;
mod flow;

use super::{identity, logout::revoke};
use crate::{
    oauth::{Expected, Server, discover, person},
    store::{Record, Refresh, Store, VERSION, milliseconds},
};
use claviger::reason::Reason;
use claviger_child::{
    Declined,
    account::{Flow, Kind, Login, SignedIn, Storage, StoreChoice},
};
use flow::{Authorization, Plan};
use std::{cell::Cell, time::SystemTime};

/// Signs in.
pub(crate) async fn login(request: Login) -> Result<SignedIn, Declined> {
    let Login { record, place, flow, registration, client_secret } = request;
    let store = Store::new(&record)?;
    // Before the browser opens: checks whether there is room to store the result.
    {
        // Under the lock: otherwise the room taken and returned here could be that of a refresh in progress.
        let _lock = store.lock()?;
        drop(store.make_room(place)?);
    }
    let metadata = discover(&registration).await?;
    let server = Server::new(metadata.client(&registration)?, client_secret.clone());
    let revokes = registration.revoke_replaced;
    let plan = Plan { registration: *registration, metadata, server };
    let replaced = Cell::new(None);
    let keep = |plan: &Plan, outcome| keep(place, &store, plan, outcome, &replaced);
    let mut signed_in = match flow {
        Flow::Browser => browser::run(plan, keep).await?,
        Flow::Device => {
            let outcome = device::run(&plan).await?;
            keep(&plan, outcome)?
        }
    };
    if let Some(replaced) = replaced.take().filter(|_| revokes)
        && let Err(declined) = revoke(&replaced, client_secret).await
    {
        let why = declined.problem.message;
        signed_in.notices.push(format!("the tokens of the previous login were not revoked: {why}"));
    }
    Ok(signed_in)
}

/// Saves the grant, and leaves the previous record in `replaced`.
fn keep(
    wanted: StoreChoice,
    store: &Store,
    plan: &Plan,
    outcome: Authorization,
    replaced: &Cell<Option<Record>>,
) -> Result<SignedIn, Declined> {
    let now = SystemTime::now();
    let Authorization { granted, nonce } = outcome;
    let Plan { registration, metadata, server } = plan;
    let expected = Expected {
        issuer: metadata.issuer.as_deref(),
        client_id: &registration.client_id,
        nonce: nonce.as_deref(),
        organization_claim: registration.organization_claim.as_deref(),
    };
    let who =
        granted.id_token.as_ref().map(|token| person(token, &expected, now)).transpose()?.unwrap_or_default();
    let expires_at_ms = granted.expires_at_ms(now);
    let useless = granted.fault.unwrap_or("it sent no token");
    let Some(secret) = granted.access else {
        let message = format!("the authorization server answered, but {useless}");
        return Err(Declined::new(Reason::SourceUnavailable, message).hint("ask the operator of the server"));
    };
    let no_refresh = granted.refresh.is_none().then(|| NO_REFRESH_TOKEN.to_owned());
    let mut lock = store.lock()?;
    let record = Record {
        version: VERSION,
        login: identity::random()?,
        generation: store.next_generation(),
        kind: Kind::Oauth,
        secret: Some(secret),
        issued_at_ms: milliseconds(now),
        expires_at_ms,
        refresh: granted.refresh.map(|token| Refresh {
            token,
            client: server.client.clone(),
            is_lasting: false,
        }),
        quarantine: None,
    };
    if registration.revoke_replaced {
        // An unreadable record cannot be revoked, either.
        replaced.set(store.read(Storage::Keyring).ok().flatten().map(|kept| kept.record));
    }
    let (place, mut notices) = store.keep(&record, wanted)?;
    // The mark of a refresh of the previous login has no effect: it names another generation.
    drop(lock.set_mark(""));
    notices.extend(no_refresh);
    Ok(SignedIn {
        login: record.login,
        place,
        notices,
        issuer: metadata.issuer.clone().or_else(|| metadata.authorization_endpoint.clone()),
        subject: who.subject,
        organization: who.organization,
    })
}

const NO_REFRESH_TOKEN: &str = "the server issued no refresh token: sign in again when the token expires (the scope offline_access \
    usually requests one)";
