//! Dialogs on a screen.

use crate::dialog::{Dialog, Search};
use crate::draw::{BOLD, DIM, PLAIN, SELECTED, put};
use crate::input::Input;
use crate::layout::Window;
use crate::menu::Menu;
use crate::text;
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::{Color, Modifier};
use ratatui::widgets::{Block, Clear, Widget};

impl Menu<'_> {
    /// Draws a dialog. Gives the place of the cursor where one types.
    pub(crate) fn dialog(&self, buf: &mut Buffer, dialog: &Dialog) -> Option<Position> {
        let window = Window::of(self, dialog);
        Clear.render(window.frame, buf);
        let title = match dialog {
            Dialog::Text { title, .. } | Dialog::Edit { title, .. } => title,
            Dialog::Save(_) => "Save",
            Dialog::Load(_) => "Load",
            Dialog::Search(_) => "Search",
            Dialog::Leave { .. } => "Not saved",
            Dialog::Offer(_) => "Not possible yet",
        };
        Block::bordered().render(window.frame, buf);
        let top = Rect {
            x: window.frame.x + 2,
            width: window.frame.width.saturating_sub(4),
            height: 1,
            ..window.frame
        };
        put(buf, top, &format!(" {title} "), BOLD);
        if let Some((answers, button)) = dialog.answers() {
            for (number, answer) in answers.iter().enumerate() {
                let style = if number == button { SELECTED } else { PLAIN };
                put(buf, window.answer(answers, number), &format!("< {answer} >"), style);
            }
        }
        match dialog {
            Dialog::Text { text, top, .. } => {
                self.text(buf, &window, text, *top);
                None
            }
            Dialog::Search(search) => self.search_window(buf, &window, search),
            Dialog::Leave { .. } => {
                lines(buf, window.lines, "There are changes that are not saved. Save them?");
                None
            }
            Dialog::Offer(offer) => {
                lines(buf, window.lines, &offer.text);
                None
            }
            Dialog::Edit { hint, input, error, .. } => {
                match error {
                    Some(error) => {
                        lines(buf, window.lines, error);
                        buf.set_style(window.lines, PLAIN.fg(Color::Red));
                    }
                    None => lines(buf, window.lines, hint),
                }
                put(buf, window.hint, "Enter accepts  Esc Esc cancels", DIM);
                Some(type_in(buf, window.input, input))
            }
            Dialog::Save(input) => {
                lines(buf, window.lines, "The file to write the configuration to:");
                put(buf, window.hint, "Enter saves  Esc Esc cancels", DIM);
                Some(type_in(buf, window.input, input))
            }
            Dialog::Load(input) => {
                lines(buf, window.lines, "The file to read a configuration from:");
                put(buf, window.hint, "Enter loads  Esc Esc cancels", DIM);
                Some(type_in(buf, window.input, input))
            }
        }
    }

    fn text(&self, buf: &mut Buffer, window: &Window, text: &str, top: usize) {
        let area = window.lines;
        let all = text::wrap(text, area.width.into());
        for (line, y) in all.iter().skip(top).zip(area.y..area.bottom()) {
            put(buf, Rect { y, height: 1, ..area }, line, PLAIN);
        }
        let seen = (top + usize::from(area.height)).min(all.len());
        let percent = seen * 100 / all.len().max(1);
        let hint = format!("Up, Down, Page Down scroll  Esc Esc closes  ({percent}%)");
        put(buf, window.hint, &hint, DIM);
    }

    fn search_window(
        &self,
        buf: &mut Buffer,
        window: &Window,
        search: &Search,
    ) -> Option<Position> {
        let (label, area) = ("Name or prompt: ", window.input);
        put(buf, area, label, PLAIN);
        let wide = (label.len() as u16).min(area.width);
        let field = Rect { x: area.x + wide, width: area.width - wide, ..area };
        let cursor = type_in(buf, field, &search.input);
        let tree = self.state.tree();
        let list = window.lines;
        let found = search.found.iter().enumerate().skip(search.top);
        for (((number, entry), y), digit) in found.zip(list.y..list.bottom()).zip(1..) {
            let line = Rect { y, height: 1, ..list };
            let entry = tree.entry(*entry);
            let name = entry.symbol().map(|symbol| &*tree.get(symbol).name).unwrap_or_default();
            let prompt = entry.prompt().unwrap_or("(no prompt: shows its help)");
            let key = if digit < 10 { format!("({digit})") } else { "   ".to_owned() };
            let value = match entry.symbol() {
                Some(symbol) if !name.is_empty() => {
                    format!("[={}]", self.value_of(symbol))
                }
                _ => String::new(),
            };
            let style = if number == search.cursor && !search.typing { SELECTED } else { PLAIN };
            buf.set_style(line, style);
            put(buf, line, &format!("{key} {name} {value}  {prompt}"), style);
        }
        let count = match (search.found.len(), search.input.text().is_empty()) {
            (0, true) => "Type a part of a name or prompt",
            (0, false) => "Nothing is named so",
            _ if search.typing => "Enter goes to the list  Esc Esc closes",
            _ => "1-9, Enter jump  / other words  ? help  Esc Esc closes",
        };
        let count = match search.found.len() {
            0 => count.to_owned(),
            found => format!("{found} found  {count}"),
        };
        put(buf, window.hint, &count, DIM);
        search.typing.then_some(cursor)
    }
}

/// Writes a text of a few lines.
fn lines(buf: &mut Buffer, area: Rect, text: &str) {
    let all = text::wrap(text, area.width.into());
    for (line, y) in all.iter().zip(area.y..area.bottom()) {
        put(buf, Rect { y, height: 1, ..area }, line, PLAIN);
    }
}

/// Shows what is typed, the part around the cursor if it is too long. Gives the cursor's place.
fn type_in(buf: &mut Buffer, area: Rect, input: &Input) -> Position {
    let (before, after) = input.parts();
    let room = usize::from(area.width).saturating_sub(1);
    let mut shown = before;
    while text::width(shown) > room {
        let first = shown.chars().next().map_or(1, char::len_utf8);
        shown = &shown[first..];
    }
    let style = PLAIN.add_modifier(Modifier::UNDERLINED);
    buf.set_style(area, style);
    put(buf, area, &format!("{shown}{after}"), style);
    Position::new(area.x + text::width(shown) as u16, area.y)
}
