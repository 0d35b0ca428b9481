//! Reading configuration files: `CONFIG_SYMBOL=value` and `# CONFIG_SYMBOL is not set`.

use crate::state::State;
use crate::symbol::{Kind, SymbolId};
use crate::tristate::Tristate::{self, Mod, No, Yes};

/// A line of a configuration file.
pub(crate) enum Line<'a> {
    /// A symbol and its value as it is written.
    Assignment(&'a str, &'a str),
    /// A comment, or something that looks like an assignment and is none.
    Nothing,
    /// Something else.
    Unexpected,
}

/// Reads one line as strictly as Linux's tools do.
pub(crate) fn line(text: &str) -> Line<'_> {
    if let Some(comment) = text.strip_prefix('#') {
        let unset = comment
            .strip_prefix(" CONFIG_")
            .and_then(|rest| rest.split_once(' '))
            .filter(|(_, rest)| rest.starts_with("is not set"));
        return unset.map_or(Line::Nothing, |(name, _)| Line::Assignment(name, "n"));
    }
    match text.strip_prefix("CONFIG_").map(|rest| rest.split_once('=')) {
        Some(Some((name, value))) => Line::Assignment(name, value),
        Some(None) => Line::Nothing,
        None if text.is_empty() => Line::Nothing,
        None => Line::Unexpected,
    }
}

/// The text between quotation marks; `None` if the closing one is missing.
pub(crate) fn unquote(value: &str) -> Option<String> {
    let mut out = String::new();
    let mut chars = value.chars();
    loop {
        match chars.next()? {
            '"' => return Some(out),
            '\\' => out.extend(chars.next()),
            c => out.push(c),
        }
    }
}

impl State<'_> {
    /// Takes what a configuration file says as the user's values, in place of all before, for
    /// [`State::fill`] to start from. `name` names it in warnings.
    pub fn seed(&mut self, text: &str, name: &str) {
        self.forget_user();
        let mut warnings = 0;
        for (i, raw) in text.split_terminator('\n').enumerate() {
            let mut warn = |state: &mut Self, message: String| {
                warnings += 1;
                state.warn(format!("{name}:{}:warning: {message}", i + 1));
            };
            let (symbol, value) = match line(raw.strip_suffix('\r').unwrap_or(raw)) {
                Line::Assignment(symbol, value) => (symbol, value),
                Line::Nothing => continue,
                Line::Unexpected => {
                    warn(self, format!("unexpected data: {raw}"));
                    continue;
                }
            };
            let Some(id) = self.tree.symbols.find(symbol) else {
                self.changed = true;
                continue;
            };
            if self.slot(id).user {
                warn(self, format!("override: reassigning to symbol {symbol}"));
            }
            if let Some(message) = self.assign(id, value) {
                warn(self, message);
            }
        }
        self.changed |= warnings > 0;
    }

    /// Forgets all that the user said.
    pub(crate) fn forget_user(&mut self) {
        for id in self.tree.symbols.ids().skip(3) {
            let choice = self.tree.symbols[id].choice;
            let slot = self.slot_mut(id);
            slot.user = choice;
            slot.valid = false;
            (slot.user_tri, slot.user_text, slot.user_chosen) = (No, None, None);
        }
    }

    /// One assignment as it is written; what is odd about it.
    pub(crate) fn assign(&mut self, id: SymbolId, value: &str) -> Option<String> {
        let symbol = &self.tree.symbols[id];
        let invalid = || Some(format!("symbol value '{value}' invalid for {}", symbol.name));
        match symbol.kind {
            Kind::Unknown => {}
            Kind::Bool | Kind::Tristate => {
                let tri = match value.bytes().next() {
                    Some(b'y') => Yes,
                    Some(b'm') if symbol.kind == Kind::Tristate => Mod,
                    Some(b'n') => No,
                    _ => return invalid(),
                };
                let slot = self.slot_mut(id);
                (slot.user_tri, slot.user) = (tri, true);
            }
            Kind::String => {
                // Text without quotation marks is no value, and no error.
                if let Some(quoted) = value.strip_prefix('"') {
                    let Some(text) = unquote(quoted) else {
                        return Some("invalid string found".to_owned());
                    };
                    self.assign_text(id, text.into());
                }
            }
            Kind::Int | Kind::Hex => {
                if !self.is_valid(id, value) {
                    return invalid();
                }
                self.assign_text(id, value.into());
            }
        }
        self.assign_choice(id)
    }

    pub(crate) fn assign_text(&mut self, id: SymbolId, text: Box<str>) {
        let slot = self.slot_mut(id);
        (slot.user_text, slot.user) = (Some(text), true);
    }

    /// What the value of a member means for its choice.
    fn assign_choice(&mut self, id: SymbolId) -> Option<String> {
        let symbol = &self.tree.symbols[id];
        let choice = symbol.member_of?;
        let tri = self.slot(id).user_tri;
        let slot = self.slot_mut(choice);
        let mut odd = None;
        match tri {
            No => {}
            Mod if slot.user_tri == Yes => {
                odd = Some(format!("{} creates inconsistent choice state", symbol.name));
                slot.user = false;
            }
            Mod => {}
            Yes => {
                if slot.user_tri != No {
                    odd = Some(format!("override: {} changes choice state", symbol.name));
                }
                slot.user_chosen = Some(id);
            }
        }
        slot.user_tri = slot.user_tri.max(tri);
        odd
    }

    /// Takes what a configuration file says, and drops what cannot be.
    pub fn read(&mut self, text: &str, name: &str) {
        self.changed = false;
        self.seed(text, name);
        self.settle();
    }

    /// Computes all values, and drops what the user said that is out of range.
    pub(crate) fn settle(&mut self) {
        self.prepare();
        let order = self.tree.hash_order();
        let mut unsaved = 0_usize;
        for &id in &order {
            self.calculate(id);
            let symbol = &self.tree.symbols[id];
            if symbol.choice {
                continue;
            }
            let slot = self.slot(id);
            let agrees = if slot.user && slot.write {
                match symbol.kind.is_bool() {
                    true => slot.user_tri == slot.tri,
                    false => slot.user_text.as_deref().unwrap_or_default() == self.raw_text(id),
                }
            } else {
                !slot.user && !slot.write
            };
            unsaved += usize::from(!agrees);
        }
        for &id in &order {
            let symbol = &self.tree.symbols[id];
            if !self.slot(id).user || symbol.member_of.is_some() {
                continue;
            }
            if self.slot(id).visible == Tristate::No && unsaved == 0 {
                self.slot_mut(id).user = false;
            }
            if matches!(symbol.kind, Kind::String | Kind::Int | Kind::Hex) {
                let text = self.slot(id).user_text.clone().unwrap_or_default();
                if !self.is_within_range(id, &text) {
                    let slot = self.slot_mut(id);
                    (slot.valid, slot.user) = (false, false);
                    unsaved += 1;
                }
            }
        }
        self.changed |= unsaved > 0;
    }
}
