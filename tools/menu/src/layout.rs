//! What is where on the screen; one source for those who draw and for the mouse.

use crate::dialog::Dialog;
use crate::menu::Menu;
use crate::text;
use ratatui::layout::Rect;

/// From this width on, consequences are at the right.
const WIDE: u16 = 120;
/// Below this height they are shown only to those who ask for them.
const TALL: u16 = 20;
/// Their lines below the list: a title and these.
const PANEL: u16 = 4;

/// The buttons below the list, as menuconfig has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Button {
    Select,
    Exit,
    Help,
    Save,
    Load,
}

impl Button {
    pub const ALL: [Self; 5] = [Self::Select, Self::Exit, Self::Help, Self::Save, Self::Load];

    pub fn name(self) -> &'static str {
        match self {
            Self::Select => "Select",
            Self::Exit => "Exit",
            Self::Help => "Help",
            Self::Save => "Save",
            Self::Load => "Load",
        }
    }

    /// The button that many behind it.
    pub fn turn(self, by: usize) -> Self {
        let at = Self::ALL.iter().position(|button| *button == self).unwrap_or(0);
        Self::ALL[(at + by) % Self::ALL.len()]
    }
}

/// The parts of the screen.
#[derive(Clone, Copy, Debug)]
pub struct Layout {
    pub title: Rect,
    pub path: Rect,
    /// The list with its frame.
    pub list: Rect,
    /// The lines in it.
    pub lines: Rect,
    pub panel: Option<Rect>,
    pub buttons: Rect,
    pub message: Rect,
}

/// A part of `area`, cut off where it ends.
fn part(area: Rect, x: u16, y: u16, width: u16, height: u16) -> Rect {
    Rect { x: area.x.saturating_add(x), y: area.y.saturating_add(y), width, height }
        .intersection(area)
}

/// `area` without its frame.
pub fn inside(area: Rect) -> Rect {
    part(area, 1, 1, area.width.saturating_sub(2), area.height.saturating_sub(2))
}

impl Layout {
    pub fn of(menu: &Menu) -> Self {
        let area = menu.area;
        let (width, height) = (area.width, area.height);
        let open = menu.panel.unwrap_or(height >= TALL);
        let right = open && width >= WIDE;
        let below = if open && !right && height >= PANEL + 7 { PANEL } else { 0 };
        let aside = if right { width / 3 } else { 0 };
        let rest = height.saturating_sub(4);
        let list = part(area, 0, 2, width - aside, rest - below.min(rest));
        let panel = match (right, below) {
            (true, _) => Some(part(area, width - aside, 2, aside, rest)),
            (false, 0) => None,
            (false, _) => Some(part(area, 0, 2 + list.height, width, below)),
        };
        Self {
            title: part(area, 0, 0, width, 1),
            path: part(area, 0, 1, width, 1),
            list,
            lines: inside(list),
            panel,
            buttons: part(area, 0, height.saturating_sub(2), width, 1),
            message: part(area, 0, height.saturating_sub(1), width, 1),
        }
    }

    /// The places of the buttons.
    pub fn button(&self, number: usize) -> Rect {
        let names = Button::ALL.map(Button::name);
        row(self.buttons, &names, number)
    }
}

/// The place of a button in a row of them, in the middle of a line.
fn row(line: Rect, names: &[&str], number: usize) -> Rect {
    let wide = |name: &&str| name.len() as u16 + 4;
    let all: u16 = names.iter().map(wide).sum::<u16>() + 2 * (names.len() as u16 - 1);
    let before: u16 = names.iter().take(number).map(|name| wide(name) + 2).sum();
    let start = line.width.saturating_sub(all) / 2 + before;
    part(line, start, 0, names.get(number).map_or(0, wide), 1)
}

/// The parts of a dialog.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    /// With the frame.
    pub frame: Rect,
    /// Lines of text, or of what was found.
    pub lines: Rect,
    /// Where one types.
    pub input: Rect,
    /// The last line.
    pub hint: Rect,
}

impl Window {
    pub fn of(menu: &Menu, dialog: &Dialog) -> Self {
        let area = menu.area;
        let (width, height) = match dialog {
            Dialog::Text { .. } | Dialog::Search(_) => {
                (area.width.saturating_sub(4).min(110), area.height.saturating_sub(2))
            }
            Dialog::Edit { .. } | Dialog::Save(_) | Dialog::Load(_) => (70, 9),
            Dialog::Leave { .. } => (56, 7),
            Dialog::Offer(offer) => {
                let lines =
                    text::wrap(&offer.text, usize::from(area.width.min(74)).saturating_sub(4))
                        .len();
                (74, u16::try_from(lines).unwrap_or(u16::MAX).saturating_add(4))
            }
        };
        let (width, height) = (width.min(area.width), height.min(area.height));
        let frame = part(area, (area.width - width) / 2, (area.height - height) / 2, width, height);
        let inner = inside(frame);
        let hint = part(inner, 1, inner.height.saturating_sub(1), inner.width.saturating_sub(2), 1);
        let text = inner.width.saturating_sub(2);
        let (lines, input) = match dialog {
            Dialog::Search(_) => (
                part(inner, 1, 2, text, inner.height.saturating_sub(4)),
                part(inner, 1, 0, text, 1),
            ),
            Dialog::Text { .. } | Dialog::Offer(_) => {
                (part(inner, 1, 0, text, inner.height.saturating_sub(2)), Rect::default())
            }
            _ => (part(inner, 1, 0, text, 3), part(inner, 1, 4, text, 1)),
        };
        Self { frame, lines, input, hint }
    }

    /// The place of an answer.
    pub fn answer(&self, answers: &[&str], number: usize) -> Rect {
        row(self.hint, answers, number)
    }
}
