//! Situations of ordinary life: cron, `su`, a logout, a full disk. In each of them every verb gives the right answer, or says in
//! words what is in the way and what helps.

use claviger_tests::{CANARY, Home, is_root, skipped, text};
use std::{
    fs,
    os::unix::fs::{DirBuilderExt as _, PermissionsExt as _, chown, symlink},
    process::{Command, Output, Stdio},
};

/// What is right.
#[derive(Clone, Copy, Debug)]
enum Right {
    /// The answer.
    Answer,
    /// This exit code, with this in the words.
    Words(i32, &'static str),
    /// An answer where nothing has to be kept, and else these words.
    NothingKept(&'static str),
}

use Right::{Answer, NothingKept, Words};

/// A session that differs from others.
struct Session {
    /// Run by a shell as root in a mount namespace before the client, with the home as `$H`.
    prepare: String,
    /// Variables that are set, or taken away.
    variables: Vec<(&'static str, Option<String>)>,
    /// Whether a daemon was started by an ordinary session.
    is_running: bool,
}

type Situation = (&'static str, Right, fn(&Home) -> Session);

fn plain() -> Session {
    Session { prepare: String::new(), variables: Vec::new(), is_running: false }
}

fn with(variables: &[(&'static str, &str)]) -> Session {
    let variables = variables.iter().map(|(name, value)| (*name, Some((*value).to_owned()))).collect();
    Session { variables, ..plain() }
}

fn without(names: &[&'static str]) -> Session {
    Session { variables: names.iter().map(|name| (*name, None)).collect(), ..plain() }
}

fn prepared(prepare: &str) -> Session {
    Session { prepare: prepare.to_owned(), ..plain() }
}

fn beside(session: Session) -> Session {
    Session { is_running: true, ..session }
}

fn at(home: &Home, below: &str) -> String {
    home.path(below).display().to_string()
}

/// A directory below the home that belongs to another user.
fn of_another(home: &Home) -> String {
    fs::create_dir(home.path("theirs")).expect("made");
    chown(home.path("theirs"), Some(4242), Some(4242)).expect("given away");
    at(home, "theirs")
}

const RUNTIME: &str = "XDG_RUNTIME_DIR";
const READ_ONLY: &str = "mount --bind \"$H/home\" \"$H/home\" && mount -o remount,bind,ro \"$H/home\"";

const SITUATIONS: &[Situation] = &[
    ("a desktop", Answer, |_| plain()),
    ("a desktop beside another terminal", Answer, |_| beside(plain())),
    ("cron", Answer, |_| without(&[RUNTIME, "USER"])),
    ("cron beside a desktop", Answer, |_| beside(without(&[RUNTIME, "USER"]))),
    ("no HOME", Words(8, "HOME is not set"), |_| without(&["HOME"])),
    ("no HOME beside a desktop", Words(3, "HOME is not set"), |_| beside(without(&["HOME"]))),
    ("neither HOME nor a runtime directory", Words(8, "neither HOME nor XDG_RUNTIME_DIR"), |_| {
        without(&["HOME", RUNTIME])
    }),
    ("a relative HOME", Words(8, "HOME is not set"), |_| with(&[("HOME", "home")])),
    ("no PATH", Answer, |_| without(&["PATH"])),
    ("an empty PATH", Answer, |_| with(&[("PATH", "")])),
    ("an empty runtime directory", Answer, |_| beside(with(&[(RUNTIME, "")]))),
    ("a relative runtime directory", Answer, |_| beside(with(&[(RUNTIME, "run")]))),
    ("tmux after a logout", Answer, |home| with(&[(RUNTIME, &at(home, "gone"))])),
    ("tmux after a logout, beside a daemon", Answer, |home| beside(with(&[(RUNTIME, &at(home, "gone"))]))),
    ("a runtime directory that is a file", Answer, |home| with(&[(RUNTIME, &at(home, "key.sh"))])),
    ("another runtime directory", Answer, |home| beside(with(&[(RUNTIME, &at(home, "home"))]))),
    ("su, with the runtime directory of another", Words(8, "belongs to uid 4242"), |home| {
        with(&[(RUNTIME, &of_another(home))])
    }),
    ("su, beside a daemon of one's own", Answer, |home| beside(with(&[(RUNTIME, &of_another(home))]))),
    ("a runtime directory that is too deep", Words(8, "107 bytes"), |home| {
        let deep = at(home, &"a".repeat(100));
        fs::create_dir(&deep).expect("made");
        with(&[(RUNTIME, &deep)])
    }),
    ("sudo -u, with the variables of another", Words(8, "belongs to uid"), |_| Session {
        prepare: "set -- setpriv --reuid 4242 --regid 4242 --clear-groups \"$@\"".into(),
        ..beside(plain())
    }),
    ("a second config directory", Answer, |home| with(&[("XDG_CONFIG_HOME", &at(home, "work"))])),
    ("a second directory of Claude Code", Words(3, "nothing provides a credential"), |home| {
        with(&[("CLAUDE_CONFIG_DIR", &at(home, "work"))])
    }),
    ("another state directory beside a daemon", Answer, |home| {
        beside(with(&[("XDG_STATE_HOME", &at(home, "work"))]))
    }),
    ("ssh with an agent", Answer, |_| with(&[("SSH_AUTH_SOCK", "/tmp/ssh-x/agent.1")])),
    ("ssh without one, in another language", Answer, |_| {
        beside(with(&[("LANG", "de_DE.UTF-8"), ("TERM", "dumb"), ("SSH_TTY", "/dev/pts/9")]))
    }),
    ("a TMPDIR that is gone", Answer, |_| with(&[("TMPDIR", "/tmp/gone")])),
    ("a dead bus", Answer, |_| with(&[("DBUS_SESSION_BUS_ADDRESS", "unix:path=/tmp/gone")])),
    ("a dead socket", Answer, |home| {
        home.daemon().kill();
        plain()
    }),
    ("a start that was killed", Answer, |home| {
        let run = home.path("run/claviger");
        fs::DirBuilder::new().mode(0o700).create(&run).expect("made");
        fs::write(run.join("start.lock"), "").expect("written");
        plain()
    }),
    ("a damaged lock file", Answer, |home| {
        fs::DirBuilder::new().mode(0o700).recursive(true).create(home.seat()).expect("made");
        fs::write(home.seat().join("claviger.lock"), "1\n/tmp/nowhere\n").expect("written");
        plain()
    }),
    ("a named socket without a daemon", Words(8, "that socket was named"), |_| {
        with(&[("CLAVIGER_SOCK", "/tmp/gone/claviger.sock")])
    }),
    ("a relative socket", Words(8, "must be an absolute path"), |_| {
        with(&[("CLAVIGER_SOCK", "claviger.sock")])
    }),
    ("the usual socket by name", Answer, |home| {
        with(&[("CLAVIGER_SOCK", home.socket().to_str().expect("UTF-8"))])
    }),
    ("a broken configuration", Words(4, "config.toml:1"), |home| {
        home.write("home/.config/claviger/config.toml", "[daemon\n");
        plain()
    }),
    ("a home that is a symlink", Answer, |home| {
        symlink(home.path("home"), home.path("link")).expect("a symlink");
        with(&[("HOME", &at(home, "link"))])
    }),
    ("a read-only home", NothingKept("read-only"), |_| prepared(READ_ONLY)),
    ("a read-only home without a runtime directory", Words(8, "cannot be created"), |_| Session {
        prepare: READ_ONLY.into(),
        ..without(&[RUNTIME])
    }),
    ("a full disk", NothingKept("no space left"), |home| {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(home.path("home/.local/state"))
            .expect("made");
        let fill = "mount -t tmpfs -o size=4k,mode=700 tmpfs \"$H/home/.local/state\" && \
            ! cat /dev/zero > \"$H/home/.local/state/full\" 2> /dev/null";
        prepared(fill)
    }),
    ("no /proc", Words(8, "without /proc"), |_| prepared("mount -t tmpfs tmpfs /proc")),
    ("no /proc beside a daemon", Answer, |_| Session {
        prepare: "mount -t tmpfs tmpfs /proc".into(),
        ..beside(plain())
    }),
    ("hidepid=2", Answer, |_| prepared("mount -t proc -o hidepid=2 proc /proc")),
    ("few descriptors", Answer, |_| prepared("ulimit -S -n 24")),
    ("a loose umask", Answer, |_| prepared("umask 000")),
    ("no entry in /etc/passwd", Answer, |_| prepared("mount --bind /dev/null /etc/passwd")),
    ("a socket that was removed", Answer, |_| Session {
        prepare: "rm -f \"$H/run/claviger/claviger.sock\"".into(),
        ..beside(plain())
    }),
    ("no standard input", Answer, |_| prepared("exec <&-")),
    ("a PID namespace beside a daemon", Answer, |_| Session {
        prepare: "set -- unshare --pid --fork --mount-proc \"$@\"".into(),
        ..beside(plain())
    }),
    ("a working directory that is gone", Words(2, "working directory"), |_| {
        prepared("mkdir -p \"$H/left\" && cd \"$H/left\" && rmdir \"$H/left\"")
    }),
    ("an empty /run and /dev/shm", Answer, |_| {
        prepared("mount -t tmpfs tmpfs /run && mount -t tmpfs tmpfs /dev/shm")
    }),
    ("no network", Answer, |_| prepared("set -- unshare --net \"$@\"")),
];

fn verb(home: &Home, session: &Session, words: &[&str]) -> Output {
    let inner = home.claviger(words);
    let mut command = Command::new("/usr/bin/unshare");
    command.args(["--mount", "/bin/sh", "-c"]);
    let go = "H=$0; PATH=/usr/sbin:/usr/bin:/sbin:/bin; export H PATH";
    let unset = "unset H; if [ \"$P\" = none ]; then unset PATH; else PATH=$P; fi; unset P; exec \"$@\"";
    let prepare = if session.prepare.is_empty() { ":" } else { &session.prepare };
    command.arg(format!("{go}; {prepare} || exit 99; {unset}")).arg(home.path("")).arg(inner.get_program());
    command.args(inner.get_args()).env_clear().current_dir(home.path("work")).stdin(Stdio::null());
    command.envs(inner.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.env("P", "/usr/bin:/bin");
    for (name, value) in &session.variables {
        match (*name, value) {
            ("PATH", None) => command.env("P", "none"),
            ("PATH", Some(value)) => command.env("P", value),
            (name, Some(value)) => command.env(name, value),
            (name, None) => command.env_remove(name),
        };
    }
    command.output().expect("unshare runs")
}

/// What is wrong with an outcome, if something is.
fn judge(words: &[&str], right: Right, output: &Output) -> Option<String> {
    let (said, errors) = (text(&output.stdout), text(&output.stderr));
    let (all, code) = (format!("{said}{errors}"), output.status.code());
    let is_doctor = words[0] == "doctor";
    let keeps = matches!(words[0], "lock" | "logout");
    let is_right = match right {
        _ if all.contains("panicked") => false,
        Words(3, _) if words[0] != "token" => matches!(code, Some(0 | 4 | 9)),
        // What locks and unlocks asks for no session.
        Words(2, _) if matches!(words[0], "lock" | "unlock") => code == Some(0),
        Words(2, words) if is_doctor => code == Some(2) && errors.contains(words),
        // It starts none, so it cannot say why none starts.
        Words(..) if words[0] == "status" && errors.contains("no daemon answers") => code == Some(8),
        Words(_, words) if is_doctor => code == Some(4) && all.contains(words),
        Words(right, words) => code == Some(right) && errors.contains(words),
        NothingKept(words) if keeps => code == Some(0) || errors.contains(words),
        Answer | NothingKept(_) if is_doctor => {
            matches!(code, Some(0 | 4 | 9)) && !all.contains("error daemon")
        }
        Answer | NothingKept(_) if words[0] == "token" => code == Some(0) && said.starts_with(CANARY),
        Answer | NothingKept(_) => code == Some(0),
    };
    (!is_right).then(|| format!("{words:?} is to be {right:?}, and was {code:?}: {all}"))
}

fn live((name, right, session): Situation) -> Vec<String> {
    let mut home = Home::new();
    home.set("AWS_EC2_METADATA_DISABLED", "true");
    let script = home.script("key.sh", &format!("echo {CANARY}key"));
    home.user_settings(&script, &[]);
    fs::set_permissions(home.path(""), fs::Permissions::from_mode(0o711)).expect("mode");
    let session = session(&home);
    let daemon = session.is_running.then(|| home.daemon());
    let verbs: [&[&str]; 6] =
        [&["token"], &["status"], &["doctor", "--offline"], &["lock"], &["unlock"], &["logout", "--all"]];
    let wrong: Vec<_> =
        verbs.iter().filter_map(|words| judge(words, right, &verb(&home, &session, words))).collect();
    verb(&home, &session, &["--no-start", "daemon", "stop"]);
    drop(daemon);
    wrong.into_iter().map(|wrong| format!("{name}: {wrong}")).collect()
}

#[test]
fn every_situation_has_the_right_answer_or_the_right_words() {
    if !is_root() {
        return skipped("root");
    }
    assert!(SITUATIONS.len() >= 40);
    // To look at one.
    let only = std::env::var("CLAVIGER_SITUATION").ok();
    let wanted: Vec<_> =
        SITUATIONS.iter().filter(|(name, ..)| only.as_deref().is_none_or(|only| only == *name)).collect();
    let wrong: Vec<_> = std::thread::scope(|scope| {
        let shares: Vec<_> = wanted
            .chunks(wanted.len().div_ceil(6))
            .map(|share| scope.spawn(|| share.iter().flat_map(|it| live(**it)).collect::<Vec<_>>()))
            .collect();
        shares.into_iter().flat_map(|share| share.join().expect("no panic")).collect()
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
