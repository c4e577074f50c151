//! Asks the person at the terminal whether a credential may be lent, while that very request waits.

use crate::{
    ask::person,
    output::{self, Style},
    text::escape,
};
use claviger::{
    client::{Client, request, unwrap},
    proto::v1::{AnswerQuestionRequest, Question, WaitForQuestionRequest},
    reason::Problem,
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread,
};
use tokio::sync::oneshot;

/// Keys the person can press.
const CHOICES: &str = "[a]llow, [d]eny (default: d)";

/// Shows questions that this process waits for, and asks those that are not answered on the desktop. `asking` is set
/// while the person types. A person who cannot answer, as in a container, is asked no such question.
pub(super) async fn answer_own(client: Client, can_ask: bool, asking: Arc<AtomicBool>) {
    let own = |on_terminal| WaitForQuestionRequest { own: true, on_terminal, ..Default::default() };
    let Ok(questions) = wait_for(&client, own(false)).await else { return };
    let can_ask = can_ask && !person::is_agent();
    for question in questions {
        let place = match (question.on_desktop, can_ask) {
            (true, _) => "a person is asked on the desktop",
            (false, false) => "a person has to answer with `claviger confirm` in a terminal",
            (false, true) => continue,
        };
        output::talk(&format!("\rclaviger: {place}: {}\n", escape::line(&question.text)));
    }
    while let (true, Ok(questions)) = (can_ask, wait_for(&client, own(true)).await) {
        for question in questions {
            asking.store(true, Relaxed);
            if let Some(allow) = ask(&question).await {
                drop(answer(&client, &question, allow).await);
            }
            asking.store(false, Relaxed);
        }
    }
}

/// Questions from the daemon.
///
/// # Errors
/// The daemon's problem.
pub(crate) async fn wait_for(
    client: &Client,
    message: WaitForQuestionRequest,
) -> Result<Vec<Question>, Problem> {
    Ok(unwrap(client.control().wait_for_question(request(message)).await)?.questions)
}

/// Answers a question; false if it was too late.
///
/// # Errors
/// The daemon's problem.
pub(crate) async fn answer(client: &Client, question: &Question, allow: bool) -> Result<bool, Problem> {
    let message = AnswerQuestionRequest { id: question.id.clone(), allow, agent: person::is_agent() };
    Ok(unwrap(client.control().answer_question(request(message)).await)?.counts)
}

/// Asks the person; `None` if the terminal is gone. Reads in its own thread, which ends with this process.
pub(crate) async fn ask(question: &Question) -> Option<bool> {
    let text = text(question, Style::stderr());
    let (sender, answer) = oneshot::channel();
    // Fails if the answer is no longer waited for.
    thread::spawn(move || sender.send(person::allows(&text)).ok());
    answer.await.ok()
}

fn text(question: &Question, style: Style) -> String {
    let what = match question.denied_until {
        Some(_) => "this was denied; if you allow it, you are asked again",
        None => "may this credential be lent?",
    };
    format!("\r\x1b[K\nclaviger: {what}\n  {}\n{}: ", escape::line(&question.text), style.bold(CHOICES))
}

#[cfg(test)]
mod tests {
    use super::text;
    use crate::output::Style;
    use claviger::proto::v1::Question;

    #[test]
    fn what_a_process_calls_itself_cannot_answer() {
        let question = Question { text: "/x\u{1b}[2K\n (process 7) asks".into(), ..Default::default() };
        let expected = "\r\x1b[K\nclaviger: may this credential be lent?\n  /x\\u{1b}[2K\\n (process 7) asks\n[a]llow, [d]eny (default: d): ";
        assert_eq!(text(&question, Style::default()), expected);
    }
}
