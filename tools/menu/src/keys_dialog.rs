//! Keys in dialogs.

use crate::dialog::{Dialog, Search};
use crate::layout::Window;
use crate::menu::{Effect, Menu};
use crate::search::Index;
use crossterm::event::{KeyCode, KeyEvent};
use unilith_kconfig::MenuId;

impl Menu<'_> {
    /// Takes a key for a dialog, which stays open if it is pushed back.
    pub(crate) fn dialog_key(&mut self, dialog: Dialog, key: KeyEvent) -> Effect {
        if key.code == KeyCode::Esc {
            return Effect::Draw;
        }
        match dialog {
            Dialog::Text { title, text, top } => self.text_key(title, text, top, key),
            Dialog::Search(search) => self.search_key(search, key),
            Dialog::Leave { .. } | Dialog::Offer(_) => return self.answer_key(dialog, key),
            Dialog::Edit { symbol, title, hint, mut input, error } => {
                if key.code != KeyCode::Enter {
                    // A complaint stays until somebody types.
                    let error = if input.key(key) { None } else { error };
                    self.dialogs.push(Dialog::Edit { symbol, title, hint, input, error });
                } else if let Err(error) = self.accept(symbol, &input.text()) {
                    let error = Some(error);
                    self.dialogs.push(Dialog::Edit { symbol, title, hint, input, error });
                }
            }
            Dialog::Save(mut input) => {
                if key.code == KeyCode::Enter {
                    let file = input.text();
                    // No name, no file: as in menuconfig.
                    return if file.is_empty() { Effect::Draw } else { Effect::Save(file) };
                }
                input.key(key);
                self.dialogs.push(Dialog::Save(input));
            }
            Dialog::Load(mut input) => {
                if key.code == KeyCode::Enter {
                    let file = input.text();
                    return if file.is_empty() { Effect::Draw } else { Effect::Load(file) };
                }
                input.key(key);
                self.dialogs.push(Dialog::Load(input));
            }
        }
        Effect::Draw
    }

    fn text_key(&mut self, title: String, text: String, top: usize, key: KeyEvent) {
        let mut dialog = Dialog::Text { title, text, top };
        let page = usize::from(Window::of(self, &dialog).lines.height).max(1);
        let to = match key.code {
            KeyCode::Up | KeyCode::Char('k') => top.saturating_sub(1),
            KeyCode::Down | KeyCode::Char('j') => top + 1,
            KeyCode::PageUp | KeyCode::Char('b') => top.saturating_sub(page),
            KeyCode::PageDown | KeyCode::Char(' ') => top + page,
            KeyCode::Home => 0,
            KeyCode::End => usize::MAX,
            KeyCode::Enter | KeyCode::Backspace | KeyCode::Char('q' | 'Q') => return,
            _ => top,
        };
        if let Dialog::Text { top, .. } = &mut dialog {
            *top = to;
        }
        self.dialogs.push(dialog);
        self.keep_dialog_in_sight();
    }

    /// Keeps the text of a dialog on the screen.
    pub(crate) fn keep_dialog_in_sight(&mut self) {
        let Some(mut dialog) = self.dialogs.pop() else { return };
        let lines = Window::of(self, &dialog).lines;
        let page = usize::from(lines.height).max(1);
        match &mut dialog {
            Dialog::Text { text, top, .. } => {
                let all = crate::text::wrap(text, usize::from(lines.width)).len();
                *top = (*top).min(all.saturating_sub(page));
            }
            Dialog::Search(search) => search.select(search.cursor, page),
            _ => {}
        }
        self.dialogs.push(dialog);
    }

    fn search_key(&mut self, mut search: Search, key: KeyEvent) {
        let page = self.search_page(&search);
        let cursor = search.cursor;
        let go = |search: &mut Search, to: usize| {
            search.typing &= search.found.is_empty();
            search.select(to, page);
        };
        match key.code {
            KeyCode::Down if search.typing => go(&mut search, cursor),
            KeyCode::Enter if search.typing && search.found.len() != 1 => go(&mut search, 0),
            KeyCode::Up => go(&mut search, cursor.saturating_sub(1)),
            KeyCode::Down => go(&mut search, cursor + 1),
            KeyCode::PageUp => go(&mut search, cursor.saturating_sub(page)),
            KeyCode::PageDown => go(&mut search, cursor.saturating_add(page)),
            KeyCode::Enter => {
                if let Some(entry) = search.found.get(cursor).copied() {
                    return self.found(search, entry);
                }
            }
            _ if search.typing => {
                let edited = search.input.key(key);
                if edited {
                    self.find(&mut search);
                }
            }
            KeyCode::Home => go(&mut search, 0),
            KeyCode::End => go(&mut search, usize::MAX),
            KeyCode::Char('/') | KeyCode::Backspace => search.typing = true,
            KeyCode::Char('?' | 'h' | 'H') => {
                if let Some(entry) = search.found.get(cursor).copied() {
                    self.dialogs.push(Dialog::Search(search));
                    return self.help(entry);
                }
            }
            KeyCode::Char(digit @ '1'..='9') => {
                let number = search.top + (digit as usize - '1' as usize);
                if let Some(entry) = search.found.get(number).copied() {
                    return self.found(search, entry);
                }
            }
            KeyCode::Char('q' | 'Q') => return,
            _ => {}
        }
        self.dialogs.push(Dialog::Search(search));
    }

    /// Goes to what was found. What no menu has is explained, above the search.
    pub(crate) fn found(&mut self, search: Search, entry: MenuId) {
        self.dialogs.push(Dialog::Search(search));
        self.jump(entry);
    }

    fn search_page(&self, search: &Search) -> usize {
        let dialog = Dialog::Search(Search { found: vec![], ..search.clone() });
        usize::from(Window::of(self, &dialog).lines.height).max(1)
    }

    fn find(&mut self, search: &mut Search) {
        let tree = self.state.tree();
        let index = self.index.get_or_insert_with(|| Index::new(tree));
        search.found = index.find(&search.input.text());
        (search.cursor, search.top) = (0, 0);
    }

    fn answer_key(&mut self, mut dialog: Dialog, key: KeyEvent) -> Effect {
        let Some((answers, button)) = dialog.answers() else { return Effect::Draw };
        let count = answers.len();
        // An offer opens by itself: keys that toggle were not meant for it.
        let asked = matches!(dialog, Dialog::Leave { .. });
        match key.code {
            KeyCode::Char('y' | 'Y') if asked => return self.answer(dialog, 0),
            KeyCode::Char('n' | 'N') if asked => return self.answer(dialog, 1),
            KeyCode::Char(' ') if asked => return self.answer(dialog, button),
            KeyCode::Enter => return self.answer(dialog, button),
            KeyCode::Right | KeyCode::Tab => dialog.select_answer((button + 1) % count),
            KeyCode::Left | KeyCode::BackTab => dialog.select_answer((button + count - 1) % count),
            _ => {}
        }
        self.dialogs.push(dialog);
        Effect::Draw
    }

    /// Does what an answer says.
    pub(crate) fn answer(&mut self, dialog: Dialog, number: usize) -> Effect {
        match (dialog, number) {
            (Dialog::Leave { .. }, 0) => {
                self.leaving = true;
                return Effect::Save(self.subject.file.clone());
            }
            (Dialog::Leave { .. }, 1) => return Effect::Quit,
            (Dialog::Offer(offer), 0) => self.take_offer(&offer),
            _ => {}
        }
        Effect::Draw
    }
}
