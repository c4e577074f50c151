//! Carries out a plan, step by step.

use super::plan::Action;
use crate::{daemon::successor, failure::Failure, session::context::Context, text::escape};
use claviger::remedy::Remedy;
use std::{
    fs, io,
    io::Write as _,
    os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _},
    path::Path,
    process::{Output, Stdio},
};
use tokio::{process::Command, time::timeout};

/// Does one step.
///
/// # Errors
/// Why it failed.
pub(crate) async fn carry_out(context: &Context, step: &Action) -> Result<(), Failure> {
    match step {
        Action::Write { path, text, .. } => write(path, text).map_err(|error| at(path, &error)),
        Action::Remove(path) => remove(path).map_err(|error| at(path, &error)),
        Action::StopDaemon(_) => successor::end(context).await.map(drop),
        Action::Run(words) => {
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            let output = output(context, &words).await?;
            if output.status.success() { Ok(()) } else { Err(failed(&words, &output)) }
        }
    }
}

/// The output of a program, once it has ended.
///
/// # Errors
/// [`Failure::Exec`] if it cannot be run, [`Failure::TimedOut`] if it does not end within `--timeout`.
pub(crate) async fn output(context: &Context, words: &[&str]) -> Result<Output, Failure> {
    let (program, arguments) = words.split_first().unwrap_or((&"", &[]));
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).kill_on_drop(true);
    let limit = context.options.timeout();
    let ended = timeout(limit, command.output()).await.map_err(|_| Failure::TimedOut(limit))?;
    ended.map_err(|error| Failure::Exec((*program).to_owned(), error))
}

/// Writes a temporary file first: no partial file is ever read, and a link is replaced rather than followed.
fn write(path: &Path, text: &str) -> io::Result<()> {
    if let Some(directory) = path.parent() {
        fs::create_dir_all(directory)?;
    }
    let fresh = path.with_extension(format!("new-{}", std::process::id()));
    let mut file = fs::File::options().write(true).create_new(true).mode(0o644).open(&fresh)?;
    let written = file.write_all(text.as_bytes()).and_then(|()| {
        file.set_permissions(fs::Permissions::from_mode(0o644))?;
        file.sync_all()?;
        fs::rename(&fresh, path)
    });
    if written.is_err() {
        drop(fs::remove_file(&fresh));
    }
    written
}

/// Also removes directories that are then empty, if they are systemd's.
fn remove(path: &Path) -> io::Result<()> {
    fs::remove_file(path)?;
    let directories =
        path.ancestors().skip(1).take_while(|it| it.ends_with("systemd/user") || it.ends_with("systemd"));
    for directory in directories {
        if fs::remove_dir(directory).is_err() {
            break;
        }
    }
    Ok(())
}

fn at(path: &Path, error: &io::Error) -> Failure {
    Failure::service(format!("{}: {error}", path.display()), "completed steps stay; try again")
}

fn failed(words: &[&str], output: &Output) -> Failure {
    let said = String::from_utf8_lossy(&output.stderr);
    let said = said.trim().lines().map(escape::line).collect::<Vec<_>>().join("; ");
    let message = format!("{} failed ({}): {said}", words.join(" "), output.status);
    Failure::Service {
        message,
        hint: "completed steps stay; check the current state".into(),
        remedy: Some(Remedy::claviger(&["daemon", "status"])),
    }
}

#[cfg(test)]
mod tests {
    use super::{remove, write};
    use std::{
        fs,
        os::unix::fs::{PermissionsExt as _, symlink},
    };

    #[test]
    fn a_file_is_replaced_whole_and_taken_away_with_its_empty_directories() {
        let home = tempfile::tempdir().expect("a directory");
        let path = home.path().join(".config/systemd/user/a.service");
        write(&path, "one").expect("written");
        write(&path, "two").expect("written again");
        assert_eq!(fs::read_to_string(&path).expect("readable"), "two");
        assert_eq!(fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o644);
        assert_eq!(fs::read_dir(path.parent().expect("parent")).expect("readable").count(), 1);
        remove(&path).expect("removed");
        assert!(home.path().join(".config").exists() && !home.path().join(".config/systemd").exists());
    }

    #[test]
    fn a_link_is_replaced_and_not_followed() {
        let home = tempfile::tempdir().expect("a directory");
        let (path, target) = (home.path().join("a.service"), home.path().join("own"));
        fs::write(&target, "mine").expect("written");
        symlink(&target, &path).expect("linked");
        write(&path, "new").expect("written");
        assert_eq!(fs::read_to_string(&target).expect("readable"), "mine");
        assert!(fs::symlink_metadata(&path).expect("there").is_file());
    }
}
