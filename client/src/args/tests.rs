use super::{Cli, Verb};
use clap::{CommandFactory as _, Parser as _, error::ErrorKind};
use claviger::session::SessionMode;
use std::time::Duration;

fn parse(line: &str) -> Result<Cli, clap::Error> {
    Cli::try_parse_from(std::iter::once("claviger").chain(line.split_whitespace()))
}

fn error(line: &str) -> ErrorKind {
    match parse(line) {
        Err(error) => error.kind(),
        Ok(_) => panic!("{line:?} must be refused"),
    }
}

#[test]
fn the_definition_is_consistent() {
    Cli::command().debug_assert();
}

#[test]
fn global_options_stand_before_or_after_the_verb() {
    for line in [
        "--cwd /w --bare --no-start --json -q --timeout 5 --min-validity 60 explain",
        "explain --cwd /w --bare --no-start --json -q --timeout 5 --min-validity 60",
        "--json -q explain --cwd=/w --bare --timeout=5 --no-start --min-validity=60",
    ] {
        let options = parse(line).expect(line).options;
        assert_eq!(options.cwd.as_deref(), Some(std::path::Path::new("/w")));
        assert_eq!(options.mode(), Some(SessionMode::Bare));
        assert_eq!((options.timeout(), options.min_validity), (Duration::from_secs(5), Some(60)));
        assert!(options.no_start && options.json && options.quiet);
    }
}

#[test]
fn defaults_ask_for_nothing_special() {
    let options = parse("token").expect("valid").options;
    assert_eq!(options, super::Options::default(), "the short cut for `token` must mean the same");
    assert_eq!((options.mode(), options.timeout()), (None, Duration::from_secs(180)));
    assert!(options.settings.is_none() && !options.no_start && !options.json && !options.quiet);
}

#[test]
fn modes_are_the_four_words() {
    for (word, mode) in [
        ("standard", SessionMode::Standard),
        ("homespace", SessionMode::Homespace),
        ("bare", SessionMode::Bare),
        ("managed", SessionMode::Managed),
    ] {
        assert_eq!(parse(&format!("get --mode {word}")).expect(word).options.mode(), Some(mode));
        assert_eq!(mode.name(), word);
    }
    assert_eq!(error("get --mode other"), ErrorKind::InvalidValue);
    assert_eq!(error("get --mode bare --bare"), ErrorKind::ArgumentConflict);
}

#[test]
fn everything_after_the_command_belongs_to_it() {
    for line in [
        "exec --fd -- prog --json -q --fd",
        "exec --fd prog --json -q --fd",
        "--no-start exec --fd prog --json -q --fd",
    ] {
        let cli = parse(line).expect(line);
        assert!(!cli.options.json && !cli.options.quiet, "{line}");
        let Verb::Exec(arguments) = cli.verb else { panic!("not exec: {line}") };
        assert!(arguments.fd, "{line}");
        assert_eq!(arguments.command, ["prog", "--json", "-q", "--fd"], "{line}");
    }
    assert_eq!(error("exec"), ErrorKind::MissingRequiredArgument);
}

#[test]
fn nonsense_is_refused() {
    assert_eq!(error("token extra"), ErrorKind::UnknownArgument);
    assert_eq!(error("token --timeout 0"), ErrorKind::ValueValidation);
    assert_eq!(error("token --min-validity -1"), ErrorKind::UnknownArgument);
    assert_eq!(error("refresh --rejected 500"), ErrorKind::InvalidValue);
    assert_eq!(error("get --headers --show-secret"), ErrorKind::ArgumentConflict);
    assert_eq!(error("completions tcsh"), ErrorKind::InvalidValue);
    assert_eq!(error("refresh --rejected 401 --generation 2"), ErrorKind::MissingRequiredArgument);
}

/// Arguments are visible in `ps`: nothing that holds a secret may be accepted there.
#[test]
fn no_argument_takes_a_secret() {
    fn options(command: &clap::Command, found: &mut Vec<String>) {
        found.extend(command.get_arguments().map(|argument| argument.get_id().to_string()));
        command.get_subcommands().for_each(|sub| options(sub, found));
    }
    let mut found = Vec::new();
    options(&Cli::command(), &mut found);
    found.sort_unstable();
    found.dedup();
    // Of these, `api_key` and `token` take no value.
    let expected = "account all api_key audience backend bare cancel color command confirm credentials cwd device digest directory dry_run \
        event fd file follow force format from gate generation headers hook json key limit log_level min_validity mode name new_cookie \
        no_browser no_start none offline only_show_errors or output path profile query quiet registration rejected resource scope \
        settings shell show_secret since socket source store subscription tenant timeout to token token_url trial ttl watch yes";
    assert_eq!(
        found.join(" "),
        expected,
        "a new argument: make sure it cannot hold a secret, then add it here"
    );
    for line in [
        "token --token x",
        "token --secret x",
        "token --api-key x",
        "get sk-ant-x",
        "env ANTHROPIC_API_KEY=x",
    ] {
        assert_eq!(error(line), ErrorKind::UnknownArgument, "{line}");
    }
}

#[test]
fn accounts_are_named_clearly() {
    for line in [
        "login",
        "login work --device",
        "login work --no-browser --store file",
        "login --api-key --audience https://a",
    ]
    .into_iter()
    .chain([
        "accounts",
        "accounts move --to file",
        "use work",
        "use --none",
        "logout --all",
        "reset --yes",
        "lock",
    ]) {
        assert!(parse(line).is_ok(), "{line}");
    }
    for line in [
        "login --api-key --token",
        "login --device --api-key",
        "login --device --no-browser",
        "logout work --all",
    ]
    .into_iter()
    .chain([
        "use work --none",
        "login --api-key --registration work",
        "login --api-key=x",
        "login --token=x",
    ]) {
        assert!(matches!(error(line), ErrorKind::ArgumentConflict | ErrorKind::TooManyValues), "{line}");
    }
    assert_eq!(error("use"), ErrorKind::MissingRequiredArgument);
    assert_eq!(error("accounts move work"), ErrorKind::MissingRequiredArgument);
    assert_eq!(error("login --store memory"), ErrorKind::InvalidValue);
}

#[test]
fn short_cuts_mean_what_the_parser_says() {
    let word = |verb: &Verb| match verb {
        Verb::Token(arguments) => format!("{arguments:?}"),
        Verb::Aws(arguments) => format!("{arguments:?}"),
        Verb::Gcp(arguments) => format!("{arguments:?}"),
        Verb::Azure(arguments) => format!("{arguments:?}"),
        _ => panic!("no short cut leads here"),
    };
    for line in ["token", "token --hook", "aws", "aws --profile work", "gcp", "azure"] {
        let words: Vec<_> = line.split_whitespace().map(Into::into).collect();
        let short = super::short_cut(&words).expect(line);
        assert_eq!(word(&short), word(&parse(line).expect(line).verb));
    }
    for line in ["get", "aws --profile --json", "aws --format env", "token -q", "gcp x"] {
        let words: Vec<_> = line.split_whitespace().map(Into::into).collect();
        assert!(super::short_cut(&words).is_none(), "{line}");
    }
}

#[test]
fn tools_of_clouds_are_told_what_to_print() {
    let Verb::Aws(aws) = parse("aws --profile work --format export").expect("valid").verb else {
        panic!("not aws")
    };
    assert_eq!((aws.profile.as_deref(), aws.format), (Some("work"), super::aws::Format::Export));
    assert_eq!(error("aws --format token"), ErrorKind::InvalidValue);
    assert!(parse("azure --output json --resource https://vault.azure.net").is_ok());
    assert_eq!(error("azure --output table"), ErrorKind::InvalidValue);
    assert_eq!(error("azure --scope a --resource b"), ErrorKind::ArgumentConflict);
    assert_eq!(error("azure --query length(@)"), ErrorKind::ValueValidation);
    assert!(parse("azure --or az vm list --help -o json -- --scope x -q --version").is_ok());
    assert_eq!(error("azure --scope a --or az"), ErrorKind::ArgumentConflict);
    assert_eq!(error("azure --account a"), ErrorKind::UnknownArgument);
    assert!(
        matches!(parse("pending --cancel ab12").expect("valid").verb, Verb::Pending(pending) if pending.cancel == Some(Some("ab12".into())))
    );
    for line in [&["claviger", "aws", "--profile", ""][..], &["claviger", "pending", "--cancel", ""]] {
        assert!(Cli::try_parse_from(line).is_err(), "{line:?}: empty is not all");
    }
}
