//! Events shown while a person signs in.

use crate::{failure::Failure, json, output, session::context::Context, text::escape};
use claviger::{
    proto::v1::{Account, login_response::Event},
    reason::{Problem, Reason},
};

/// An event on a line of its own.
pub(super) fn line(event: &Event) -> Result<(), Failure> {
    Ok(output::data(&(output::json_line(&json::login(event)) + "\n"))?)
}

/// Messages that come with an account.
pub(super) fn tell(context: &Context, notices: Vec<String>) -> Result<(), Failure> {
    for notice in notices {
        match (context.options.json, context.options.quiet) {
            (true, _) => line(&Event::Notice(notice))?,
            (_, true) => {}
            _ => output::talk(&format!("claviger: {}\n", escape::line(&notice))),
        }
    }
    Ok(())
}

/// The account, which the daemon must name in its answer.
pub(super) fn named(account: Option<Account>) -> Result<Account, Failure> {
    Ok(account.ok_or_else(|| Problem::new(Reason::Bug, "the daemon's answer has no account"))?)
}
