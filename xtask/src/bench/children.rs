//! Cost of a child that fetches: its time from fork to wait, and its peak memory.

use super::{Bench, stats::summary, table::Table};
use crate::sh;
use std::{
    fs,
    io::{Read as _, Write as _},
    net::TcpListener,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

/// Runs per kind.
const ROUNDS: usize = 50;
/// Pause between two samples of a child.
const SAMPLE: Duration = Duration::from_micros(50);
/// Any token server's answer: every cloud finds its own fields in it.
const ANSWER: &str = r#"{"access_token":"t","token_type":"Bearer","expires_in":3600,"expires_on":"4070908800","resource":"r","AccessKeyId":"AKIA1","SecretAccessKey":"s","Token":"t","Expiration":"2099-01-01T00:00:00Z"}"#;

/// The AWS chain.
const AWS: &str = r#"{"aws":{"check":false,"lent":{}}}"#;

/// Output of a `credential_process`.
const PRINTED: &str = r#"{"Version":1,"AccessKeyId":"AKIA1","SecretAccessKey":"s","SessionToken":"t","Expiration":"2099-01-01T00:00:00Z"}"#;
/// Output of `az account get-access-token`.
const TOKEN_OF_AZ: &str = r#"{"accessToken":"t","expiresOn":"2099-01-01 00:00:00.000000","expires_on":4070908800,"subscription":"s","tenant":"t","tokenType":"Bearer"}"#;

/// A child: its name, its request and its environment.
type Kind = (&'static str, &'static str, Vec<(&'static str, String)>);

pub(super) fn measure(bench: &Bench) -> sh::Result<Table> {
    let directory = tempfile::tempdir()?;
    let url = token_server()?;
    let mut table = Table::new("A fetch child", &["what", "ms: median (min–max)", "peak memory"]);
    let floor = (0..bench.rounds(ROUNDS)).map(|_| {
        let start = Instant::now();
        Command::new("/bin/true").status().map(|_| start.elapsed().as_secs_f64() * 1000.0)
    });
    let floor = floor.collect::<Result<Vec<_>, _>>()?;
    let floor = summary(&floor).map_or_else(|| "–".into(), |summary| summary.to_string());
    table.row(["/bin/true (floor)".into(), floor, "–".into()]);
    for (name, request, environment) in kinds(directory.path(), &url)? {
        let call = format!("{{\"release\":\"{}\",\"request\":{request}}}\n", env!("CARGO_PKG_VERSION"));
        let mut command = Command::new(bench.programs.join("clavigerd-fetch"));
        command.env_clear().env("HOME", directory.path()).envs(environment);
        let (mut times, mut peak) = (Vec::new(), 0);
        for _ in 0..bench.rounds(ROUNDS) {
            let (time, resident) = once(&mut command, &call)?;
            times.push(time);
            peak = peak.max(resident);
        }
        let times = summary(&times).map_or_else(|| "–".into(), |summary| summary.to_string());
        table.row([name.into(), times, format!("{:.1} MiB", peak as f64 / 1024.0)]);
    }
    Ok(table)
}

fn kinds(home: &Path, url: &str) -> sh::Result<Vec<Kind>> {
    fs::create_dir_all(home.join(".aws"))?;
    fs::write(
        home.join(".aws/config"),
        "[default]\nregion = eu-west-1\naws_access_key_id = AKIA1\naws_secret_access_key = s\n",
    )?;
    let process = home.join("process").to_string_lossy().into_owned();
    fs::write(&process, format!("[default]\ncredential_process = echo '{}'\n", PRINTED))?;
    let az = home.join("az");
    fs::write(&az, format!("#!/bin/sh\necho '{}'\n", TOKEN_OF_AZ))?;
    fs::set_permissions(&az, fs::Permissions::from_mode(0o755))?;
    let path = format!("{}:/usr/bin:/bin", home.display());
    let adc = home.join("adc.json");
    let user = format!(
        r#"{{"type":"authorized_user","client_id":"c","client_secret":"s","refresh_token":"r","token_uri":"{url}/token"}}"#
    );
    fs::write(&adc, user)?;
    let adc = adc.to_string_lossy().into_owned();
    let endpoint = |name| (name, format!("{url}/token"));
    Ok(vec![
        ("aws, a static profile", AWS, Vec::new()),
        ("aws, a credential_process", AWS, vec![("AWS_CONFIG_FILE", process)]),
        (
            "aws, a container over http",
            AWS,
            vec![endpoint("AWS_CONTAINER_CREDENTIALS_FULL_URI"), ("AWS_CONFIG_FILE", "/dev/null".into())],
        ),
        (
            "gcp, an authorized user over http",
            r#"{"gcp":{"keeps_aws_keys":false,"lent":{}}}"#,
            vec![("GOOGLE_APPLICATION_CREDENTIALS", adc)],
        ),
        (
            "azure, a managed identity over http",
            r#"{"azure":{"scope":"https://r/.default","lent":{"IDENTITY_HEADER":"h"}}}"#,
            vec![endpoint("IDENTITY_ENDPOINT")],
        ),
        (
            "azure, an az that is a script",
            r#"{"azure":{"scope":"https://r/.default","lent":{}}}"#,
            vec![("AZURE_TOKEN_CREDENTIALS", "AzureCliCredential".into()), ("PATH", path)],
        ),
    ])
}

/// Milliseconds of one run, and its peak in KiB. The kernel's figure for an ended child includes the memory of this
/// process at the fork, so the child is sampled while it lives.
fn once(command: &mut Command, call: &str) -> sh::Result<(f64, u64)> {
    let start = Instant::now();
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
    child.stdin.take().ok_or("no pipe")?.write_all(call.as_bytes())?;
    let mut stdout = child.stdout.take().ok_or("no pipe")?;
    let reader = thread::spawn(move || {
        let mut answer = String::new();
        stdout.read_to_string(&mut answer).map(|_| answer)
    });
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    while child.try_wait()?.is_none() {
        peak = peak.max(high_water(&fs::read_to_string(&status).unwrap_or_default()));
        thread::sleep(SAMPLE);
    }
    let took = start.elapsed().as_secs_f64() * 1000.0;
    let answer = reader.join().map_err(|_| "the reader panicked")??;
    if !answer.contains("\"Ok\"") {
        return Err(format!("{command:?} found nothing").into());
    }
    Ok((took, peak))
}

/// `VmHWM` of a status file, in KiB; 0 if the process has ended or not begun.
fn high_water(status: &str) -> u64 {
    let is_ours = status.contains("Name:\tclavigerd");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).filter(|_| is_ours);
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

/// Answers every request with [`ANSWER`], for as long as this process lives.
fn token_server() -> sh::Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let url = format!("http://{}", listener.local_addr()?);
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            thread::spawn(move || {
                // One read holds any of these small requests.
                let mut request = [0; 8192];
                let asked = stream.read(&mut request);
                let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n";
                let answer = format!("{head}content-length: {}\r\n\r\n{ANSWER}", ANSWER.len());
                asked.and_then(|_| stream.write_all(answer.as_bytes()))
            });
        }
    });
    Ok(url)
}
