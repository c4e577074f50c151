//! Takes over the terminal for the screen, and restores it at the end: at a return, an error, a panic.

use super::model::{Key, Message};
use ratatui::crossterm::{
    cursor::{Hide, Show},
    event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers},
    execute,
    terminal::{
        Clear, ClearType, EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode, size,
    },
};
use ratatui::{Terminal as Ratatui, TerminalOptions, Viewport, backend::CrosstermBackend, layout::Rect};
use std::{
    io::{self, Stdout},
    ops::{Deref, DerefMut},
    panic,
    sync::Arc,
    thread,
};
use tokio::sync::mpsc::UnboundedSender;

/// Exit code when the terminal is gone: as for SIGHUP.
const HANG_UP: u8 = 128 + 1;
/// The terminal, taken over; restored on drop.
pub(super) struct Terminal(Ratatui<CrosstermBackend<Stdout>>);

impl Terminal {
    /// Takes over the terminal.
    ///
    /// # Errors
    /// The terminal's error; it is restored then.
    pub(super) fn enter() -> io::Result<Self> {
        // Restores the screen before a panic is reported, or the report could not be read.
        let told = Arc::new(panic::take_hook());
        panic::set_hook(Box::new(move |info| {
            restore();
            told(info);
        }));
        enable_raw_mode()?;
        let entered = execute!(io::stdout(), EnterAlternateScreen, Hide);
        entered.and_then(|()| fresh()).map(Self).inspect_err(|_| restore())
    }

    /// Starts again with an empty screen of the terminal's size.
    ///
    /// # Errors
    /// The terminal's error.
    pub(super) fn start_over(&mut self) -> io::Result<()> {
        self.0 = fresh()?;
        Ok(())
    }
}

impl Deref for Terminal {
    type Target = Ratatui<CrosstermBackend<Stdout>>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl DerefMut for Terminal {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.0
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        restore();
    }
}

/// An empty screen. Its size is fixed until a change is reported. If ratatui adapted by itself, it would ask the
/// terminal for the cursor position, and the thread that reads keys would take the answer.
fn fresh() -> io::Result<Ratatui<CrosstermBackend<Stdout>>> {
    let (width, height) = size()?;
    execute!(io::stdout(), Clear(ClearType::All))?;
    let viewport = Viewport::Fixed(Rect::new(0, 0, width, height));
    Ratatui::with_options(CrosstermBackend::new(io::stdout()), TerminalOptions { viewport })
}

/// Restores the terminal. A second call, or a missing terminal, has no effect.
fn restore() {
    drop(execute!(io::stdout(), Show, LeaveAlternateScreen));
    drop(disable_raw_mode());
}

/// Sends key presses as long as they are received. Reading blocks, so it has its own thread, which ends with the
/// process.
pub(super) fn listen(sender: UnboundedSender<Message>) {
    thread::spawn(move || {
        while let Ok(event) = event::read() {
            let message = match event {
                Event::Key(pressed) if pressed.kind != KeyEventKind::Release => {
                    key(&pressed).map(Message::Key)
                }
                Event::Resize(..) => Some(Message::Resized),
                _ => None,
            };
            if message.is_some_and(|message| sender.send(message).is_err()) {
                return;
            }
        }
        // No more input is possible: treated as a hang-up.
        drop(sender.send(Message::Signal(HANG_UP)));
    });
}

fn key(pressed: &KeyEvent) -> Option<Key> {
    let control = pressed.modifiers.contains(KeyModifiers::CONTROL);
    Some(match pressed.code {
        KeyCode::Char('c') if control => Key::Interrupt,
        KeyCode::Char('n') if control => Key::Down,
        KeyCode::Char('p') if control => Key::Up,
        KeyCode::Char(_) if control => return None,
        KeyCode::Up | KeyCode::Char('k') => Key::Up,
        KeyCode::Down | KeyCode::Char('j') => Key::Down,
        KeyCode::PageUp => Key::PageUp,
        KeyCode::PageDown | KeyCode::Char(' ') => Key::PageDown,
        KeyCode::Home | KeyCode::Char('g') => Key::First,
        KeyCode::End | KeyCode::Char('G') => Key::Last,
        KeyCode::Char('r') => Key::Refresh,
        KeyCode::Char('e') | KeyCode::Enter => Key::Explain,
        KeyCode::Char('?' | 'h') => Key::Help,
        KeyCode::Esc => Key::Back,
        KeyCode::Char('q') => Key::Quit,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::{Key, key};
    use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

    #[test]
    fn keys_mean_what_the_help_says() {
        let plain = |code| key(&KeyEvent::new(code, KeyModifiers::NONE));
        for (code, expected) in [
            (KeyCode::Char('j'), Some(Key::Down)),
            (KeyCode::Up, Some(Key::Up)),
            (KeyCode::Char('G'), Some(Key::Last)),
            (KeyCode::Char('r'), Some(Key::Refresh)),
            (KeyCode::Char('e'), Some(Key::Explain)),
            (KeyCode::Char('?'), Some(Key::Help)),
            (KeyCode::Char('q'), Some(Key::Quit)),
            (KeyCode::Esc, Some(Key::Back)),
            (KeyCode::Char('c'), None),
            (KeyCode::F(1), None),
        ] {
            assert_eq!(plain(code), expected, "{code:?}");
        }
        let control = |c| key(&KeyEvent::new(KeyCode::Char(c), KeyModifiers::CONTROL));
        assert_eq!((control('c'), control('r')), (Some(Key::Interrupt), None));
    }
}
