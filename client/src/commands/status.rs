//! `claviger status`: the state of the daemon and its cache. Starts no daemon: a new one has nothing to show.

use crate::{
    daemon::{
        explore,
        follow::{self, Update},
        wait,
    },
    failure::{Failure, exit},
    json,
    news::{News, compare},
    output, render, screen,
    session::context::Context,
};
use claviger::{
    client::{request, unwrap},
    proto::v1::{GetStatusRequest, WatchStatusResponse},
};
use nix::unistd::Uid;
use std::time::SystemTime;

/// Arguments of `status`.
#[derive(clap::Args, Debug)]
pub(crate) struct Arguments {
    /// Show a live screen; without a terminal, print a line for each event
    #[arg(long, short)]
    pub(crate) watch: bool,
    /// Print figures for a monitoring system
    #[arg(long, value_name = "FORMAT", conflicts_with = "watch")]
    pub(crate) format: Option<Format>,
}

/// Format of monitoring systems.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub(crate) enum Format {
    /// Text format of OpenMetrics 1.0, for Prometheus and its kin
    Openmetrics,
}

/// Shows the state.
///
/// # Errors
/// If no daemon runs.
pub(crate) async fn run(context: &Context, arguments: &Arguments) -> Result<(), Failure> {
    if arguments.format.is_some() && context.options.json {
        return Err(Failure::usage("--format and --json are two forms of the same output", "leave one out"));
    }
    if arguments.watch {
        return match !context.options.json && screen::is_possible() {
            true => screen::run(context).await,
            false => lines(context).await,
        };
    }
    let mut client = context.connect_running().await?;
    let asked = client.call(|client| async move {
        unwrap(client.inspect().get_status(request(GetStatusRequest {})).await)
    });
    let answer = wait::answer(context, asked).await?;
    if let Some(Format::Openmetrics) = arguments.format {
        return Ok(output::data(&render::openmetrics::render(&answer, Uid::effective().as_raw()))?);
    }
    let api = explore::grpcurl(client.socket());
    if context.options.json {
        return Ok(output::json(&json::status(&answer, &api))?);
    }
    let layout = output::layout();
    let table = render::status::render(&answer, SystemTime::now(), layout);
    Ok(output::show(&format!("{table}{}\n", layout.style.dim(&explore::line(&api))))?)
}

/// A line for each event, until interrupted.
async fn lines(context: &Context) -> Result<(), Failure> {
    exit::when_interrupted();
    let mut seen = follow::follow(context).await?;
    let mut last: Option<Box<WatchStatusResponse>> = None;
    loop {
        let news = match seen.recv().await {
            None => return Ok(()),
            Some(Update::Refused(problem)) => return Err((*problem).into()),
            Some(Update::Lost) => vec![News::Lost],
            Some(Update::State(state)) => {
                let news = match &last {
                    None => vec![News::connected(&state)],
                    Some(last) => compare(last, &state),
                };
                last = Some(state);
                news
            }
        };
        for news in &news {
            print(context, news)?;
        }
    }
}

fn print(context: &Context, news: &News) -> Result<(), Failure> {
    let now = SystemTime::now();
    match context.options.json {
        true => output::data(&(output::json_line(&json::news(news, now)) + "\n"))?,
        false => {
            output::show(&format!("{} {}\n", render::time::clock(now), render::news::line(news, now).1))?
        }
    }
    Ok(())
}
