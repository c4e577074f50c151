//! `claviger`: the thin client of `clavigerd`.
//!
//! Everything here serves one call of a few milliseconds. Results go to stdout, messages to stderr, and the exit code
//! names the kind of remedy (see [`failure::exit`]).

#![forbid(unsafe_code)]

mod args;
mod ask;
mod audit_log;
mod commands;
mod complete;
mod daemon;
mod doctor;
mod failure;
mod harden;
mod hook;
mod json;
mod man;
mod news;
mod output;
mod render;
mod screen;
mod service;
mod session;
mod spinner;
mod text;

use args::Cli;
use failure::Failure;
use session::context::Context;
use std::process;

/// One connection does not need room for a thousand.
const EVENTS: usize = 16;

fn main() {
    let core_limit = harden::harden();
    let Cli { mut options, verb } = Cli::read();
    options.quiet |= verb.must_be_quiet();
    options.color.into_iter().for_each(output::choose);
    let as_json = options.json;
    let context = Context::new(options, core_limit);
    // Leaked on purpose: the process ends with this call.
    let context: &Context = Box::leak(Box::new(context));
    let code = match run(context, verb) {
        Ok(()) => failure::exit::OK,
        Err(failure) => {
            let failure = failure.within(&context.directory());
            match as_json {
                true => output::talk_as_is(&failure.render(true)),
                false => output::talk(&failure.render(false)),
            }
            failure.code()
        }
    };
    // Exits instead of returning: this skips the teardown of the connection and the runtime.
    process::exit(code.into());
}

fn run(context: &'static Context, verb: args::Verb) -> Result<(), Failure> {
    if let (true, Some(why)) = (context.options.json, verb.refuses_json()) {
        return Err(Failure::usage(
            format!("--json is not possible with this verb: {why}"),
            "leave out --json",
        ));
    }
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().max_io_events_per_tick(EVENTS).build();
    let runtime = runtime.map_err(|error| Failure::Setup(error.to_string()))?;
    let result = runtime.block_on(verb.run(context));
    std::mem::forget(runtime);
    result
}
