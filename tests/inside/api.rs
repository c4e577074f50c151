//! The API as clients see it, on a daemon inside the test: what is lent, reported, explained and shown.

use crate::daemon::Inside;
use claviger::{
    Backend, Lease, Material, Scheme,
    proto::v1::{self, report_rejected_response::Outcome},
    reason::Reason,
    wire,
};
use claviger_tests::{
    CANARY,
    answers::{refused, seconds, secret},
};
use std::{collections::BTreeSet, fs, time::Duration};
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};

#[tokio::test]
async fn a_lease_says_everything_about_itself() {
    let mut daemon = Inside::start();
    let helper = daemon.home.counting_helper("key", 0.0);
    let variables = [("ANTHROPIC_CUSTOM_HEADERS", "X-Team: sk-canary-h"), ("API_TIMEOUT_MS", "5000")];
    daemon.home.user_settings(&helper, &variables);
    daemon
        .home
        .write("home/.config/claviger/config.toml", "[settings]\naudience = \"https://gw.example:8443\"\n");
    daemon.set("ANTHROPIC_BASE_URL", "https://gw.example:8443/v1");
    let lease = daemon.client().await.get(&daemon.session(), None).await.expect("a lease");
    assert_eq!(secret(&lease), format!("{CANARY}key-1"));
    assert_eq!(lease.scheme, Scheme::ApiKeyAndBearer);
    assert_eq!(lease.backend, Backend::Anthropic);
    assert_eq!(
        (lease.origin.as_str(), lease.base_url.as_str()),
        ("https://gw.example:8443", "https://gw.example:8443/v1")
    );
    let team = ("X-Team".to_owned(), "sk-canary-h".to_owned());
    assert_eq!(lease.other_headers().expect("valid"), [team]);
    let names = ["x-api-key", "authorization", "X-Team"];
    assert!(lease.headers().expect("valid").iter().map(|(name, _)| name).eq(&names));
    assert_eq!(lease.api_timeout, Duration::from_secs(5));
    assert_eq!((lease.source.as_str(), lease.generation, lease.stale), ("api-key-helper", 1, false));
    let at = lease.location.expect("a location");
    assert_eq!((at.layer.as_str(), at.line), ("user", 2));
    assert!(at.file.ends_with("home/.claude/settings.json"), "{}", at.file);
    assert_eq!(seconds(lease.expires_at) - seconds(lease.fetched_at), 300);
    assert!(seconds(lease.refresh_at) < seconds(lease.expires_at));
    assert_eq!(lease.key.len(), 32);
    daemon.end().await;
}

#[tokio::test]
async fn secrets_of_the_session_stay_there() {
    let mut daemon = Inside::start();
    daemon.set("ANTHROPIC_API_KEY", "sk-canary-own");
    daemon.set("ANTHROPIC_CUSTOM_HEADERS", "X-A: sk-canary-own");
    let (session, mut client) = (daemon.session(), daemon.client().await);
    let lease = client.get(&session, None).await.expect("a lease");
    assert_eq!(lease.material, Some(Material::OwnVariable("ANTHROPIC_API_KEY".into())));
    assert_eq!((lease.own_headers_variable.as_str(), lease.key.as_str()), ("ANTHROPIC_CUSTOM_HEADERS", ""));
    let reported = client.report(&session, &lease, 401).await.expect("an answer");
    assert_eq!(reported.outcome(), Outcome::OwnVariable);
    let refresh = client
        .inspect()
        .refresh(v1::RefreshRequest { session: Some(session.to_proto()), ..Default::default() })
        .await;
    assert_eq!(refused(refresh).reason, Reason::NoCredential);
    assert!(daemon.status().await.entries.is_empty());
    daemon.end().await;
}

#[tokio::test]
async fn a_thousand_requests_on_one_connection_are_one_run() {
    let daemon = Inside::start();
    daemon.helper(0.5, "300000");
    let (client, session) = (daemon.client().await, daemon.session());
    let requests: Vec<_> = (0..1000)
        .map(|_| {
            let (mut client, session) = (client.clone(), session.clone());
            tokio::spawn(async move { client.get(&session, None).await })
        })
        .collect();
    let mut tokens = BTreeSet::new();
    for request in requests {
        let lease = request.await.expect("no panic").expect("a lease");
        tokens.insert((secret(&lease).to_owned(), lease.generation));
    }
    assert_eq!(tokens, [(format!("{CANARY}key-1"), 1)].into());
    assert_eq!(daemon.home.runs("key"), 1);
    let counters = daemon.status().await.counters.expect("counters");
    assert_eq!((counters.requests, counters.hits + counters.waits, counters.runs), (1000, 1000, 1));
    daemon.end().await;
}

#[tokio::test]
async fn only_a_report_about_the_current_generation_refreshes_and_not_too_often() {
    let daemon = Inside::start();
    daemon.helper(0.0, "300000");
    let (session, mut client) = (daemon.session(), daemon.client().await);
    let first = client.get(&session, None).await.expect("a lease");
    let reporter = daemon.client().await;
    let report = async |lease: &Lease, status| {
        reporter.clone().report(&session, lease, status).await.expect("an answer")
    };
    assert_eq!(report(&first, 403).await.outcome(), Outcome::Refreshing);
    let second = client.get(&session, None).await.expect("a lease");
    assert_eq!((second.generation, second.stale), (2, false));
    let stale = report(&first, 401).await;
    assert_eq!((stale.outcome(), stale.generation), (Outcome::AlreadyReplaced, 2));
    let held = report(&second, 401).await;
    assert_eq!(held.outcome(), Outcome::HeldBack);
    let wait = held.retry_at.expect("an instant").seconds - seconds(second.fetched_at);
    assert!((28..=30).contains(&wait), "{wait}");
    assert_eq!(daemon.home.runs("key"), 2);
    daemon.clock.jump(31);
    assert_eq!(report(&second, 401).await.outcome(), Outcome::Refreshing);
    assert_eq!(client.get(&session, None).await.expect("a lease").generation, 3);
    // A lease of another entry says nothing about this one.
    let stranger = Lease { key: "0".repeat(32), generation: 3, ..Default::default() };
    assert_eq!(report(&stranger, 401).await.outcome(), Outcome::AlreadyReplaced);
    assert_eq!(daemon.home.runs("key"), 3);
    daemon.end().await;
}

#[tokio::test]
async fn clock_jumps_of_four_hours_neither_wedge_nor_storm() {
    let daemon = Inside::start();
    daemon.helper(0.0, "300000");
    let (session, mut client) = (daemon.session(), daemon.client().await);
    let mut generation = 0;
    for jump in [0, 4 * 3600, -4 * 3600, 200, 4 * 3600] {
        daemon.clock.jump(jump);
        for _ in 0..20 {
            generation = client.get(&session, None).await.expect("a lease").generation;
        }
    }
    // 200 s is within the lifetime; every other jump needs a new one.
    assert_eq!((generation, daemon.home.runs("key")), (4, 4));
    // A failure is not kept in force by a clock that was set back.
    daemon.home.user_settings(&daemon.home.script("fail.sh", "echo run >> \"$0.runs\"; exit 127"), &[]);
    assert_eq!(client.get(&session, None).await.expect_err("fails").reason, Reason::CommandFailed);
    assert_eq!(client.get(&session, None).await.expect_err("fails").reason, Reason::CommandFailed);
    assert_eq!(daemon.home.read("fail.sh.runs").lines().count(), 1);
    daemon.clock.jump(-4 * 3600);
    assert_eq!(client.get(&session, None).await.expect_err("fails").reason, Reason::CommandFailed);
    assert_eq!(daemon.home.read("fail.sh.runs").lines().count(), 2);
    daemon.end().await;
}

#[tokio::test]
async fn a_failure_carries_place_hint_and_pause_and_a_refresh_goes_past_it() {
    let daemon = Inside::start();
    let fails = daemon.home.path("fails");
    fs::write(&fails, "").expect("file");
    let body = format!(
        "echo run >> key.runs; echo {CANARY}x >&2; test -e '{}' && exit 127; echo {CANARY}good",
        fails.display()
    );
    daemon.home.user_settings(&daemon.home.script("key.sh", &body), &[]);
    let (session, mut client) = (daemon.session(), daemon.client().await);
    let runs = || daemon.home.read("home/.claude/key.runs").lines().count();
    for _ in 0..3 {
        let problem = client.get(&session, None).await.expect_err("it fails");
        assert_eq!(problem.reason, Reason::CommandFailed);
        assert!(problem.retry_after.is_none_or(|pause| pause <= Duration::from_secs(11)), "{problem:?}");
        assert_eq!(problem.location.expect("a place").line, 2);
        assert!(problem.hint.is_some() && !problem.message.contains(CANARY));
    }
    let held = client.get(&session, None).await.expect_err("it is held back");
    assert!(held.retry_after.is_some_and(|pause| pause > Duration::from_secs(5)), "{held:?}");
    assert_eq!(runs(), 1, "127 will not get better by itself");
    fs::remove_file(fails).expect("remove");
    let refreshed = client
        .inspect()
        .refresh(v1::RefreshRequest { session: Some(session.to_proto()), ..Default::default() })
        .await;
    let entry = refreshed.expect("refreshed").into_inner().entry.expect("a entry");
    assert_eq!((entry.generation, entry.failures, entry.last_problem), (1, 0, None));
    assert_eq!(secret(&client.get(&session, None).await.expect("a lease")), format!("{CANARY}good"));
    assert_eq!(runs(), 2);
    daemon.end().await;
}

#[tokio::test]
async fn a_managed_login_policy_blocks_until_it_is_lifted() {
    let mut daemon = Inside::start();
    daemon.set("ANTHROPIC_API_KEY", "sk-canary-own");
    daemon.home.write("managed/managed-settings.json", "{\n\"forceLoginMethod\": \"claudeai\"}");
    let (session, mut client) = (daemon.session(), daemon.client().await);
    let problem = client.get(&session, None).await.expect_err("blocked");
    assert_eq!((problem.reason, problem.location.expect("a place").line), (Reason::PolicyBlocked, 2));
    let request = v1::ExplainRequest { session: Some(session.to_proto()), ..Default::default() };
    let explained = client.inspect().explain(request).await.expect("explained").into_inner();
    let [policy] = &explained.policies[..] else { panic!("{explained:?}") };
    assert_eq!((policy.demands.as_str(), policy.applies), ("an OAuth login by claudeai", true));
    assert_eq!((policy.name.as_str(), policy.locations[0].line), ("forceLoginMethod", 2));
    daemon.home.replace("managed/managed-settings.json", "{}");
    client.get(&session, None).await.expect("a lease");
    daemon.end().await;
}

#[tokio::test]
async fn a_managed_session_needs_a_login_even_with_broken_explicit_settings() {
    let mut daemon = Inside::start();
    daemon.set("CLAUDE_CODE_REMOTE", "true");
    daemon.set("ANTHROPIC_API_KEY", "sk-canary-own");
    let mut session = daemon.session();
    session.explicit = claviger::session::explicit("inline".into(), b"{".to_vec()).expect("small");
    let problem = daemon.client().await.get(&session, None).await.expect_err("no login");
    assert_eq!(problem.reason, Reason::LoginRequired, "{problem}");
    daemon.end().await;
}

#[tokio::test]
async fn explanations_name_files_values_and_slot_but_no_secret() {
    let daemon = Inside::start();
    daemon.helper(0.0, "300000");
    daemon.home.write("work/.claude/settings.json", "{\"permissions\": {}}");
    let (session, mut client) = (daemon.session(), daemon.client().await);
    client.get(&session, None).await.expect("a lease");
    let request = v1::ExplainRequest { session: Some(session.to_proto()), ..Default::default() };
    let explained = client.inspect().explain(request).await.expect("explained").into_inner();
    assert_eq!(explained.winner, "api-key-helper");
    let layers: Vec<_> =
        explained.files.iter().map(|file| (wire::layer_word(file.layer()), file.state())).collect();
    use v1::settings_file::State::{Absent, Loaded};
    assert!(layers.contains(&("user", Loaded)) && layers.contains(&("project", Loaded)), "{layers:?}");
    assert!(layers.contains(&("local", Absent)) && layers.contains(&("config", Absent)), "{layers:?}");
    let names: Vec<_> = explained.values.iter().map(|value| value.name.as_str()).collect();
    assert_eq!(names, ["apiKeyHelper", "env.CLAUDE_CODE_API_KEY_HELPER_TTL_MS"]);
    assert_eq!(explained.entry.expect("a entry").generation, 1);
    assert_eq!(
        explained.workspace,
        fs::canonicalize(daemon.home.path("work")).expect("path").to_str().expect("UTF-8")
    );
    assert!(explained.timings.is_some());
    let status = daemon.status().await;
    assert_eq!((status.pid, status.entries.len(), status.entries[0].hits), (std::process::id(), 1, 0));
    daemon.end().await;
}

#[tokio::test]
async fn version_log_level_and_stop() {
    let mut daemon = Inside::start();
    let client = daemon.client().await;
    let version = client.inspect().get_version(v1::GetVersionRequest {}).await.expect("a version");
    assert_eq!(version.metadata().get(wire::PROTOCOL_KEY).expect("protocol"), "2");
    assert_eq!(version.into_inner().version.expect("a version").release, claviger::RELEASE);
    let level = |filter: &str| v1::SetLogLevelRequest { filter: filter.into() };
    client.control().set_log_level(level("clavigerd=trace,info")).await.expect("a filter");
    for bad in ["", "  ", "clavigerd=loud", "info\nfake line", "info\0", &"x=".repeat(50_000)] {
        let problem = refused(client.control().set_log_level(level(bad)).await);
        assert_eq!(problem.reason, Reason::MalformedRequest, "{bad:.40?}");
    }
    let stopped = client.control().stop(v1::StopRequest {}).await.expect("it stops").into_inner();
    assert_eq!(stopped.pid, std::process::id());
    daemon.stop().await;
}

#[tokio::test]
async fn every_service_is_healthy_and_listed_in_both_reflections() {
    let daemon = Inside::start();
    let client = daemon.client().await;
    let origin = || tonic::codegen::http::Uri::from_static("http://localhost");
    let services = ["CredentialService", "TrustService", "InspectService", "ControlService"]
        .map(|name| format!("claviger.v1.{name}"));
    for service in services.iter().map(String::as_str).chain([""]) {
        let request = HealthCheckRequest { service: service.to_owned() };
        let health = HealthClient::with_origin(client.connection(), origin()).check(request).await;
        assert_eq!(
            health.unwrap_or_else(|status| panic!("{service}: {status}")).into_inner().status(),
            ServingStatus::Serving
        );
    }
    macro_rules! listed {
        ($version:ident) => {{
            use tonic_reflection::pb::$version::{
                ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
                server_reflection_request::MessageRequest, server_reflection_response::MessageResponse,
            };
            let message_request = Some(MessageRequest::ListServices(String::new()));
            let requests =
                tokio_stream::once(ServerReflectionRequest { host: String::new(), message_request });
            let mut reflection = ServerReflectionClient::with_origin(client.connection(), origin());
            let mut answers =
                reflection.server_reflection_info(requests).await.expect("reflection").into_inner();
            match answers.message().await.expect("an answer").and_then(|answer| answer.message_response) {
                Some(MessageResponse::ListServicesResponse(list)) => {
                    list.service.into_iter().map(|service| service.name).collect::<BTreeSet<_>>()
                }
                other => panic!("{other:?}"),
            }
        }};
    }
    for names in [listed!(v1), listed!(v1alpha)] {
        assert!(services.iter().all(|service| names.contains(service)), "{names:?}");
        assert!(names.contains("grpc.health.v1.Health"), "{names:?}");
    }
    daemon.end().await;
}
