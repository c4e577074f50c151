//! `awsAuthRefresh`: run on demand only, once for everybody, seen by everybody, and never in a loop. Against an SSO portal
//! that no longer knows the token.

use claviger::{
    client::{Client, request},
    proto::v1::{CancelRequest, ListPendingRequest, Pending},
};
use claviger_tests::{
    CANARY, Home, block_on, mark, processes,
    stand_in::{Response, StandIn},
    text,
    wait::{holds_within, until},
    watch::Watch,
};
use serde_json::json;
use std::{
    process::{Child, Stdio},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// The file of the token: its name is the SHA-1 of the start URL.
pub(crate) const TOKEN: &str = "home/.aws/sso/cache/e8be5486177c5b5392bd9aa76563515b29358e6e.json";
const START_URL: &str = "https://example.awsapps.com/start";
/// What every terminal has to show.
pub(crate) const LINK: &str = "https://device.sso.example/?code=ABCD-EFGH";

/// An SSO portal that takes the token "good", and an STS that takes whatever it gave.
pub(crate) fn portal(lifetime: Duration) -> StandIn {
    StandIn::start(move |request| match request.path.as_str() {
        "/federation/credentials" if request.header("x-amz-sso_bearer_token") == "good" => {
            let expiry = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970") + lifetime;
            Response::json(json!({"roleCredentials": {
                "accessKeyId": "AKIAGOOD", "secretAccessKey": format!("{CANARY}secret"),
                "sessionToken": format!("{CANARY}token"),
                "expiration": u64::try_from(expiry.as_millis()).expect("soon"),
            }}))
        }
        "/federation/credentials" => {
            let refusal = Response::error(401, json!({"message": "Session token not found or invalid"}));
            refusal.header("x-amzn-errortype", "UnauthorizedException")
        }
        _ => Response::new(
            200,
            "<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>a</Arn><UserId>u</UserId>\
             <Account>1</Account></GetCallerIdentityResult></GetCallerIdentityResponse>",
        ),
    })
}

/// A Bedrock session of a person whose sign-in is over, with `login` as awsAuthRefresh.
pub(crate) fn signed_out(portal: &StandIn) -> Home {
    let mut home = Home::new();
    let config = format!(
        "[profile work]\nregion = eu-west-1\nsso_start_url = {START_URL}\nsso_region = eu-west-1\n\
         sso_account_id = 111122223333\nsso_role_name = dev\n"
    );
    home.write("home/.aws/config", &config);
    keep_token(&home, "stale");
    home.set("AWS_PROFILE", "work");
    home.set("AWS_EC2_METADATA_DISABLED", "true");
    home.set("AWS_ENDPOINT_URL_SSO", &portal.url);
    home.set("AWS_ENDPOINT_URL_STS", &portal.url);
    home.set("CLAUDE_CODE_USE_BEDROCK", "1");
    home
}

pub(crate) fn keep_token(home: &Home, token: &str) {
    let text = json!({
        "accessToken": token, "expiresAt": "2099-01-01T00:00:00Z", "startUrl": START_URL, "region": "eu-west-1",
    });
    home.write(TOKEN, &text.to_string());
}

/// Sets awsAuthRefresh to a script that counts its runs.
pub(crate) fn sign_in_by(home: &Home, script: &str) {
    let counted = format!("echo run >> '{}'\n{script}", home.path("logins").display());
    let settings = json!({"awsAuthRefresh": home.script("login.sh", &counted)});
    home.write("home/.claude/settings.json", &settings.to_string());
}

/// A script that shows a link, waits until `go` exists, and leaves a good token.
fn shows_link_and_signs_in(home: &Home) -> String {
    format!(
        "echo 'open {LINK}'\necho waiting >&2\nwhile [ ! -e '{}' ]; do sleep 0.05; done\nsed -i s/stale/good/ '{}'",
        home.path("go").display(),
        home.path(TOKEN).display()
    )
}

pub(crate) fn logins(home: &Home) -> usize {
    home.read("logins").lines().count()
}

pub(crate) fn pending(home: &Home) -> Vec<Pending> {
    block_on(async {
        let client = Client::connect(&home.socket()).await.expect("a daemon");
        let answer = client.inspect().list_pending(request(ListPendingRequest {})).await.expect("an answer");
        answer.into_inner().pending
    })
}

fn cancel(home: &Home) -> u32 {
    block_on(async {
        let client = Client::connect(&home.socket()).await.expect("a daemon");
        let answer = client.control().cancel(request(CancelRequest { id: String::new() })).await;
        answer.expect("an answer").into_inner().cancelled
    })
}

pub(crate) fn start(home: &Home, arguments: &[&str]) -> Child {
    let mut command = home.claviger(arguments);
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("claviger runs")
}

fn requests(home: &Home) -> u64 {
    home.status()["counters"]["waits"].as_u64().expect("a number")
}

#[test]
fn a_hundred_sessions_share_one_sign_in_and_all_see_it() {
    let _turn = claviger_tests::turn::take();
    let portal = portal(Duration::from_secs(3600));
    let mut home = signed_out(&portal);
    sign_in_by(&home, &shows_link_and_signs_in(&home));
    let _daemon = home.daemon();
    let mut sessions: Vec<Child> =
        (0..90).map(|_| start(&home, &["get", "--json", "--show-secret"])).collect();
    // Ten in another terminal, and region: their entry is another one, the person who signs in is not.
    home.set("AWS_REGION", "us-west-2");
    sessions.extend((0..10).map(|_| start(&home, &["get", "--json", "--show-secret"])));
    until("a hundred sessions wait", || requests(&home) >= 100);
    until("it waits for the person", || pending(&home).iter().any(|run| run.waiting == 2));
    let run = pending(&home).remove(0);
    assert!(run.lines.iter().any(|line| line.contains(LINK)), "{run:?}");
    // Every session has been told by now, or is told before its answer.
    home.write("go", "");
    for session in sessions {
        let output = session.wait_with_output().expect("ends");
        let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
        assert!(output.status.success() && stdout.contains("\"aws-chain\""), "{stdout}{stderr}");
        assert!(stderr.contains(LINK), "every terminal shows the link: {stderr:?}");
    }
    assert_eq!(logins(&home), 1);
    assert!(pending(&home).is_empty());
}

#[test]
fn nobody_is_troubled_while_nobody_asks() {
    let portal = portal(Duration::from_secs(3));
    let home = signed_out(&portal);
    keep_token(&home, "good");
    sign_in_by(&home, "exit 1");
    let _daemon = home.daemon();
    let watch = Watch::start(&home, &[]);
    watch.until("a credential", |event| event["event"] == "issued");
    keep_token(&home, "stale");
    // Refreshed ahead, refused, expired: all of that without a session that waits.
    watch.told("human-needed", "login-required");
    assert!(pending(&home).iter().any(|one| one.problem.is_some()));
    until("the credential has expired", || home.ok(&["status"]).contains("expired"));
    let asked = portal.count("/federation/credentials");
    // The pauses between failures double, from ten seconds on.
    let tried_again = || portal.count("/federation/credentials") > asked;
    assert!(holds_within(Duration::from_secs(120), tried_again), "it has not been tried again");
    assert_eq!(logins(&home), 0, "no session asked");
    // A session that asks wakes it at once, whatever the pause after the failures.
    drop(home.fails(6, &["get"]));
    assert_eq!(logins(&home), 1);
}

#[test]
fn a_person_who_says_no_is_not_asked_again_and_again() {
    let portal = portal(Duration::from_secs(3600));
    let home = signed_out(&portal);
    sign_in_by(&home, "echo no >&2; exit 1");
    let _daemon = home.daemon();
    let outputs = home.herd(20, &["get"]);
    for output in &outputs {
        assert_eq!(output.status.code(), Some(6), "{}", text(&output.stderr));
        assert!(text(&output.stderr).contains("awsAuthRefresh"), "{}", text(&output.stderr));
    }
    for _ in 0..10 {
        assert!(!home.run(&["get"]).status.success());
    }
    assert_eq!(logins(&home), 1);
    // A person who asks for it is past every pause.
    assert!(!home.run(&["refresh"]).status.success());
    assert_eq!(logins(&home), 2);
    sign_in_by(&home, &format!("sed -i s/stale/good/ '{}'", home.path(TOKEN).display()));
    home.ok(&["refresh"]);
    assert!(home.ok(&["get"]).contains("aws-chain"));
}

#[test]
fn a_sign_in_that_changes_nothing_is_not_repeated() {
    let portal = portal(Duration::from_secs(3600));
    let home = signed_out(&portal);
    sign_in_by(&home, "exit 0");
    let _daemon = home.daemon();
    let first = text(&home.run(&["get"]).stderr);
    assert!(first.contains("the credentials are as before"), "{first}");
    for _ in 0..10 {
        assert!(!home.run(&["get"]).status.success());
    }
    assert_eq!(logins(&home), 1);
}

#[test]
fn cancelling_ends_the_command_with_all_its_processes() {
    let portal = portal(Duration::from_secs(3600));
    let home = signed_out(&portal);
    let nap = mark::nap();
    sign_in_by(&home, &format!("echo 'open {LINK}'\nsleep {nap} & sleep {nap}"));
    let _daemon = home.daemon();
    let session = start(&home, &["get"]);
    until("the command waits", || processes(&nap).len() == 2);
    until("it is pending", || pending(&home).iter().any(|run| !run.lines.is_empty()));
    assert_eq!(cancel(&home), 1);
    let output = session.wait_with_output().expect("ends");
    assert!(!output.status.success());
    assert!(text(&output.stderr).contains("cancelled"), "{}", text(&output.stderr));
    until("no process is left", || processes(&nap).is_empty());
    assert_eq!(cancel(&home), 0);
    assert!(!home.run(&["get"]).status.success());
    assert_eq!(logins(&home), 1, "what a person cancelled does not come back by itself");
}

#[test]
fn a_session_that_leaves_or_dies_does_not_end_the_sign_in() {
    let portal = portal(Duration::from_secs(3600));
    let home = signed_out(&portal);
    sign_in_by(&home, &shows_link_and_signs_in(&home));
    let _daemon = home.daemon();
    let mut first = start(&home, &["get"]);
    until("it waits for the person", || !pending(&home).is_empty());
    first.kill().expect("kill");
    first.wait().expect("wait");
    home.write("go", "");
    assert!(home.ok(&["get"]).contains("aws-chain"));
    assert_eq!(logins(&home), 1);
}

/// How many connections the daemon has.
fn connections(home: &Home) -> usize {
    let (all, socket) = (std::fs::read_to_string("/proc/net/unix").expect("sockets"), home.socket());
    let of = all.lines().filter(|line| line.ends_with(socket.to_str().expect("UTF-8")));
    of.filter(|line| line.split_whitespace().nth(5) == Some("03")).count()
}

#[test]
fn a_session_that_left_before_opens_no_browser() {
    let home = Home::new();
    let asked = home.path("asked");
    let slow = format!(
        "touch '{}'; while [ ! -e '{}' ]; do sleep 0.05; done; exit 1",
        asked.display(),
        home.path("go").display()
    );
    let login = format!("echo run >> '{}'", home.path("logins").display());
    let settings = json!({"awsCredentialExport": slow, "awsAuthRefresh": login, "env": {"CLAUDE_CODE_USE_BEDROCK": "1"}});
    home.write("home/.claude/settings.json", &settings.to_string());
    let _daemon = home.daemon();
    let mut session = start(&home, &["get"]);
    until("the export runs", || asked.exists());
    session.kill().expect("kill");
    session.wait().expect("wait");
    until("the daemon knows that it left", || connections(&home) == 0);
    let watch = Watch::start(&home, &[]);
    home.write("go", "");
    watch.told("human-needed", "login-required");
    assert_eq!(logins(&home), 0);
    // Who comes next is not held up.
    drop(home.fails(6, &["get"]));
    assert_eq!(logins(&home), 1);
}

#[test]
fn valid_credentials_trouble_nobody_and_an_unreachable_sts_neither() {
    let portal = portal(Duration::from_secs(3600));
    let mut home = signed_out(&portal);
    keep_token(&home, "good");
    sign_in_by(&home, "exit 1");
    let _daemon = home.daemon();
    home.ok(&["get"]);
    // A port without a listener: the answer is not no.
    home.set("AWS_ENDPOINT_URL_STS", "http://127.0.0.1:9");
    home.ok(&["get"]);
    assert_eq!(logins(&home), 0);
}

#[test]
fn an_untrusted_workspace_cannot_sign_anybody_in() {
    let portal = portal(Duration::from_secs(3600));
    let home = signed_out(&portal);
    let settings = json!({"awsAuthRefresh": home.script("login.sh", &format!("touch '{}'", home.path("ran").display()))});
    home.write("work/.claude/settings.json", &settings.to_string());
    let _daemon = home.daemon();
    let refused = home.fails(4, &["get"]);
    assert!(refused.contains("is not trusted yet"), "{refused}");
    assert!(!holds_within(Duration::from_millis(100), || home.path("ran").exists()));
    assert_eq!(portal.requests().len(), 0, "and nothing was asked");
}
