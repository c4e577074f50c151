//! The verbs, one file each.

pub(crate) mod accounts;
pub(crate) mod audit;
pub(crate) mod aws;
pub(crate) mod azure;
pub(crate) mod cancel;
pub(crate) mod completions;
pub(crate) mod daemon;
pub(crate) mod doctor;
pub(crate) mod env;
pub(crate) mod exec;
pub(crate) mod explain;
pub(crate) mod gcp;
pub(crate) mod get;
pub(crate) mod headers;
pub(crate) mod hook;
pub(crate) mod lock;
pub(crate) mod login;
pub(crate) mod logout;
pub(crate) mod pending;
pub(crate) mod refresh;
pub(crate) mod report;
pub(crate) mod reset;
pub(crate) mod service;
pub(crate) mod status;
pub(crate) mod token;
pub(crate) mod trust;
pub(crate) mod use_account;
pub(crate) mod version;
pub(crate) mod watch;

use crate::{args::Verb, context::Context, failure::Failure};

/// Does what the command line says.
///
/// # Errors
/// Why it could not be done.
pub(crate) async fn run(context: &Context, verb: Verb) -> Result<(), Failure> {
    match verb {
        Verb::Token(arguments) => token::run(context, &arguments).await,
        Verb::Get(arguments) => get::run(context, &arguments).await,
        Verb::Headers => headers::run(context).await,
        Verb::Env => env::run(context).await,
        Verb::Exec(arguments) => exec::run(context, &arguments).await,
        Verb::Aws(arguments) => aws::run(context, &arguments).await,
        Verb::Gcp(arguments) => gcp::run(context, &arguments).await,
        Verb::Azure(arguments) => azure::run(context, &arguments).await,
        Verb::Watch(arguments) => watch::run(context, &arguments).await,
        Verb::Explain => explain::run(context).await,
        Verb::Doctor(arguments) => doctor::run(context, &arguments).await,
        Verb::Audit(arguments) => audit::run(context, arguments).await,
        Verb::Status(arguments) => status::run(context, &arguments).await,
        Verb::Pending => pending::run(context).await,
        Verb::Cancel(arguments) => cancel::run(context, arguments).await,
        Verb::Refresh => refresh::run(context).await,
        Verb::Report(arguments) => report::run(context, &arguments).await,
        Verb::Login(arguments) => login::run(context, arguments).await,
        Verb::Logout(arguments) => logout::run(context, arguments).await,
        Verb::Accounts(arguments) => accounts::run(context, arguments).await,
        Verb::Use(arguments) => use_account::run(context, arguments).await,
        Verb::Lock => lock::lock(context).await,
        Verb::Unlock => lock::unlock(context).await,
        Verb::Reset(arguments) => reset::run(context, &arguments).await,
        Verb::Trust(verb) => trust::run(context, verb).await,
        Verb::Hook(verb) => hook::run(context, verb),
        Verb::Daemon(verb) => daemon::run(context, verb).await,
        Verb::Service(verb) => service::run(context, verb).await,
        Verb::Completions(arguments) => completions::run(&arguments),
        Verb::Man(arguments) => crate::man::run(&arguments),
        Verb::Version => version::run(context).await,
    }
}
