//! A real OpenSSH server on the loopback interface, for this test alone.

use super::{Home, is_root, skipped, text, wait};
use std::{
    fs,
    net::TcpStream,
    path::PathBuf,
    process::{Child, Command, Stdio},
};

/// A server that ends with this value.
pub struct Sshd {
    child: Child,
    port: u16,
    place: PathBuf,
}

impl Sshd {
    /// Starts one with keys of its own. `None`, and a line that says so, where it cannot run.
    pub fn start(home: &Home) -> Option<Self> {
        let program = ["/usr/sbin/sshd"].iter().find(|program| fs::exists(program).unwrap_or(false));
        let (Some(program), true) = (program, is_root()) else {
            skipped("root and the Debian package openssh-server");
            return None;
        };
        let place = home.path("ssh");
        fs::create_dir_all(&place).expect("a directory");
        for key in ["host", "user"] {
            let mut keygen = Command::new("ssh-keygen");
            keygen.args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(place.join(key));
            assert!(keygen.status().expect("ssh-keygen runs").success());
        }
        // Its privilege separation wants this directory; a package makes it at boot.
        fs::create_dir_all("/run/sshd").expect("a directory");
        // None of those that programs are given when they ask for any: another test could be given it before sshd has it.
        let port = fastrand::u16(10_000..30_000);
        let mut command = Command::new(program);
        command.arg("-D").arg("-f").arg("/dev/null").arg("-h").arg(place.join("host"));
        let keys = format!("AuthorizedKeysFile={}", place.join("user.pub").display());
        for option in [
            &format!("Port={port}"),
            "ListenAddress=127.0.0.1",
            "PermitRootLogin=prohibit-password",
            "StrictModes=no",
            "UsePAM=no",
            "PidFile=none",
            "StreamLocalBindUnlink=yes",
            &keys,
        ] {
            command.args(["-o", option]);
        }
        let log = fs::File::create(place.join("sshd.log")).expect("log");
        let child =
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().expect("sshd runs");
        wait::until("sshd listens", || TcpStream::connect(("127.0.0.1", port)).is_ok());
        Some(Self { child, port, place })
    }

    /// Runs `script` on the far side, with `from` there leading to `to` here.
    pub fn forwarded(&self, from: &str, to: &str, script: &str) -> (Option<i32>, String, String) {
        let mut command = Command::new("ssh");
        command
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .args(["-F", "none", "-i"])
            .arg(self.place.join("user"));
        for option in [
            "BatchMode=yes",
            "StrictHostKeyChecking=no",
            "UserKnownHostsFile=/dev/null",
            "ExitOnForwardFailure=yes",
        ] {
            command.args(["-o", option]);
        }
        command.args(["-o", "LogLevel=ERROR", "-p", &self.port.to_string(), "-R", &format!("{from}:{to}")]);
        command.args(["root@127.0.0.1", script]).stdin(Stdio::null());
        let output = command.output().expect("ssh runs");
        (output.status.code(), text(&output.stdout), text(&output.stderr))
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
