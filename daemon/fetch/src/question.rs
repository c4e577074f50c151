//! Asks a person on the desktop with a notification that has two buttons, and waits for the answer.

use claviger::reason::Reason;
use claviger_child::{Choice, Declined};

/// Asks; `text` is not markup.
#[cfg(target_os = "macos")]
pub(super) async fn ask(_: &str) -> Result<Choice, Declined> {
    Err(Declined::new(Reason::SourceUnavailable, "there are no notifications on this system"))
}

#[cfg(not(target_os = "macos"))]
pub(super) use desktop::ask;

#[cfg(not(target_os = "macos"))]
mod desktop {
    use super::{Choice, Declined, Reason};
    use crate::notify::{Note, OBJECT, SERVICE, connect, failed, markup};
    use claviger_child::PATIENCE;
    use std::{future::Future, io::Write as _, time::Duration};
    use tokio::time::timeout;
    use tokio_stream::StreamExt as _;
    use zbus::{Connection, MatchRule, Message, MessageStream, message::Type};

    /// Time limit for a desktop to show the question.
    const SHOWN: Duration = Duration::from_secs(3);
    /// Buttons: their ids and labels.
    const BUTTONS: [&str; 4] = ["allow", "Allow", "deny", "Deny"];
    /// The person closed the notification.
    const DISMISSED: u32 = 2;
    const BUS: &str = "org.freedesktop.DBus";

    /// A question on the screen.
    struct Shown {
        /// Kept open: closing it closes the question.
        _bus: Connection,
        number: u32,
        /// Unique name of the notification daemon: others can send such signals, too.
        desktop: String,
        signals: MessageStream,
        owners: MessageStream,
    }

    /// Asks; `text` is not markup. Closing the notification means no.
    pub(in super::super) async fn ask(text: &str) -> Result<Choice, Declined> {
        let mut shown = in_time(SHOWN, show(text)).await?.map_err(failed)?;
        // If the daemon does not listen any more, this process ends.
        drop(writeln!(std::io::stderr(), "{}", shown.number));
        in_time(PATIENCE, shown.answer()).await?.ok_or_else(|| unanswered("the desktop closed the question"))
    }

    async fn in_time<T>(limit: Duration, work: impl Future<Output = T>) -> Result<T, Declined> {
        timeout(limit, work).await.map_err(|_| unanswered("the desktop did not answer in time"))
    }

    fn unanswered(why: &str) -> Declined {
        Declined::new(Reason::SourceUnavailable, why)
    }

    async fn show(text: &str) -> zbus::Result<Shown> {
        let bus = connect().await?;
        // Subscribes before it is shown: a program may answer faster than that.
        let signals = MatchRule::builder().msg_type(Type::Signal).interface(SERVICE)?.path(OBJECT)?.build();
        let signals = MessageStream::for_match_rule(signals, &bus, None).await?;
        let owners = MatchRule::builder().msg_type(Type::Signal).sender(BUS)?.member("NameOwnerChanged")?;
        let owners = MessageStream::for_match_rule(owners.add_arg(SERVICE)?.build(), &bus, None).await?;
        let asked = bus.call_method(Some(SERVICE), OBJECT, Some(SERVICE), "GetCapabilities", &()).await?;
        let able: Vec<String> = asked.body().deserialize()?;
        let can = |wanted: &str| able.iter().any(|word| word == wanted);
        if !can("actions") {
            return Err(zbus::Error::Failure("it has no buttons".to_owned()));
        }
        let expires = i32::try_from(PATIENCE.as_millis()).unwrap_or(i32::MAX);
        let title = "claviger: lend a credential?";
        let body = if can("body-markup") { markup(text) } else { text.to_owned() };
        let answer = Note { title, body, actions: &BUTTONS, urgency: 2, expires }.show(&bus).await?;
        Ok(Shown {
            number: answer.body().deserialize()?,
            desktop: sender(&answer).unwrap_or_default(),
            _bus: bus,
            signals,
            owners,
        })
    }

    fn sender(message: &Message) -> Option<String> {
        message.header().sender().map(ToString::to_string)
    }

    impl Shown {
        /// The person's first answer; `None` if the notification is gone without one.
        async fn answer(&mut self) -> Option<Choice> {
            loop {
                tokio::select! {
                    biased;
                    signal = self.signals.next() => {
                        if let Some(said) = self.said(&signal?.ok()?) {
                            return said;
                        }
                    }
                    // Another program shows notifications from now on, or none.
                    _ = self.owners.next() => return None,
                }
            }
        }

        /// The answer in a signal, or that there will be none.
        fn said(&self, signal: &Message) -> Option<Option<Choice>> {
            if sender(signal)? != self.desktop {
                return None;
            }
            let (header, body) = (signal.header(), signal.body());
            match header.member()?.as_str() {
                "ActionInvoked" => {
                    let (number, key) = body.deserialize::<(u32, String)>().ok()?;
                    let choice = match key.as_str() {
                        "allow" => Choice::Allow,
                        "deny" => Choice::Deny,
                        _ => return None,
                    };
                    (number == self.number).then_some(Some(choice))
                }
                "NotificationClosed" => {
                    let (number, why) = body.deserialize::<(u32, u32)>().ok()?;
                    (number == self.number).then_some((why == DISMISSED).then_some(Choice::Deny))
                }
                _ => None,
            }
        }
    }
}
