//! A machine for one run of one program: a home, programs, and all servers of the world, which are one on loopback.

use super::{
    case::{Answer, Case, filled},
    cloud::Cloud,
};
use claviger_tests::{
    Home,
    stand_in::{Authority, Request, Response, StandIn},
    wait,
};
use std::{
    collections::BTreeMap,
    fs,
    net::TcpListener,
    os::unix,
    path::{Path, PathBuf},
    process::Command,
    sync::{Arc, Mutex},
};

/// What scripts of cases use.
const TOOLS: [&str; 13] =
    ["sh", "bash", "cat", "cut", "date", "echo", "env", "false", "head", "printf", "sleep", "tr", "true"];

pub(super) struct Machine {
    pub(super) home: Home,
    pub(super) servers: StandIn,
    /// Variables of the session, with those that lead to the servers.
    pub(super) variables: BTreeMap<String, String>,
}

/// From here on, this thread and what it starts see a network of their own: loopback, with the addresses of metadata services.
pub(super) fn leave_the_network() {
    nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWNET).expect("a network namespace");
    for arguments in [
        &["link", "set", "lo", "up"][..],
        &["address", "add", "169.254.169.254/32", "dev", "lo"],
        &["address", "add", "169.254.170.2/32", "dev", "lo"],
    ] {
        assert!(Command::new("ip").args(arguments).status().expect("ip runs").success());
    }
}

impl Machine {
    pub(super) fn new(cloud: Cloud, case: &Case, authority: &Arc<Authority>) -> Self {
        let mut home = Home::new();
        let main = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = main.local_addr().expect("an address").to_string();
        let key = claviger_tests::google::KEY.replace('\n', "\\n");
        let places = BTreeMap::from([
            ("URL", format!("http://{address}")),
            ("ADDRESS", address),
            ("HOME", home.path("home").display().to_string()),
            ("WORK", home.path("work").display().to_string()),
            ("KEY", key),
        ]);
        let fill = |text: &str| filled(text, &places);
        for (name, text) in &case.files {
            put(&home, &fill(name), fill(text).as_bytes());
        }
        for (name, digits) in &case.bytes {
            put(&home, &fill(name), &bytes(digits));
        }
        let tools = home.path("tools");
        fs::create_dir(&tools).expect("directory");
        for tool in TOOLS {
            let program = Path::new("/usr/bin").join(tool);
            unix::fs::symlink(program, tools.join(tool)).expect("a link");
        }
        for (name, body) in &case.programs {
            home.script(&format!("bin/{name}"), &fill(body));
        }
        let also = case.serves.iter().map(|address| listen(address));
        let listeners = std::iter::once(main).chain(also).collect();
        let given = case.answers.iter().cloned().chain(cloud.answers());
        let answers: Vec<_> = given.map(|answer| fill_answer(answer, &fill)).collect();
        let left = Mutex::new(answers);
        let servers = StandIn::everywhere(authority, listeners, move |request| answer(&left, request));
        let authorities = home.write("authorities.pem", &authority.pem()).display().to_string();
        let mut variables = cloud.variables();
        variables.extend([
            ("HTTPS_PROXY".to_owned(), servers.url.clone()),
            ("NO_PROXY".to_owned(), "127.0.0.1,localhost,169.254.169.254,169.254.170.2".to_owned()),
            ("PATH".to_owned(), format!("{}:{}", home.path("bin").display(), tools.display())),
        ]);
        for name in ["AWS_CA_BUNDLE", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"] {
            variables.insert(name.to_owned(), authorities.clone());
        }
        variables.extend(case.environment.iter().map(|(name, value)| (name.clone(), fill(value))));
        variables.retain(|_, value| !value.is_empty());
        for (name, value) in &variables {
            home.set(name, value);
        }
        Self { home, servers, variables }
    }
}

/// The server of the run before may still be about to end.
fn listen(address: &str) -> TcpListener {
    let mut listener = None;
    wait::until("the address is free", || {
        listener = TcpListener::bind(address).ok();
        listener.is_some()
    });
    listener.expect("an address")
}

fn put(home: &Home, name: &str, content: &[u8]) {
    let below = match name.split_once('/') {
        Some(("~", below)) => PathBuf::from("home").join(below),
        Some((".", below)) => PathBuf::from("work").join(below),
        _ => panic!("{name} begins with neither ~/ nor ./"),
    };
    let path = home.path(below);
    fs::create_dir_all(path.parent().expect("a parent")).expect("directory");
    fs::write(path, content).expect("file");
}

fn bytes(digits: &str) -> Vec<u8> {
    let digits: Vec<u8> = digits.bytes().filter(u8::is_ascii_hexdigit).collect();
    let pair = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).expect("digits"), 16).expect("hex");
    digits.chunks(2).map(pair).collect()
}

fn fill_answer(answer: Answer, fill: &dyn Fn(&str) -> String) -> Answer {
    let headers = answer.headers.iter().map(|(name, value)| (name.clone(), fill(value))).collect();
    Answer { body: fill(&answer.body), headers, to: fill(&answer.to), ..answer }
}

fn answer(left: &Mutex<Vec<Answer>>, request: &Request) -> Response {
    let mut left = left.lock().expect("answers");
    let Some(answer) = left.iter_mut().find(|answer| answer.times != Some(0) && answer.fits(request)) else {
        return Response::error(404, serde_json::json!({"error": "not_found"}));
    };
    answer.times = answer.times.map(|times| times - 1);
    let plain = Response::new(answer.status, answer.body.clone());
    answer.headers.iter().fold(plain, |response, (name, value)| response.header(name, value))
}
