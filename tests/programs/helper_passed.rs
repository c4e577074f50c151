//! `pass_environment`: variables of a session that reach its commands because the user names them.

use claviger::{client::Client, proto::v1, reason::Reason, wire};
use claviger_tests::{CANARY, Home, answers::secret, block_on, raw::Raw, text, watch::Watch};
use std::{fs, os::unix::fs::PermissionsExt as _, process::Output};

const CONFIG: &str = "home/.config/claviger/config.toml";

/// A home whose helper prints what it sees of two variables, and notes each run.
fn home() -> Home {
    let home = Home::new();
    let runs = home.path("key.runs").display().to_string();
    let body = format!("echo run >> '{runs}'\necho {CANARY}key-${{MYCORP_ROLE:-none}}-${{OTHER:-none}}");
    home.user_settings(&home.script("key.sh", &body), &[]);
    home
}

fn pass(home: &Home, names: &str) {
    home.replace(CONFIG, &format!("[settings]\npass_environment = {names}\n"));
}

fn with(home: &Home, variables: &[(&str, &str)], arguments: &[&str]) -> Output {
    home.claviger(arguments).envs(variables.iter().copied()).output().expect("claviger runs")
}

#[track_caller]
fn token(home: &Home, variables: &[(&str, &str)]) -> String {
    let output = with(home, variables, &["token"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stdout).trim_end().to_owned()
}

#[test]
fn what_is_named_reaches_a_helper_and_keeps_sessions_apart() {
    let home = home();
    let role = format!("{CANARY}role");
    let work = [("MYCORP_ROLE", role.as_str()), ("OTHER", "other")];
    pass(&home, r#"["MYCORP_*"]"#);
    let _daemon = home.daemon();
    for _ in 0..2 {
        assert_eq!(token(&home, &work), format!("{CANARY}key-{role}-none"));
        assert_eq!(token(&home, &[("MYCORP_ROLE", "admin")]), format!("{CANARY}key-admin-none"));
        // What is empty is not set, and what is not named makes no difference.
        assert_eq!(token(&home, &[("MYCORP_ROLE", ""), ("OTHER", "x")]), format!("{CANARY}key-none-none"));
    }
    assert_eq!(home.runs("key"), 3);
    let status = home.status();
    let rows = status["entries"].as_array().expect("entries");
    assert_eq!(rows.len(), 3);
    assert!(rows.iter().all(|row| row["apart"].to_string().contains("MYCORP_ROLE")), "{status}");
    let tried = text(&with(&home, &work, &["explain", "--try"]).stdout);
    assert!(tried.contains("MYCORP_ROLE") && !tried.contains("OTHER"), "{tried}");
    let doctor = with(&home, &work, &["doctor", "--offline"]);
    let explained = with(&home, &work, &["explain", "--json"]);
    for shown in [status.to_string(), tried, text(&doctor.stdout), text(&explained.stdout)] {
        assert!(!shown.contains(CANARY), "{shown}");
    }
    let file = fs::metadata(home.path("run/claviger/passed")).expect("there");
    assert_eq!(file.permissions().mode() & 0o777, 0o600);
}

#[test]
fn what_loads_other_code_or_is_claviger_s_own_is_an_error_with_its_place() {
    let home = home();
    let _daemon = home.daemon();
    for entry in [
        "PATH",
        "LD_PRELOAD",
        "LD_*",
        "DYLD_X",
        "PYTHONPATH",
        "NODE_OPTIONS",
        "BASH_ENV",
        "IFS",
        "CLAVIGER_*",
        "ANTHROPIC_API_KEY",
        "*",
        "A*",
        "MY CORP",
    ] {
        home.replace(
            CONFIG,
            &format!("[settings]\npass_environment = [\n  \"MYCORP_*\",\n  \"{entry}\",\n]\n"),
        );
        let said = home.fails(4, &["token"]);
        assert!(said.contains(&format!("{CONFIG}:4:3: entry 2 of pass_environment is")), "{entry}: {said}");
        let doctor = home.run(&["doctor", "--offline"]);
        assert!(text(&doctor.stdout).contains("config.toml:4:3"), "{entry}: {}", text(&doctor.stdout));
    }
    for (text, place) in [
        ("[settings]\npass_environment = \"A\"\n", "2:20"),
        ("[settings.directory.\"/x\"]\npass_environment = [\"A\"]\n", "2:1"),
        ("[settings]\npass_environment = [\"A_*\"]\n[trust]\nharmless = [\"A_B\"]\n", "4:13"),
    ] {
        home.replace(CONFIG, text);
        let said = home.fails(4, &["token"]);
        assert!(said.contains(&format!("{CONFIG}:{place}")), "{text}: {said}");
    }
    assert_eq!(home.runs("key"), 0);
}

#[test]
fn no_repository_passes_anything_on() {
    let home = home();
    fs::create_dir_all(home.path("work/.git")).expect("directory");
    let text = r#"{"pass_environment": ["OTHER"], "settings": {"pass_environment": ["OTHER"]}}"#;
    for file in ["work/.claude/settings.json", "work/.claude/settings.local.json"] {
        home.write(file, text);
    }
    home.write("work/.config/claviger/config.toml", "[settings]\npass_environment = [\"OTHER\"]\n");
    let _daemon = home.daemon();
    assert_eq!(token(&home, &[("OTHER", "x")]), format!("{CANARY}key-none-none"));
    // A tool that takes over what an ignored file sets has it in its environment.
    pass(&home, r#"["MYCORP_*"]"#);
    home.write("work/.claude/settings.json", r#"{"env": {"MYCORP_ROLE": "evil"}}"#);
    let digest = home.digest(&[]);
    home.ok(&["trust", "ignore", "--digest", &digest]);
    let refused = with(&home, &[("MYCORP_ROLE", "evil")], &["token"]);
    let said = claviger_tests::text(&refused.stderr);
    assert!(refused.status.code() == Some(4) && said.contains("MYCORP_ROLE"), "{said}");
    assert_eq!(token(&home, &[]), format!("{CANARY}key-none-none"));
}

#[test]
fn a_change_counts_for_the_next_question_of_every_client() {
    let mut home = home();
    let _daemon = home.daemon();
    home.set("MYCORP_ROLE", "admin");
    home.set("OTHER", "x");
    let key = |role: &str, other: &str| format!("{CANARY}key-{role}-{other}");
    let watch = Watch::start(&home, &[]);
    watch.issued(&key("none", "none"));
    block_on(async {
        let mut client = Client::connect(&home.socket()).await.expect("it listens");
        let session = home.session();
        for (names, role, other) in [
            ("[]", "none", "none"),
            (r#"["MYCORP_ROLE"]"#, "admin", "none"),
            (r#"["OTHER", "MYCORP_ROLE", "OTHER"]"#, "admin", "x"),
            (r#"["OTHER"]"#, "none", "x"),
            ("[]", "none", "none"),
        ] {
            pass(&home, names);
            let lease = client.get(&session, None).await.expect("a credential");
            assert_eq!(secret(&lease), key(role, other), "{names}");
            if names != "[]" {
                watch.issued(&key(role, other));
            }
        }
    });
    assert!(!home.path("run/claviger/passed").exists());
    // The first after a change, whichever verb it is, and many at once.
    for verb in [&["explain", "--try"][..], &["refresh"], &["get"], &["doctor", "--offline"]] {
        pass(&home, r#"["MYCORP_*"]"#);
        home.ok(verb);
        pass(&home, "[]");
        home.ok(verb);
    }
    let runs = home.runs("key");
    pass(&home, r#"["MYCORP_*", "OTHER"]"#);
    for output in home.herd(24, &["token"]) {
        assert_eq!(text(&output.stdout), format!("{}\n", key("admin", "x")), "{}", text(&output.stderr));
    }
    assert!(home.runs("key") <= runs + 1, "{} runs", home.runs("key") - runs);
}

#[test]
fn callers_of_elsewhere_choose_nothing_and_a_share_keeps_what_it_had() {
    let mut home = home();
    pass(&home, r#"["MYCORP_*", "OTHER"]"#);
    home.set("MYCORP_ROLE", "admin");
    home.set("OTHER", "x");
    let _daemon = home.daemon();
    home.ok(&["token"]);
    let lent = [("MYCORP_ROLE".to_owned(), "evil".to_owned())];
    let passed = Some(v1::Passed { names: vec!["MYCORP_*".into(), "OTHER".into()] });
    block_on(async {
        let raw = Raw::open(&home.socket()).await;
        for session in [
            v1::SessionContext { passed: passed.clone(), ..Default::default() },
            v1::SessionContext { lent: lent.clone().into(), ..Default::default() },
        ] {
            let refused = wire::from_status(&raw.get(session).await.expect_err("refused"));
            assert_eq!(refused.reason, Reason::ForeignCaller, "{refused}");
        }
        assert!(raw.get(v1::SessionContext::default()).await.is_ok());
        // A near caller with names that are not the user's is told so, and one that names a loader is told more.
        let client = Client::connect(&home.socket()).await.expect("it listens");
        for (names, variable, reason) in [
            (&["MYCORP_*"][..], "MYCORP_ROLE", Reason::StaleSession),
            (&["MYCORP_*", "OTHER"], "UNNAMED", Reason::MalformedRequest),
            (&["LD_*"], "LD_PRELOAD", Reason::MalformedRequest),
            (&["LD_*"], "LD_AUDIT", Reason::StaleSession),
            (&["*"], "MYCORP_ROLE", Reason::MalformedRequest),
        ] {
            let passed = v1::Passed { names: names.iter().map(|&name| name.to_owned()).collect() };
            let mut session = home.session().to_proto();
            (session.passed, session.lent) = (Some(passed), [(variable.to_owned(), "v".to_owned())].into());
            let message = v1::GetCredentialRequest { session: Some(session), ..Default::default() };
            let asked = client.credentials().get_credential(claviger::client::request(message)).await;
            assert_eq!(wire::from_status(&asked.expect_err("refused")).reason, reason, "{names:?}");
        }
    });
    let socket = home.ok(&["share"]).trim_end().to_owned();
    let share = |home: &Home| home.ok(&["--socket", &socket, "token"]).trim_end().to_owned();
    assert_eq!(share(&home), format!("{CANARY}key-admin-x"));
    // It goes on without what the user takes back.
    pass(&home, r#"["OTHER"]"#);
    assert_eq!(share(&home), format!("{CANARY}key-none-x"));
}

#[test]
fn a_variable_that_cannot_be_passed_on_is_an_error_and_another_program_s_file_is_refused() {
    let home = home();
    pass(&home, r#"["MYCORP_*"]"#);
    let _daemon = home.daemon();
    for value in ["work\r", &"x".repeat(40_000)] {
        let refused = with(&home, &[("MYCORP_ROLE", value)], &["token"]);
        let said = text(&refused.stderr);
        // The first question learns the names, and the second is about the value.
        assert!(refused.status.code() == Some(2) && said.contains("MYCORP_ROLE"), "{said}");
    }
    let many: Vec<_> = (0..65).map(|number| format!("MYCORP_{number}")).collect();
    let many: Vec<_> = many.iter().map(|name| (name.as_str(), "x")).collect();
    assert!(text(&with(&home, &many, &["token"]).stderr).contains("more than 64 variables"));
    let file = home.path("run/claviger/passed");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).expect("mode");
    let said = home.fails(4, &["token"]);
    assert!(said.contains("0600") && said.contains(&format!("mv -- {}", file.display())), "{said}");
    assert_eq!(home.runs("key"), 0);
}
