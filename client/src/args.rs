//! The command line. It never holds secrets: arguments are visible to every process of the machine.

use crate::{
    commands::*,
    complete,
    failure::Failure,
    man,
    output::{self, Style},
    session::{context::Context, options::Options},
};
use clap::{
    CommandFactory as _, FromArgMatches as _, Parser, Subcommand,
    error::{ContextKind, ContextValue, ErrorKind},
};
use clap_complete::CompleteEnv;
use std::{ffi::OsString, panic::resume_unwind, pin::Pin, process};

/// Lends API credentials that clavigerd keeps and refreshes for all your sessions
#[derive(Parser)]
#[command(name = "claviger", version = claviger::RELEASE)]
pub(crate) struct Cli {
    /// Options of every verb.
    #[command(flatten)]
    pub(crate) options: Options,
    /// The verb.
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

/// The verbs.
#[derive(Subcommand)]
pub(crate) enum Verb {
    /// Print the secret, as `apiKeyHelper`
    Token(token::Arguments),
    /// Show the credential and where it comes from, or follow it
    Get(get::Arguments),
    /// Print shell lines that set the environment of a CLI
    Env(env::Arguments),
    /// Run a command with the credential in its environment
    Exec(exec::Arguments),
    /// Print AWS keys, as `credential_process` or `awsCredentialExport`
    #[command(after_help = aws::HELP)]
    Aws(aws::Arguments),
    /// Print a Google Cloud token, as executable of a credentials file
    #[command(after_help = gcp::HELP)]
    Gcp(gcp::Arguments),
    /// Print an Azure token, as `az account get-access-token` does
    #[command(after_help = azure::HELP)]
    Azure(azure::Arguments),
    /// Show which source provides the credential, and why others do not
    Explain(explain::Arguments),
    /// Find problems, each with the command that fixes it
    #[command(long_flag = "doctor", after_help = doctor::HELP)]
    Doctor(doctor::Arguments),
    /// Show which process got which credential, when and why
    Audit(audit::Arguments),
    /// Show the state of the daemon and its cache
    Status(status::Arguments),
    /// Show what waits for a person, or cancel a sign-in
    Pending(pending::Arguments),
    /// Answer questions about lending in this terminal
    Confirm(confirm::Arguments),
    /// Refresh the credential now, or because the API rejected it
    Refresh(refresh::Arguments),
    /// Sign in, or keep an API key, for all sessions
    #[command(after_help = login::SHORT, after_long_help = login::HELP)]
    Login(login::Arguments),
    /// Sign out: revoke the tokens of an account and forget it
    Logout(logout::Arguments),
    /// List the accounts, or move their secrets
    Accounts(accounts::Arguments),
    /// Choose the default account
    Use(use_account::Arguments),
    /// Forget every secret and lend nothing until `unlock`
    Lock,
    /// Lend again, after `lock`
    Unlock,
    /// Start over: sign out everywhere, forget decisions and cache
    Reset(reset::Arguments),
    /// Decide whether the files of a workspace may set credentials
    #[command(subcommand)]
    Trust(trust::Verb),
    /// Lend one credential to a container or a remote machine
    #[command(after_help = share::HELP)]
    Share(share::Arguments),
    /// List or close gates, which put the credential into requests
    #[command(subcommand)]
    Gate(gate::Verb),
    /// Let a tool get its credentials from claviger
    #[command(subcommand)]
    Hook(hook::Verb),
    /// Start, stop and control the daemon, or install it as a service
    #[command(subcommand)]
    Daemon(daemon::Verb),
    /// Print a completion script for a shell
    Completions(completions::Arguments),
    /// Write the manual pages; made for packages
    #[command(hide = true)]
    Man(man::Arguments),
}

impl Cli {
    /// The command line of this process; exits with a message if it is wrong.
    pub(crate) fn read() -> Self {
        if std::env::var_os(complete::VARIABLE).is_some() {
            // Ends the process, unless the variable is empty.
            CompleteEnv::with_factory(|| help::dressed(Self::command())).var(complete::VARIABLE).complete();
        }
        let words: Vec<_> = std::env::args_os().skip(1).collect();
        match short_cut(&words) {
            Some(verb) => Self { options: Options::default(), verb },
            None => Self::parsed(&words),
        }
    }

    /// Runs the full parser. It is a separate function because it takes more stack than all that follows.
    #[cold]
    fn parsed(words: &[OsString]) -> Self {
        // Help screens are built only when they are shown: building them for every call would cost time.
        Self::try_parse().unwrap_or_else(|_| {
            let matches = help::dressed(Self::command()).try_get_matches();
            matches
                .and_then(|matches| Self::from_arg_matches(&matches))
                .unwrap_or_else(|error| wrong(error, words))
        })
    }
}

/// Exits: the command line is wrong, or asks for help.
fn wrong(mut error: clap::Error, words: &[OsString]) -> ! {
    if let Some(verb) = help::meant(&error) {
        let tip = format!("here that is `claviger {verb}`").into();
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![tip]));
        error.remove(ContextKind::SuggestedSubcommand);
    }
    let mut own = words.iter().take_while(|word| *word != "--");
    if error.use_stderr() && own.any(|word| word == "--json") {
        let failure = match error.kind() {
            ErrorKind::MissingSubcommand | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
                mistake("error: a verb is missing")
            }
            _ => mistake(&error.render().to_string()),
        };
        output::talk_as_is(&failure.render(true));
        process::exit(failure.code().into());
    }
    show(&error);
    process::exit(error.exit_code())
}

/// As the parser shows it, in lines that fit: it leaves some of its own text as it is.
fn show(error: &clap::Error) {
    let paint = |style: Style| match style.has_colour() {
        true => error.render().ansi().to_string(),
        false => error.render().to_string(),
    };
    match error.use_stderr() {
        true => output::talk(&paint(Style::stderr())),
        // A reader that has left needs no message.
        false => drop(output::show(&paint(Style::stdout()))),
    }
}

/// The parser's message: several paragraphs with the error and often a suggestion.
fn mistake(text: &str) -> Failure {
    let mut parts = text.split("\n\n").map(|part| part.split_whitespace().collect::<Vec<_>>().join(" "));
    let message = parts.next().unwrap_or_default();
    let tip = parts.find_map(|part| part.strip_prefix("tip: ").map(str::to_owned));
    let hint = tip.unwrap_or_else(|| "`claviger --help` shows verbs and options".into());
    Failure::usage(message.strip_prefix("error: ").unwrap_or(&message), hint)
}

/// The command lines that other programs run very often: building the parser for all others would take a fifth of their
/// running time.
fn short_cut(words: &[OsString]) -> Option<Verb> {
    let words: Vec<_> = words.iter().map(|word| word.to_str()).collect::<Option<_>>()?;
    match words[..] {
        ["token"] => Some(Verb::Token(token::Arguments::default())),
        ["token", "--hook"] => Some(Verb::Token(token::Arguments { hook: true })),
        ["aws"] => Some(Verb::Aws(aws::Arguments::default())),
        ["aws", "--profile", name] if !name.is_empty() && !name.starts_with('-') => {
            Some(Verb::Aws(aws::Arguments { profile: Some(name.to_owned()), ..Default::default() }))
        }
        ["gcp"] => Some(Verb::Gcp(gcp::Arguments::default())),
        ["azure"] => Some(Verb::Azure(azure::Arguments::default())),
        _ => None,
    }
}

impl Verb {
    /// Runs the command line.
    ///
    /// # Errors
    /// Why it failed.
    pub(crate) async fn run(self, context: &'static Context) -> Result<(), Failure> {
        match self {
            Self::Token(arguments) => {
                // Spawned as a task, because waking the runtime's own future takes a system call each time; boxed,
                // because a task is moved several times during its creation.
                let token = Box::pin(async move { token::run(context, &arguments).await });
                tokio::spawn(token).await.unwrap_or_else(|panic| resume_unwind(panic.into_panic()))
            }
            verb => verb.apart(context).await,
        }
    }

    /// All other verbs, in a function of their own: `token`, which programs run very often, then needs less stack.
    fn apart(self, context: &Context) -> Pin<Box<dyn Future<Output = Result<(), Failure>> + '_>> {
        Box::pin(self.other(context))
    }

    async fn other(self, context: &Context) -> Result<(), Failure> {
        match self {
            Self::Token(arguments) => token::run(context, &arguments).await,
            Self::Get(arguments) => get::run(context, &arguments).await,
            Self::Env(arguments) => env::run(context, &arguments).await,
            Self::Exec(arguments) => exec::run(context, &arguments).await,
            Self::Aws(arguments) => aws::run(context, &arguments).await,
            Self::Gcp(arguments) => gcp::run(context, &arguments).await,
            Self::Azure(arguments) => azure::run(context, &arguments).await,
            Self::Explain(arguments) => explain::run(context, &arguments).await,
            Self::Doctor(arguments) => doctor::run(context, &arguments).await,
            Self::Audit(arguments) => audit::run(context, arguments).await,
            Self::Status(arguments) => status::run(context, &arguments).await,
            Self::Pending(arguments) => pending::run(context, arguments).await,
            Self::Confirm(arguments) => confirm::run(context, &arguments).await,
            Self::Refresh(arguments) => refresh::run(context, &arguments).await,
            Self::Login(arguments) => login::run(context, arguments).await,
            Self::Logout(arguments) => logout::run(context, arguments).await,
            Self::Accounts(arguments) => accounts::run(context, arguments).await,
            Self::Use(arguments) => use_account::run(context, arguments).await,
            Self::Lock => lock::lock(context).await,
            Self::Unlock => lock::unlock(context).await,
            Self::Reset(arguments) => reset::run(context, &arguments).await,
            Self::Trust(verb) => trust::run(context, verb).await,
            Self::Share(arguments) => share::run(context, arguments).await,
            Self::Gate(verb) => gate::run(context, verb).await,
            Self::Hook(verb) => hook::run(context, verb).await,
            Self::Daemon(verb) => daemon::run(context, verb).await,
            Self::Completions(arguments) => completions::run(&arguments),
            Self::Man(arguments) => man::run(&arguments, help::dressed(Cli::command())),
        }
    }

    /// Whether the calling program would read messages on stderr as part of the answer.
    pub(crate) fn must_be_quiet(&self) -> bool {
        matches!(self, Self::Gcp(arguments) if arguments.are_of_library())
    }

    /// Why `--json` is not possible here, if so.
    pub(crate) fn refuses_json(&self) -> Option<&'static str> {
        match self {
            Self::Token(_) => Some("token prints the bare secret; `claviger get --json` prints everything"),
            Self::Gcp(gcp::Arguments { format: gcp::Format::Token, .. }) => {
                Some("this format is the bare token; leave out --format to get JSON")
            }
            Self::Man(_) => Some("manual pages are not JSON"),
            Self::Completions(_) => Some("a completion script is not JSON"),
            _ => None,
        }
    }
}

mod examples;
mod help;

#[cfg(test)]
mod tests;

#[cfg(test)]
mod pages;
