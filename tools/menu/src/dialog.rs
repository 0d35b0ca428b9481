//! What opens above the menu.

use crate::input::Input;
use unilith_kconfig::{MenuId, SymbolId};

/// Something that is open above the menu.
#[derive(Clone, Debug)]
pub enum Dialog {
    /// A text to scroll through.
    Text { title: String, text: String, top: usize },
    /// The value of a symbol.
    Edit { symbol: SymbolId, title: String, hint: String, input: Input, error: Option<String> },
    /// The file to write.
    Save(Input),
    /// The file to read.
    Load(Input),
    /// A search and what it finds.
    Search(Search),
    /// Save before the end? The number of the answer.
    Leave { button: usize },
    /// Changes that make an assignment hold.
    Offer(Offer),
}

impl Dialog {
    /// A text to scroll through.
    pub fn text(title: &str, text: String) -> Self {
        Self::Text { title: title.to_owned(), text, top: 0 }
    }

    /// The answers that it has buttons for, and the number of the selected one.
    pub fn answers(&self) -> Option<(&'static [&'static str], usize)> {
        match self {
            Self::Leave { button } => Some((&["Yes", "No", "Cancel"], *button)),
            Self::Offer(offer) => Some((&["Set these", "Cancel"], offer.button)),
            _ => None,
        }
    }

    /// Selects an answer.
    pub fn select_answer(&mut self, number: usize) {
        match self {
            Self::Leave { button } | Self::Offer(Offer { button, .. }) => *button = number,
            _ => {}
        }
    }
}

/// Changes that make an assignment hold.
#[derive(Clone, Debug)]
pub struct Offer {
    /// What it says.
    pub text: String,
    /// The symbol, and the value that was refused; `None` if it could not be changed at all.
    pub wanted: (SymbolId, Option<String>),
    pub changes: Vec<(SymbolId, String)>,
    pub button: usize,
}

/// A search.
#[derive(Clone, Debug, Default)]
pub struct Search {
    pub input: Input,
    /// Keys go into the input; else they select what was found.
    pub typing: bool,
    pub found: Vec<MenuId>,
    pub cursor: usize,
    pub top: usize,
}

impl Search {
    /// Moves the selection, on a screen with room for `page` lines.
    pub fn select(&mut self, number: usize, page: usize) {
        self.cursor = number.min(self.found.len().saturating_sub(1));
        self.top = self.top.min(self.cursor).max((self.cursor + 1).saturating_sub(page));
    }
}
