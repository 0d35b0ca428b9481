//! The menu on a screen.

use crate::layout::{Button, Layout};
use crate::menu::Menu;
use crate::panel::Tone;
use crate::rows::Row;
use crate::text;
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::widgets::{Block, Widget};

/// Nothing useful fits on a smaller screen.
const SMALLEST: (u16, u16) = (40, 10);

/// What the keys do, for those who look.
const KEYS: &str = "Space toggles  u unsets  / search  ? help  z hidden  p panel  Esc Esc back";

pub(crate) const PLAIN: Style = Style::new();
pub(crate) const BOLD: Style = Style::new().add_modifier(Modifier::BOLD);
pub(crate) const SELECTED: Style = Style::new().add_modifier(Modifier::REVERSED);
pub(crate) const DIM: Style = Style::new().add_modifier(Modifier::DIM);

/// The columns of a line before its mark.
pub(crate) fn mark_column(row: &Row) -> usize {
    1 + 2 * row.indent.min(12)
}

/// Writes one line of text, cut off at the end of `area`.
pub(crate) fn put(buf: &mut Buffer, area: Rect, text: &str, style: Style) {
    if area.width > 0 && area.height > 0 {
        buf.set_stringn(area.x, area.y, text, usize::from(area.width), style);
    }
}

impl Menu<'_> {
    /// Draws the menu on the screen, whose size the last event gave. Gives the place of the cursor
    /// where one types.
    pub fn render(&self, buf: &mut Buffer) -> Option<Position> {
        if self.area.intersection(buf.area) != self.area {
            return None;
        }
        if self.area.width < SMALLEST.0 || self.area.height < SMALLEST.1 {
            let text = format!("Needs {} x {}", SMALLEST.0, SMALLEST.1);
            put(buf, self.area, &text, PLAIN);
            return None;
        }
        let layout = Layout::of(self);
        self.head(buf, &layout);
        self.list(buf, &layout);
        if let Some(panel) = layout.panel {
            self.panel(buf, panel);
        }
        for (number, button) in Button::ALL.into_iter().enumerate() {
            let style = if button == self.button { SELECTED } else { PLAIN };
            put(buf, layout.button(number), &format!("< {} >", button.name()), style);
        }
        let message = if self.message.is_empty() { KEYS } else { &self.message };
        let style = if self.message.is_empty() { DIM } else { BOLD };
        put(buf, layout.message, message.lines().next().unwrap_or_default(), style);
        let mut cursor = None;
        for dialog in &self.dialogs {
            cursor = self.dialog(buf, dialog);
        }
        cursor
    }

    fn head(&self, buf: &mut Buffer, layout: &Layout) {
        let changed = if self.is_changed() { "  [not saved]" } else { "" };
        let title = format!(" {}{changed}", self.subject.title);
        buf.set_style(layout.title, SELECTED);
        put(buf, layout.title, &title, SELECTED.patch(BOLD));
        let tree = self.state.tree();
        let titles: Vec<&str> = self
            .places
            .iter()
            .map(|place| tree.entry(place.menu).prompt().unwrap_or_default())
            .collect();
        let mut path = titles.join(" > ");
        // The end says more than the beginning.
        let room = usize::from(layout.path.width.saturating_sub(2));
        if text::width(&path) > room {
            while text::width(&path) + 2 > room && !path.is_empty() {
                path.remove(0);
            }
            path.insert_str(0, "\u{2026} ");
        }
        put(buf, layout.path, &format!(" {path}"), BOLD);
    }

    fn list(&self, buf: &mut Buffer, layout: &Layout) {
        Block::bordered().render(layout.list, buf);
        let lines = layout.lines;
        let place = self.place();
        let rows = self.rows.iter().enumerate().skip(place.top);
        for ((number, row), y) in rows.zip(lines.y..lines.bottom()) {
            let line = Rect { y, height: 1, ..lines };
            let mut style = if row.hidden { DIM } else { PLAIN };
            if number == place.cursor {
                style = style.patch(SELECTED);
                buf.set_style(line, style);
            }
            put(buf, line, &line_of(row, usize::from(line.width)), style);
        }
        if self.rows.is_empty() {
            put(buf, lines, " (nothing is visible here)", DIM);
        }
        let more = |more: bool, sign| if more { sign } else { "" };
        let corner = layout.list.right().saturating_sub(8);
        let bottom = layout.list.bottom().saturating_sub(1);
        let above = more(place.top > 0, "(more)");
        let below = more(place.top + usize::from(lines.height) < self.rows.len(), "(more)");
        buf.set_string(corner, layout.list.y, above, PLAIN);
        buf.set_string(corner, bottom, below, PLAIN);
    }

    fn panel(&self, buf: &mut Buffer, area: Rect) {
        let title = match &self.consequences {
            Some(all) => format!("\u{2500} {} ", all.cause),
            None => "\u{2500} Consequences ".to_owned(),
        };
        let line = Rect { height: area.height.min(1), ..area };
        put(buf, line, &"\u{2500}".repeat(usize::from(area.width)), DIM);
        put(buf, line, &title, BOLD);
        let room = (area.width.saturating_sub(2), area.height.saturating_sub(1));
        let text = self.panel_lines(room.0.into(), room.1.into());
        for ((tone, text), y) in text.iter().zip(area.y + 1..area.bottom()) {
            let style = match tone {
                Tone::Plain => PLAIN,
                Tone::In => PLAIN.fg(Color::Green),
                Tone::Out => PLAIN.fg(Color::Red),
            };
            put(buf, Rect { x: area.x + 1, y, width: room.0, height: 1 }, text, style);
        }
    }
}

/// A line of the list. Prompts of menus stand where those of symbols do.
fn line_of(row: &Row, columns: usize) -> String {
    let mark = text::width(&row.mark);
    let gap = " ".repeat(4_usize.saturating_sub(mark).max(1));
    let arrow = match row.submenu {
        Some(true) => "  --->",
        Some(false) => "  ----",
        None => "",
    };
    let start = " ".repeat(mark_column(row));
    let mut text = format!("{start}{}{gap}{}", row.mark, row.text);
    // The arrow says that there is more: it stays.
    while text::width(&text) + arrow.len() > columns && text.pop().is_some() {}
    text + arrow
}
