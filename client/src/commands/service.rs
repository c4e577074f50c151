//! `claviger daemon`: the daemon as a service of the user, by systemd or launchd.

use crate::{
    failure::Failure,
    output::{self, Style},
    service::{
        act, json, look,
        plan::{self, Plan},
        text,
    },
    session::context::Context,
};

/// Verbs below `service`.
#[derive(clap::Subcommand)]
pub(crate) enum Verb {
    /// Let systemd (macOS: launchd) start the daemon of this user
    #[command(after_help = INSTALL)]
    Install(Arguments),
    /// Undo `install`
    Uninstall(Arguments),
    /// Show what is installed, which daemon runs, and both releases; exit code 4 if `install` has something to do
    Status,
}

/// Arguments of `install` and `uninstall`.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Only show what would be done
    #[arg(long)]
    dry_run: bool,
    /// Also replace or remove files that were edited
    #[arg(long)]
    force: bool,
}

const INSTALL: &str = "Units go to ~/.config/systemd/user, unless a package has installed them for this daemon already. A daemon \
 that a client has started is stopped, so that systemd can listen on the socket; the next call starts \
 another. Changes belong in a drop-in (`systemctl --user edit clavigerd.service`), which is never changed.";

/// Runs the verb.
///
/// # Errors
/// Why it failed; for `status`, that `install` has something to do.
pub(crate) async fn run(context: &Context, verb: Verb) -> Result<(), Failure> {
    let looked = look::look(context).await;
    if let (Verb::Status, Err(_)) = (&verb, &looked) {
        // Without a service manager as well, a person may ask which releases meet here.
        let serving = look::serving(context, None).await?;
        match context.options.json {
            true => output::json(&json::sides(serving.as_ref()))?,
            false => output::show(&text::sides(serving.as_ref()))?,
        }
    }
    let facts = looked?;
    match verb {
        Verb::Install(arguments) => {
            carry_out(context, plan::install(&facts, arguments.force), &arguments).await
        }
        Verb::Uninstall(arguments) => {
            carry_out(context, plan::uninstall(&facts, arguments.force), &arguments).await
        }
        Verb::Status => {
            let plan = plan::install(&facts, false);
            match context.options.json {
                true => output::json(&json::service(&facts, &plan))?,
                false => output::show(&text::status(&facts, &plan, Style::stdout()))?,
            }
            if plan == Plan::default() { Ok(()) } else { Err(Failure::NotAsInstalled) }
        }
    }
}

/// Each step is printed when it is done, so that a failure shows how far it got.
async fn carry_out(context: &Context, plan: Plan, arguments: &Arguments) -> Result<(), Failure> {
    let (done, as_json) = (!arguments.dry_run, context.options.json);
    for step in &plan.steps {
        if done {
            act::carry_out(context, step).await?;
        }
        if !as_json {
            output::show(&text::step(step, done))?;
        }
    }
    match as_json {
        true => output::json(&json::steps(&plan, done))?,
        false if plan.steps.is_empty() => output::show("nothing to do\n")?,
        false => {}
    }
    if !as_json && !context.options.quiet {
        plan.notes.iter().for_each(|note| output::talk(&text::note(note)));
    }
    Ok(())
}
