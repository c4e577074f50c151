//! The LaunchAgent, read with a real parser of property lists: what it says agrees with the code.
//!
//! No Mac is at hand, so whether launchd takes it is not tested here (docs/macos.md).

use claviger::socket;
use clavigerd::host::system::LAUNCHD_SOCKET;
use plist::{Dictionary, Value};
use std::{fs, path::Path};

/// Stands for the home directory; `cargo xtask install` puts the real one there.
const HOME: &str = "/Users/USER";
/// By convention, the name of the file as well.
const LABEL: &str = "dev.claviger.clavigerd";

fn file() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../launchd/{LABEL}.plist"));
    fs::read_to_string(path).expect("the property list")
}

/// What it is about, and whether it holds.
type Rule = (&'static str, fn(&Dictionary) -> bool);

/// What is wrong with a property list.
fn faults(text: &str) -> Vec<&'static str> {
    let Ok(Value::Dictionary(agent)) = plist::from_bytes(text.as_bytes()) else {
        return vec!["not a property list"];
    };
    let rules: [Rule; 9] = [
        ("label", |agent| string(agent.get("Label")) == Some(LABEL)),
        ("program", is_only_the_daemon),
        ("socket path", |agent| {
            let socket = listener(agent).and_then(|socket| string(socket.get("SockPathName")));
            socket.map(Path::new) == default_socket().as_deref()
        }),
        ("socket mode", |agent| {
            listener(agent).and_then(|socket| number(socket.get("SockPathMode"))) == Some(0o600)
        }),
        ("kind of socket", |agent| {
            listener(agent).and_then(|socket| string(socket.get("SockFamily"))) == Some("Unix")
        }),
        ("start after a crash only", |agent| {
            let keep = agent.get("KeepAlive").and_then(Value::as_dictionary);
            keep.is_some_and(|keep| keep.len() == 1)
                && keep.and_then(|keep| keep.get("SuccessfulExit")?.as_boolean()) == Some(false)
        }),
        // Neither secrets nor anything else: the daemon reads nothing credential-relevant from its environment.
        ("environment", |agent| agent.get("EnvironmentVariables").is_none()),
        ("umask", |agent| number(agent.get("Umask")) == Some(0o077)),
        ("core dumps", |agent| {
            let limits = agent.get("HardResourceLimits").and_then(Value::as_dictionary);
            limits.and_then(|limits| number(limits.get("Core"))) == Some(0)
        }),
    ];
    rules.into_iter().filter(|(_, holds)| !holds(&agent)).map(|(what, _)| what).collect()
}

/// Any other argument could move socket or state away from where clients look.
fn is_only_the_daemon(agent: &Dictionary) -> bool {
    let arguments = agent.get("ProgramArguments").and_then(Value::as_array);
    arguments.is_some_and(|words| words.as_slice() == [Value::from("/usr/local/bin/clavigerd")])
        && agent.get("Program").is_none()
}

fn listener(agent: &Dictionary) -> Option<&Dictionary> {
    let sockets = agent.get("Sockets")?.as_dictionary()?;
    sockets.get(LAUNCHD_SOCKET.to_str().ok()?)?.as_dictionary()
}

/// Where a client looks on a Mac.
fn default_socket() -> Option<std::path::PathBuf> {
    socket::mac_runtime_dir(Path::new(HOME)).map(|directory| socket::in_runtime(&directory))
}

fn string(value: Option<&Value>) -> Option<&str> {
    value?.as_string()
}

/// Not a string that looks like one: launchd would ignore it, and the mode would be what the umask leaves.
fn number(value: Option<&Value>) -> Option<i64> {
    value?.as_signed_integer()
}

#[test]
fn the_agent_says_what_the_code_expects() {
    assert_eq!(faults(&file()), Vec::<&str>::new());
}

#[test]
fn a_broken_agent_is_noticed() {
    let broken = [
        ("</array>", "", "not a property list"),
        ("<string>dev.claviger.clavigerd", "<string>dev.claviger", "label"),
        (
            "/usr/local/bin/clavigerd</string>",
            "/usr/local/bin/clavigerd</string><string>--log=trace</string>",
            "program",
        ),
        ("/Users/USER/.local/run/", "/Users/USER/run/", "socket path"),
        ("<key>Listener</key>", "<key>Listeners</key>", "socket path"),
        ("<integer>384</integer>", "<integer>600</integer>", "socket mode"),
        ("<integer>384</integer>", "<string>0600</string>", "socket mode"),
        (">Unix<", ">IPv4<", "kind of socket"),
        ("<false/>", "<true/>", "start after a crash only"),
        (
            "<key>Umask</key>",
            "<key>EnvironmentVariables</key><dict><key>ANTHROPIC_API_KEY</key><string>x</string></dict><key>Umask</key>",
            "environment",
        ),
        ("<integer>63</integer>", "<integer>18</integer>", "umask"),
        ("<key>Core</key>", "<key>CPU</key>", "core dumps"),
    ];
    for (whole, piece, what) in broken {
        let text = file();
        assert!(text.contains(whole), "{whole}");
        let found = faults(&text.replacen(whole, piece, 1));
        assert!(found.contains(&what), "{whole} -> {piece}: {found:?}");
    }
}
