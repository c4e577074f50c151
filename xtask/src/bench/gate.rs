//! What a request costs that goes through the gate, beside nginx, which sets the header alike, and no proxy at all. All three ask
//! the same TLS server on loopback, in turns.

mod upstream;
mod ways;

use super::{
    Bench,
    daemon::{self, runtime},
    stats::{percentile, summary},
    table::Table,
};
use crate::sh;
use http_body_util::BodyExt as _;
use hyper::client::conn::http1::SendRequest;
use std::{
    thread::sleep,
    time::{Duration, Instant},
};
use tokio::time::timeout;
use upstream::{Body, bytes, whole};
use ways::{Way, Ways};

/// Requests of one way in a row, before the next way has its turn.
const TURN: usize = 100;
/// Sizes of requests, in bytes: a short prompt, and a long one.
const SIZES: [(&str, usize); 2] = [("1.5 kB", 1_500), ("50 kB", 50_000)];
/// A large body, in bytes.
const LARGE: usize = 1 << 30;
/// Streams and downloads at once.
const CROWD: usize = 200;

pub(super) fn measure(bench: &Bench) -> sh::Result<Table> {
    let mut table = Table::new("Gate", &["what", "direct", "gate", "nginx", "gate : nginx"]);
    let runtime = runtime()?;
    for (protocol, is_http2) in [("h1", false), ("h2", true)] {
        let ways = Ways::open(bench, is_http2)?;
        runtime.block_on(rounds(bench, &ways, protocol, &mut table))?;
        if !is_http2 {
            runtime.block_on(streams(bench, &ways, &mut table))?;
        }
        runtime.block_on(large(bench, &ways, protocol, &mut table))?;
        if !is_http2 {
            runtime.block_on(memory(bench, &ways, &mut table))?;
        }
    }
    table.note(
        "added: the median over that of the direct way, in µs; the API speaks HTTP/1.1 to nginx in all rows",
    );
    Ok(table)
}

/// Requests on warm connections, and the first of new ones.
async fn rounds(bench: &Bench, ways: &Ways, protocol: &str, table: &mut Table) -> sh::Result {
    for (name, size) in SIZES {
        let mut times = [Vec::new(), Vec::new(), Vec::new()];
        let mut senders = Vec::new();
        for way in Way::ALL {
            let mut sender = ways.connect(way).await?;
            ask(&mut sender, ways, "/", size).await?;
            senders.push(sender);
        }
        for _ in 0..bench.rounds(60) {
            for (sender, times) in senders.iter_mut().zip(&mut times) {
                for _ in 0..TURN {
                    times.push(micros(ask(sender, ways, "/", size).await?));
                }
            }
        }
        let [direct, gate, nginx] = times;
        let middle = |times: &[f64]| percentile(times, 0.5).unwrap_or_default();
        let added = [&gate, &nginx].map(|times| middle(times) - middle(&direct));
        let cells = [&direct, &gate, &nginx].map(|times| format!("{:.0} µs", middle(times)));
        table.row(line(&format!("{protocol}, {name}: p50"), cells, String::new()));
        let cells = ["".into(), format!("{:.0} µs", added[0]), format!("{:.0} µs", added[1])];
        table.row(line(&format!("{protocol}, {name}: added"), cells, format!("{:.2}", added[0] / added[1])));
        let high = |times: &[f64]| {
            percentile(times, 0.99).unwrap_or_default() - percentile(&direct, 0.99).unwrap_or_default()
        };
        let cells = ["".into(), format!("{:+.0} µs", high(&gate)), format!("{:+.0} µs", high(&nginx))];
        table.row(line(&format!("{protocol}, {name}: p99 over direct"), cells, String::new()));
    }
    let mut times = [Vec::new(), Vec::new(), Vec::new()];
    for _ in 0..bench.rounds(300) {
        for (way, times) in Way::ALL.into_iter().zip(&mut times) {
            let begun = Instant::now();
            let mut sender = ways.connect(way).await?;
            ask(&mut sender, ways, "/", SIZES[0].1).await?;
            times.push(micros(begun.elapsed()));
        }
    }
    let middles = times.each_ref().map(|times| percentile(times, 0.5).unwrap_or_default());
    let cells = middles.map(|middle| format!("{middle:.0} µs"));
    let ratio = format!("{:.2} of direct", middles[1] / middles[0]);
    table.row(line(&format!("{protocol}, first request of a connection"), cells, ratio));
    Ok(())
}

/// A thousand events a second, and clients that leave.
async fn streams(bench: &Bench, ways: &Ways, table: &mut Table) -> sh::Result {
    let mut cells = [(); 3].map(|()| String::new());
    for (way, cell) in Way::ALL.into_iter().zip(&mut cells) {
        let mut sender = ways.connect(way).await?;
        let mut body = sender.send_request(ways.request("/events", whole(""))?).await?.into_body();
        let (mut delays, mut merged, end) = (Vec::new(), 0, Instant::now() + bench.span(5));
        while Instant::now() < end {
            let frame = body.frame().await.ok_or("a stream ended")??;
            let Ok(data) = frame.into_data() else { continue };
            let now = ways.upstream.begin.elapsed().as_nanos() as f64;
            let text = String::from_utf8_lossy(&data);
            let sent =
                text.split("data: ").filter_map(|part| part.trim().parse::<f64>().ok()).collect::<Vec<_>>();
            merged += sent.len().saturating_sub(1);
            delays.extend(sent.iter().map(|sent| (now - sent) / 1000.0));
        }
        let (middle, high) =
            (percentile(&delays, 0.5).unwrap_or_default(), percentile(&delays, 0.99).unwrap_or_default());
        let share = 100.0 * merged as f64 / delays.len() as f64;
        *cell = format!("{middle:.0}, +{:.0} µs, {share:.1} %", high - middle);
    }
    table.row(line("1,000 events/s: delay p50, jitter p99, merged", cells, String::new()));
    let mut cells = [(); 3].map(|()| String::new());
    for (way, cell) in Way::ALL.into_iter().zip(&mut cells) {
        let mut times = Vec::new();
        for _ in 0..bench.rounds(100) {
            let mut sender = ways.connect(way).await?;
            let mut body = sender.send_request(ways.request("/endless", whole(""))?).await?.into_body();
            body.frame().await.ok_or("a stream ended")??;
            let left = Instant::now();
            drop((body, sender));
            let seen = timeout(Duration::from_secs(10), async {
                loop {
                    if let Ok(seen) = ways.upstream.left.try_recv() {
                        return seen;
                    }
                    tokio::task::yield_now().await;
                }
            });
            times.push(micros(seen.await?.saturating_duration_since(left)) / 1000.0);
        }
        *cell = format!(
            "{:.1}, {:.1} ms",
            percentile(&times, 0.5).unwrap_or_default(),
            percentile(&times, 0.99).unwrap_or_default()
        );
    }
    table.row(line("client gone, upstream ended: p50, p99", cells, String::new()));
    Ok(())
}

/// A gigabyte down and up.
async fn large(bench: &Bench, ways: &Ways, protocol: &str, table: &mut Table) -> sh::Result {
    let size = if bench.quick { LARGE / 16 } else { LARGE };
    for is_upload in [false, true] {
        let mut rates = [Vec::new(), Vec::new(), Vec::new()];
        for _ in 0..bench.rounds(3) {
            for (way, rates) in Way::ALL.into_iter().zip(&mut rates) {
                let mut sender = ways.connect(way).await?;
                let (path, body) = if is_upload {
                    ("/".to_owned(), bytes(size))
                } else {
                    (format!("/bytes/{size}"), whole(""))
                };
                let begun = Instant::now();
                let mut body = sender.send_request(ways.request(&path, body)?).await?.into_body();
                while let Some(frame) = body.frame().await {
                    frame?;
                }
                rates.push(size as f64 / 1e6 / begun.elapsed().as_secs_f64());
            }
        }
        let middles = rates.each_ref().map(|rates| summary(rates).map_or(0.0, |it| it.median));
        let cells = middles.map(|middle| format!("{middle:.0} MB/s"));
        let way = if is_upload { "up" } else { "down" };
        table.row(line(&format!("{protocol}, 1 GB {way}"), cells, format!("{:.2}", middles[1] / middles[2])));
    }
    Ok(())
}

/// What the gate holds: idle, after a burst, with streams, with downloads that their clients do not read; and how often it wakes up.
async fn memory(bench: &Bench, ways: &Ways, table: &mut Table) -> sh::Result {
    let pid = ways.gate_pid()?;
    let show = || sh::Result::Ok(format!("{:.1} MiB", daemon::resident(pid)? as f64 / 1024.0));
    let mut row =
        |what: &str, cell: String| table.row(line(what, ["".into(), cell, "".into()], String::new()));
    row("resident after the rows above", show()?);
    for (what, path) in [("events", "/endless"), ("stalled downloads of 1 GB", "/bytes/1073741824")] {
        let mut open = Vec::new();
        for _ in 0..bench.rounds(CROWD) {
            let mut sender = ways.connect(Way::Gate).await?;
            let mut body = sender.send_request(ways.request(path, whole(""))?).await?.into_body();
            body.frame().await.ok_or("a stream ended")??;
            open.push((sender, body));
        }
        tokio::time::sleep(Duration::from_secs(2)).await;
        row(&format!("resident, {} {what}", open.len()), show()?);
    }
    tokio::time::sleep(Duration::from_secs(3)).await;
    row("resident afterwards", show()?);
    sleep(bench.span(60));
    let before = daemon::switches(pid)?;
    sleep(bench.span(60));
    let count = |all: &daemon::Switches| all.values().sum::<u64>();
    row("wake-ups in a minute, idle", (count(&daemon::switches(pid)?) - count(&before)).to_string());
    Ok(())
}

/// Sends a request and reads the answer to its end.
async fn ask(sender: &mut SendRequest<Body>, ways: &Ways, path: &str, size: usize) -> sh::Result<Duration> {
    let begun = Instant::now();
    sender.ready().await?;
    let response = sender.send_request(ways.request(path, whole(vec![b'x'; size]))?).await?;
    let status = response.status();
    let body = response.into_body().collect().await?.to_bytes();
    if !status.is_success() {
        return Err(format!("the answer is {status}: {}", String::from_utf8_lossy(&body)).into());
    }
    Ok(begun.elapsed())
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

fn line(what: &str, cells: [String; 3], ratio: String) -> Vec<String> {
    let [direct, gate, nginx] = cells;
    vec![what.to_owned(), direct, gate, nginx, ratio]
}
