//! `awsAuthRefresh` on a clock that is set back.

use crate::daemon::Inside;
use serde_json::json;

#[tokio::test]
async fn a_sign_in_of_the_future_is_not_taken_for_a_fresh_one() {
    let mut daemon = Inside::start();
    let login = format!("echo run >> '{}'", daemon.home.path("logins").display());
    let settings = json!({"awsCredentialExport": "exit 1", "awsAuthRefresh": login});
    daemon.home.write("home/.claude/settings.json", &settings.to_string());
    daemon.set("CLAUDE_CODE_USE_BEDROCK", "1");
    let mut client = daemon.client().await;
    client.get(&daemon.session(), None).await.expect_err("no credential");
    assert_eq!(daemon.home.read("logins").lines().count(), 1);
    daemon.clock.jump(-86_400);
    client.get(&daemon.session(), None).await.expect_err("no credential");
    assert_eq!(daemon.home.read("logins").lines().count(), 2);
    daemon.end().await;
}
