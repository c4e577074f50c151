//! Cached credentials for cloud tools, compared with the clouds' own programs.

use super::{
    Bench,
    daemon::{LASTING, Measured},
    process::{Contestant, take_turns},
    stats::{ratios, summary},
    table::Table,
};
use crate::sh;
use std::{
    fs,
    io::{Read as _, Write as _},
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::Path,
    process::Command,
    thread,
};

/// Keys of a profile, in the format of `credential_process`.
const KEYS: &str = r#"{"Version": 1, "AccessKeyId": "AKIABENCH", "SecretAccessKey": "not-a-secret", "SessionToken": "not-a-secret", "Expiration": "2099-01-01T00:00:00Z"}"#;
const TOKEN: &str = "not-a-secret-token";

/// A program of a cloud, or why it is skipped.
type Peer = Result<Contestant, &'static str>;

pub(super) fn measure(bench: &Bench) -> sh::Result<Table> {
    let measured = Measured::empty(bench, LASTING)?;
    let home = measured.stage.home().join("home");
    let endpoint = prepare(&home)?;
    let ours = |arguments: &[&str], expect: &str| Contestant {
        name: format!("claviger {}", arguments.join(" ")),
        command: measured.stage.command(&measured.stage.project(), arguments),
        input: None,
        expect: expect.into(),
    };
    let login = home.join("login.json");
    fs::write(
        &login,
        format!(
            r#"{{"type": "authorized_user", "client_id": "i", "client_secret": "s", "refresh_token": "r", "token_uri": "http://{endpoint}/token"}}"#
        ),
    )?;
    let google =
        ["gcp", "--format", "token", "--credentials", login.to_str().ok_or("the home is not UTF-8")?];
    let pairs = [
        (ours(&["aws", "--profile", "work"], "AKIABENCH"), aws(&measured)),
        (ours(&google, TOKEN), gcloud(&measured, &home)),
    ];
    let mut table = Table::new(
        "Cached credentials for a cloud's tools, whole process",
        &["command", "ms: median (min–max)", "claviger ÷ this: median (min–max)"],
    );
    let rounds = bench.rounds(30);
    for (ours, peer) in pairs {
        pair(&mut table, ours, peer, rounds)?;
    }
    table.note(format!(
        "{rounds} rounds in turns after a warm-up. gcloud gets its token from a file, without a request."
    ));
    Ok(table)
}

fn pair(table: &mut Table, ours: Contestant, peer: Peer, rounds: usize) -> sh::Result {
    let (peer, missing) = match peer {
        Ok(peer) => (Some(peer), None),
        Err(why) => (None, Some(why)),
    };
    let mut contestants: Vec<_> = std::iter::once(ours).chain(peer).collect();
    let samples = take_turns(&mut contestants, rounds)?;
    for (contestant, theirs) in contestants.iter().zip(&samples) {
        let [took, ratio] = [summary(theirs), ratios(&samples[0], theirs)]
            .map(|it| it.map_or_else(|| "–".into(), |it| it.to_string()));
        // The path of a file has no meaning here.
        let name = contestant.name.split(" --credentials").next().unwrap_or_default().to_owned();
        table.row([name, took, ratio]);
    }
    missing.into_iter().for_each(|why| table.row([why.to_owned()]));
    Ok(())
}

/// A home with an AWS profile, and an endpoint that returns Google tokens.
fn prepare(home: &Path) -> sh::Result<SocketAddr> {
    fs::create_dir_all(home.join(".aws"))?;
    fs::write(
        home.join(".aws/config"),
        format!("[profile work]\ncredential_process = /bin/echo '{KEYS}'\n"),
    )?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = listener.local_addr()?;
    let body = format!(r#"{{"access_token": "{TOKEN}", "expires_in": 86400, "token_type": "Bearer"}}"#);
    let head = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-type: application/json\r\n";
    let answer = format!("{head}content-length: {}\r\n\r\n{body}", body.len());
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            // The request fits into one read; otherwise the row fails.
            drop(stream.read(&mut [0; 16_384]).and_then(|_| stream.write_all(answer.as_bytes())));
        }
    });
    Ok(address)
}

/// AWS CLI 2; version 1 has no such verb.
fn aws(measured: &Measured) -> Peer {
    let mut command = peer(measured, "aws", &["configure", "export-credentials", "--profile", "work"]);
    match sh::capture(&mut command) {
        Ok(output) if output.status.success() => Ok(Contestant {
            name: "aws configure export-credentials".into(),
            command,
            input: None,
            expect: "AKIABENCH".into(),
        }),
        _ => Err("aws configure export-credentials: AWS CLI 2 is not on this machine"),
    }
}

fn gcloud(measured: &Measured, home: &Path) -> Peer {
    const MISSING: &str = "gcloud auth print-access-token: not on this machine";
    let file = home.join("token");
    fs::write(&file, TOKEN).map_err(|_| MISSING)?;
    let mut command = peer(measured, "gcloud", &["auth", "print-access-token"]);
    command.env("CLOUDSDK_AUTH_ACCESS_TOKEN_FILE", file).env("CLOUDSDK_CORE_DISABLE_USAGE_REPORTING", "true");
    match sh::capture(&mut command) {
        Ok(output) if output.status.success() => Ok(Contestant {
            name: "gcloud auth print-access-token".into(),
            command,
            input: None,
            expect: TOKEN.into(),
        }),
        _ => Err(MISSING),
    }
}

/// A program with the same short environment as claviger.
fn peer(measured: &Measured, program: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command
        .env_clear()
        .envs(measured.stage.environment())
        .current_dir(measured.stage.project())
        .args(arguments);
    command
}
