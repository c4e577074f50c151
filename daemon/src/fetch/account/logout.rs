//! Signs out: the server takes its tokens back (RFC 7009) where it can, and the record is removed whatever it says.

use super::{
    super::{
        answer::Trouble,
        oauth::Server,
        secret::Text,
        store::{self, Record, Store},
    },
    input,
};
use crate::accounts::{Input, Kind, Place, logout::Gone};
use clap::Args;

/// Signs out.
#[derive(Debug, Args)]
pub struct Logout {
    #[command(flatten)]
    store: store::Arguments,
    /// Where the record should be
    #[arg(long, value_enum)]
    kept: Place,
}

/// Signs out.
pub(in crate::fetch) async fn logout(arguments: &Logout) -> Result<Gone, Trouble> {
    let Input { client_secret } = input()?;
    let store = Store::new(&arguments.store)?;
    let _lock = store.lock()?;
    let mut gone = Gone::default();
    match store.read(arguments.kept) {
        Ok(Some(kept)) => match revoke(&kept.record, client_secret).await {
            Ok(revoked) => gone.revoked = revoked,
            Err(trouble) => gone.not_revoked = Some(trouble.message),
        },
        Ok(None) => {}
        Err(trouble) => gone.not_revoked = Some(format!("the record cannot be read: {}", trouble.message)),
    }
    gone.left_behind = store.remove(arguments.kept).err();
    Ok(gone)
}

/// Whether there was something that the server could take back, and did.
async fn revoke(record: &Record, client_secret: Option<Text>) -> Result<bool, Trouble> {
    let Some(refresh) = record.refresh.as_ref().filter(|_| record.kind == Kind::Oauth) else {
        return Ok(false);
    };
    if refresh.client.revocation_endpoint.is_none() {
        return Ok(false);
    }
    // With the refresh token goes everything that was made from it (RFC 7009, section 2.1).
    Server::new(refresh.client.clone(), client_secret).revoke(&refresh.token).await?;
    Ok(true)
}
