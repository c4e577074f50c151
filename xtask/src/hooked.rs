//! Finds tools that would still run a removed claviger.

use crate::sh;
use std::{path::Path, process::Command};

/// Refuses while a tool borrows through the `client`: only the client can undo its hooks.
pub(crate) fn refuse(client: &Path) -> sh::Result {
    let listed = sh::stdout(Command::new(client).args(["hook", "list", "--json"]))?;
    if listed == "[]" {
        return Ok(());
    }
    let shown = sh::stdout(Command::new(client).args(["hook", "list"]))?;
    Err(format!(
        "nothing was removed, as these would run a claviger that is gone:\n{shown}\n`claviger hook remove \
         TOOL` undoes what it has installed; edit what you wrote yourself"
    )
    .into())
}

#[cfg(test)]
mod tests {
    use super::refuse;
    use std::{fs, os::unix::fs::PermissionsExt as _};

    #[test]
    fn nobody_is_left_with_a_hook_that_leads_nowhere() {
        let directory = tempfile::tempdir().expect("a directory");
        let client = directory.path().join("claviger");
        for (listed, refused) in [("[]", false), ("[{\"tool\": \"claude\"}]", true)] {
            let script =
                format!("#!/bin/sh\n[ \"$3\" = --json ] && echo '{listed}' || echo 'claude  /h/s.json'\n");
            fs::write(&client, script).expect("written");
            fs::set_permissions(&client, fs::Permissions::from_mode(0o700)).expect("mode");
            let told = refuse(&client).err().map(|error| error.to_string());
            assert_eq!(told.is_some_and(|told| told.contains("/h/s.json")), refused, "{listed}");
        }
    }
}
