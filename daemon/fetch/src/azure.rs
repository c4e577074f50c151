//! The DefaultAzureCredential order, asked link by link, so that the answer names the link.
//!
//! The SDK has credentials but no chain. The chain ends under the same conditions as in Azure's Python and .NET
//! libraries: a link without its variables is skipped, a refused service principal ends the chain, and the developers'
//! tools never end it.

mod authority;
pub(crate) mod certificate;
pub(crate) mod codes;
mod developer;
mod environment;
mod failure;
mod file;
mod link;
mod link_result;
mod managed;
mod principal;
mod wire;
mod workload;

use super::{answer::Fetched, environment::variable, links::Links};
use claviger::{reason::Reason, remedy::Remedy};
use claviger_child::{Declined, Lent};
use link::{LINKS, Link, Selection};
use link_result::LinkResult;

/// A token of the first link that has one.
pub(super) async fn fetch(scope: &str, lent: &Lent) -> Fetched {
    let mut links = Links::default();
    let selection = match Selection::of(variable(link::SELECTION)) {
        Ok(selection) => selection,
        Err(trouble) => return links.end(trouble),
    };
    let mut failed = None;
    for link in LINKS {
        if !selection.has(link) {
            links.ignore(link.name(), format!("{} excludes it", link::SELECTION));
            continue;
        }
        match ask(link, scope, lent).await {
            LinkResult::Provided(found) => return links.found(link.name(), "it answered", found),
            LinkResult::Refused(trouble) => return links.refused(link.name(), trouble),
            LinkResult::Passed(why) => links.pass(link.name(), why),
            LinkResult::Unanswered(why) => links.unanswered(link.name(), why),
            LinkResult::Failed(reason, why) => {
                failed.get_or_insert_with(|| (reason, why.clone()));
                links.pass(link.name(), why);
            }
        }
    }
    links.end(nothing(&selection, failed))
}

async fn ask(link: Link, scope: &str, lent: &Lent) -> LinkResult {
    match link {
        Link::Environment => environment::ask(scope, lent).await,
        Link::WorkloadIdentity => workload::ask(scope).await,
        Link::ManagedIdentity => managed::ask(scope, lent).await,
        Link::AzureCli => developer::ask_az(scope, lent).await,
        Link::AzureDeveloperCli => developer::ask_azd(scope, lent).await,
    }
}

/// No link answered.
fn nothing(selection: &Selection, failed: Option<(Reason, String)>) -> Declined {
    match failed {
        Some((reason, why)) => {
            Declined::new(reason, format!("{why}, and there is no other Azure credential here"))
                .hint("run it in a terminal to see its messages and prompts")
                .remedy(Remedy::run(&["az", "account", "get-access-token"]))
        }
        None if selection.has_developer_tools() => {
            Declined::sign_in("no link of the Azure chain has a credential")
        }
        None => Declined::new(
            Reason::NoCredential,
            format!("no link that {} allows has a credential", link::SELECTION),
        )
        .hint(format!("configure one of them, or unset {} to ask az and azd too", link::SELECTION)),
    }
}
