//! The DefaultAzureCredential order, asked link by link, so that the answer can say which one it was.
//!
//! The SDK has the credentials but no chain. What ends the walk and what does not is what the chains of Azure's Python and
//! .NET libraries do: a link without its variables is passed, a service principal that is refused ends the walk, and the
//! developers' tools never end it.

mod authority;
mod certificate;
mod developer;
mod environment;
mod failure;
mod link;
mod managed;
mod principal;
mod wire;
mod workload;

use super::{Fetched, environment::variable, file, links::Links};
use claviger::{reason::Reason, remedy::Remedy};
use claviger_child::{Declined, Lent, Provided};
use link::{LINKS, Link, Selection};
use std::path::Path;
use zeroize::Zeroizing;

/// Largest file that is read, in bytes.
const MAX_FILE: usize = 1024 * 1024;

/// What became of a link.
enum Step {
    /// It has a token.
    Provided(Provided),
    /// Not configured, or nothing here: the next one is asked.
    Passed(String),
    /// Asked, and nothing answered: the next one is asked.
    Unanswered(String),
    /// A developers' tool did not answer in time: the next one is asked.
    Late(String),
    /// Configured, and failed.
    Refused(Declined),
}

/// A token of the first link that has one.
pub(super) async fn fetch(scope: &str, lent: &Lent) -> Fetched {
    let mut links = Links::default();
    let selection = match Selection::of(variable(link::SELECTION)) {
        Ok(selection) => selection,
        Err(trouble) => return links.end(trouble),
    };
    let mut late = None;
    for link in LINKS {
        if !selection.has(link) {
            links.ignore(link.name(), format!("{} leaves it out", link::SELECTION));
            continue;
        }
        match ask(link, scope, lent).await {
            Step::Provided(found) => return links.found(link.name(), "it answered", found),
            Step::Refused(trouble) => return links.refused(link.name(), trouble),
            Step::Passed(why) => links.pass(link.name(), why),
            Step::Unanswered(why) => links.unanswered(link.name(), why),
            Step::Late(why) => {
                late.get_or_insert_with(|| why.clone());
                links.pass(link.name(), why);
            }
        }
    }
    links.end(nothing(&selection, late))
}

async fn ask(link: Link, scope: &str, lent: &Lent) -> Step {
    match link {
        Link::Environment => environment::ask(scope, lent).await,
        Link::WorkloadIdentity => workload::ask(scope).await,
        Link::ManagedIdentity => managed::ask(scope, lent).await,
        Link::AzureCli => developer::ask_az(scope).await,
        Link::AzureDeveloperCli => developer::ask_azd(scope).await,
    }
}

/// No link answered.
fn nothing(selection: &Selection, late: Option<String>) -> Declined {
    match late {
        Some(why) => {
            Declined::new(Reason::SourceTimeout, format!("{why}, and no other Azure credential is here"))
                .hint("run it in a terminal to see what it waits for")
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

/// The file at `path`, which `variable` names.
fn read(variable: &str, path: &str) -> Result<Zeroizing<Vec<u8>>, Declined> {
    file::read(Path::new(path), MAX_FILE).map_err(|unread| {
        unusable(variable, path, &unread.to_string())
            .hint(format!("check {variable}, and that the file is readable for you"))
    })
}

fn unusable(variable: &str, path: &str, why: &str) -> Declined {
    Declined::new(Reason::SettingsInvalid, format!("{variable} names {path}, which {why}"))
}

impl From<Result<Provided, Declined>> for Step {
    fn from(result: Result<Provided, Declined>) -> Self {
        result.map_or_else(Self::Refused, Self::Provided)
    }
}
