//! The mouse: a click selects, a click on the mark toggles, one on the selected line opens it, the
//! wheel scrolls.

use crate::dialog::Dialog;
use crate::layout::{Button, Layout, Window};
use crate::menu::{Effect, Menu};
use crate::text;
use crossterm::event::{MouseButton, MouseEvent, MouseEventKind};
use ratatui::layout::Position;

/// The lines that a step of the wheel scrolls.
const WHEEL: isize = 3;

impl Menu<'_> {
    pub(crate) fn mouse(&mut self, event: MouseEvent) -> Effect {
        let at = Position::new(event.column, event.row);
        match event.kind {
            MouseEventKind::ScrollUp => self.wheel(-WHEEL),
            MouseEventKind::ScrollDown => self.wheel(WHEEL),
            MouseEventKind::Down(MouseButton::Left) => {
                self.message.clear();
                self.wish = None;
                return match self.dialogs.pop() {
                    Some(dialog) => self.click_dialog(dialog, at),
                    None => self.click(at),
                };
            }
            _ => {}
        }
        Effect::Draw
    }

    fn wheel(&mut self, by: isize) {
        let Some(mut dialog) = self.dialogs.pop() else { return self.step(by) };
        let page = usize::from(Window::of(self, &dialog).lines.height).max(1);
        match &mut dialog {
            Dialog::Text { top, .. } => *top = top.saturating_add_signed(by),
            Dialog::Search(search) => search.select(search.cursor.saturating_add_signed(by), page),
            _ => {}
        }
        self.dialogs.push(dialog);
        self.keep_dialog_in_sight();
    }

    fn click(&mut self, at: Position) -> Effect {
        let layout = Layout::of(self);
        for (number, button) in Button::ALL.into_iter().enumerate() {
            if layout.button(number).contains(at) {
                return self.press(button);
            }
        }
        if !layout.lines.contains(at) {
            return Effect::Draw;
        }
        let number = self.place().top + usize::from(at.y - layout.lines.y);
        let Some(row) = self.rows.get(number) else { return Effect::Draw };
        let start = crate::draw::mark_column(row);
        let mark = start..start + text::width(&row.mark);
        let on_mark = mark.contains(&usize::from(at.x - layout.lines.x));
        let again = number == self.place().cursor;
        self.select(number);
        if on_mark {
            self.toggle();
        } else if again {
            self.activate();
        }
        Effect::Draw
    }

    fn click_dialog(&mut self, dialog: Dialog, at: Position) -> Effect {
        let window = Window::of(self, &dialog);
        if let Some((answers, _)) = dialog.answers() {
            let hit = |number: &usize| window.answer(answers, *number).contains(at);
            if let Some(number) = (0..answers.len()).find(hit) {
                return self.answer(dialog, number);
            }
        }
        if let Dialog::Search(search) = dialog {
            let line = usize::from(at.y.saturating_sub(window.lines.y));
            let entry = search.found.get(search.top + line).copied();
            match entry.filter(|_| window.lines.contains(at)) {
                Some(entry) => self.found(search, entry),
                None => self.dialogs.push(Dialog::Search(search)),
            }
            return Effect::Draw;
        }
        self.dialogs.push(dialog);
        Effect::Draw
    }
}
