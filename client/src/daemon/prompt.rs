//! Asks the person at the terminal whether to trust a workspace.

use crate::{
    ask::person::{answer_to, is_agent},
    daemon::wait,
    failure::Failure,
    output::{self, Style},
    render,
    session::context::Context,
    text::{escape, wrap},
};
use claviger::{
    client::{Client, request, unwrap},
    proto::v1::{DecideTrustRequest, DescribeWorkspaceRequest, TrustDecision, Workspace},
    reason::{Problem, Reason},
    session::SessionContext,
};

/// A screen of unknown size, in columns and rows.
const SCREEN: (u16, u16) = (80, 24);

const CHOICES: &str = "[t]rust, [i]gnore this workspace's commands, [n]othing now (default: n)";
const CHOICES_WITHOUT_TRUST: &str = "[i]gnore this workspace's commands, [n]othing now (default: n)";

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
    let (question, fits) = question(&workspace, screen(), Style::stderr());
    let decision = match parse(&answer_to(&question)) {
        Some(TrustDecision::Trusted) if !fits => {
            output::talk("nothing was decided: see all of it with `claviger trust grant`\n");
            None
        }
        decision => decision,
    };
    let Some(decision) = decision else { return Ok(false) };
    decide(context, client, session, &workspace.digest, decision).await?;
    Ok(true)
}

/// The requests of the workspace.
///
/// # Errors
/// The daemon's problem.
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

/// The question, and whether all requests fit on the screen. Requests above the screen cannot be trusted with a key
/// press: a repository decides how much it writes.
fn question(workspace: &Workspace, screen: (u16, u16), style: Style) -> (String, bool) {
    let told = format!(
        "\nclaviger: the files of this workspace request the following, which is not trusted \
         yet\n\n{}{}\nCommands run as you and can do whatever you can.\n",
        render::trust::root(workspace),
        render::trust::items(&workspace.items, style),
    );
    let whole = format!("{told}{}: ", style.bold(CHOICES));
    if rows(&told, screen.0) < usize::from(screen.1) {
        return (whole, true);
    }
    let count = workspace.items.len();
    let more = format!(
        "These are {count} requests, more than fit on this screen: `claviger trust grant` lists them \
            again and trusts them.\n"
    );
    (format!("{told}{}{}: ", style.red(&more), style.bold(CHOICES_WITHOUT_TRUST)), false)
}

/// Number of rows that a text takes on a screen with so many columns.
fn rows(text: &str, columns: u16) -> usize {
    let columns = usize::from(columns);
    let width = |line: &str| line.chars().map(escape::width).sum::<usize>();
    let text = wrap::text(text, columns);
    text.lines().map(|line| width(line).div_ceil(columns).max(1)).sum()
}

fn screen() -> (u16, u16) {
    match terminal_size::terminal_size_of(std::io::stderr()).map(|(columns, rows)| (columns.0, rows.0)) {
        Some((columns @ 1.., rows @ 1..)) => (columns, rows),
        _ => SCREEN,
    }
}

fn parse(answer: &str) -> Option<TrustDecision> {
    match answer {
        "t" | "trust" => Some(TrustDecision::Trusted),
        "i" | "ignore" => Some(TrustDecision::Ignored),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{parse, question};
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
    fn what_does_not_fit_on_the_screen_cannot_be_trusted_by_a_key() {
        let mut items: Vec<_> = (0..100).map(|n| item(&format!("env.V{n}"), false, Change::None)).collect();
        items.push(item("apiKeyHelper", true, Change::Added));
        items.push(item("env.HTTPS_PROXY", false, Change::Added));
        let workspace = Workspace { items, ..Default::default() };
        let (text, fits) = question(&workspace, (80, 60), Style::default());
        assert!(!fits && !text.contains("[t]rust"), "{text}");
        assert!(text.contains("env.V99 ") && text.contains("102 requests"), "{text}");
        let (proxy, command) = (text.find("env.HTTPS_PROXY"), text.find("apiKeyHelper"));
        assert!(proxy < command && command < text.find("env.V0 "), "{text}");
        assert!(question(&workspace, (80, 1000), Style::default()).1);
    }

    #[test]
    fn a_narrow_screen_shows_less() {
        let one =
            Workspace { items: vec![item(&"A".repeat(60), false, Change::Added)], ..Default::default() };
        let fits = |columns, rows| question(&one, (columns, rows), Style::default()).1;
        assert!(fits(100, 9) && !fits(100, 8) && !fits(20, 9) && fits(20, 40));
    }

    #[test]
    fn the_question_ends_with_its_choices() {
        let workspace = Workspace {
            root: "/w\x1b".into(),
            items: vec![item("apiKeyHelper", true, Change::Added)],
            ..Default::default()
        };
        let expected = "
claviger: the files of this workspace request the following, which is not trusted yet

 root | /w\\u{1b}
apiKeyHelper (command, new)
 runs | x
means | runs as you, and what it prints is used as your key

Commands run as you and can do whatever you can.
[t]rust, [i]gnore this workspace's commands, [n]othing now (default: n): ";
        assert_eq!(question(&workspace, (80, 24), Style::default()), (expected.to_owned(), true));
    }
}
