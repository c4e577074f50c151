//! `cargo xtask demo`: the real daemon, the real client and a real helper script, in a temporary home.
//!
//! Every marked sentence is checked; a false one makes the demo fail.

mod claims;

use crate::{
    programs::{self, Profile},
    sh::{self, wait_for},
    stage::{Helper, Pace, Stage, all_at_once, err, out},
};
use claims::Claims;
use std::{
    io::{BufRead as _, BufReader},
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, channel},
    thread,
    time::{Duration, Instant},
};

const SESSIONS: usize = 20;
/// A simulated password manager that takes a while; keys that change while a stream watches.
const PACE: Pace = Pace { helper: Duration::from_secs(1), ttl: Duration::from_secs(6) };
/// Exit code of the client when only a person can help.
const NEEDS_HUMAN: i32 = 4;
/// Longest wait for the rotation; it is due after the TTL.
const PATIENCE: Duration = Duration::from_secs(40);

pub(crate) fn run(arguments: &[String]) -> sh::Result {
    if let Some(argument) = arguments.first() {
        return Err(format!("demo takes no arguments, not even {argument}").into());
    }
    println!(
        "Building clavigerd, clavigerd-fetch and claviger: cargo names each crate. The first build takes some minutes …"
    );
    let stage = Stage::new(programs::build(Profile::Dev)?)?;
    println!(
        "A temporary home with a helper that takes {} s and prints a new key on every run, valid for {} s.",
        PACE.helper.as_secs(),
        PACE.ttl.as_secs()
    );
    let mut claims = Claims::default();
    let helper = stage.own_helper(PACE)?;
    let first = herd(&stage, &mut claims, &helper)?;
    if first.is_empty() {
        claims.show("tail clavigerd.log", &stage.daemon_log());
        return claims.end();
    }
    why(&stage, &mut claims)?;
    stranger(&stage, &mut claims)?;
    rotation(&stage, &mut claims, &helper, &first)?;
    hook(&stage, &mut claims)?;
    screen(&stage, &mut claims)?;
    account(&stage, &mut claims, &helper)?;
    stop(stage, &mut claims)?;
    claims.end()
}

/// Twenty processes, no daemon: one is started, the helper runs once, all get the same key.
fn herd(stage: &Stage, claims: &mut Claims, helper: &Helper) -> sh::Result<String> {
    claims.scene(&format!("{SESSIONS} sessions ask for a token at the same time; no daemon is running"));
    let start = Instant::now();
    let outputs = all_at_once((0..SESSIONS).map(|_| stage.command(&stage.project(), &["token"])).collect())?;
    let took = start.elapsed();
    let tokens: Vec<String> = outputs.iter().map(out).filter(|token| !token.is_empty()).collect();
    if let Some(failed) = outputs.iter().find(|output| !output.status.success()) {
        claims.show("claviger token", &err(failed));
    }
    let first = tokens.first().cloned().unwrap_or_default();
    claims.claim(
        tokens.len() == SESSIONS,
        &format!("{} got one, after {:.2} s in all", tokens.len(), took.as_secs_f64()),
    );
    claims.claim(
        tokens.len() == SESSIONS && tokens.iter().all(|token| *token == first),
        &format!("all the same: {first}"),
    );
    claims.claim(helper.runs() == 1, &format!("the helper {}", ran(helper.runs())));
    let daemons = stage.daemons();
    claims.claim(daemons.len() == 1, &format!("one daemon serves them: {}", pids(&daemons)));
    let start = Instant::now();
    let again = stage.claviger(&stage.project(), &["token"])?;
    let text =
        format!("the next session gets it from memory, in {:.0} ms", start.elapsed().as_secs_f64() * 1000.0);
    claims.claim(out(&again) == first && helper.runs() == 1, &text);
    Ok(first)
}

/// The daemon explains itself.
fn why(stage: &Stage, claims: &mut Claims) -> sh::Result {
    claims.scene("Which credential, from which source, and why not another one");
    for verb in ["explain", "status"] {
        let output = stage.claviger(&stage.project(), &[verb])?;
        claims.show(&format!("claviger {verb}"), &format!("{}{}", out(&output), err(&output)));
        let shown = output.status.success()
            && out(&output).contains("api-key-helper")
            && !out(&output).contains("sk-own");
        claims.claim(shown, "it names the source, and shows no secret");
    }
    Ok(())
}

/// A repository with its own helper is refused until a person agrees to exactly that.
fn stranger(stage: &Stage, claims: &mut Claims) -> sh::Result {
    claims.scene("A cloned repository has its own helper");
    let planted = stage.planted_helper(PACE)?;
    let directory = stage.clone_of_a_stranger();
    let refused = stage.claviger(&directory, &["token"])?;
    claims.show("claviger token", &err(&refused));
    claims.claim(
        refused.status.code() == Some(NEEDS_HUMAN) && out(&refused).is_empty(),
        "refused, with the next step",
    );
    claims.claim(planted.runs() == 0, &format!("the planted helper {}", ran(planted.runs())));
    let seen = stage.claviger(&directory, &["trust", "show", "--json"])?;
    // As in a script: it trusts what a person has reviewed.
    let seen = out(&seen);
    let digest = seen.split("\"digest\": \"").nth(1).and_then(|rest| rest.split('"').next());
    let grant = stage.claviger(&directory, &["trust", "grant", "--digest", digest.unwrap_or_default()])?;
    claims.show("claviger trust grant --digest …", &format!("{}{}", out(&grant), err(&grant)));
    let granted = stage.claviger(&directory, &["token"])?;
    let shown = if granted.status.success() { out(&granted) } else { err(&granted) };
    claims.claim(shown.starts_with("sk-planted-1"), &format!("after the grant it runs: {shown}"));
    claims.claim(planted.runs() == 1, &format!("the planted helper {}", ran(planted.runs())));
    Ok(())
}

/// Claude Code borrows through its own hook, and the doctor looks at everything.
fn hook(stage: &Stage, claims: &mut Claims) -> sh::Result {
    claims.scene("Claude Code borrows by itself, and the doctor has a look");
    let settings = stage.home().join("home/.claude/settings.json");
    let before = std::fs::read(&settings)?;
    for (arguments, is_changed) in
        [(&["hook", "install", "claude", "--yes"], true), (&["hook", "remove", "claude", "--yes"], false)]
    {
        let output = stage.claviger(&stage.project(), arguments)?;
        claims
            .show(&format!("claviger {}", arguments.join(" ")), &format!("{}{}", out(&output), err(&output)));
        let text = if is_changed {
            "its apiKeyHelper is claviger now"
        } else {
            "the file is as before, to the byte"
        };
        claims.claim(output.status.success() && (std::fs::read(&settings)? != before) == is_changed, text);
    }
    let output = stage.claviger(&stage.project(), &["doctor", "--offline"])?;
    claims.show("claviger doctor --offline", &format!("{}{}", out(&output), err(&output)));
    claims.claim(
        !out(&output).is_empty() && !out(&output).contains("sk-own"),
        "it names what it found, and shows no secret",
    );
    Ok(())
}

/// The live screen, in a terminal of its own.
fn screen(stage: &Stage, claims: &mut Claims) -> sh::Result {
    claims.scene("The live screen: claviger status --watch");
    let socket = stage.home().join("tmux");
    let tmux = |arguments: &[&str]| {
        let mut tmux = Command::new("tmux");
        tmux.env_clear().envs(stage.environment()).current_dir(stage.project());
        sh::capture(tmux.args(["-u", "-f", "/dev/null", "-S"]).arg(&socket).args(arguments))
    };
    if !sh::exists("tmux") {
        claims.show("claviger status --watch", "not shown: it takes tmux to show a screen in this text");
        return Ok(());
    }
    let program = stage.command(&stage.project(), &[]).get_program().to_string_lossy().into_owned();
    tmux(&["new-session", "-d", "-x", "90", "-y", "18", &format!("'{program}' status --watch")])?;
    let shown = wait_for(PATIENCE, || {
        let screen = out(&tmux(&["capture-pane", "-p"]).ok()?);
        screen.contains("api-key-helper").then_some(screen)
    });
    claims.show("claviger status --watch", shown.as_deref().unwrap_or_default());
    tmux(&["kill-server"])?;
    claims.claim(shown.is_some(), "it follows every credential, and q leaves it");
    Ok(())
}

/// A session on a managed host gets only a login; without one it is refused.
fn account(stage: &Stage, claims: &mut Claims, helper: &Helper) -> sh::Result {
    claims
        .scene("A session in a remote container: no helper, no key of the environment, only a saved account");
    let remote = |arguments: &[&str]| {
        let mut command = stage.command(&stage.project(), arguments);
        command.env("CLAUDE_CODE_REMOTE", "true").env("ANTHROPIC_API_KEY", "sk-own-of-the-container");
        sh::capture(&mut command)
    };
    let refused = remote(&["token"])?;
    claims.show("CLAUDE_CODE_REMOTE=true claviger token", &err(&refused));
    let is_refused = refused.status.code() == Some(NEEDS_HUMAN) && out(&refused).is_empty();
    claims.claim(is_refused, "refused: not logged in");
    let kept = sh::feed(&mut stage.command(&stage.project(), &["login", "demo", "--token"]), "sk-kept-1\n")?;
    claims.show("claviger login demo --token", &format!("{}{}", out(&kept), err(&kept)));
    let before = helper.runs();
    let lent = remote(&["token"])?;
    claims.claim(
        out(&lent) == "sk-kept-1" && helper.runs() == before,
        &format!("it gets the account's token, and the helper does not run: {}", out(&lent)),
    );
    let left = stage.claviger(&stage.project(), &["logout", "demo"])?;
    claims.show("claviger logout demo", &format!("{}{}", out(&left), err(&left)));
    let is_gone = left.status.success() && remote(&["token"])?.status.code() == Some(NEEDS_HUMAN);
    claims.claim(is_gone, "after the logout nothing is left to lend");
    Ok(())
}

/// A watching session receives the next key without asking for it.
fn rotation(stage: &Stage, claims: &mut Claims, helper: &Helper, first: &str) -> sh::Result {
    claims.scene(&format!(
        "Keys are valid for {} s here: a session watches one being replaced",
        PACE.ttl.as_secs()
    ));
    let before = helper.runs();
    let (mut watch, lines) = watch(stage)?;
    let mut seen: Vec<String> = Vec::new();
    let rotated = wait_for(PATIENCE, || {
        seen.extend(lines.try_iter());
        (helper.runs() > before && seen.len() > 1).then(|| helper.runs())
    });
    watch.kill()?;
    watch.wait()?;
    claims.show("claviger get --watch", &seen.join("\n"));
    claims.claim(
        rotated.is_some(),
        "the helper ran again before a session asked, and the watcher got the new key",
    );
    let start = Instant::now();
    let now = out(&stage.claviger(&stage.project(), &["token"])?);
    let took = start.elapsed();
    claims.claim(!now.is_empty() && now != first, &format!("every session now gets {now}"));
    let text = format!("no session waited for it: {:.0} ms", took.as_secs_f64() * 1000.0);
    claims.claim(took < PACE.helper, &text);
    Ok(())
}

fn watch(stage: &Stage) -> sh::Result<(Child, Receiver<String>)> {
    let mut command = stage.command(&stage.project(), &["get", "--watch"]);
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
    let (sender, receiver) = channel();
    let stdout = child.stdout.take().ok_or("watch has no stdout")?;
    thread::spawn(move || {
        BufReader::new(stdout).lines().map_while(Result::ok).try_for_each(|line| sender.send(line))
    });
    Ok((child, receiver))
}

/// The daemon ends when asked to, and nothing stays behind.
fn stop(stage: Stage, claims: &mut Claims) -> sh::Result {
    claims.scene("The end");
    let output = stage.claviger(&stage.project(), &["daemon", "stop"])?;
    claims.show("claviger daemon stop", &format!("{}{}", out(&output), err(&output)));
    let gone = wait_for(Duration::from_secs(10), || stage.daemons().is_empty().then_some(()));
    claims.claim(output.status.success() && gone.is_some(), "the daemon is gone");
    let home = stage.home().to_owned();
    drop(stage);
    claims.claim(!home.exists(), &format!("and so is {}", home.display()));
    Ok(())
}

fn ran(count: usize) -> String {
    match count {
        0 => "did not run".into(),
        1 => "ran once".into(),
        more => format!("ran {more} times"),
    }
}

fn pids(daemons: &[u32]) -> String {
    match daemons {
        [] => "none found".into(),
        some => some.iter().map(|pid| format!("process {pid}")).collect::<Vec<_>>().join(", "),
    }
}
