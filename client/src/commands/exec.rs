//! `claviger exec`: runs a command with the credential, or with a gate that has it, and is replaced by it.

use crate::{
    complete,
    daemon::{
        gates::{self, Transport},
        lending,
    },
    failure::Failure,
    output, render,
    session::{
        context::Context,
        environment::{self, API_KEY, AUTH_TOKEN, KEY_DESCRIPTOR, Variable, text},
    },
};
use clap_complete::engine::ArgValueCompleter;
use claviger::{
    credential::MAX_SECRET_LEN,
    hook::GATE_SOCKET,
    proto::v1::OpenGateResponse,
    reason::{Problem, Reason},
};
use nix::fcntl::{FcntlArg, FdFlag, OFlag, fcntl};
#[cfg(target_os = "linux")]
use nix::sys::memfd::{MFdFlags, memfd_create};
use std::{
    ffi::{OsStr, OsString},
    io::{self, Write as _},
    os::{
        fd::{AsRawFd as _, IntoRawFd as _},
        unix::process::CommandExt as _,
    },
    path::Path,
    process::Command,
};

/// Arguments of `exec`.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Pass the API key in a file descriptor instead of the environment
    #[arg(long)]
    pub(crate) fd: bool,
    /// Give the command no credential: its requests go through a gate that puts one in
    #[arg(long, value_enum, value_name = "KIND", num_args = 0..=1, require_equals = true, default_missing_value = "unix", conflicts_with = "fd")]
    pub(crate) gate: Option<Transport>,
    /// The command and its arguments
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true, value_name = "COMMAND", add = ArgValueCompleter::new(complete::programs))]
    pub(crate) command: Vec<OsString>,
}

/// Runs the command in place of this process.
///
/// # Errors
/// Why there is no credential, or why the command cannot be run.
pub(crate) async fn run(context: &Context, arguments: &Arguments) -> Result<(), Failure> {
    let Some((program, rest)) = arguments.command.split_first() else {
        return Err(Failure::usage("no command is given", "claviger exec -- COMMAND [ARGS]"));
    };
    if program.as_encoded_bytes().starts_with(b"-") {
        let message = format!("{} is not an option of exec, nor a command", program.to_string_lossy());
        return Err(Failure::usage(message, "claviger exec -- COMMAND [ARGS]"));
    }
    let is_set = |name: &str| std::env::var_os(name).is_some();
    let variables = match arguments.gate {
        Some(transport) => {
            let opened = gates::open(context, transport).await?;
            warn(context, program, &opened);
            let mut variables = environment::gated(&opened, environment::own)?;
            come_first(&mut variables)?;
            variables
        }
        None => {
            let lease = lending::borrow_to_keep(context).await?;
            let mut variables = environment::variables(&lease, is_set)?;
            if arguments.fd {
                hand_over(&mut variables)?;
            }
            variables
        }
    };
    let mut command = Command::new(program);
    command.args(rest);
    environment::give(&mut command, &variables);
    context.core_limit.restore();
    let error = command.exec();
    Err(Failure::Exec(program.to_string_lossy().into_owned(), error))
}

/// Claude Code sends its requests past the gate if its settings say where to.
fn warn(context: &Context, program: &OsStr, opened: &OpenGateResponse) {
    if Path::new(program).file_name() != Some(OsStr::new("claude")) || context.options.quiet {
        return;
    }
    for (name, location) in &opened.overridden {
        let place = render::place(location);
        let advice = match name == GATE_SOCKET {
            true => "to use a standing gate, run `claude` alone",
            false => "export it in the shell instead",
        };
        output::talk(&format!(
            "claviger: warning: {place} sets {name}, which Claude Code takes before the gate's: {advice}\n"
        ));
    }
}

/// Moves the API key out of the variables into a pipe that the command inherits.
fn hand_over(variables: &mut Vec<Variable>) -> Result<(), Failure> {
    let Some(position) = variables.iter().position(|(name, value)| *name == API_KEY && value.is_some())
    else {
        return Err(Failure::usage(
            "this credential is not an API key, and only API keys can be passed in a descriptor",
            "leave out --fd",
        ));
    };
    let (_, Some(key)) = variables.remove(position) else { return Ok(()) };
    if key.expose().len() > MAX_SECRET_LEN {
        return Err(
            Problem::new(Reason::Limits, format!("the key is longer than {MAX_SECRET_LEN} bytes")).into()
        );
    }
    let descriptor = filled_pipe(key.expose().as_bytes())
        .map_err(|error| Failure::Setup(format!("cannot make a pipe: {error}")))?;
    variables.retain(|(name, _)| *name != KEY_DESCRIPTOR);
    variables.push((KEY_DESCRIPTOR, Some(text(descriptor.to_string()))));
    variables.push((API_KEY, None));
    Ok(())
}

/// Lets a placeholder for a token be the API key as well: Claude Code sends the key of the `apiKeyHelper` in its settings beside a token,
/// unless a descriptor has one.
pub(super) fn come_first(variables: &mut Vec<Variable>) -> Result<(), Failure> {
    let token = variables.iter().find(|(name, value)| *name == AUTH_TOKEN && value.is_some());
    let Some((_, Some(placeholder))) = token else { return Ok(()) };
    let descriptor = lasting(placeholder.expose().as_bytes())
        .map_err(|error| Failure::Setup(format!("cannot pass on the placeholder: {error}")))?;
    variables.retain(|(name, _)| *name != KEY_DESCRIPTOR);
    variables.push((KEY_DESCRIPTOR, Some(text(descriptor.to_string()))));
    Ok(())
}

/// A descriptor with `content`, inherited across exec, that each program of the session can open anew.
#[cfg(target_os = "linux")]
fn lasting(content: &[u8]) -> io::Result<i32> {
    /// Programs that inherit the variable without the descriptor have none of theirs there.
    const FIRST: i32 = 100;
    let mut file = std::fs::File::from(memfd_create("claviger-placeholder", MFdFlags::MFD_CLOEXEC)?);
    file.write_all(content)?;
    Ok(fcntl(&file, FcntlArg::F_DUPFD(FIRST))?)
}

/// The same where there are no files in memory: the first program that reads it has it.
#[cfg(not(target_os = "linux"))]
fn lasting(content: &[u8]) -> io::Result<i32> {
    filled_pipe(content)
}

/// The reading end of a pipe with `content` in it, inherited across exec. Never blocks: content beyond the pipe's
/// capacity is an error.
fn filled_pipe(content: &[u8]) -> io::Result<i32> {
    let (reader, mut writer) = io::pipe()?;
    fcntl(&writer, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
    writer.write_all(content)?;
    fcntl(&reader, FcntlArg::F_SETFD(FdFlag::empty()))?;
    debug_assert!(reader.as_raw_fd() > 2, "the standard descriptors are open");
    Ok(reader.into_raw_fd())
}

#[cfg(test)]
mod tests {
    use super::{API_KEY, AUTH_TOKEN, KEY_DESCRIPTOR, come_first, filled_pipe, hand_over};
    use claviger::Secret;
    use std::{fs, io::Read as _};

    #[test]
    fn the_key_moves_from_the_environment_into_a_pipe() {
        let key = "k".repeat(16_384);
        let mut variables = vec![(API_KEY, Some(Secret::new(key.clone()))), ("ANTHROPIC_BASE_URL", None)];
        hand_over(&mut variables).expect("an API key");
        let find = |name| variables.iter().find(|(found, _)| *found == name).expect(name).1.clone();
        assert_eq!(find(API_KEY), None);
        let descriptor = find(KEY_DESCRIPTOR).expect("set");
        let path = format!("/dev/fd/{}", descriptor.expose());
        let mut read = String::new();
        fs::File::open(path).expect("open").take(20_000).read_to_string(&mut read).expect("readable");
        assert_eq!(read, key);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_placeholder_is_read_by_each_program_of_the_session() {
        let mut variables = vec![(AUTH_TOKEN, Some(Secret::from("p"))), (KEY_DESCRIPTOR, None)];
        come_first(&mut variables).expect("a descriptor");
        assert!(variables.len() == 2 && variables[0].1 == Some(Secret::from("p")), "the token stays");
        let descriptor = variables[1].1.as_ref().expect("set");
        for _ in 0..2 {
            let read = fs::read_to_string(format!("/proc/self/fd/{}", descriptor.expose()));
            assert_eq!(read.expect("readable"), "p");
        }
        let mut key = vec![(API_KEY, Some(Secret::from("p")))];
        come_first(&mut key).expect("nothing to do");
        assert_eq!(key.len(), 1);
    }

    #[test]
    fn other_credentials_and_oversized_keys_are_refused() {
        let mut bearer = vec![("ANTHROPIC_AUTH_TOKEN", Some(Secret::from("t")))];
        assert_eq!(hand_over(&mut bearer).expect_err("refused").code(), 2);
        let mut huge = vec![(API_KEY, Some(Secret::new("k".repeat(16_385))))];
        assert_eq!(hand_over(&mut huge).expect_err("refused").code(), 6);
        assert!(filled_pipe(&vec![0; 1 << 21]).is_err(), "must not block");
    }
}
