//! A session bus and a gnome-keyring of a home's own. Nothing is started by the bus, and nothing of the machine's is used.

use super::{Home, signal, skipped, text, wait};
use std::{
    fs,
    io::Write as _,
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

/// Bus and keyring; they end with this value.
pub struct Keyring {
    bus: Child,
    service: Option<Child>,
    home: PathBuf,
    run: PathBuf,
}

const PASSWORD: &[u8] = b"password";
const OBJECT: &str = "/org/freedesktop/secrets";
const LOGIN: &str = "/org/freedesktop/secrets/collection/login";

impl Keyring {
    /// A bus without a keyring, and where it is in the environment of `home`; `None`, said loudly, where it cannot be.
    pub fn absent(home: &mut Home) -> Option<Self> {
        if ["dbus-daemon", "gnome-keyring-daemon", "secret-tool"].iter().any(|program| !exists(program)) {
            skipped("the Debian packages dbus, gnome-keyring and libsecret-tools");
            return None;
        }
        let (place, run) = (home.path("home"), home.path("run"));
        let config = home.write("bus.conf", &config(&run));
        let mut command = Command::new("dbus-daemon");
        command.args(["--nofork", "--nopidfile"]).arg(format!("--config-file={}", config.display()));
        let bus = within(&mut command, &place, &run).spawn().expect("a bus");
        home.set("DBUS_SESSION_BUS_ADDRESS", &address(&run));
        wait::until("the bus listens", || UnixStream::connect(run.join("session-bus")).is_ok());
        Some(Self { bus, service: None, home: place, run })
    }

    /// The bus takes connections from now on, and says nothing.
    pub fn hang_bus(&self) {
        signal(self.bus.id(), "STOP");
    }

    /// With a keyring that is open.
    pub fn unlocked(home: &mut Home) -> Option<Self> {
        let mut keyring = Self::absent(home)?;
        keyring.restart(true);
        Some(keyring)
    }

    /// Starts the keyring anew: open, or as after a login without a password.
    pub fn restart(&mut self, open: bool) {
        self.end();
        let mut command = Command::new("gnome-keyring-daemon");
        command.args(["--foreground", "--components=secrets"]).args(open.then_some("--unlock"));
        let command = within(&mut command, &self.home, &self.run).stdin(Stdio::piped());
        let mut service = command.spawn().expect("a keyring");
        let mut stdin = service.stdin.take().expect("stdin");
        if open {
            stdin.write_all(PASSWORD).expect("a password");
        }
        drop(stdin);
        self.service = Some(service);
        // It answers before it has found what it keeps.
        let keeps = open || self.home.join(".local/share/keyrings/login.keyring").exists();
        let part = if keeps { LOGIN } else { "object path" };
        let is_there = || self.call(OBJECT, "Service.ReadAlias", "string:default").contains(part);
        wait::until("the keyring answers", is_there);
    }

    /// Forgets everything that it keeps.
    pub fn lose(&mut self) {
        self.end();
        fs::remove_dir_all(self.home.join(".local/share/keyrings")).expect("keyrings");
    }

    /// Locks it, as a desktop does.
    pub fn lock(&self) {
        Self::lock_in(&self.home, &self.run);
    }

    /// What locks it, for another thread.
    pub fn locker(&self) -> impl Fn() + Send + Sync + 'static {
        let (home, run) = (self.home.clone(), self.run.clone());
        move || Self::lock_in(&home, &run)
    }

    fn lock_in(home: &Path, run: &Path) {
        let locked = call(home, run, OBJECT, "Service.Lock", &format!("array:objpath:{LOGIN}"));
        assert!(locked.contains(LOGIN), "{locked}");
    }

    /// It owns its name from now on, and says nothing.
    pub fn hang(&self) {
        signal(self.service.as_ref().expect("a keyring").id(), "STOP");
    }

    /// Ends it. The bus stays.
    pub fn end(&mut self) {
        if let Some(mut service) = self.service.take() {
            service.kill().expect("kill");
            service.wait().expect("wait");
        }
    }

    /// The items of claviger, as another program sees them: labels, attributes and secrets.
    pub fn items(&self) -> String {
        let mut command = Command::new("secret-tool");
        command.args(["search", "--all", "service", "claviger"]);
        let command =
            within(&mut command, &self.home, &self.run).stdout(Stdio::piped()).stderr(Stdio::piped());
        let output = command.output().expect("secret-tool runs");
        text(&output.stdout) + &text(&output.stderr)
    }

    /// Puts `text` where the record of `account` is.
    pub fn put(&self, account: &str, text: &str) {
        let mut command = Command::new("secret-tool");
        command.args(["store", "--label=x", "service", "claviger", "username", account]);
        let command = within(&mut command, &self.home, &self.run).stdin(Stdio::piped());
        let mut child = command.spawn().expect("secret-tool runs");
        child.stdin.take().expect("stdin").write_all(text.as_bytes()).expect("written");
        assert!(child.wait().expect("wait").success());
    }

    /// What is said on the bus to the keyring while `run` runs: names of methods.
    pub fn heard(&self, out: &Path, run: impl FnOnce()) -> String {
        let mut command = Command::new("dbus-monitor");
        command.args(["--profile", "type=method_call"]);
        let command = within(&mut command, &self.home, &self.run);
        let mut monitor =
            command.stdout(fs::File::create(out).expect("a file")).spawn().expect("dbus-monitor runs");
        wait::until("it listens", || {
            drop(self.call(OBJECT, "Service.ReadAlias", "string:heard"));
            fs::read_to_string(out).is_ok_and(|heard| heard.contains("ReadAlias"))
        });
        run();
        drop(self.call(OBJECT, "Service.SetAlias", "string:end objpath:/"));
        monitor.kill().expect("kill");
        monitor.wait().expect("wait");
        fs::read_to_string(out).expect("what was heard")
    }

    fn call(&self, object: &str, method: &str, argument: &str) -> String {
        call(&self.home, &self.run, object, method, argument)
    }
}

impl Drop for Keyring {
    fn drop(&mut self) {
        for child in self.service.iter_mut().chain([&mut self.bus]) {
            drop(child.kill());
            drop(child.wait());
        }
    }
}

fn exists(program: &str) -> bool {
    Command::new("which").arg(program).stdout(Stdio::null()).status().is_ok_and(|status| status.success())
}

fn address(run: &Path) -> String {
    format!("unix:path={}", run.join("session-bus").display())
}

/// Nothing of the machine's: no services to start, no further files.
fn config(run: &Path) -> String {
    format!(
        "<busconfig><type>session</type><listen>{}</listen><auth>EXTERNAL</auth><policy context='default'>\
         <allow send_destination='*' eavesdrop='true'/><allow eavesdrop='true'/><allow own='*'/></policy></busconfig>",
        address(run)
    )
}

fn within<'a>(command: &'a mut Command, home: &Path, run: &Path) -> &'a mut Command {
    command.env_clear().env("HOME", home).env("XDG_RUNTIME_DIR", run).env("PATH", "/usr/bin:/bin");
    command.env("DBUS_SESSION_BUS_ADDRESS", address(run)).stderr(Stdio::null()).stdin(Stdio::null());
    command.stdout(Stdio::null())
}

fn call(home: &Path, run: &Path, object: &str, method: &str, argument: &str) -> String {
    let mut command = Command::new("dbus-send");
    command.args([
        "--session",
        "--print-reply",
        "--reply-timeout=5000",
        "--dest=org.freedesktop.secrets",
        object,
    ]);
    command.arg(format!("org.freedesktop.Secret.{method}")).args(argument.split(' '));
    let output = within(&mut command, home, run).stdout(Stdio::piped()).output().expect("dbus-send runs");
    text(&output.stdout)
}
