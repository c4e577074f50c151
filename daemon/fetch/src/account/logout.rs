//! Signs out: revokes the tokens at the server (RFC 7009) if possible, and removes the record whatever the answer is.

use crate::{
    oauth::Server,
    store::{Record, Store},
};
use claviger_child::{
    Declined, Text,
    account::{Kind, Logout, SignedOut},
};

/// Signs out.
pub(crate) async fn logout(request: Logout) -> Result<SignedOut, Declined> {
    let Logout { record, kept, client_secret } = request;
    let store = Store::new(&record)?;
    let _lock = store.lock()?;
    let mut gone = SignedOut::default();
    match store.read(kept) {
        Ok(Some(found)) => match revoke(&found.record, client_secret).await {
            Ok(revoked) => gone.revoked = revoked,
            Err(declined) => gone.not_revoked = Some(declined.problem.message),
        },
        Ok(None) => {}
        Err(declined) => {
            gone.not_revoked = Some(format!("the record cannot be read: {}", declined.problem.message))
        }
    }
    gone.left_behind = store.remove(kept).err().map(|declined| declined.problem);
    Ok(gone)
}

/// Whether there was something to revoke, and the server did.
pub(super) async fn revoke(record: &Record, client_secret: Option<Text>) -> Result<bool, Declined> {
    let Some(refresh) = record.refresh.as_ref().filter(|_| record.kind == Kind::Oauth) else {
        return Ok(false);
    };
    if refresh.client.revocation_endpoint.is_none() {
        return Ok(false);
    }
    // Revoking the refresh token also revokes everything issued from it (RFC 7009, section 2.1).
    Server::new(refresh.client.clone(), client_secret).revoke(&refresh.token).await?;
    Ok(true)
}
