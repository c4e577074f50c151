//! `claviger version`: the releases of both sides, also when they do not fit together.

use crate::{daemon::wait, failure::Failure, json, output, session::context::Context, text::escape};
use claviger::{
    PROTOCOL, RELEASE,
    client::{ConnectError, request},
    proto::v1::{GetVersionRequest, Version},
    wire,
};
use serde_json::json;

/// Shows both. That no daemon runs is an answer, not a failure.
///
/// # Errors
/// If the socket is not safe to use.
pub(crate) async fn run(context: &Context) -> Result<(), Failure> {
    let daemon = ask(context).await?;
    let own = Version { release: RELEASE.into(), protocol: PROTOCOL };
    match context.options.json {
        true => output::json(
            &json!({"client": json::version(Some(&own)), "daemon": json::version(daemon.as_ref())}),
        )?,
        false => output::data(&text(&own, daemon.as_ref()))?,
    }
    Ok(())
}

async fn ask(context: &Context) -> Result<Option<Version>, Failure> {
    let mut service = match context.connect_running().await {
        Ok(client) => client.inspect(),
        Err(ConnectError::Unreachable { .. }) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    // The protocol is not checked: that it differs is what a person may want to see here.
    let answer = async {
        service.get_version(request(GetVersionRequest {})).await.map_err(|status| wire::from_status(&status))
    };
    Ok(wait::answer(context, answer).await?.into_inner().version)
}

fn text(own: &Version, daemon: Option<&Version>) -> String {
    let line = |name: &str, version: &Version| {
        format!("{name} {} (protocol {})\n", escape::line(&version.release), version.protocol)
    };
    let daemon =
        daemon.map_or_else(|| "clavigerd does not run\n".into(), |version| line("clavigerd", version));
    line("claviger", own) + &daemon
}

#[cfg(test)]
mod tests {
    use super::text;
    use claviger::proto::v1::Version;

    #[test]
    fn both_sides_are_named() {
        let own = Version { release: "0.1.0".into(), protocol: 1 };
        assert_eq!(text(&own, None), "claviger 0.1.0 (protocol 1)\nclavigerd does not run\n");
        let daemon = Version { release: "0.2.0".into(), protocol: 2 };
        assert_eq!(text(&own, Some(&daemon)), "claviger 0.1.0 (protocol 1)\nclavigerd 0.2.0 (protocol 2)\n");
    }
}
