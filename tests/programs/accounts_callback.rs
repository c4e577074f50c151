//! What any process on this machine, or a page in the browser, can send to the loopback address of a login.

use claviger::{proto::v1::login_response::Event, reason::Reason};
use claviger_tests::{
    Home,
    issuer::{CODE, Issuer, connection, get, redirected, say, target},
    login::{Login, lent},
    wait,
};
use std::io::{Read as _, Write as _};

const NOT_OURS: &str = "This is not the login that the terminal is waiting for.";
const SIGNED_IN: &str = "You are signed in.";

/// An issuer, a home that can sign in there, and its daemon.
fn prepared() -> (Issuer, Home, claviger_tests::Daemon) {
    let issuer = Issuer::start();
    let home = issuer.home("");
    let daemon = home.daemon();
    (issuer, home, daemon)
}

/// The true redirect gets through, and signs in.
async fn completes(issuer: &Issuer, home: &Home, login: Login, url: &str) {
    let page = get(&redirected(url));
    assert!(page.starts_with("HTTP/1.1 200") && page.contains(SIGNED_IN), "{page}");
    assert_eq!(login.end().await.expect("signed in").name, "work");
    assert_eq!(issuer.asked(), 1, "{:?}", issuer.server.requests());
    assert_eq!(lent(home, "work").await.expect("a token"), "sk-canary-access-first");
}

#[tokio::test]
async fn a_redirect_that_is_not_of_this_login_changes_nothing() {
    let (issuer, home, _daemon) = prepared();
    let (login, url) = Login::browser(&home).await;
    let (to, state) = target(&url);
    let mark = "sk-canary-reflected";
    for query in [
        String::new(),
        format!("code={mark}"),
        format!("code={mark}&state="),
        format!("code={mark}&state={state}x"),
        format!("code={mark}&state={}", state.to_lowercase().to_uppercase()),
        format!("code={mark}&state={state}&state={state}"),
        format!("code={mark}&state={state}&state=x"),
        format!("code={mark}&code=b&state={state}"),
        format!("code=&state={state}&iss={}", issuer.server.url),
        format!("state={state}&iss={}", issuer.server.url),
        format!("error=access_denied&error_description={mark}&state=x"),
        format!("error=access_denied&error_description=%3Cb%3E{mark}%3C/b%3E"),
        format!("%{mark}=%00%ff&&&=&state"),
    ] {
        let page = get(&format!("{to}?{query}"));
        assert!(page.starts_with("HTTP/1.1 400") && page.contains(NOT_OURS), "{query}: {page}");
        assert!(!page.contains(mark) && !page.contains(&state), "{query}: {page}");
    }
    assert_eq!(issuer.asked(), 0);
    completes(&issuer, &home, login, &url).await;
}

#[tokio::test]
async fn another_path_or_method_is_not_a_redirect() {
    let (issuer, home, _daemon) = prepared();
    let (login, url) = Login::browser(&home).await;
    let true_one = redirected(&url);
    let (head, query) = true_one.split_once('?').expect("a query");
    let base = head.strip_suffix("/callback").expect("a path");
    for path in
        ["/", "/favicon.ico", "/callback/", "/callbackx", "//callback", "/callback/../callback", "/Callback"]
    {
        let page = get(&format!("{base}{path}?{query}"));
        assert!(page.starts_with("HTTP/1.1 404"), "{path}: {page}");
    }
    for method in ["POST", "PUT", "OPTIONS", "HEAD", "DELETE"] {
        let body = "content-length: 3\r\ncontent-type: text/plain\r\norigin: https://evil.example\r\n\r\nx=1";
        let page = say(
            &url_of(head),
            format!("{method} /callback?{query} HTTP/1.1\r\nhost: x\r\n{body}").as_bytes(),
        );
        assert!(page.starts_with("HTTP/1.1 405"), "{method}: {page}");
        assert!(!page.to_lowercase().contains("access-control"), "{page}");
    }
    assert_eq!(issuer.asked(), 0);
    completes(&issuer, &home, login, &url).await;
}

fn url_of(head: &str) -> String {
    format!("{head}?")
}

#[tokio::test]
async fn a_page_of_the_browser_finds_nothing_to_use() {
    let (issuer, home, _daemon) = prepared();
    let (login, url) = Login::browser(&home).await;
    let (to, _) = target(&url);
    // What `fetch(url, {mode: "no-cors"})`, an image or a form of a hostile page sends.
    let foreign = "host: rebound.example\r\norigin: https://evil.example\r\nreferer: https://evil.example/\r\n\
                   sec-fetch-site: cross-site\r\nsec-fetch-mode: no-cors\r\ncookie: a=b\r\n\r\n";
    for query in ["error=access_denied", "code=a&state=b", ""] {
        let page = say(&to, format!("GET /callback?{query} HTTP/1.1\r\n{foreign}").as_bytes()).to_lowercase();
        assert!(page.starts_with("http/1.1 400"), "{page}");
        assert!(!page.contains("access-control") && !page.contains("set-cookie"), "{page}");
        for header in [
            "cache-control: no-store",
            "referrer-policy: no-referrer",
            "content-security-policy: default-src 'none'; frame-ancestors 'none'",
            "content-type: text/html; charset=utf-8",
        ] {
            assert!(page.contains(header), "{header}: {page}");
        }
        assert!(!page.contains("evil") && !page.contains("rebound"), "{page}");
    }
    completes(&issuer, &home, login, &url).await;
}

#[tokio::test]
async fn what_is_no_http_is_hung_up_on() {
    let (issuer, home, _daemon) = prepared();
    let (login, url) = Login::browser(&home).await;
    let (to, _) = target(&url);
    let long = format!("GET /callback?x={} HTTP/1.1\r\n\r\n", "x".repeat(1 << 20));
    let headers = format!("GET /callback HTTP/1.1\r\nhost: x\r\nx: {}\r\n\r\n", "y".repeat(1 << 20));
    let many = format!("GET /callback HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(10_000));
    for bytes in [
        &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"[..],
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\0\0\0\0\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET /callback HTTP/9.9\r\n\r\n",
        long.as_bytes(),
        headers.as_bytes(),
        many.as_bytes(),
    ] {
        let page = say(&to, bytes);
        assert!(!page.starts_with("HTTP/1.1 2"), "{page}");
    }
    completes(&issuer, &home, login, &url).await;
}

#[tokio::test]
async fn a_held_connection_keeps_no_other_out() {
    let (issuer, home, _daemon) = prepared();
    let (login, url) = Login::browser(&home).await;
    let (to, _) = target(&url);
    // Some say nothing, some a little, some all but the end; more than are served at once, and more while the browser
    // comes.
    let hold = |n: usize| {
        let mut stream = connection(&to).expect("a connection");
        let said: &[u8] = match n % 3 {
            0 => b"",
            1 => b"GET /callback?state=",
            _ => b"GET /callback?code=a&state=b HTTP/1.1\r\nhost: x\r\n",
        };
        drop(stream.write_all(said));
        stream
    };
    let held: Vec<_> = (0..300).map(hold).collect();
    completes(&issuer, &home, login, &url).await;
    drop(held);
}

#[tokio::test]
async fn a_code_is_used_once_and_the_port_is_closed_then() {
    let (issuer, home, _daemon) = prepared();
    let (login, url) = Login::browser(&home).await;
    let redirect = redirected(&url);
    // A second tab comes while the first one's code is being exchanged.
    let (first, second) = std::thread::scope(|scope| {
        let held = issuer.hold();
        let first = scope.spawn(|| get(&redirect));
        wait::until("the code is being exchanged", || issuer.asked() == 1);
        let second = get(&redirect);
        drop(held);
        (first.join().expect("a page"), second)
    });
    assert!(first.contains(SIGNED_IN), "{first}");
    assert!(second.contains(NOT_OURS), "{second}");
    assert_eq!(login.end().await.expect("signed in").name, "work");
    wait::until("the listener is gone", || connection(&redirect).is_err());
    assert_eq!(get(&redirect), "");
    assert_eq!(issuer.asked(), 1);
}

#[tokio::test]
async fn a_refusal_ends_the_login_and_the_browser_is_told() {
    let (issuer, home, _daemon) = prepared();
    for (query, word) in [
        ("error=access_denied", "access_denied"),
        ("error=invalid_scope&error_description=sk-canary-x", "invalid_scope"),
        ("error=sk-canary:%20a%20sentence", "an unknown error code"),
        ("error=sk-canary-code", "an unknown error code"),
        ("error=access_denied&code=sk-canary-code", "access_denied"),
    ] {
        let (login, url) = Login::browser(&home).await;
        let (to, state) = target(&url);
        let page = get(&format!("{to}?{query}&state={state}&iss={}", issuer.server.url));
        assert!(page.starts_with("HTTP/1.1 400") && page.contains("The login failed."), "{page}");
        let problem = login.end().await.expect_err("refused");
        assert_eq!(problem.reason, Reason::UpstreamDenied, "{problem}");
        assert!(problem.message.contains(word), "{problem}");
    }
    assert_eq!(issuer.asked(), 0);
}

#[tokio::test]
async fn an_answer_of_another_issuer_ends_the_login() {
    let (issuer, home, _daemon) = prepared();
    let named = issuer.server.url.clone();
    for iss in
        ["&iss=https://evil.example".to_owned(), format!("&iss={named}/"), "&iss=".into(), String::new()]
    {
        let (login, url) = Login::browser(&home).await;
        let (to, state) = target(&url);
        let page = get(&format!("{to}?code={CODE}&state={state}{iss}"));
        assert!(page.contains("The login failed."), "{iss}: {page}");
        let problem = login.end().await.expect_err("refused");
        assert_eq!(problem.reason, Reason::UpstreamDenied, "{iss}: {problem}");
        assert!(problem.message.contains("(iss)"), "{problem}");
    }
    assert_eq!(issuer.asked(), 0);
    // One that promises nothing may leave it out.
    issuer.publishes(serde_json::json!({ "authorization_response_iss_parameter_supported": false }));
    let (login, url) = Login::browser(&home).await;
    let (to, state) = target(&url);
    assert!(get(&format!("{to}?code={CODE}&state={state}")).contains(SIGNED_IN));
    login.end().await.expect("signed in");
}

#[tokio::test]
async fn what_is_pasted_is_trusted_no_more_than_what_comes_in() {
    let (issuer, home, _daemon) = prepared();
    let (mut login, url) = Login::browser(&home).await;
    let (to, state) = target(&url);
    for text in [
        "",
        "yes",
        "http://",
        &format!("{to}?code={CODE}"),
        &format!("{to}?code={CODE}&state={state}&state={state}"),
        &format!("{to}?code={CODE}&state={state}x"),
        &"x".repeat(1 << 20),
        "a\nb\0\u{202e}",
    ] {
        login.paste(text).await;
        match login.next().await {
            Ok(Event::Notice(line)) => assert!(line.contains("paste the whole address"), "{line}"),
            other => panic!("{other:?} after {:?}", text.get(..40)),
        }
    }
    assert_eq!(issuer.asked(), 0);
    login.paste(&format!("  {}\n", redirected(&url))).await;
    assert_eq!(login.end().await.expect("signed in").name, "work");
    let mut line = [0];
    assert!(connection(&to).map_or(true, |mut stream| stream.read(&mut line).is_ok_and(|count| count == 0)));
}
