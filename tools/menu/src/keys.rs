//! Events, and what they mean while no dialog is open.

use crate::dialog::{Dialog, Search};
use crate::layout::Button;
use crate::menu::{Effect, Menu};
use crossterm::event::{Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use ratatui::layout::Rect;
use std::time::Duration;
use unilith_kconfig::Tristate;

/// How far apart the two of Esc Esc can be. Terminals may also deliver both as one.
const PAIR: Duration = Duration::from_millis(400);

impl Menu<'_> {
    /// Takes an event. `now` is the time since any fixed moment.
    pub fn handle(&mut self, event: &Event, now: Duration) -> Effect {
        match event {
            Event::Resize(width, height) => {
                self.area = Rect::new(0, 0, *width, *height);
                self.keep_in_sight();
                self.keep_dialog_in_sight();
                Effect::Draw
            }
            Event::Key(key) if key.kind != KeyEventKind::Release => self.key(*key, now),
            Event::Mouse(mouse) => self.mouse(*mouse),
            _ => Effect::Draw,
        }
    }

    fn key(&mut self, key: KeyEvent, now: Duration) -> Effect {
        if key.code == KeyCode::Char('c') && key.modifiers.contains(KeyModifiers::CONTROL) {
            return self.interrupt();
        }
        if key.code == KeyCode::Esc {
            let pair = self.escaped.take().is_some_and(|first| now.saturating_sub(first) < PAIR);
            if pair {
                return Effect::Draw;
            }
            self.escaped = Some(now);
        } else {
            self.escaped = None;
        }
        self.message.clear();
        self.wish = None;
        match self.dialogs.pop() {
            Some(dialog) => self.dialog_key(dialog, key),
            None => self.menu_key(key),
        }
    }

    /// Ctrl-C asks once.
    fn interrupt(&mut self) -> Effect {
        let asked = matches!(self.dialogs.last(), Some(Dialog::Leave { .. }));
        self.settle();
        if asked || !self.is_changed() {
            return Effect::Interrupt;
        }
        self.leave()
    }

    fn menu_key(&mut self, key: KeyEvent) -> Effect {
        let page = self.page() as isize;
        if key.modifiers.contains(KeyModifiers::CONTROL) {
            return Effect::Draw;
        }
        match key.code {
            KeyCode::Up | KeyCode::Char('k' | '-') => self.step(-1),
            KeyCode::Down | KeyCode::Char('j' | '+') => self.step(1),
            KeyCode::PageUp => self.step(-page),
            KeyCode::PageDown => self.step(page),
            KeyCode::Home => self.select(0),
            KeyCode::End => self.select(usize::MAX),
            KeyCode::Right | KeyCode::Tab => self.button = self.button.turn(1),
            KeyCode::Left | KeyCode::BackTab => {
                self.button = self.button.turn(Button::ALL.len() - 1);
            }
            KeyCode::Enter => return self.press(self.button),
            KeyCode::Char(' ') => self.toggle(),
            KeyCode::Char('y' | 'Y') => self.choose(Tristate::Yes),
            KeyCode::Char('n' | 'N') => self.choose(Tristate::No),
            KeyCode::Char('m' | 'M') => self.choose(Tristate::Mod),
            KeyCode::Char('u' | 'U') => self.unset(),
            KeyCode::Char('/') => self.search(),
            KeyCode::Char('?' | 'h' | 'H') => return self.press(Button::Help),
            KeyCode::Char('z' | 'Z') => self.toggle_hidden(),
            KeyCode::Char('p' | 'P') => {
                let open = crate::layout::Layout::of(self).panel.is_some();
                self.panel = Some(!open);
                self.keep_in_sight();
            }
            KeyCode::Char('c' | 'C') => self.show_consequences(),
            KeyCode::Char('s' | 'S') => return self.press(Button::Save),
            KeyCode::Char('o' | 'O') => return self.press(Button::Load),
            KeyCode::Char('q' | 'Q') => return self.leave(),
            KeyCode::Esc | KeyCode::Backspace => return self.press(Button::Exit),
            _ => {}
        }
        Effect::Draw
    }

    /// Does what a button does.
    pub(crate) fn press(&mut self, button: Button) -> Effect {
        match button {
            Button::Select => self.activate(),
            Button::Exit => {
                self.button = Button::Select;
                if !self.back() {
                    return self.leave();
                }
            }
            Button::Help => {
                if let Some(entry) = self.row().map(|row| row.entry) {
                    self.help(entry);
                }
            }
            Button::Save => return self.save(),
            Button::Load => self.load(),
        }
        Effect::Draw
    }

    fn search(&mut self) {
        self.dialogs.push(Dialog::Search(Search { typing: true, ..Search::default() }));
    }
}
