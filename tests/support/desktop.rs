//! A desktop of a home's own: a session bus, and dunst on a screen that no person sees.

use super::{Home, keyring::Keyring, signal, skipped, text, wait};
use std::{
    fs,
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::Duration,
};

/// Bus, screen and notification daemon; they end with this value.
pub struct Desktop {
    bus: Keyring,
    screen: Child,
    dunst: Option<Child>,
    home: PathBuf,
    environment: Vec<(String, String)>,
}

impl Desktop {
    /// With a person whose click means `action`; `None`, said loudly, where it cannot be.
    pub fn start(home: &mut Home, action: &str) -> Option<Self> {
        let is_there =
            |program| Command::new("which").arg(program).output().is_ok_and(|found| found.status.success());
        if !["dunst", "dunstctl", "Xvfb"].into_iter().all(is_there) {
            skipped("the Debian packages dunst and xvfb");
            return None;
        }
        let bus = Keyring::absent(home)?;
        let number = home.write("display", "");
        let screen = Command::new("sh")
            .args(["-c", "exec Xvfb -displayfd 3 -screen 0 640x480x24 -nolisten tcp 3>\"$0\""])
            .arg(&number)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("a screen");
        let display = || fs::read_to_string(&number).unwrap_or_default();
        wait::until("the screen is there", || display().ends_with('\n'));
        let run = home.path("run");
        let environment = [
            ("DISPLAY", format!(":{}", display().trim())),
            ("DBUS_SESSION_BUS_ADDRESS", format!("unix:path={}", run.join("session-bus").display())),
            ("PATH", "/usr/bin:/bin".to_owned()),
            ("HOME", home.path("home").display().to_string()),
        ];
        let environment = environment.map(|(name, value)| (name.to_owned(), value)).into();
        let mut desktop = Self { bus, screen, dunst: None, home: home.path(""), environment };
        desktop.restart(action);
        Some(desktop)
    }

    fn command(&self, program: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(arguments).env_clear().envs(self.environment.clone());
        command.stdin(Stdio::null()).stderr(Stdio::null());
        command
    }

    /// Ends the notification daemon, and starts one whose person means `action`.
    pub fn restart(&mut self, action: &str) {
        self.end();
        let config = self.home.join("dunstrc");
        let rules = format!(
            "[global]\nfont = Monospace 8\n[ours]\nappname = claviger\naction_name = {action}\n[notices]\nappname = claviger\nmsg_urgency = normal\nskip_display = yes\n"
        );
        fs::write(&config, rules).expect("written");
        let config = config.display().to_string();
        let mut command = self.command("dunst", &["-config", &config]);
        self.dunst = Some(command.stdout(Stdio::null()).spawn().expect("dunst"));
        wait::until("dunst answers", || self.tell(&["is-paused"]).trim() == "false");
    }

    /// Ends the notification daemon.
    pub fn end(&mut self) {
        if let Some(mut dunst) = self.dunst.take() {
            drop(dunst.kill());
            dunst.wait().expect("it ends");
            wait::until("its name is free", || self.tell(&["is-paused"]).is_empty());
        }
    }

    /// The notification daemon has its name from now on, and says nothing; or goes on.
    pub fn hang(&self, hang: bool) {
        signal(self.dunst.as_ref().expect("dunst").id(), if hang { "STOP" } else { "CONT" });
    }

    /// The bus itself says nothing from now on.
    pub fn hang_bus(&self) {
        self.bus.hang_bus();
    }

    /// What `dunstctl` prints.
    pub fn tell(&self, arguments: &[&str]) -> String {
        text(&self.command("dunstctl", arguments).output().expect("dunstctl runs").stdout)
    }

    /// How many questions are on the screen; what is only told goes past it.
    pub fn shown(&self) -> usize {
        ["displayed", "waiting"]
            .map(|which| self.tell(&["count", which]).trim().parse().unwrap_or(0))
            .iter()
            .sum()
    }

    /// Waits until so many are.
    #[track_caller]
    pub fn shows(&self, count: usize) {
        let shows = wait::holds_within(wait::BOUND, || self.shown() == count);
        assert!(shows, "{} on the screen, not {count}", self.shown());
    }

    /// Clicks on the one that there is, once there is one, and waits until it is gone.
    #[track_caller]
    pub fn clicks(&self) {
        self.shows(1);
        // A click before it is drawn does nothing.
        wait::until("it is clicked away", || {
            self.tell(&["action", "0"]);
            wait::holds_within(Duration::from_millis(300), || self.shown() == 0)
        });
    }
}

impl Drop for Desktop {
    fn drop(&mut self) {
        drop(self.dunst.take().map(|mut dunst| dunst.kill().and_then(|()| dunst.wait())));
        drop(self.screen.kill().and_then(|()| self.screen.wait()));
    }
}
