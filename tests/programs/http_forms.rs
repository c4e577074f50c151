//! The forms in which servers answer, for each client that asks them: Google's and OAuth's own, Azure's and the AWS SDK's.

use claviger_tests::{
    CANARY, Home,
    cloud::{FAR, bedrock, credentials},
    foundry::{Foundry, issued, managed},
    google::{authorized_user, external, impersonated, name_file, vertex},
    secret,
    stand_in::{Authority, Request, Response, StandIn, second},
    text,
};
use flate2::{Compression, write::GzEncoder};
use serde_json::{Value, json};
use std::{io::Write as _, process::Output};

/// A client, and whose answers it reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Client {
    Google,
    Azure,
    Aws,
}

const CLIENTS: [Client; 3] = [Client::Google, Client::Azure, Client::Aws];

impl Client {
    /// The body of a good answer.
    fn good(self) -> String {
        match self {
            Self::Google => json!({"access_token": secret("t"), "expires_in": 3599}).to_string(),
            Self::Azure => issued(&secret("t")).body,
            Self::Aws => credentials(FAR).to_string(),
        }
    }

    /// What a session gets whose server answers like this.
    fn ask(self, answer: impl Fn(&Request) -> Response + Send + Sync + 'static) -> Output {
        match self {
            Self::Google => {
                let (mut home, server) = (vertex(), StandIn::start(answer));
                name_file(&mut home, &authorized_user(&server.url));
                get(&home)
            }
            Self::Azure => {
                let authority = Authority::new();
                let server = StandIn::start_tls(&authority, answer);
                let mut foundry = Foundry::principal(&authority, &server);
                foundry.set("AZURE_CLIENT_SECRET", &secret("client"));
                get_of(&foundry)
            }
            Self::Aws => {
                let (mut home, server) = (bedrock(), StandIn::start(answer));
                home.set("AWS_CONTAINER_CREDENTIALS_FULL_URI", &format!("{}/creds", server.url));
                get(&home)
            }
        }
    }
}

fn get(home: &Home) -> Output {
    let _daemon = home.daemon();
    home.run(&["get", "--json"])
}

fn get_of(foundry: &Foundry) -> Output {
    let _daemon = foundry.home.daemon();
    foundry.claviger(&["get", "--json"]).output().expect("claviger runs")
}

#[track_caller]
fn works(output: &Output, what: &str) {
    assert!(output.status.success(), "{what}: {}", text(&output.stderr));
}

#[track_caller]
fn unavailable(output: &Output, what: &str) {
    let stderr = text(&output.stderr);
    assert!(!stderr.contains(CANARY), "{what}: {stderr}");
    let start = stderr.find('{').unwrap_or_else(|| panic!("{what}: {stderr}"));
    let problem: Value = serde_json::from_str(&stderr[start..]).expect("JSON");
    assert_eq!(problem["error"]["reason"], "source-unavailable", "{what}: {problem}");
}

fn zipped(body: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(body).expect("compressed");
    encoder.finish().expect("compressed")
}

/// An answer with this body and these headers.
fn with(headers: &str, body: &[u8]) -> Response {
    let head =
        format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n{headers}\r\n");
    Response::verbatim([head.as_bytes(), body].concat())
}

fn gzip(coding: &str, body: &[u8]) -> Response {
    let body = zipped(body);
    with(&format!("content-encoding: {coding}\r\ncontent-length: {}\r\n", body.len()), &body)
}

#[test]
fn an_answer_comes_in_chunks() {
    for client in CLIENTS {
        let chunked = move |_: &Request| {
            let chunks = client
                .good()
                .bytes()
                .map(|byte| format!("1;x=y\r\n{}\r\n", byte as char))
                .collect::<String>();
            with("transfer-encoding: chunked\r\n", format!("{chunks}0\r\nx-trailer: 1\r\n\r\n").as_bytes())
        };
        works(&client.ask(chunked), &format!("{client:?}"));
    }
}

#[test]
fn an_answer_without_a_length_ends_with_its_connection() {
    for client in [Client::Google, Client::Aws] {
        works(&client.ask(move |_| with("", client.good().as_bytes())), &format!("{client:?}"));
    }
}

/// None was asked for. Google's and Azure's own tools read it, botocore and the SDK do not.
#[test]
fn an_answer_is_compressed() {
    for client in CLIENTS {
        for coding in ["gzip", "X-GZIP"] {
            let output = client.ask(move |_| gzip(coding, client.good().as_bytes()));
            match client {
                Client::Aws => unavailable(&output, coding),
                Client::Google | Client::Azure => works(&output, &format!("{client:?}: {coding}")),
            }
        }
    }
}

#[test]
fn what_is_compressed_badly_or_is_a_bomb_is_turned_down() {
    let bomb = vec![b' '; 64 << 20];
    let forms: [(&str, Vec<u8>); 3] = [
        ("a bomb", zipped(&bomb)),
        ("half", zipped(Client::Google.good().as_bytes())[..40].to_vec()),
        ("no gzip", b"{}".to_vec()),
    ];
    for client in [Client::Google, Client::Azure] {
        for (what, body) in forms.clone() {
            let answer = move |_: &Request| {
                with(&format!("content-encoding: gzip\r\ncontent-length: {}\r\n", body.len()), &body)
            };
            unavailable(&client.ask(answer), &format!("{client:?}: {what}"));
        }
    }
}

#[test]
fn an_answer_of_many_megabytes_is_not_read_to_its_end() {
    const SIZE: usize = 64 << 20;
    for client in CLIENTS {
        // Good, but for what follows.
        let answer = move |_: &Request| {
            let mut body = client.good().into_bytes();
            body.resize(SIZE, b' ');
            with(&format!("content-length: {SIZE}\r\n"), &body)
        };
        unavailable(&client.ask(answer), &format!("{client:?}"));
    }
}

/// A client that asks twice on one connection gets no answer the second time.
#[test]
fn a_server_closes_a_connection_that_it_said_it_would_keep() {
    let linger = |request: &Request| claviger_tests::google::answer(request).lingering();
    let server = StandIn::start(linger);
    let mut home = vertex();
    name_file(&mut home, &impersonated(&server.url, authorized_user(&server.url)));
    works(&get(&home), "two requests of Google's");
    assert_eq!(server.requests().len(), 2, "none is sent twice");

    let server = StandIn::start(|request| {
        match (request.method.as_str(), request.path.as_str()) {
        ("PUT", _) => Response::new(200, "token").header("x-aws-ec2-metadata-token-ttl-seconds", "21600").lingering(),
        (_, "/latest/meta-data/iam/security-credentials/") => Response::new(200, "role").lingering(),
        _ => Response::json(json!({
            "Code": "Success", "Type": "AWS-HMAC", "LastUpdated": FAR, "AccessKeyId": "AKIA1", "SecretAccessKey": secret("s"),
            "Token": secret("t"), "Expiration": FAR,
        }))
        .lingering(),
    }
    });
    let mut home = bedrock();
    home.set("AWS_EC2_METADATA_DISABLED", "false");
    home.set("AWS_EC2_METADATA_SERVICE_ENDPOINT", &server.url);
    works(&get(&home), "three requests of the AWS SDK's");
}

#[test]
fn servers_that_have_no_address_but_the_loopback_one_of_version_6() {
    let google = StandIn::start_v6(claviger_tests::google::answer);
    for file in [
        authorized_user(&google.url),
        external(&google.url, json!({"url": format!("{}/subject", google.url)})),
    ] {
        let mut home = vertex();
        name_file(&mut home, &file);
        works(&get(&home), "a file of Google's");
    }
    let mut home = vertex();
    home.set("NO_GCE_CHECK", "");
    home.set("GCE_METADATA_HOST", google.url.trim_start_matches("http://"));
    works(&get(&home), "Google's metadata server");

    let service = StandIn::start_v6(|_| Response::json(credentials(FAR)));
    let mut home = bedrock();
    home.set("AWS_CONTAINER_CREDENTIALS_FULL_URI", &format!("{}/creds", service.url));
    works(&get(&home), "a container of AWS");

    let service = StandIn::start_v6(|_| managed(&secret("t")));
    let mut foundry = Foundry::new();
    foundry.set("IDENTITY_ENDPOINT", &format!("{}/token", service.url));
    foundry.set("IDENTITY_HEADER", &secret("header"));
    works(&get_of(&foundry), "App Service");
    let authority = Authority::new();
    let server = StandIn::start_tls_v6(&authority, claviger_tests::foundry::entra);
    let mut foundry = Foundry::principal(&authority, &server);
    foundry.set("AZURE_CLIENT_SECRET", &secret("client"));
    works(&get_of(&foundry), "a service principal");
}

#[test]
fn servers_that_prefer_version_2_of_http() {
    let authority = Authority::new();
    let (url, versions) = second::start(&authority, Client::Azure.good());
    let mut foundry = Foundry::new();
    let bundle = foundry.home.write("ca.pem", &authority.pem());
    for (name, value) in [
        ("SSL_CERT_FILE", bundle.to_str().expect("UTF-8")),
        ("AZURE_AUTHORITY_HOST", &url),
        ("AZURE_TENANT_ID", "tenant-1"),
        ("AZURE_CLIENT_ID", "app-1"),
        ("AZURE_CLIENT_SECRET", &secret("client")),
    ] {
        foundry.set(name, value);
    }
    works(&get_of(&foundry), "a service principal");
    assert!(!versions.lock().expect("versions").is_empty());

    let (url, versions) = second::start(&authority, Client::Google.good());
    let mut home = vertex();
    let bundle = home.write("ca.pem", &authority.pem());
    home.set("SSL_CERT_FILE", bundle.to_str().expect("UTF-8"));
    name_file(&mut home, &authorized_user(&url));
    works(&get(&home), "a file of Google's");
    assert!(!versions.lock().expect("versions").is_empty());

    let (url, versions) = second::start(&authority, sts());
    works(&get(&with_role(&authority, &url)), "a role of AWS");
    assert!(!versions.lock().expect("versions").is_empty());
}

/// What STS answers.
fn sts() -> String {
    format!(
        "<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>AKIAROLE</AccessKeyId>\
         <SecretAccessKey>{CANARY}s</SecretAccessKey><SessionToken>{CANARY}t</SessionToken>\
         <Expiration>{FAR}</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>"
    )
}

/// A session whose profile assumes a role of the STS at `url`.
fn with_role(authority: &Authority, url: &str) -> Home {
    let mut home = bedrock();
    let role = "[default]\nrole_arn = arn:aws:iam::123456789012:role/r\nsource_profile = base\n";
    home.write("home/.aws/config", role);
    let keys = format!("[base]\naws_access_key_id = AKIABASE\naws_secret_access_key = {CANARY}b\n");
    home.write("home/.aws/credentials", &keys);
    home.set("AWS_ENDPOINT_URL_STS", url);
    let bundle = home.write("ca.pem", &authority.pem());
    home.set("AWS_CA_BUNDLE", bundle.to_str().expect("UTF-8"));
    home
}

/// A proxy that turns everything away.
fn proxy() -> StandIn {
    StandIn::start(|_| Response::new(403, ""))
}

#[test]
fn what_needs_no_proxy_may_be_named_with_its_port() {
    let (authority, proxy) = (Authority::new(), proxy());
    let server = StandIn::start_tls(&authority, claviger_tests::foundry::entra);
    let mut foundry = Foundry::principal(&authority, &server);
    foundry.set("AZURE_CLIENT_SECRET", &secret("client"));
    foundry.set("HTTPS_PROXY", &proxy.url);
    let _daemon = foundry.home.daemon();
    foundry.set("NO_PROXY", "localhost:1");
    foundry.problem();
    assert!(!proxy.requests().is_empty() && server.requests().is_empty(), "another port");
    let turned_away = proxy.requests().len();
    foundry.set("NO_PROXY", &format!("elsewhere.example localhost:{}", server.port()));
    foundry.token();
    assert_eq!(proxy.requests().len(), turned_away);
}

#[test]
fn the_aws_sdk_goes_past_the_proxy_for_the_same_names() {
    let (authority, proxy) = (Authority::new(), proxy());
    let server = StandIn::start_tls(&authority, |_| Response::new(200, sts()));
    let mut home = with_role(&authority, &server.url);
    home.set("HTTPS_PROXY", &proxy.url);
    home.set("NO_PROXY", "localhost:1");
    let _daemon = home.daemon();
    home.fails(6, &["get"]);
    assert!(!proxy.requests().is_empty() && server.requests().is_empty(), "another port");
    let turned_away = proxy.requests().len();
    home.set("NO_PROXY", &format!("[::1],localhost:{}", server.port()));
    home.ok(&["get"]);
    assert_eq!(proxy.requests().len(), turned_away);
}
