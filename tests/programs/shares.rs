//! Shares: what a container, a sandbox or a remote machine gets instead of the daemon's own socket.

use claviger::{client::Client, proto::v1::StorePlace};
use claviger_tests::{
    CANARY, Home,
    accounts::{log_out, save},
    block_on,
    far::Far,
    secret, skipped,
    sshd::Sshd,
    text, wait,
};
use serde_json::Value;
use std::{
    fs,
    os::unix::fs::MetadataExt as _,
    path::Path,
    process::{Command, Stdio},
    thread,
    time::Duration,
};

/// A home with a helper that prints another key each time.
fn home() -> Home {
    let home = Home::new();
    home.user_settings(&home.counting_helper("key", 0.0), &[]);
    home
}

/// Makes a share; the path of its socket.
fn share(home: &Home, arguments: &[&str]) -> String {
    home.ok(&[&["share"], arguments].concat()).trim_end().to_owned()
}

/// The names of the shares that there are.
fn names(home: &Home) -> Vec<String> {
    let list: Value = serde_json::from_str(&home.ok(&["share", "list", "--json"])).expect("JSON");
    let shares = list["shares"].as_array().expect("a list");
    shares.iter().map(|share| share["name"].as_str().expect("a name").to_owned()).collect()
}

#[test]
fn a_container_borrows_what_is_shared_and_nothing_else() {
    let home = home();
    let _daemon = home.daemon();
    let socket = share(&home, &["box"]);
    let Some(far) = Far::new(&home, Path::new(&socket)) else { return };
    assert_eq!(far.ok(&["token"]), home.ok(&["token"]));
    assert!(far.ok(&["get", "--headers"]).contains("x-api-key"));
    let shown = far.ok(&["get"]);
    assert!(
        shown.contains("api-key-helper") && !shown.contains(&home.path("").display().to_string()),
        "{shown}"
    );

    let inline = r#"{"apiKeyHelper":"id > /tmp/evil; echo x"}"#;
    for arguments in
        [&["token", "--settings", inline][..], &["aws"], &["get", "--mode", "managed"], &["token", "--bare"]]
    {
        assert!(far.fails(5, arguments).contains("claviger: "), "{arguments:?}");
    }
    for arguments in [
        &["status"][..],
        &["explain"],
        &["trust", "list"],
        &["lock"],
        &["daemon", "stop"],
        &["share", "list"],
        &["gate", "list"],
        &["exec", "--gate", "--", "true"],
    ] {
        let said = far.fails(2, arguments);
        assert!(said.contains("it belongs to a share"), "{arguments:?}: {said}");
    }
    // Nor as another account, whatever its environment says.
    let mut named = far.command(&["env", "CLAVIGER_ACCOUNT=work", "/mnt/bin/claviger", "token"]);
    let named = named.output().expect("it runs");
    assert_eq!(named.status.code(), Some(5), "{}", text(&named.stderr));
    // What its own environment has is not asked for, and not used.
    let mut own = far.command(&["env", "ANTHROPIC_API_KEY=sk-far", "/mnt/bin/claviger", "token"]);
    assert!(text(&own.output().expect("it runs").stdout).starts_with(CANARY));
    // A directory that is gone is of no matter there.
    let script = "mkdir /mnt/gone && cd /mnt/gone && rmdir /mnt/gone && exec /mnt/bin/claviger token";
    let gone = far.command(&["sh", "-c", script]).output().expect("it runs");
    assert!(text(&gone.stdout).starts_with(CANARY), "{}", text(&gone.stderr));

    assert!(home.ok(&["status"]).contains("1 share lends to others"));
    assert!(home.ok(&["audit"]).contains("share box"), "{}", home.ok(&["audit"]));
    home.ok(&["share", "stop", "box"]);
    let said = text(&far.command(&["true"]).output().expect("it runs").stderr);
    assert!(!said.is_empty(), "its socket is gone");
    assert_eq!(home.runs("key"), 1);
}

#[test]
fn a_share_that_ends_while_it_is_mounted_is_told_and_not_replaced() {
    let home = home();
    let _daemon = home.daemon();
    let socket = share(&home, &["box"]);
    let Some(far) = Far::new(&home, Path::new(&socket)) else { return };
    let wait =
        "/mnt/bin/claviger token >&2; echo; read go; /mnt/bin/claviger token; echo $?; ls /mnt/home /mnt/s";
    let mut inside = far.command(&["sh", "-c", wait]);
    let mut inside =
        inside.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it runs");
    wait::until("it has borrowed", || home.runs("key") == 1);
    home.ok(&["share", "stop", "box"]);
    wait::until("it has ended", || names(&home).is_empty());
    drop(inside.stdin.take().map(|mut pipe| std::io::Write::write_all(&mut pipe, b"go\n")));
    let output = inside.wait_with_output().expect("it ends");
    let said = text(&output.stdout);
    assert_eq!(
        said.split_whitespace().collect::<Vec<_>>(),
        ["8", "/mnt/home:", "/mnt/s:", "c.sock"],
        "{said}"
    );
    assert!(text(&output.stderr).contains("no daemon answers on /mnt/s/c.sock"), "{}", text(&output.stderr));
}

#[test]
fn a_watch_of_a_share_ends_with_it() {
    let home = home();
    let _daemon = home.daemon();
    for json in [false, true] {
        let socket = share(&home, &["box"]);
        let mut watch = home.claviger(if json { &["--json", "get", "--watch"] } else { &["get", "--watch"] });
        watch.env("CLAVIGER_SOCK", &socket).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut watch = watch.spawn().expect("it runs");
        let mut first = [0];
        std::io::Read::read_exact(watch.stdout.as_mut().expect("stdout"), &mut first).expect("a credential");
        home.ok(&["share", "stop", "box"]);
        let output = watch.wait_with_output().expect("it ends");
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(8), "{said}");
        assert!(said.contains("the daemon ended the stream") || said.contains("no daemon answers"), "{said}");
    }
}

#[test]
fn bubblewrap_gets_the_socket_and_no_home() {
    let home = home();
    let _daemon = home.daemon();
    if !Path::new("/usr/bin/bwrap").exists() {
        return skipped("the Debian package bubblewrap");
    }
    let client = claviger_tests::binary("claviger").display().to_string();
    let root = home.path("").display().to_string();
    let script = format!(
        "exec bwrap --ro-bind / / --dev /dev --proc /proc --tmpfs {root} --tmpfs /mnt \
         --bind $CLAVIGER_SOCK /mnt/c.sock --ro-bind {client} /mnt/claviger --unshare-all --clearenv \
         --setenv CLAVIGER_SOCK /mnt/c.sock /mnt/claviger token"
    );
    // The recipe of docs/containers.md: the share ends with the sandbox.
    let output = home.run(&["share", "sandbox", "--", "sh", "-c", &script]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_eq!(text(&output.stdout), home.ok(&["token"]));
    wait::until("the share has ended", || names(&home).is_empty());
}

#[cfg(target_os = "linux")]
/// A filter of system calls as Claude Code's sandbox has one: no socket of the family AF_UNIX, and everything else.
fn no_unix_sockets(error: i32) -> Vec<u8> {
    const LOAD: u16 = 0x20;
    const EQUALS: u16 = 0x15;
    const RETURN: u16 = 0x06;
    let errno = 0x0005_0000 | u32::try_from(error).expect("a number");
    let socket = u32::try_from(nix::libc::SYS_socket).expect("a number");
    // Where struct seccomp_data has the number of the call and the lower half of its first argument.
    let program = [
        (LOAD, 0, 0, 0),
        (EQUALS, 0, 3, socket),
        (LOAD, 0, 0, 16),
        (EQUALS, 0, 1, 1),
        (RETURN, 0, 0, errno),
        (RETURN, 0, 0, 0x7fff_0000_u32),
    ];
    let bytes = |(code, yes, no, value): (u16, u8, u8, u32)| {
        [&code.to_ne_bytes()[..], &[yes, no], &value.to_ne_bytes()].concat()
    };
    program.into_iter().flat_map(bytes).collect()
}

#[test]
#[cfg(target_os = "linux")]
fn a_sandbox_that_forbids_unix_sockets_is_told_as_that() {
    if !Path::new("/usr/bin/bwrap").exists() {
        return skipped("the Debian package bubblewrap");
    }
    let home = home();
    let _daemon = home.daemon();
    for error in [nix::libc::EPERM, nix::libc::EAFNOSUPPORT] {
        let filter = home.path("filter");
        fs::write(&filter, no_unix_sockets(error)).expect("written");
        let mut sandbox = home.claviger(&[]);
        let client = sandbox.get_program().to_owned();
        let variables: Vec<_> = sandbox
            .get_envs()
            .filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned())))
            .collect();
        sandbox = Command::new("sh");
        sandbox.args(["-c", "exec bwrap --dev-bind / / --seccomp 9 \"$0\" token 9< \"$FILTER\""]).arg(client);
        sandbox.env_clear().envs(variables).env("FILTER", &filter).current_dir(home.path("work"));
        let output = sandbox.output().expect("it runs");
        let said = text(&output.stderr);
        assert_eq!((output.status.code(), text(&output.stdout).as_str()), (Some(8), ""), "{said}");
        for part in [
            "this process may not use Unix sockets",
            "sandbox.network.allowAllUnixSockets",
            "allowUnixSockets",
            "[permissions.NAME.network.unix_sockets]",
        ] {
            assert!(said.contains(part), "{part}: {said}");
        }
    }
}

#[test]
fn a_real_ssh_carries_a_share_to_another_machine() {
    let home = home();
    let _daemon = home.daemon();
    let Some(sshd) = Sshd::start(&home) else { return };
    let (socket, far) = (share(&home, &["far"]), home.path("far.sock").display().to_string());
    let client = claviger_tests::binary("claviger").display().to_string();
    let token = format!("env -i CLAVIGER_SOCK={far} {client} token");
    // Twice: the socket that the first one left is replaced (StreamLocalBindUnlink).
    for _ in 0..2 {
        let (code, stdout, stderr) = sshd.forwarded(&far, &socket, &token);
        assert_eq!((code, stdout), (Some(0), home.ok(&["token"])), "{stderr}");
    }
    let evil = format!(
        r#"env -i CLAVIGER_SOCK={far} {client} token --settings '{{"apiKeyHelper":"id > /tmp/evil"}}'"#
    );
    assert_eq!(sshd.forwarded(&far, &socket, &evil).0, Some(5));
    // The daemon's own socket, forwarded: foreign, since the cookie stays here.
    let main = home.socket().display().to_string();
    let (code, _, stderr) = sshd.forwarded(&far, &main, &format!("env -i CLAVIGER_SOCK={far} {client} lock"));
    assert_eq!(code, Some(5), "{stderr}");
    // What the last connection left there leads nowhere, and nothing is started in its place.
    let dead =
        Command::new(&client).args(["token"]).env_clear().env("CLAVIGER_SOCK", &far).output().expect("runs");
    assert_eq!((dead.status.code(), text(&dead.stdout).as_str()), (Some(8), ""));
    assert_eq!(home.runs("key"), 1);
}

#[test]
fn a_share_ends_with_its_command_its_parent_its_time_or_a_stop() {
    let home = home();
    let daemon = home.daemon();
    let code = home.run(&["share", "a", "--", "sh", "-c", "test -S $CLAVIGER_SOCK; exit 3"]).status.code();
    assert_eq!(code, Some(3));
    let client = claviger_tests::binary("claviger").display().to_string();
    let mut shell = Command::new("sh");
    shell.arg("-c").arg(format!("{client} share b; {client} share list"));
    let shell_of_home = home.claviger(&[]);
    shell.env_clear().envs(shell_of_home.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let listed = shell.current_dir(home.path("work")).output().expect("it runs");
    assert!(text(&listed.stdout).contains("b.sock"), "{}", text(&listed.stderr));
    home.ok(&["share", "c", "--ttl", "1s"]);
    let socket = share(&home, &["d"]);
    home.ok(&["share", "stop", "d"]);
    assert!(!Path::new(&socket).exists());
    wait::until("all have ended", || names(&home).is_empty());
    let left = fs::read_dir(home.path("run/claviger/share")).expect("a directory").count();
    assert_eq!(left, 0, "no socket is left");
    let socket = share(&home, &["e"]);
    assert!(daemon.terminate().success());
    assert!(!Path::new(&socket).exists(), "it ends with the daemon");
}

#[test]
fn a_share_goes_on_over_a_handover_with_the_same_socket() {
    let home = home();
    let daemon = home.daemon_copy();
    let socket = share(&home, &["box"]);
    let token = || home.run(&["--socket", &socket, "token"]);
    let (first, inode) = (token(), fs::metadata(&socket).expect("a socket").ino());
    block_on(async {
        let mut watch = Client::connect(Path::new(&socket)).await.expect("connected");
        let mut watch = watch.watch(&home.session()).await.expect("watched");
        watch.next().await.expect("an event").expect("a credential");
        home.replace_daemon(b"another");
        home.ok(&["daemon", "restart"]);
        home.ok(&["refresh"]);
        watch.next().await.expect("it goes on").expect("the next credential");
    });
    assert_eq!(fs::metadata(&socket).expect("a socket").ino(), inode);
    assert_eq!(names(&home), ["box"]);
    assert_ne!(text(&token().stdout), text(&first.stdout), "the one after the refresh");
    home.ok(&["share", "stop", "box"]);
    assert_eq!(token().status.code(), Some(8));
    drop(daemon);
}

#[test]
fn a_share_whose_socket_goes_has_another_as_soon_as_it_can() {
    let home = home();
    let daemon = home.daemon();
    let socket = share(&home, &["box"]);
    let lends = || text(&home.run(&["--socket", &socket, "token"]).stdout).contains(CANARY);
    assert!(lends());
    fs::remove_file(&socket).expect("removed");
    wait::until("there is another", lends);
    // Until then it looks again by itself.
    thread::sleep(Duration::from_millis(300));
    fs::rename(home.path("run/claviger"), home.path("moved")).expect("moved");
    wait::until("there is another directory", lends);
    // After a logout there is no directory, and none can be made.
    fs::rename(home.path("run"), home.path("gone")).expect("moved");
    fs::write(home.path("run"), "").expect("a file");
    wait::until("it is said", || home.ok(&["share", "list"]).contains("(gone; it returns"));
    assert_eq!(names(&home), ["box"]);
    fs::remove_file(home.path("run")).expect("removed");
    fs::create_dir(home.path("run")).expect("made");
    wait::until("the next login has it", lends);
    assert!(!home.ok(&["share", "list"]).contains("gone"));
    home.ok(&["share", "stop", "box"]);
    assert!(!Path::new(&socket).exists());
    drop(daemon);
}

#[test]
fn a_share_of_an_account_is_not_one_of_another_by_that_name() {
    let home = Home::new();
    let daemon = home.daemon();
    let keep = |name: &str, key: &str| save(&home, name, &secret(key), StorePlace::File).expect("saved");
    keep("work", "one");
    let socket = share(&home, &["box", "--account", "work"]);
    let borrowed = || home.run(&["--socket", &socket, "token"]);
    assert_eq!(text(&borrowed().stdout), format!("{}\n", secret("one")));
    // The same account with another secret, and other accounts beside it, before and after a handover.
    keep("work", "two");
    keep("other", "three");
    assert_eq!(text(&borrowed().stdout), format!("{}\n", secret("two")));
    home.ok(&["daemon", "restart"]);
    assert_eq!(text(&borrowed().stdout), format!("{}\n", secret("two")));
    log_out(&home, "work").expect("out");
    assert_eq!(borrowed().status.code(), Some(4));
    keep("work", "four");
    let refused = borrowed();
    let said = text(&refused.stderr);
    assert!(refused.status.code() == Some(5) && said.contains("another account"), "{said}");
    assert_eq!(text(&refused.stdout), "");
    home.ok(&["daemon", "restart"]);
    assert_eq!(borrowed().status.code(), Some(5));
    let again = share(&home, &["again", "--account", "work"]);
    assert_eq!(home.ok(&["--socket", &again, "token"]), format!("{}\n", secret("four")));
    drop(daemon);
}

#[test]
fn what_cannot_be_shared_is_refused_when_it_is_made() {
    let mut home = home();
    let _daemon = home.daemon();
    for (arguments, code, words) in [
        (&["share", "a/b"][..], 2, "not a valid name"),
        (&["share", &"x".repeat(300)], 2, "not a valid name"),
        (&["share", "a", "--account", "absent"], 4, "there is no account absent"),
        (&["share", "a", "--ttl", "0s"], 2, "ttl"),
        (&["share", "a", "--backend", "vertex", "--cwd", "/nowhere"], 2, "/nowhere"),
    ] {
        let said = home.fails(code, arguments);
        assert!(said.contains(words), "{arguments:?}: {said}");
    }
    share(&home, &["taken"]);
    assert!(home.fails(2, &["share", "taken"]).contains("claviger share stop taken"));
    home.set("ANTHROPIC_API_KEY", "sk-of-this-terminal");
    assert!(home.fails(5, &["share", "mine"]).contains("ANTHROPIC_API_KEY"));
    assert_eq!(names(&home), ["taken"]);
}
