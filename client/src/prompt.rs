//! Asks the person at the terminal. Questions go to stderr: stdout is for data.

use crate::{
    context::Context,
    failure::Failure,
    output::{self, Style},
    render, wait,
};
use claviger::{
    client::{Client, request, unwrap},
    proto::v1::{
        DecideTrustRequest, DescribeWorkspaceRequest, TrustDecision, TrustItem, Workspace, trust_item::Change,
    },
    reason::{Problem, Reason},
    session::SessionContext,
};
use nix::sys::termios::{FlushArg, tcflush};
use std::io;

/// Most items a question lists. A file with hundreds must not push the commands off the screen.
const MAX_ITEMS: usize = 40;

/// Asks whether to trust the session's workspace and records the answer. True if a decision was made.
///
/// # Errors
/// If the workspace changed while the person was reading, or the daemon fails.
pub(crate) async fn ask(
    context: &Context,
    client: &Client,
    session: &SessionContext,
) -> Result<bool, Failure> {
    let workspace = describe(context, client, session).await?;
    if workspace.digest.is_empty() {
        return Ok(false);
    }
    let question = question(&workspace, Style::stderr());
    let Some(decision) = parse(&answer_to(&question)) else { return Ok(false) };
    decide(context, client, session, &workspace.digest, decision).await?;
    Ok(true)
}

/// What the workspace asks for.
///
/// # Errors
/// The daemon's.
pub(crate) async fn describe(
    context: &Context,
    client: &Client,
    session: &SessionContext,
) -> Result<Workspace, Failure> {
    let message = DescribeWorkspaceRequest { session: Some(client.describe(session)?) };
    let mut client = client.clone();
    let asked = client.call(|client| {
        let message = message.clone();
        async move { unwrap(client.trust().describe_workspace(request(message)).await) }
    });
    let answer = wait::answer(context, asked).await?;
    Ok(answer.workspace.ok_or_else(|| Problem::new(Reason::Bug, "the daemon's answer has no workspace"))?)
}

/// Records a decision about exactly what `digest` covers.
///
/// # Errors
/// `workspace-untrusted` if the files have changed since.
pub(crate) async fn decide(
    context: &Context,
    client: &Client,
    session: &SessionContext,
    digest: &str,
    decision: TrustDecision,
) -> Result<Workspace, Failure> {
    let message = DecideTrustRequest {
        session: Some(client.describe(session)?),
        digest: digest.to_owned(),
        decision: decision.into(),
        agent: is_agent(),
    };
    let mut client = client.clone();
    let asked = client.call(|client| {
        let message = message.clone();
        async move { unwrap(client.trust().decide_trust(request(message)).await) }
    });
    let answer = wait::answer(context, asked).await?;
    Ok(answer.workspace.ok_or_else(|| Problem::new(Reason::Bug, "the daemon's answer has no workspace"))?)
}

/// Whether an AI agent runs us, as its tools say.
fn is_agent() -> bool {
    ["CLAUDECODE", "AI_AGENT"]
        .into_iter()
        .any(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()))
}

/// Asks a yes-or-no question, no by default.
pub(crate) fn confirm(question: &str) -> bool {
    matches!(answer_to(&format!("{question} [y/N]: ")).as_str(), "y" | "yes")
}

fn question(workspace: &Workspace, style: Style) -> String {
    let (listed, left_out) = listed(&workspace.items);
    let more = match left_out {
        0 => String::new(),
        count => style.red(&format!("and {count} more: `claviger trust show` lists all\n")),
    };
    format!(
        "\nclaviger: the files of this workspace ask for the following, which nobody has decided about\n\n\
         {}{}{more}\nCommands run as you and can do whatever you can.\n{}: ",
        render::trust::root(workspace),
        render::trust::items(&listed, style),
        style.bold("[t]rust, [i]gnore this workspace's commands, [n]othing now (default: n)"),
    )
}

/// What a question lists, the important first: commands, then what changed; and how many are left out.
fn listed(items: &[TrustItem]) -> (Vec<TrustItem>, usize) {
    let mut sorted = items.to_vec();
    sorted.sort_by_key(|item| (!item.command, item.change() == Change::None));
    sorted.truncate(MAX_ITEMS);
    let left_out = items.len() - sorted.len();
    (sorted, left_out)
}

fn parse(answer: &str) -> Option<TrustDecision> {
    match answer {
        "t" | "trust" => Some(TrustDecision::Trusted),
        "i" | "ignore" => Some(TrustDecision::Ignored),
        _ => None,
    }
}

/// A line from the terminal. What was typed before the question was shown is no answer to it.
fn answer_to(question: &str) -> String {
    let _ = tcflush(io::stdin(), FlushArg::TCIFLUSH);
    output::talk(question);
    let mut line = String::new();
    match io::stdin().read_line(&mut line) {
        Ok(1..) => line.trim().to_ascii_lowercase(),
        _ => {
            output::talk("\n"); // end of input or a broken terminal: nobody answered
            String::new()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{MAX_ITEMS, listed, parse, question};
    use crate::output::Style;
    use claviger::proto::v1::{TrustDecision, TrustItem, Workspace, trust_item::Change};

    fn item(name: &str, command: bool, change: Change) -> TrustItem {
        TrustItem {
            name: name.into(),
            value: "x".into(),
            command,
            change: change.into(),
            ..Default::default()
        }
    }

    #[test]
    fn only_a_clear_answer_decides() {
        assert_eq!(parse("t"), Some(TrustDecision::Trusted));
        assert_eq!(parse("ignore"), Some(TrustDecision::Ignored));
        for answer in ["", "n", "y", "yes", "trust me", "tt"] {
            assert_eq!(parse(answer), None, "{answer:?}");
        }
    }

    #[test]
    fn a_flood_of_variables_does_not_hide_the_command() {
        let mut items: Vec<_> = (0..100).map(|n| item(&format!("env.V{n}"), false, Change::None)).collect();
        items.push(item("env.NEW", false, Change::Added));
        items.push(item("apiKeyHelper", true, Change::Added));
        let (shown, left_out) = listed(&items);
        assert_eq!((shown[0].name.as_str(), shown[1].name.as_str()), ("apiKeyHelper", "env.NEW"));
        assert_eq!((shown.len(), left_out), (MAX_ITEMS, 102 - MAX_ITEMS));
        let text = question(&Workspace { items, ..Default::default() }, Style::default());
        assert!(text.contains("and 62 more"), "{text}");
    }

    #[test]
    fn the_question_ends_with_its_choices() {
        let workspace = Workspace {
            root: "/w\x1b".into(),
            items: vec![item("apiKeyHelper", true, Change::Added)],
            ..Default::default()
        };
        let expected = "
claviger: the files of this workspace ask for the following, which nobody has decided about

 root | /w\\u{1b}
apiKeyHelper (command, new)
 runs | x

Commands run as you and can do whatever you can.
[t]rust, [i]gnore this workspace's commands, [n]othing now (default: n): ";
        assert_eq!(question(&workspace, Style::default()), expected);
    }
}
