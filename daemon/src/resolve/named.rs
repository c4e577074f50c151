//! The account that a session names: it is used, or resolution fails.

use super::switches::switched_on;
use crate::{
    accounts::Index,
    settings::{Settings, effective::effective},
    sources::{Bound, Material},
};
use claviger::{
    backend::{Backend, CLOUDS},
    reason::{Location, Problem, Reason},
    session::{ACCOUNT, SessionContext},
};

/// The account that a session names.
#[derive(Clone, Copy)]
pub(super) struct Named<'a> {
    /// Its name.
    pub(super) name: &'a str,
    /// Its place, if in a file.
    at: Option<&'a Location>,
}

// === impl Named ===

impl Named<'_> {
    /// Why it is not used although it exists: another source, of another identity, comes first.
    pub(super) fn outranked(self, source: &str, bound: &Bound) -> Problem {
        let what = match &bound.material {
            Material::OwnVariable(name) => name,
            Material::Fixed(_) | Material::Provided(_) => source,
        };
        let place = bound.at.as_ref().map(|at| format!(" ({at})")).unwrap_or_default();
        self.not_first(&format!("{what}{place}"))
    }

    fn not_first(self, what: &str) -> Problem {
        let message = format!("{ACCOUNT} names {}, and {what} comes first", self.name);
        Problem::new(Reason::SettingsInvalid, message)
            .hint(format!("to use the account, remove {what}; to use that, name no account"))
            .set_by(ACCOUNT, self.at)
    }
}

/// The account that the session names, which exists.
pub(super) fn named<'a>(
    session: &'a SessionContext,
    settings: &'a Settings,
    accounts: &Index,
) -> Result<Option<Named<'a>>, Problem> {
    let Some((name, at)) = effective(session, settings, ACCOUNT)? else { return Ok(None) };
    if let Some(fault) = &accounts.fault {
        return Err(fault.clone());
    }
    accounts.usable(name).map(|_| Some(Named { name, at })).map_err(|problem| problem.at(at))
}

/// A cloud comes before every account (guide, "Advanced Configuration & Priority").
pub(super) fn not_beside_a_cloud(
    named: Named<'_>,
    backend: Backend,
    session: &SessionContext,
    settings: &Settings,
) -> Result<(), Problem> {
    let Some((_, switch, _)) = CLOUDS.into_iter().find(|(cloud, ..)| *cloud == backend) else {
        return Ok(());
    };
    let at = switched_on(session, settings, switch)?.flatten();
    let place = at.map(|at| format!(" ({at})")).unwrap_or_default();
    Err(named.not_first(&format!("{switch}{place}")))
}
