//! Trust over the API: what is shown, decided, listed and forgotten, and what a decision covers.

use crate::daemon::Inside;
use claviger::{
    client::Client,
    proto::v1::{self, TrustDecision, trust_item::Change},
    reason::{Problem, Reason},
    session::SessionContext,
};
use claviger_tests::{
    CANARY,
    answers::{refused, secret},
};

const FILE: &str = "work/.claude/settings.json";

fn settings(helper: &str, url: &str) -> String {
    format!(
        "{{\n\"apiKeyHelper\": \"{helper}\",\n\"env\": {{\"ANTHROPIC_BASE_URL\": \"{url}\", \"ANTHROPIC_API_KEY\": \"\"}}}}"
    )
}

async fn describe(client: &Client, session: &SessionContext) -> v1::Workspace {
    let request = v1::DescribeWorkspaceRequest { session: Some(session.to_proto()) };
    let answer = client.trust().describe_workspace(request).await.expect("described");
    answer.into_inner().workspace.expect("a workspace")
}

async fn decide(
    client: &Client,
    session: &SessionContext,
    digest: &str,
    decision: TrustDecision,
) -> Result<v1::Workspace, Problem> {
    let (session, digest) = (Some(session.to_proto()), digest.to_owned());
    let request = v1::DecideTrustRequest { session, digest, decision: decision.into(), agent: false };
    match client.trust().decide_trust(request).await {
        Ok(answer) => Ok(answer.into_inner().workspace.expect("a workspace")),
        Err(status) => Err(refused::<()>(Err(status))),
    }
}

async fn list(client: &Client) -> Vec<v1::TrustRecord> {
    client.trust().list_trust(v1::ListTrustRequest {}).await.expect("a list").into_inner().records
}

fn changes(workspace: &v1::Workspace) -> Vec<(&str, Change)> {
    workspace.items.iter().map(|item| (item.name.as_str(), item.change())).collect()
}

#[tokio::test]
async fn a_decision_covers_exactly_what_was_shown() {
    let daemon = Inside::start();
    let (session, mut client) = (daemon.session(), daemon.client().await);
    let project = daemon.home.counting_helper("project", 0.0).display().to_string();
    let user = daemon.home.counting_helper("user", 0.0);
    daemon.home.user_settings(&user, &[]);
    daemon.home.write(FILE, &settings(&project, "https://gw.example"));
    let problem = client.get(&session, None).await.expect_err("untrusted");
    assert_eq!((problem.reason, problem.location.map(|at| at.line)), (Reason::WorkspaceUntrusted, Some(3)));

    let seen = describe(&client, &session).await;
    assert_eq!((seen.decision(), seen.decided_at), (TrustDecision::Unspecified, None));
    let names = ["apiKeyHelper", "env.ANTHROPIC_API_KEY", "env.ANTHROPIC_BASE_URL"];
    assert_eq!(changes(&seen), names.map(|name| (name, Change::Added)));
    assert_eq!((seen.items[0].value.as_str(), seen.items[0].command), (project.as_str(), true));
    assert_eq!(seen.items[1].value, "", "what a repository wrote is shown");
    assert_eq!(seen.items[0].location.as_ref().expect("a place").line, 2);

    for wrong in ["", "0", &seen.digest[1..], &seen.digest.to_uppercase()] {
        let problem = decide(&client, &session, wrong, TrustDecision::Trusted).await.expect_err("refused");
        assert_eq!(problem.reason, Reason::WorkspaceUntrusted, "{wrong}");
    }
    assert!(list(&client).await.is_empty());
    let decided = decide(&client, &session, &seen.digest, TrustDecision::Trusted).await.expect("decided");
    assert_eq!(decided.decision(), TrustDecision::Trusted);
    assert_eq!(changes(&decided), names.map(|name| (name, Change::None)));
    let lease = client.get(&session, None).await.expect("a lease");
    assert_eq!((secret(&lease), lease.origin.as_str()), ("sk-canary-project-1", "https://gw.example"));

    // One byte more, and nothing is decided; the old value is shown beside the new one.
    daemon.home.replace(FILE, &settings(&format!("{project} "), "https://gw.example"));
    assert_eq!(client.get(&session, None).await.expect_err("untrusted").reason, Reason::WorkspaceUntrusted);
    let again = describe(&client, &session).await;
    assert_eq!(changes(&again)[0], ("apiKeyHelper", Change::Modified));
    assert_eq!(
        (again.items[0].previous.as_str(), again.decision()),
        (project.as_str(), TrustDecision::Unspecified)
    );
    let stale = decide(&client, &session, &seen.digest, TrustDecision::Trusted).await.expect_err("changed");
    assert_eq!(stale.reason, Reason::WorkspaceUntrusted);
    assert_eq!((daemon.home.runs("project"), daemon.home.runs("user")), (1, 0));

    // A file planted in mid-session needs a decision of its own.
    daemon.home.replace(FILE, &settings(&project, "https://gw.example"));
    client.get(&session, None).await.expect("as decided");
    daemon.home.write("work/.claude/settings.local.json", "{\"awsAuthRefresh\": \"evil\"}");
    assert_eq!(client.get(&session, None).await.expect_err("untrusted").reason, Reason::WorkspaceUntrusted);
    daemon.end().await;
}

#[tokio::test]
async fn ignored_workspaces_leave_the_user_their_own_and_can_be_forgotten() {
    let daemon = Inside::start();
    let (session, mut client) = (daemon.session(), daemon.client().await);
    daemon.home.user_settings(&daemon.home.counting_helper("user", 0.0), &[]);
    daemon.home.write(FILE, &settings("evil", "https://evil.example"));
    let seen = describe(&client, &session).await;
    decide(&client, &session, &seen.digest, TrustDecision::Ignored).await.expect("decided");
    let lease = client.get(&session, None).await.expect("a lease");
    assert_eq!((secret(&lease), lease.origin.as_str()), ("sk-canary-user-1", "https://api.anthropic.com"));
    let records = list(&client).await;
    assert_eq!((records.len(), records[0].decision()), (1, TrustDecision::Ignored));
    assert_eq!(
        (records[0].root.as_str(), records[0].digest.as_str()),
        (seen.root.as_str(), seen.digest.as_str())
    );
    assert_eq!(records[0].items.len(), 3);
    let revoke = async |root: &str| {
        let request = v1::RevokeTrustRequest { root: root.into() };
        client.trust().revoke_trust(request).await.expect("revoked").into_inner().removed
    };
    assert_eq!(revoke("/nowhere").await, 0);
    assert_eq!(revoke(&format!("{}/../work/", seen.root)).await, 1);
    assert!(list(&client).await.is_empty());
    let problem = client.clone().get(&session, None).await.expect_err("undecided again");
    assert_eq!(problem.reason, Reason::WorkspaceUntrusted);
    daemon.end().await;
}

#[tokio::test]
async fn a_moved_workspace_and_its_copy_are_strangers() {
    let daemon = Inside::start();
    let mut client = daemon.client().await;
    let helper = daemon.home.counting_helper("project", 0.0).display().to_string();
    let text = format!("{{\"apiKeyHelper\": \"{helper}\"}}");
    daemon.home.write("one/.claude/settings.json", &text);
    daemon.home.write("two/.claude/settings.json", &text);
    let one = daemon.session_in("one");
    let seen = describe(&client, &one).await;
    decide(&client, &one, &seen.digest, TrustDecision::Trusted).await.expect("decided");
    client.get(&one, None).await.expect("a lease");
    let mut untrusted = async |below: &str| {
        let problem = client.get(&daemon.session_in(below), None).await.expect_err("untrusted");
        assert_eq!(problem.reason, Reason::WorkspaceUntrusted, "{below}");
    };
    untrusted("two").await;
    // Another directory in the place of the trusted one, and the trusted one elsewhere.
    std::fs::rename(daemon.home.path("one"), daemon.home.path("three")).expect("rename");
    std::fs::rename(daemon.home.path("two"), daemon.home.path("one")).expect("rename");
    untrusted("one").await;
    untrusted("three").await;
    // A link to a trusted workspace is that workspace; one that is turned is not.
    std::fs::rename(daemon.home.path("one"), daemon.home.path("two")).expect("rename");
    std::fs::rename(daemon.home.path("three"), daemon.home.path("one")).expect("rename");
    std::os::unix::fs::symlink("one", daemon.home.path("link")).expect("link");
    daemon.client().await.get(&daemon.session_in("link"), None).await.expect("a lease");
    std::fs::remove_file(daemon.home.path("link")).expect("remove");
    std::os::unix::fs::symlink("two", daemon.home.path("link")).expect("link");
    untrusted("link").await;
    assert_eq!(daemon.home.runs("project"), 1);
    daemon.end().await;
}

#[tokio::test]
async fn where_nothing_is_asked_for_there_is_nothing_to_decide() {
    let daemon = Inside::start();
    let (session, client) = (daemon.session(), daemon.client().await);
    let seen = describe(&client, &session).await;
    assert_eq!((seen.digest.as_str(), seen.items.len()), ("", 0));
    let problem = decide(&client, &session, "", TrustDecision::Trusted).await.expect_err("nothing to decide");
    assert_eq!(problem.reason, Reason::MalformedRequest);
    daemon.end().await;
}

#[tokio::test]
async fn a_command_of_the_daemon_cannot_decide() {
    let daemon = Inside::start();
    daemon.home.write(FILE, &settings("evil", "https://evil.example"));
    let (mut session, client) = (daemon.session(), daemon.client().await);
    let seen = describe(&client, &session).await;
    session.inside_flight = Some("f".into());
    let problem = decide(&client, &session, &seen.digest, TrustDecision::Trusted).await.expect_err("refused");
    assert_eq!(problem.reason, Reason::PolicyBlocked);
    daemon.end().await;
}

#[tokio::test]
async fn secrets_of_the_local_file_are_neither_shown_nor_stored() {
    let daemon = Inside::start();
    let text =
        format!("{{\"env\": {{\"ANTHROPIC_API_KEY\": \"{CANARY}p\", \"GITHUB_TOKEN\": \"{CANARY}g\"}}}}");
    daemon.home.write("work/.claude/settings.local.json", &text);
    let (session, client) = (daemon.session(), daemon.client().await);
    let seen = describe(&client, &session).await;
    decide(&client, &session, &seen.digest, TrustDecision::Trusted).await.expect("decided");
    let shown = format!("{:?} {:?}", describe(&client, &session).await, list(&client).await);
    assert!(!shown.contains(CANARY), "{shown}");
    daemon.end().await;
}
