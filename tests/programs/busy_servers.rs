//! A server that says when to come back is left alone until then, whichever session would ask it next; any other server is asked.

use claviger::proto::v1::login_response::Event;
use claviger_tests::{
    Home,
    cloud::{FAR, bedrock, credentials},
    foundry::{Foundry, entra},
    google::{authorized_user, failure, vertex},
    issuer::{Issuer, redirected},
    login::{Login, lent},
    secret,
    stand_in::{Authority, Response, StandIn},
};
use serde_json::{Value, json};

fn busy() -> Response {
    Response::new(429, "").header("retry-after", "20")
}

/// It is refused with the time that is left.
#[track_caller]
fn refused(error: &Value, what: &str) {
    assert_eq!(error["reason"], "source-unavailable", "{what}: {error}");
    let wait = error["retry_after_seconds"].as_f64().unwrap_or_default();
    assert!((15.0..=21.0).contains(&wait), "{what}: {error}");
}

#[test]
fn google() {
    let (overloaded, free) = (StandIn::start(|_| busy()), claviger_tests::google::google());
    let mut home = vertex();
    let file = |home: &mut Home, name: &str, base: &str| {
        let mut content = authorized_user(base);
        content["refresh_token"] = json!(secret(name));
        let path = home.write(&format!("{name}.json"), &content.to_string());
        home.set("GOOGLE_APPLICATION_CREDENTIALS", path.to_str().expect("UTF-8"));
    };
    let _daemon = home.daemon();
    file(&mut home, "first", &overloaded.url);
    refused(&failure(&home, 6, "first"), "the session that is told");
    file(&mut home, "second", &overloaded.url);
    refused(&failure(&home, 6, "second"), "another identity at the same server");
    file(&mut home, "first", &free.url);
    assert_eq!(home.ok(&["token"]).trim(), secret("oauth"), "the same identity at another server");
    assert_eq!(overloaded.requests().len(), 1);
}

#[test]
fn aws() {
    let overloaded = StandIn::start(|_| busy());
    let free = StandIn::start(|_| Response::json(credentials(FAR)));
    let mut home = bedrock();
    let name = |home: &mut Home, server: &StandIn, role: &str| {
        home.set("AWS_CONTAINER_CREDENTIALS_FULL_URI", &format!("{}/{role}", server.url));
    };
    let _daemon = home.daemon();
    name(&mut home, &overloaded, "first");
    refused(&failure(&home, 6, "first"), "the session that is told");
    name(&mut home, &overloaded, "second");
    refused(&failure(&home, 6, "second"), "another role at the same server");
    name(&mut home, &free, "first");
    home.ok(&["get"]);
    assert_eq!(overloaded.requests().len(), 1);
}

#[test]
fn azure() {
    let authority = Authority::new();
    let overloaded = StandIn::start_tls(&authority, |_| busy());
    let free = StandIn::start_tls(&authority, entra);
    let mut foundry = Foundry::principal(&authority, &overloaded);
    let _daemon = foundry.home.daemon();
    foundry.set("AZURE_CLIENT_SECRET", &secret("client"));
    refused(&foundry.problem()["error"], "the session that is told");
    foundry.set("AZURE_TENANT_ID", "tenant-2");
    refused(&foundry.problem()["error"], "another tenant at the same server");
    foundry.set("AZURE_AUTHORITY_HOST", &free.url);
    foundry.token();
    assert_eq!(overloaded.requests().len(), 1);
}

#[tokio::test]
async fn accounts_of_one_issuer() {
    let issuer = Issuer::start();
    let home = issuer.home("");
    let _daemon = home.daemon();
    for name in ["first", "second"] {
        issuer.answers(Response::json(claviger_tests::issuer::granted(name, 1)));
        let mut login = Login::start(&home, |start| start.name = name.to_owned()).await;
        let Ok(Event::Url(url)) = login.next().await else { panic!("no URL") };
        login.paste(&redirected(&url)).await;
        login.end().await.expect("signed in");
    }
    let asked = issuer.asked();
    // Until both have expired.
    tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
    issuer.answers(busy());
    for name in ["first", "second"] {
        let problem = lent(&home, name).await.expect_err("the server is busy");
        let wait = problem.retry_after.expect("a pause").as_secs();
        assert!((15..=21).contains(&wait), "{name}: {problem:?}");
    }
    assert_eq!(issuer.asked(), asked + 1);
}
