//! The recipes of docs/gate.md and docs/containers.md, word for word as the pages have them.

use claviger_tests::{CANARY, Home, binary, messages::Messages, skipped, text};
use serde_json::Value;
use std::{
    env, fs,
    path::{Path, PathBuf},
};

const GATE: &str = include_str!("../../docs/gate.md");
const CONTAINERS: &str = include_str!("../../docs/containers.md");
/// The program in the place of a tool: an answer of the API, and the variables that it has.
const TOOL: &str = r#"env
exec curl --silent --show-error --max-time 60 --unix-socket "$ANTHROPIC_UNIX_SOCKET" \
    --header "authorization: Bearer $ANTHROPIC_AUTH_TOKEN" --data '{}' "$ANTHROPIC_BASE_URL/v1/messages""#;

/// The one command of a page that begins so, with its further lines.
fn command(page: &str, begin: &str) -> String {
    let mut found = page.split("\n    ").skip(1).filter(|text| text.starts_with(begin));
    let first = found.next().unwrap_or_else(|| panic!("no command {begin}"));
    assert!(found.next().is_none(), "two commands {begin}");
    let start = page.find(&format!("\n    {first}")).expect("it is there") + 1;
    let mut lines = Vec::new();
    for line in page[start..].lines() {
        lines.push(line.trim_start());
        if !line.ends_with('\\') {
            break;
        }
    }
    lines.join("\n")
}

/// The one command under "Recipes" that begins so.
fn recipe(begin: &str) -> String {
    command(GATE.split_once("## Recipes\n").expect("recipes").1, begin)
}

/// The one block in `language` on the page.
fn block(language: &str) -> &'static str {
    let begin = format!("\n```{language}\n");
    let mut blocks = GATE.split(&begin).skip(1);
    let (program, _) = blocks.next().and_then(|rest| rest.split_once("```\n")).expect("a block");
    assert!(blocks.next().is_none(), "one block in {language}");
    program
}

/// Directory that `cargo xtask test` installed; `None`, and said so, without it.
fn installed(variable: &str) -> Option<PathBuf> {
    let directory = env::var_os(variable).map(PathBuf::from);
    if directory.is_none() {
        skipped(&format!("${variable} (`cargo xtask test` installs it)"));
    }
    directory
}

/// What the command prints in a shell of the home that finds claviger and `programs`.
fn printed(home: &Home, programs: &Path, command: &str) -> String {
    let claviger = binary("claviger");
    let path = format!(
        "{}:{}:/usr/local/bin:/usr/bin:/bin",
        programs.display(),
        claviger.parent().expect("a directory").display()
    );
    let mut shell = home.command(Path::new("timeout"));
    let output = shell.args(["120", "sh", "-c", command]).env("PATH", path).output().expect("it runs");
    let (said, errors) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{command}: {said}{errors}");
    assert!(!format!("{said}{errors}").contains(CANARY), "{said}{errors}");
    said
}

#[test]
fn claude_code_and_curl() {
    let api = Messages::start();
    let home = api.home();
    let _daemon = home.daemon();
    let tools = home.script("tools/claude", TOOL);
    let tools = tools.parent().expect("a directory");
    let said = printed(&home, tools, &recipe("claviger exec --gate -- claude"));
    assert!(said.contains("greetings") && said.contains("ANTHROPIC_BASE_URL=http://localhost"), "{said}");
    let said = printed(&home, tools, &recipe("claviger exec --gate -- sh"));
    let answer: Value = serde_json::from_str(&said).expect("the API's own answer");
    assert_eq!(answer["error"]["type"], "not_found_error");
    let paths: Vec<_> = api.api.requests().iter().map(|request| request.path.clone()).collect();
    assert_eq!(paths, ["/v1/messages", "/v1/models"]);
}

/// The program over TCP has no line about gates; the one on the page uses the socket.
#[test]
fn the_library_for_python() {
    let Some(venv) = installed("CLAVIGER_TEST_VENV") else { return };
    let api = Messages::start();
    let home = api.home();
    let _daemon = home.daemon();
    let bin = venv.join("bin");
    let program = home.write("work/over_socket.py", block("python"));
    let said = printed(&home, &bin, &format!("claviger exec --gate -- python {} m", program.display()));
    assert_eq!(said, "greetings\n");
    let plain = block("python").lines().filter(|line| !line.starts_with("transport"));
    let plain =
        plain.map(|line| line.replace("http_client=anthropic.DefaultHttpxClient(transport=transport)", ""));
    let plain = plain.collect::<Vec<_>>().join("\n").replace("sys.argv[1]", "'m'");
    home.write("work/my_program.py", &plain);
    assert_eq!(printed(&home, &bin, &recipe("claviger exec --gate=tcp -- python")), "greetings\n");
}

#[test]
fn the_library_for_javascript() {
    let Some(npm) = installed("CLAVIGER_TEST_NPM") else { return };
    let api = Messages::start();
    let home = api.home();
    let _daemon = home.daemon();
    let program = home.write("work/over_socket.mjs", block("javascript"));
    let packages = home.path("work/node_modules");
    std::os::unix::fs::symlink(npm.join("node_modules"), &packages).expect("a link");
    let said = printed(&home, &npm, &format!("claviger exec --gate -- node {} m", program.display()));
    assert_eq!(said, "greetings\n");
    let plain = block("javascript").replace("{ fetch: overSocket }", "").replace("process.argv[2]", "'m'");
    home.write("work/my_program.mjs", &plain);
    assert_eq!(printed(&home, &npm, &recipe("claviger exec --gate=tcp -- node")), "greetings\n");
    fs::remove_file(packages).expect("removed");
}

#[test]
fn bubblewrap_without_a_network() {
    if !Path::new("/usr/bin/bwrap").exists() {
        return skipped("the Debian package bubblewrap");
    }
    let api = Messages::start();
    let home = api.home();
    let _daemon = home.daemon();
    let script = format!("! curl --silent {} || exit 9\n{TOOL}", api.api.url);
    let tools = home.script("tools/claude", &script);
    let said =
        printed(&home, tools.parent().expect("a directory"), &recipe("claviger share sandbox --gate -- sh"));
    assert!(said.contains("greetings") && said.contains("ANTHROPIC_UNIX_SOCKET=/mnt/api.sock"), "{said}");
    assert_eq!(api.asked(), 1, "nothing but the gate is reached");
}

/// Variables that `share --gate` sets for its command, but for the path of the socket.
fn shared_variables(home: &Home) -> Vec<(String, String)> {
    let said = home.ok(&["share", "named", "--gate", "--", "env"]);
    let pairs = said.lines().filter_map(|line| line.split_once('='));
    let ours = pairs.filter(|(name, _)| name.starts_with("ANTHROPIC_"));
    ours.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

#[test]
fn a_dev_container_and_docker_have_the_socket_and_the_variables_of_the_share() {
    let api = Messages::start();
    let home = api.home();
    let _daemon = home.daemon();
    let json: Value = serde_json::from_str(block("json")).expect("JSON");
    let here = home.path("run").display().to_string();
    let share = json["initializeCommand"].as_str().expect("a command");
    let socket = printed(&home, Path::new("/usr/bin"), share);
    let mount = json["mounts"][0].as_str().expect("a mount").replace("${localEnv:XDG_RUNTIME_DIR}", &here);
    let part = |name: &str| mount.split(',').find_map(|part| part.strip_prefix(name)).expect("a part");
    assert_eq!((part("source="), part("type=")), (socket.trim_end(), "bind"));
    let container = json["containerEnv"].as_object().expect("variables");
    let docker = command(CONTAINERS, "docker run --volume \"$(claviger share box --gate)\"");
    let variables = shared_variables(&home);
    assert_eq!(variables.len(), container.len(), "{variables:?}");
    for (name, value) in variables {
        let value = if name == "ANTHROPIC_UNIX_SOCKET" { part("target=") } else { &value };
        assert_eq!(container[&name], value, "{name}");
        assert!(docker.contains(&format!("--env {name}={value}")), "{name}: {docker}");
    }
    assert!(docker.contains(&format!(":{} ", part("target="))), "{docker}");
}

/// `gate_share` sends requests through a real ssh; the page names the right socket for it.
#[test]
fn ssh_leads_to_the_socket_of_the_share() {
    let api = Messages::start();
    let home = api.home();
    let _daemon = home.daemon();
    let page = command(CONTAINERS, "claviger share far --gate -- ssh");
    // A program in the place of ssh prints what it would forward.
    let tools = home.script("tools/ssh", r#"echo "$2 $ANTHROPIC_UNIX_SOCKET""#);
    let said = printed(&home, tools.parent().expect("a directory"), &page);
    let (forwarded, socket) = said.trim_end().split_once(' ').expect("two words");
    assert_eq!(forwarded.split_once(':').expect("two paths").1, socket);
}
